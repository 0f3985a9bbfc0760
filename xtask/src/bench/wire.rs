//! The daemon on the wire, beside a bare loop that does the same exchanges: from the header that shows a scan to the
//! acknowledged block that publishes its destination.

use super::{Arm, Bar, Judgement, Number, Round, largest, middle, smallest, total};

pub(crate) const NUMBERS: &[Number] = &[
    Number {
        name: "scan-to-destination-pinned",
        arms: &[
            Arm { name: "bare", arguments: &["bare", "--pin"] },
            Arm { name: "stack", arguments: &["stack", "--pin"] },
        ],
        judge: judge_pinned,
    },
    Number {
        name: "scan-to-destination-free",
        arms: &[Arm { name: "bare", arguments: &["bare"] }, Arm { name: "stack", arguments: &["stack"] }],
        judge: judge_free,
    },
    Number {
        name: "kill-to-commanding",
        arms: &[Arm { name: "kills", arguments: &["commanding"] }],
        judge: judge_commanding,
    },
    Number {
        name: "sustained",
        arms: &[Arm { name: "stack", arguments: &["sustained", "--seconds", "60"] }],
        judge: judge_sustained,
    },
];

/// Decision 0008 has the split.
const COLD_AND_BETWEEN: &str = "why: a turn after 10 ms of sleep fetches code and data into the caches again (about 30 us), \
                                and its second half comes between the two writes of a destination (decision 0008)";
const COLD: &str = "why: the bar leaves the core 2.6 us; a turn after 10 ms of sleep takes about 30 us, because code and \
                    data have left the caches (decision 0008)";

const LATENCY: &str = "/scan_to_destination_us";

fn judge_pinned(rounds: &[Round]) -> Judgement {
    let p50 = |arm: usize| middle(rounds, arm, &format!("{LATENCY}/p50"));
    let mut judgement = Judgement::default();
    let added = Bar::at_most("added latency, p50", p50(1) - p50(0), 25.0, "us");
    judgement.bars.push(added.short_because(COLD_AND_BETWEEN));
    judgement.notes.extend([latencies(rounds, 0, "bare"), latencies(rounds, 1, "stack")]);
    judgement.notes.extend([
        requests(rounds, 0, "bare"),
        requests(rounds, 1, "stack"),
        costs(rounds, 1, "stack"),
    ]);
    judgement
}

fn judge_free(rounds: &[Round]) -> Judgement {
    let ratio = |quantile: &str| {
        let place = format!("{LATENCY}/{quantile}");
        middle(rounds, 1, &place) / middle(rounds, 0, &place)
    };
    let mut judgement = Judgement::default();
    for (quantile, bar) in [("p50", 1.10), ("p99", 1.50)] {
        let what = format!("latency {quantile} against the bare loop");
        judgement.bars.push(Bar::at_most(what, ratio(quantile), bar, "x").short_because(COLD));
    }
    judgement.notes.extend([latencies(rounds, 0, "bare"), latencies(rounds, 1, "stack")]);
    judgement.notes.extend([
        requests(rounds, 0, "bare"),
        requests(rounds, 1, "stack"),
        costs(rounds, 1, "stack"),
    ]);
    judgement
}

fn judge_commanding(rounds: &[Round]) -> Judgement {
    let slowest = largest(rounds, 0, "/slowest_ms");
    let bars = vec![Bar::at_most("kill -9, then start to commanding, slowest", slowest, 500.0, "ms")];
    let notes = vec![format!(
        "mean {:.0} ms; five kills a round with loads on the belt; {:.0} starts in all in which a destination was awaited \
         and taken",
        middle(rounds, 0, "/mean_ms"),
        total(rounds, 0, "/with_destination"),
    )];
    Judgement { bars, notes }
}

fn judge_sustained(rounds: &[Round]) -> Judgement {
    let worst = smallest(rounds, 0, "/loads_per_second");
    let bars = vec![
        Bar::at_least("loads a second on one link, 60 s, slowest round", worst, 1_000.0, ""),
        Bar::at_most("events lost", total(rounds, 0, "/evt_lost"), 0.0, ""),
        Bar::at_most("times the window was full", total(rounds, 0, "/window_full"), 0.0, ""),
    ];
    Judgement { bars, notes: vec![latencies(rounds, 0, "stack"), costs(rounds, 0, "stack")] }
}

/// What a load costs the core thread, which runs its link too.
fn costs(rounds: &[Round], arm: usize, name: &str) -> String {
    let of = |place: &str| middle(rounds, arm, place);
    format!(
        "{name}, for each load: {:.1} exchanges, {:.1} turns; core thread {:.1} waits (each a wake-up), {:.2} \
         preemptions, {:.0} us of processor",
        of("/exchanges_per_load"),
        of("/turns_per_load"),
        of("/per_load/core_waits"),
        of("/per_load/core_preemptions"),
        of("/per_load/core_cpu_us"),
    )
}

fn latencies(rounds: &[Round], arm: usize, name: &str) -> String {
    let of = |quantile: &str| middle(rounds, arm, &format!("{LATENCY}/{quantile}"));
    let samples = total(rounds, arm, &format!("{LATENCY}/count"));
    let round = total(rounds, arm, "/recirculated");
    format!(
        "{name}: p50 {:.0} us, p99 {:.0} us, {samples} scans, {round} loads went round",
        of("p50"),
        of("p99")
    )
}

/// Where the time lies, as the PLC sees it.
fn requests(rounds: &[Round], arm: usize, name: &str) -> String {
    let of = |step: &str| middle(rounds, arm, &format!("/{step}/p50"));
    format!(
        "{name}, requests as they reach the PLC, p50: slot read {:.0} us after the header, command write {:.0} us after \
         that ({:.1} others between), block {:.0} us after that",
        of("header_to_slots_us"),
        of("slots_to_command_us"),
        middle(rounds, arm, "/exchanges_between/mean"),
        of("command_to_block_us"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;

    fn figures(value: serde_json::Value) -> Figures {
        serde_json::from_value(value).unwrap()
    }

    fn wire(p50: f64, p99: f64) -> Figures {
        figures(serde_json::json!({ "scan_to_destination_us": { "p50": p50, "p99": p99, "count": 10 } }))
    }

    #[test]
    fn pinned_counts_what_is_added() {
        let round = Round { figures: vec![wire(70.0, 90.0), wire(95.0, 300.0)] };
        let judgement = judge_pinned(&[round]);
        assert_eq!(judgement.bars.len(), 1);
        assert_eq!(judgement.bars[0].figure, 25.0);
        assert!(judgement.bars[0].holds());
    }

    #[test]
    fn one_lost_event_or_slow_round_is_one_too_many() {
        let round = |rate: f64, lost: u32| Round {
            figures: vec![figures(
                serde_json::json!({ "loads_per_second": rate, "evt_lost": lost, "window_full": 0 }),
            )],
        };
        let holds = |rounds: &[Round]| judge_sustained(rounds).bars.iter().all(Bar::holds);
        assert!(holds(&[round(1_010.0, 0), round(1_001.0, 0)]));
        assert!(!holds(&[round(1_010.0, 0), round(999.0, 0)]));
        assert!(!holds(&[round(1_010.0, 1), round(1_010.0, 0)]));
    }

    #[test]
    fn free_is_a_ratio_for_each_quantile() {
        let judgement = judge_free(&[Round { figures: vec![wire(100.0, 200.0), wire(110.0, 301.0)] }]);
        let holds: Vec<bool> = judgement.bars.iter().map(Bar::holds).collect();
        assert_eq!(holds, [true, false]);
    }
}
