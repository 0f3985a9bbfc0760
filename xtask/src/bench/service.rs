//! The HTTP service and its store: orders a second beside a bare insert, lists of a full store, and what readers and a
//! locked store cost the control path.

use super::{Arm, Bar, Judgement, Number, Round, middle, total};

pub(crate) const NUMBERS: &[Number] = &[
    Number {
        name: "intake-sqlite",
        arms: &[
            Arm { name: "served", arguments: &["intake", "--engine", "sqlite"] },
            Arm { name: "bare", arguments: &["bare-insert", "--engine", "sqlite"] },
        ],
        judge: judge_intake,
    },
    Number {
        name: "intake-postgres",
        arms: &[
            Arm { name: "served", arguments: &["intake", "--engine", "postgres"] },
            Arm { name: "bare", arguments: &["bare-insert", "--engine", "postgres"] },
        ],
        judge: judge_intake,
    },
    Number {
        name: "list-1e6",
        arms: &[
            Arm { name: "sqlite", arguments: &["lists", "--engine", "sqlite"] },
            Arm { name: "postgres", arguments: &["lists", "--engine", "postgres"] },
        ],
        judge: judge_lists,
    },
    Number {
        name: "orders-with-readers",
        arms: &[
            Arm { name: "sqlite", arguments: &["under-load", "--asked", "sqlite", "--seconds", "30"] },
            Arm { name: "postgres", arguments: &["under-load", "--asked", "postgres", "--seconds", "30"] },
        ],
        judge: judge_readers,
    },
    Number {
        name: "control-under-load",
        arms: &[
            Arm { name: "null", arguments: &["under-load", "--asked", "null", "--seconds", "30"] },
            Arm { name: "sqlite", arguments: &["under-load", "--asked", "sqlite", "--seconds", "30"] },
            Arm { name: "locked", arguments: &["under-load", "--asked", "locked", "--seconds", "30"] },
            Arm { name: "postgres", arguments: &["under-load", "--asked", "postgres", "--seconds", "30"] },
        ],
        judge: judge_control,
    },
];

const ENGINES: [&str; 2] = ["SQLite", "PostgreSQL"];

/// The bare insert is the faster of its two forms: nobody who is in a hurry takes the other.
fn judge_intake(rounds: &[Round]) -> Judgement {
    let served = middle(rounds, 0, "/orders_per_second");
    let bare = middle(rounds, 1, "/best");
    let bars = vec![
        Bar::at_least("orders a second, bulk over HTTP, durable", served, 2_000.0, ""),
        Bar::at_least("against the faster bare insert", served / bare, 0.5, "x"),
    ];
    let notes = vec![format!(
        "{:.0} orders of 4 lines a round, 256 in a request and in a transaction; bare insert {:.0} orders/s row by row, \
         {:.0} with 64 rows in a statement",
        middle(rounds, 0, "/orders"),
        middle(rounds, 1, "/row_by_row"),
        middle(rounds, 1, "/wide"),
    )];
    Judgement { bars, notes }
}

const LISTS: [&str; 11] = [
    "orders",
    "orders_wait",
    "orders_boxed",
    "orders_cancel",
    "orders_of_batch",
    "batches",
    "batches_ended",
    "loads",
    "loads_exception",
    "loads_of_label",
    "exceptions",
];

fn judge_lists(rounds: &[Round]) -> Judgement {
    let mut judgement = Judgement::default();
    for (arm, engine) in ENGINES.iter().enumerate() {
        let worst = middle(rounds, arm, "/worst_p99_us") / 1_000.0;
        judgement.bars.push(Bar::at_most(
            format!("{engine}, 10^6 orders: slowest list, p99"),
            worst,
            100.0,
            "ms",
        ));
        let each: Vec<String> = LISTS
            .iter()
            .map(|list| {
                let of = |quantile: &str| middle(rounds, arm, &format!("/lists/{list}/{quantile}")) / 1_000.0;
                format!("{list} {:.1}/{:.1}", of("p50"), of("p99"))
            })
            .collect();
        judgement.notes.push(format!("{engine}, p50/p99 in ms: {}", each.join(", ")));
    }
    let pages = total(rounds, 0, "/pages") + total(rounds, 1, "/pages");
    judgement.notes.push(format!(
        "{pages} pages of 100 rows by 4 clients at once, from first to last pages; orders have one line, and were filled by \
         one statement for each table"
    ));
    judgement
}

fn judge_readers(rounds: &[Round]) -> Judgement {
    let mut judgement = Judgement::default();
    for (arm, engine) in ENGINES.iter().enumerate() {
        let of = |place: &str| middle(rounds, arm, &format!("/http/{place}")) / 1_000.0;
        for (quantile, bar) in [("mean", 100.0), ("p95", 200.0), ("p99", 500.0)] {
            let what = format!("{engine}, 10 000 orders/h and 20 readers, {quantile}");
            judgement.bars.push(Bar::at_most(what, of(&format!("all_us/{quantile}")), bar, "ms"));
        }
        judgement.bars.push(Bar::at_most(
            format!("{engine}, answers that were no success"),
            total(rounds, arm, "/http/refused"),
            0.0,
            "",
        ));
        judgement.notes.push(format!(
            "{engine}: lists p50 {:.1} ms, p99 {:.1} ms; orders p50 {:.1} ms, p99 {:.1} ms; {} requests, {} loads sorted \
             meanwhile",
            of("lists_us/p50"),
            of("lists_us/p99"),
            of("orders_us/p50"),
            of("orders_us/p99"),
            total(rounds, arm, "/http/all_us/count"),
            total(rounds, arm, "/loads"),
        ));
    }
    judgement
}

fn judge_control(rounds: &[Round]) -> Judgement {
    let of = |arm: usize, quantile: &str| middle(rounds, arm, &format!("/control_path_us/{quantile}"));
    let mut judgement = Judgement::default();
    let arms =
        ["null", "readers and orders, SQLite", "the same, store locked", "readers and orders, PostgreSQL"];
    for (arm, name) in arms.iter().enumerate() {
        if arm > 0 {
            let ratio = of(arm, "p99") / of(0, "p99");
            judgement.bars.push(Bar::at_most(format!("control path p99, {name}"), ratio, 1.10, "x"));
        }
        judgement.notes.push(format!(
            "{name}: p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us, {} answered scans, {} of {} requests were no success",
            of(arm, "p50"),
            of(arm, "p99"),
            of(arm, "p99_9"),
            total(rounds, arm, "/control_path_us/count"),
            total(rounds, arm, "/http/refused"),
            total(rounds, arm, "/http/all_us/count"),
        ));
    }
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
    fn intake_is_held_against_the_faster_bare_insert() {
        let round = Round {
            figures: vec![
                figures(serde_json::json!({ "orders_per_second": 2_000.0, "orders": 10 })),
                figures(serde_json::json!({ "row_by_row": 3_000.0, "wide": 5_000.0, "best": 5_000.0 })),
            ],
        };
        let holds: Vec<bool> = judge_intake(&[round]).bars.iter().map(Bar::holds).collect();
        assert_eq!(holds, [true, false]);
    }

    #[test]
    fn control_path_is_a_ratio_to_the_null_server() {
        let arm = |p99: f64| figures(serde_json::json!({ "control_path_us": { "p99": p99 } }));
        let judgement =
            judge_control(&[Round { figures: vec![arm(100.0), arm(109.0), arm(111.0), arm(100.0)] }]);
        let holds: Vec<bool> = judgement.bars.iter().map(Bar::holds).collect();
        assert_eq!(holds, [true, false, true]);
    }

    #[test]
    fn one_refused_answer_is_one_too_many() {
        let arm = |refused: u32| {
            let spans = serde_json::json!({ "mean": 1_000, "p95": 1_000, "p99": 1_000 });
            figures(serde_json::json!({ "http": { "all_us": spans, "refused": refused } }))
        };
        let shorts = |refused: u32| {
            let judgement = judge_readers(&[Round { figures: vec![arm(0), arm(refused)] }]);
            judgement.bars.iter().filter(|bar| !bar.holds()).count()
        };
        assert_eq!((shorts(0), shorts(1)), (0, 1));
    }
}
