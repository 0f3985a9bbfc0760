//! A storm of alarms: what a person sees of it, and what it costs the scans beside it in core and engine.

use super::{Arm, Bar, Judgement, Number, Round, largest, middle, total};

pub(crate) const NUMBERS: &[Number] = &[Number {
    name: "alarms-1000",
    arms: &[
        Arm { name: "none", arguments: &["alarm-storm", "--per-second", "0", "--pin"] },
        Arm { name: "1000-a-second", arguments: &["alarm-storm", "--per-second", "1000", "--pin"] },
    ],
    judge: judge_storm,
}];

fn judge_storm(rounds: &[Round]) -> Judgement {
    let of = |arm: usize, place: &str| middle(rounds, arm, place);
    let ratio = of(1, "/scan_ns/p99") / of(0, "/scan_ns/p99");
    let raised = of(1, "/raised");
    let bars = vec![
        Bar::at_least("alarms raised in a minute of core time", raised, 60_000.0, ""),
        Bar::at_most("headlines after it", largest(rounds, 1, "/headlines"), 1.0, ""),
        Bar::at_most("scan step p99 in core and engine, against no alarms", ratio, 1.10, "x"),
    ];
    let mut notes: Vec<String> = [(0, "none"), (1, "1 000 a second")]
        .into_iter()
        .map(|(arm, name)| {
            format!(
                "{name}: scan p50 {:.2} us, p99 {:.2} us, p99.9 {:.2} us, {} samples",
                of(arm, "/scan_ns/p50") / 1_000.0,
                of(arm, "/scan_ns/p99") / 1_000.0,
                of(arm, "/scan_ns/p99_9") / 1_000.0,
                total(rounds, arm, "/scan_ns/count"),
            )
        })
        .collect();
    notes.push(format!(
        "an alarm event: mean {:.2} us, p99 {:.2} us; {:.0} listed at the end; two events an alarm, so the thread gives \
         {:.2} ms of each second to them; the wire is not in it",
        of(1, "/alarm_ns/mean") / 1_000.0,
        of(1, "/alarm_ns/p99") / 1_000.0,
        of(1, "/listed"),
        2.0 * of(1, "/alarm_ns/mean") / 1_000.0,
    ));
    Judgement { bars, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;

    fn figures(value: serde_json::Value) -> Figures {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_second_headline_is_one_too_many() {
        let arm = |p99: f64, headlines: u32| {
            figures(
                serde_json::json!({ "scan_ns": { "p99": p99 }, "raised": 60_000, "headlines": headlines }),
            )
        };
        let holds = |p99: f64, headlines: u32| {
            let judgement = judge_storm(&[Round { figures: vec![arm(100.0, 0), arm(p99, headlines)] }]);
            judgement.bars.iter().map(Bar::holds).collect::<Vec<bool>>()
        };
        assert_eq!(holds(109.0, 1), [true, true, true]);
        assert_eq!(holds(111.0, 2), [true, false, false]);
    }
}
