//! A storm of alarms: what a person sees of it, and what it costs the control path beside it, from the header that shows
//! a scan to the block that publishes its destination.
//!
//! Both arms of the comparison have the same events on the wire, two thousand a second in one FIFO with the scans; in
//! one of them none raises an alarm. A PLC without these events has the same bar, though nobody is spared to read what a
//! PLC tells, and so has what core and engine alone take for a scan.

use super::{Arm, Bar, Judgement, Number, Round, largest, middle, smallest, total};

pub(crate) const NUMBERS: &[Number] = &[Number {
    name: "alarms-1000",
    arms: &[
        Arm {
            name: "events",
            arguments: &["under-alarms", "--per-second", "1000", "--only-gone", "--seconds", "60"],
        },
        Arm {
            name: "1000-a-second",
            arguments: &["under-alarms", "--per-second", "1000", "--seconds", "60"],
        },
        Arm { name: "silent", arguments: &["under-alarms", "--per-second", "0", "--seconds", "60"] },
        Arm { name: "core-none", arguments: &["alarm-storm", "--per-second", "0", "--pin"] },
        Arm { name: "core-1000-a-second", arguments: &["alarm-storm", "--per-second", "1000", "--pin"] },
    ],
    judge: judge_storm,
}];

/// Alarms of a minute.
const MINUTE: f64 = 60_000.0;

const READS: &str = "why: in one FIFO with the scans, twenty events more in a cycle of 10 ms are seven reads more in front of a scan";

fn judge_storm(rounds: &[Round]) -> Judgement {
    let of = |arm: usize, place: &str| middle(rounds, arm, place);
    let p99 = |arm: usize| of(arm, "/control_path_us/p99");
    let step = of(4, "/scan_ns/p99") / of(3, "/scan_ns/p99");
    let spared = largest(rounds, 0, "/alarms/raised");
    let bars = vec![
        Bar::at_least(
            "alarms raised on the wire, least round",
            smallest(rounds, 1, "/alarms/raised"),
            MINUTE,
            "",
        ),
        Bar::at_most("headlines after it", largest(rounds, 1, "/alarms/headlines"), 1.0, ""),
        Bar::at_most("events lost", total(rounds, 1, "/evt_lost"), 0.0, ""),
        Bar::at_most("alarms raised in the arm of events alone", spared, 0.0, ""),
        Bar::at_most("control path p99, against the same events without alarms", p99(1) / p99(0), 1.10, "x"),
        Bar::at_most("control path p99, against a PLC without these events", p99(1) / p99(2), 1.10, "x")
            .short_because(READS),
        Bar::at_most("scan step p99 in core and engine, against no alarms", step, 1.10, "x"),
        Bar::at_least("alarms raised in a minute of core time", of(4, "/raised"), MINUTE, ""),
        Bar::at_most("headlines after that", largest(rounds, 4, "/headlines"), 1.0, ""),
    ];
    let mut notes: Vec<String> = [(0, "events alone"), (1, "1 000 a second"), (2, "silent")]
        .into_iter()
        .map(|(arm, name)| {
            format!(
                "{name}: control path p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us, {} scans; window full {} times",
                of(arm, "/control_path_us/p50"),
                p99(arm),
                of(arm, "/control_path_us/p99_9"),
                total(rounds, arm, "/control_path_us/count"),
                total(rounds, arm, "/window_full"),
            )
        })
        .collect();
    notes.extend([core_step(rounds, 3, "none"), core_step(rounds, 4, "1 000 a second")]);
    notes.push(format!(
        "an alarm event in core and engine: mean {:.2} us, p99 {:.2} us; two events an \
         alarm, so the thread gives {:.2} ms of each second to them",
        of(4, "/alarm_ns/mean") / 1_000.0,
        of(4, "/alarm_ns/p99") / 1_000.0,
        2.0 * of(4, "/alarm_ns/mean") / 1_000.0,
    ));
    Judgement { bars, notes }
}

/// What a scan takes in core and engine alone.
fn core_step(rounds: &[Round], arm: usize, name: &str) -> String {
    let of = |quantile: &str| middle(rounds, arm, &format!("/scan_ns/{quantile}")) / 1_000.0;
    let samples = total(rounds, arm, "/scan_ns/count");
    format!(
        "core and engine alone, {name}: scan p50 {:.2} us, p99 {:.2} us, p99.9 {:.2} us, {samples} samples",
        of("p50"),
        of("p99"),
        of("p99_9")
    )
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
        let arm = |p99: f64, raised: u32, headlines: u32| {
            figures(serde_json::json!({
                "scan_ns": { "p99": p99 },
                "control_path_us": { "p99": p99 }, "evt_lost": 0, "raised": raised, "headlines": headlines,
                "alarms": { "raised": raised, "headlines": headlines },
            }))
        };
        let holds = |p99: f64, headlines: u32| {
            let (events, silent, core) = (arm(100.0, 0, 0), arm(100.0, 0, 0), arm(p99, 60_000, headlines));
            let arms = vec![events, arm(p99, 60_000, headlines), silent, arm(100.0, 0, 0), core];
            let judgement = judge_storm(&[Round { figures: arms }]);
            judgement.bars.iter().map(Bar::holds).collect::<Vec<bool>>()
        };
        assert_eq!(holds(109.0, 1), [true; 9]);
        assert_eq!(holds(111.0, 2), [true, false, true, true, false, false, false, true, false]);
    }
}
