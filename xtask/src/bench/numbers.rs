//! The numbers of the design that can be measured so far: which arms each has, and which figures of them are held
//! against which bars. Bars stand in section 14 of the design; this file adds no margin of its own.

use super::{Arm, Bar, Judgement, Number, Round, middle, total};

/// The numbers, in the order they run.
pub(crate) const NUMBERS: &[Number] = &[
    Number {
        name: "core-step",
        arms: &[
            Arm { name: "100-jobs", arguments: &["core-step", "--jobs", "100", "--pin"] },
            Arm { name: "100000-jobs", arguments: &["core-step", "--jobs", "100000", "--pin"] },
        ],
        judge: judge_core_step,
    },
    Number {
        name: "scan-to-destination-pinned",
        arms: &[
            Arm { name: "bare", arguments: &["bare", "--pin"] },
            Arm { name: "stack", arguments: &["stack", "--pin"] },
            Arm { name: "bare-with-pointers", arguments: &["bare", "--pointers", "--pin", "--seconds", "3"] },
            Arm { name: "hand-over", arguments: &["hand-over", "--pin"] },
        ],
        judge: judge_pinned,
    },
    Number {
        name: "scan-to-destination-free",
        arms: &[Arm { name: "bare", arguments: &["bare"] }, Arm { name: "stack", arguments: &["stack"] }],
        judge: judge_free,
    },
    Number {
        name: "virtual-time",
        arms: &[Arm { name: "stack", arguments: &["virtual-time", "--hours", "6", "--pin"] }],
        judge: judge_virtual_time,
    },
];

const LATENCY: &str = "/scan_to_destination_us";

fn judge_core_step(rounds: &[Round]) -> Judgement {
    let micros = |arm: usize, place: &str| middle(rounds, arm, place) / 1_000.0;
    let mut judgement = Judgement::default();
    for (arm, jobs) in [(0, "10^2"), (1, "10^5")] {
        let p50 = micros(arm, "/scan_ns/p50");
        let p99_9 = micros(arm, "/scan_ns/p99_9");
        judgement.bars.push(Bar::at_most(format!("scan step, {jobs} open jobs, p50"), p50, 2.0, "us"));
        judgement.bars.push(Bar::at_most(format!("scan step, {jobs} open jobs, p99.9"), p99_9, 20.0, "us"));
        judgement.notes.push(format!(
            "{jobs} jobs: exit step p50 {:.2} us, p99.9 {:.2} us; a part of 256 jobs p50 {:.0} us, max {:.0} us",
            micros(arm, "/exit_ns/p50"),
            micros(arm, "/exit_ns/p99_9"),
            micros(arm, "/part_ns/p50"),
            micros(arm, "/part_ns/max"),
        ));
    }
    let growth = micros(1, "/scan_ns/p50") / micros(0, "/scan_ns/p50");
    judgement.bars.push(Bar::at_most("scan step p50, 10^5 against 10^2 open jobs", growth, 2.0, "x"));
    let (timer, samples) = (middle(rounds, 0, "/timer_ns"), total(rounds, 0, "/scan_ns/count"));
    judgement
        .notes
        .push(format!("two readings of the clock, {timer:.0} ns, are subtracted; {samples} samples an arm"));
    judgement
}

fn judge_pinned(rounds: &[Round]) -> Judgement {
    let p50 = |arm: usize| middle(rounds, arm, &format!("{LATENCY}/p50"));
    let mut judgement = Judgement::default();
    judgement.bars.push(Bar::at_most("added latency, p50", p50(1) - p50(0), 25.0, "us"));
    judgement.notes.extend([latencies(rounds, 0, "bare"), latencies(rounds, 1, "stack")]);
    judgement.notes.push(format!(
        "split: one block more (pointers) {:.0} us; hand-over to an idle core thread and back {:.0} us",
        p50(2) - p50(0),
        middle(rounds, 3, "/trip_us/p50"),
    ));
    judgement.notes.extend([requests(rounds, 0, "bare"), requests(rounds, 1, "stack")]);
    judgement
}

fn judge_free(rounds: &[Round]) -> Judgement {
    let ratio = |quantile: &str| {
        let place = format!("{LATENCY}/{quantile}");
        middle(rounds, 1, &place) / middle(rounds, 0, &place)
    };
    let mut judgement = Judgement::default();
    judgement.bars.push(Bar::at_most("latency p50 against the bare loop", ratio("p50"), 1.10, "x"));
    judgement.bars.push(Bar::at_most("latency p99 against the bare loop", ratio("p99"), 1.50, "x"));
    judgement.notes.extend([latencies(rounds, 0, "bare"), latencies(rounds, 1, "stack")]);
    judgement.notes.extend([requests(rounds, 0, "bare"), requests(rounds, 1, "stack")]);
    judgement
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

fn judge_virtual_time(rounds: &[Round]) -> Judgement {
    let of = |place: &str| middle(rounds, 0, place);
    let bars = vec![
        Bar::at_least("plant time against wall time", of("/factor"), 1_000.0, "x"),
        Bar::at_least("loads an hour, 400 chutes", of("/loads_per_hour"), 40_000.0, ""),
        Bar::at_most("mis-sorts", total(rounds, 0, "/missorted"), 0.0, ""),
    ];
    let notes = vec![format!(
        "{:.0} s of plant time in {:.2} s, {:.0} records/s, {:.0} loads went round, {:.0} decisions late",
        of("/simulated_seconds"),
        of("/wall_seconds"),
        of("/records_per_wall_second"),
        of("/recirculated"),
        of("/late"),
    )];
    Judgement { bars, notes }
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
        let trip = figures(serde_json::json!({ "trip_us": { "p50": 9.0 } }));
        let round = Round { figures: vec![wire(70.0, 90.0), wire(95.0, 300.0), wire(92.0, 0.0), trip] };
        let judgement = judge_pinned(&[round]);
        assert_eq!(judgement.bars.len(), 1);
        assert_eq!(judgement.bars[0].figure, 25.0);
        assert!(judgement.bars[0].holds());
        assert!(
            judgement.notes[2].contains("22 us") && judgement.notes[2].contains("9 us"),
            "{}",
            judgement.notes[2]
        );
    }

    #[test]
    fn free_is_a_ratio_for_each_quantile() {
        let judgement = judge_free(&[Round { figures: vec![wire(100.0, 200.0), wire(110.0, 301.0)] }]);
        let holds: Vec<bool> = judgement.bars.iter().map(Bar::holds).collect();
        assert_eq!(holds, [true, false]);
    }

    #[test]
    fn one_mis_sort_in_any_round_is_one_too_many() {
        let round = |missorted: u32| Round {
            figures: vec![figures(
                serde_json::json!({ "factor": 3_000.0, "loads_per_hour": 40_100.0, "missorted": missorted }),
            )],
        };
        let holds = |rounds: &[Round]| judge_virtual_time(rounds).bars.iter().all(Bar::holds);
        assert!(holds(&[round(0), round(0)]));
        assert!(!holds(&[round(0), round(0), round(1)]));
    }

    #[test]
    fn growth_compares_the_two_arms() {
        let arm = |p50: f64| figures(serde_json::json!({ "scan_ns": { "p50": p50, "p99_9": 9_000 } }));
        let judgement = judge_core_step(&[Round { figures: vec![arm(900.0), arm(1_801.0)] }]);
        let short: Vec<&str> =
            judgement.bars.iter().filter(|bar| !bar.holds()).map(|bar| bar.what.as_str()).collect();
        assert_eq!(short, ["scan step p50, 10^5 against 10^2 open jobs"]);
    }
}
