//! The whole stack in virtual time: a day without faults, and how many times faster than the plant it is.

use super::{Arm, Bar, Judgement, Number, Round, middle, total};

pub(crate) const NUMBERS: &[Number] = &[Number {
    name: "virtual-time",
    arms: &[Arm { name: "stack", arguments: &["virtual-time", "--hours", "24", "--pin"] }],
    judge: judge_virtual_time,
}];

fn judge_virtual_time(rounds: &[Round]) -> Judgement {
    let of = |place: &str| middle(rounds, 0, place);
    let bars = vec![
        Bar::at_least("plant time against wall time", of("/factor"), 1_000.0, "x"),
        Bar::at_least("loads an hour, 400 chutes", of("/loads_per_hour"), 40_000.0, ""),
        Bar::at_least("hours of plant time", of("/simulated_seconds") / 3_600.0, 24.0, "h"),
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

    #[test]
    fn one_mis_sort_in_any_round_is_one_too_many() {
        let round = |missorted: u32| Round {
            figures: vec![figures(
                serde_json::json!({ "factor": 3_000.0, "simulated_seconds": 86_400.0, "loads_per_hour": 40_100.0, "missorted": missorted }),
            )],
        };
        let holds = |rounds: &[Round]| judge_virtual_time(rounds).bars.iter().all(Bar::holds);
        assert!(holds(&[round(0), round(0)]));
        assert!(!holds(&[round(0), round(0), round(1)]));
    }
}
