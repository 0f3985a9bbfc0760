//! What follows a journal: replay from files, the start from a checkpoint, why, and the memory of a daemon that lives
//! long.

use super::{Arm, Bar, Judgement, Number, Round, middle};

pub(crate) const NUMBERS: &[Number] = &[
    Number {
        name: "replay",
        arms: &[Arm { name: "files", arguments: &["replay", "--hours", "3", "--pin"] }],
        judge: judge_replay,
    },
    Number {
        name: "why",
        arms: &[Arm { name: "files", arguments: &["why", "--records", "2000000", "--pin"] }],
        judge: judge_why,
    },
    Number {
        name: "memory",
        arms: &[Arm { name: "week", arguments: &["memory", "--days", "7", "--hours", "3", "--pin"] }],
        judge: judge_memory,
    },
];

fn judge_replay(rounds: &[Round]) -> Judgement {
    let of = |place: &str| middle(rounds, 0, place);
    let bars = vec![
        Bar::at_least("records a second, every hash compared", of("/records_per_second"), 200_000.0, ""),
        Bar::at_least("plant time against wall time, 40 000 loads/h", of("/factor"), 100.0, "x"),
        Bar::at_most(
            "restore and replay, checkpoint as old as can be",
            of("/start_restored_ms"),
            200.0,
            "ms",
        ),
    ];
    let notes = vec![
        format!(
            "{:.0} records; a start without checkpoints takes {:.0} ms; from one, {:.0} records are replayed",
            of("/records"),
            of("/start_whole_ms"),
            of("/start_replayed"),
        ),
        format!(
            "a checkpoint of {:.0} bytes is written in {:.0} ms",
            of("/checkpoint_size"),
            of("/checkpoint_ms")
        ),
    ];
    Judgement { bars, notes }
}

fn judge_why(rounds: &[Round]) -> Judgement {
    let of = |place: &str| middle(rounds, 0, place);
    let bars = vec![
        Bar::at_most("why, load label order or job, slowest of 500", of("/max_ms"), 50.0, "ms"),
        Bar::at_least("records in the journal", of("/records"), 1_000_000.0, ""),
    ];
    let notes = vec![
        format!("p50 {:.1} ms, p99 {:.1} ms, from the files alone", of("/p50_ms"), of("/p99_ms")),
        format!("the index is made in {:.0} ms and has {:.0} MiB", of("/build_ms"), of("/index_mib")),
    ];
    Judgement { bars, notes }
}

/// What the allocator may still shift about when everything that is held is bounded.
const GROWTH_MIB_MAX: f64 = 1.0;

fn judge_memory(rounds: &[Round]) -> Judgement {
    let of = |place: &str| middle(rounds, 0, place);
    let days: Vec<String> = (0..7).map(|day| format!("{:.1}", of(&format!("/resident_mib/{day}")))).collect();
    let bars = vec![Bar::at_most(
        "resident memory, growth a day after day 2",
        of("/growth_mib_per_day"),
        GROWTH_MIB_MAX,
        "MiB",
    )];
    let notes = vec![format!(
        "day by day {} MiB; {:.0} records, {:.0} batches, {:.0} checkpoints",
        days.join(", "),
        of("/records"),
        of("/batches_ended"),
        of("/checkpoints"),
    )];
    Judgement { bars, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;

    fn round(value: serde_json::Value) -> Round {
        let figures: Figures = serde_json::from_value(value).unwrap();
        Round { figures: vec![figures] }
    }

    #[test]
    fn a_slow_start_or_growing_memory_falls_short() {
        let replay = |start: f64| {
            let figures = serde_json::json!({
                "records_per_second": 300_000.0, "factor": 5_000.0, "start_restored_ms": start
            });
            judge_replay(&[round(figures)]).bars.iter().all(Bar::holds)
        };
        assert!(replay(199.0) && !replay(201.0));
        let memory = |growth: f64| {
            judge_memory(&[round(serde_json::json!({ "growth_mib_per_day": growth }))])
                .bars
                .iter()
                .all(Bar::holds)
        };
        assert!(memory(-3.0) && memory(0.2) && !memory(2.0));
    }
}
