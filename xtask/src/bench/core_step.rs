//! The core alone: what a scan costs it, and how that grows with the number of open jobs.

use super::{Arm, Bar, Judgement, Number, Round, middle, total};

pub(crate) const NUMBERS: &[Number] = &[Number {
    name: "core-step",
    arms: &[
        Arm { name: "100-jobs", arguments: &["core-step", "--jobs", "100", "--pin"] },
        Arm { name: "100000-jobs", arguments: &["core-step", "--jobs", "100000", "--pin"] },
    ],
    judge: judge_core_step,
}];

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;

    fn figures(value: serde_json::Value) -> Figures {
        serde_json::from_value(value).unwrap()
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
