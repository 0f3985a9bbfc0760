//! The acceptance lines themselves, as data: first those of the spine (real days, fault files, a stopped
//! drive, kills, proof, an independent client, a fresh clone). Figures come from the report that the binary
//! writes; the numbers they must match were counted apart from our code.

use std::path::Path;

use super::outcome::{Ran, Report};
use super::{Check, Invocation, Line, Work, fencing, following, front_door, kills, mutations, operations};

/// What the sample mapping makes of one real day.
struct Day {
    file: &'static str,
    short: &'static str,
    accepted: u64,
    refused: u64,
    refused_by_reason: [(&'static str, u64); 3],
    orders: u64,
    empty: u64,
    pieces: u64,
}

const DAYS: [Day; 2] = [
    Day {
        file: "2011-12-05.csv",
        short: "2011",
        accepted: 5_284,
        refused: 47,
        refused_by_reason: [("quantity_not_positive", 29), ("not_merchandise", 16), ("blank_description", 2)],
        orders: 129,
        empty: 22,
        pieces: 43_826,
    },
    Day {
        file: "2010-12-01.csv",
        short: "2010",
        accepted: 3_064,
        refused: 44,
        refused_by_reason: [("quantity_not_positive", 27), ("not_merchandise", 8), ("blank_description", 9)],
        orders: 127,
        empty: 16,
        pieces: 26_909,
    },
];

/// How a fault line runs the demo beside its fault file.
#[derive(Clone, Copy)]
enum Feed {
    /// The smaller real day at speed 20, to its end.
    RealDay,
    /// The smaller real day in virtual time, to its end: some faults act on a disk or a store that only exists there.
    Virtual,
    /// Orders of its own at this speed, for so many seconds of wall time.
    Made { speed: &'static str, wall: &'static str },
}

/// One fault file with what must hold beside "applied, no mis-sort, ledger equal".
struct FaultLine {
    file: &'static str,
    kinds: &'static [&'static str],
    feed: Feed,
    zero: &'static [&'static str],
    /// Figures with what each must reach, so that the fault was seen to have its effect.
    reached: &'static [(&'static str, u64)],
}

const CUT: Feed = Feed::Made { speed: "1", wall: "120s" };
const SHORT: Feed = Feed::Made { speed: "5", wall: "60s" };

const FAULTS: &[FaultLine] = &[
    FaultLine {
        file: "no-read",
        kinds: &["no_read"],
        feed: Feed::RealDay,
        zero: &[],
        reached: &[("/loads/reasons/no_read", 1)],
    },
    FaultLine {
        file: "scanners",
        kinds: &["multi_read", "bad_format", "scanner_down"],
        feed: SHORT,
        zero: &[],
        reached: &[],
    },
    FaultLine { file: "missed", kinds: &["missed"], feed: Feed::RealDay, zero: &[], reached: &[] },
    FaultLine {
        file: "lanes",
        kinds: &["lane_full", "lane_fault"],
        feed: Feed::RealDay,
        zero: &[],
        reached: &[],
    },
    FaultLine {
        file: "tcp-cut",
        kinds: &["tcp_cut"],
        feed: CUT,
        zero: &["/link/evt_lost"],
        reached: &[("/link/reconnects", 1)],
    },
    FaultLine {
        file: "disk-stall",
        kinds: &["disk_stall"],
        feed: SHORT,
        zero: &["/link/evt_lost", "/deadline/late", "/link/induction_stops"],
        reached: &[("/journal/stall_us_max", 4_000_000)],
    },
    FaultLine {
        file: "disk-full",
        kinds: &["disk_full"],
        feed: Feed::Virtual,
        zero: &["/link/evt_lost", "/deadline/late", "/reconcile/short_pieces"],
        reached: &[("/journal/stall_us_max", 4_000_000)],
    },
    FaultLine {
        file: "disk-error",
        kinds: &["disk_error"],
        feed: Feed::Virtual,
        zero: &["/link/evt_lost", "/deadline/late", "/reconcile/short_pieces"],
        // Five syncs that fail, tried again after 100 ms each.
        reached: &[("/faults/disk_error/applied", 5), ("/journal/stall_us_max", 500_000)],
    },
    FaultLine {
        file: "store-outage",
        kinds: &["store_outage"],
        feed: Feed::Virtual,
        zero: &["/link/evt_lost", "/deadline/late", "/reconcile/short_pieces"],
        reached: &[],
    },
    FaultLine {
        file: "late-replies",
        kinds: &["late_replies"],
        feed: SHORT,
        zero: &[],
        reached: &[("/link/stale_replies", 1)],
    },
    FaultLine { file: "torn-slots", kinds: &["torn_slots"], feed: SHORT, zero: &[], reached: &[] },
    FaultLine { file: "frozen-life", kinds: &["frozen_life"], feed: SHORT, zero: &[], reached: &[] },
    FaultLine { file: "stale-echo", kinds: &["stale_echo"], feed: SHORT, zero: &[], reached: &[] },
    FaultLine {
        file: "old-owner",
        kinds: &["old_owner"],
        feed: SHORT,
        zero: &["/link/evt_lost", "/deadline/late", "/link/reconnects"],
        reached: &[],
    },
    FaultLine {
        file: "double-owner",
        kinds: &["double_owner"],
        feed: SHORT,
        zero: &["/link/evt_lost", "/deadline/late", "/link/reconnects"],
        reached: &[],
    },
    FaultLine { file: "exception-06", kinds: &["exception_06"], feed: SHORT, zero: &[], reached: &[] },
    FaultLine {
        file: "one-request-per-cycle",
        kinds: &["one_request_per_cycle"],
        feed: SHORT,
        zero: &["/link/evt_lost"],
        reached: &[],
    },
    FaultLine {
        file: "wrap",
        kinds: &["wrap"],
        feed: Feed::RealDay,
        zero: &["/link/evt_lost"],
        reached: &[],
    },
    FaultLine { file: "plc-restart", kinds: &["plc_restart"], feed: Feed::RealDay, zero: &[], reached: &[] },
    FaultLine {
        file: "safety-stop",
        kinds: &["safety_stop"],
        feed: Feed::RealDay,
        zero: &["/link/evt_lost", "/deadline/late", "/reconcile/short_pieces"],
        reached: &[
            ("/faults/safety_stop/loads_touched", 1),
            ("/alarms/safety_stop/raised", 2),
            ("/alarms/safety_stop/gone", 2),
        ],
    },
    FaultLine {
        file: "purge-at-reset",
        kinds: &["safety_stop", "purge_at_reset"],
        feed: Feed::RealDay,
        zero: &["/link/evt_lost"],
        reached: &[("/loads/outcomes/purged", 1), ("/reconcile/short_pieces", 1)],
    },
    FaultLine {
        file: "lost",
        kinds: &["lost"],
        feed: Feed::RealDay,
        zero: &["/reconcile/difference"],
        reached: &[("/reconcile/short_pieces", 1), ("/loads/outcomes/lost", 1)],
    },
];

/// Every line, in the order it runs. `days` is the folder of the real days.
pub(super) fn all(root: &Path, days: &Path) -> Vec<Line> {
    let mut lines = vec![fresh_demo()];
    for day in &DAYS {
        for is_virtual in [false, true] {
            lines.push(volume_line(days, day, is_virtual));
            lines.push(first_scan_line(days, day, is_virtual));
        }
    }
    lines.push(sku_line(days, &DAYS[1], false));
    lines.push(sku_line(days, &DAYS[1], true));
    lines.extend(FAULTS.iter().map(|fault| fault_line(root, days, fault)));
    lines.push(drive_stop(root, days));
    lines.push(Line {
        name: "kills".to_owned(),
        shows: "ten kills of `wcs run` while the sorter goes on: nothing lost, nothing twice, back in 500 ms",
        work: Work::Play(kills::STORY, kills::play),
    });
    lines.extend(proofs());
    lines.extend(super::crashes::lines());
    lines.push(independent_client());
    lines.extend(fencing::lines());
    lines.extend(following::lines());
    lines.extend(super::incidents::lines());
    lines.extend(operations::lines(days));
    lines.extend(front_door::lines());
    lines.extend(mutations::lines());
    lines.extend(super::poison::lines());
    lines.extend(super::races::lines());
    lines.extend(super::decoders::lines());
    lines.extend(super::service::lines());
    lines.extend(super::long_runs::lines());
    lines.push(fresh_clone());
    lines
}

pub(super) fn wcs(arguments: &[&str], report: Option<&'static str>) -> Invocation {
    let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    if let Some(report) = report {
        arguments.extend(["--report".to_owned(), report.to_owned()]);
    }
    Invocation { program: "wcs".to_owned(), arguments, report }
}

pub(super) fn program(words: &[&str]) -> Invocation {
    let arguments = words[1..].iter().map(|word| (*word).to_owned()).collect();
    Invocation { program: words[0].to_owned(), arguments, report: None }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A line of one demo run whose report is looked at.
fn demo_line(
    name: String,
    shows: &'static str,
    arguments: &[&str],
    check: impl Fn(&Report) -> Result<String, String> + Send + Sync + 'static,
) -> Line {
    let check: Check = Box::new(move |ran: &[Ran]| {
        let report = ran[0].must_succeed()?.report()?;
        report.must_be_ok()?;
        check(&report)
    });
    Line { name, shows, work: Work::Commands(vec![wcs(arguments, Some("report.json"))], check) }
}

fn fresh_demo() -> Line {
    demo_line(
        "demo".to_owned(),
        "the demo runs for a minute by itself and sorts more than 500 loads",
        &["demo", "--for", "60s"],
        |report| Ok(format!("{} loads inducted", report.must_reach("/loads/inducted", 501)?)),
    )
}

/// The rows of the table that every way of sorting a day must show.
fn must_match_table(report: &Report, day: &Day) -> Result<(), String> {
    report.must_be("/orders/imported", day.orders)?;
    report.must_be("/orders/empty", day.empty)?;
    report.must_be("/lines/accepted", day.accepted)?;
    report.must_be("/lines/refused", day.refused)?;
    for (reason, count) in day.refused_by_reason {
        report.must_be(&format!("/lines/refused_by_reason/{reason}"), count)?;
    }
    for place in ["/loads/open", "/loads/missorted", "/deadline/late", "/link/evt_lost"] {
        report.must_be(place, 0)?;
    }
    for place in ["/reconcile/short_pieces", "/reconcile/difference", "/reconcile/ledger_difference"] {
        report.must_be(place, 0)?;
    }
    report.must_be("/reconcile/expected_pieces", day.pieces)
}

fn named(kind: &str, day: &Day, is_virtual: bool) -> String {
    format!("{kind}-{}{}", day.short, if is_virtual { "-virtual" } else { "" })
}

fn day_arguments<'a>(orders: &'a str, more: &[&'a str], is_virtual: bool) -> Vec<&'a str> {
    let mut arguments = vec!["demo", "--orders", orders];
    arguments.extend_from_slice(more);
    arguments.extend_from_slice(if is_virtual { &["--virtual"] } else { &["--speed", "20"] });
    arguments
}

fn volume_line(days: &Path, day: &'static Day, is_virtual: bool) -> Line {
    let orders = text(&days.join(day.file));
    let arguments = day_arguments(&orders, &[], is_virtual);
    demo_line(
        named("volume", day, is_virtual),
        "a real day by volume: the counted table, three batches, every piece sorted",
        &arguments,
        |report| {
            must_match_table(report, day)?;
            report.must_be("/batches", 3)?;
            report.must_be("/loads/outcomes/sorted", day.accepted)?;
            report.must_be("/reconcile/sorted_pieces", day.pieces)?;
            Ok(format!("{} pieces sorted, 3 batches", day.pieces))
        },
    )
}

fn first_scan_line(days: &Path, day: &'static Day, is_virtual: bool) -> Line {
    let orders = text(&days.join(day.file));
    let arguments = day_arguments(&orders, &["--chutes", "20", "--assign", "first_scan"], is_virtual);
    demo_line(
        named("first-scan", day, is_virtual),
        "a real day by first scan on 20 chutes: chutes are freed and bound again",
        &arguments,
        |report| {
            must_match_table(report, day)?;
            let rebound = report.must_reach("/chutes/rebound", 81)?;
            let by_hand = report.count("/reconcile/hand_sorted_pieces")?;
            let sorted = report.count("/reconcile/sorted_pieces")?;
            if sorted + by_hand != day.pieces || by_hand * 100 > day.pieces {
                return Err(format!("{sorted} sorted and {by_hand} hand sorted of {} pieces", day.pieces));
            }
            Ok(format!("{sorted} pieces sorted, {by_hand} by hand, {rebound} chutes bound again"))
        },
    )
}

fn sku_line(days: &Path, day: &'static Day, is_virtual: bool) -> Line {
    let orders = text(&days.join(day.file));
    let arguments = day_arguments(&orders, &["--identify", "sku"], is_virtual);
    demo_line(
        named("sku", day, is_virtual),
        "a real day piece by piece: each piece finds one of the orders that want its sku",
        &arguments,
        |report| {
            must_match_table(report, day)?;
            report.must_be("/loads/outcomes/sorted", day.pieces)?;
            report.must_be("/reconcile/sorted_pieces", day.pieces)?;
            Ok(format!("{} one-piece loads sorted", day.pieces))
        },
    )
}

fn fault_line(root: &Path, days: &Path, fault: &'static FaultLine) -> Line {
    let orders = text(&days.join(DAYS[1].file));
    let file = text(&root.join("sim").join("faults").join(format!("{}.toml", fault.file)));
    let mut arguments = match fault.feed {
        Feed::RealDay => vec!["demo", "--orders", &orders, "--speed", "20"],
        Feed::Virtual => vec!["demo", "--virtual", "--orders", &orders],
        Feed::Made { speed, wall } => vec!["demo", "--speed", speed, "--for", wall],
    };
    arguments.extend(["--faults", &file]);
    demo_line(
        format!("fault-{}", fault.file),
        "an injected fault costs no load its one outcome and mis-sorts nothing",
        &arguments,
        |report| {
            let mut figure = String::new();
            for kind in fault.kinds {
                let planned = report.must_reach(&format!("/faults/{kind}/planned"), 1)?;
                let applied = report.must_reach(&format!("/faults/{kind}/applied"), 1)?;
                figure.push_str(&format!("{kind} planned {planned} applied {applied}, "));
            }
            for place in ["/loads/missorted", "/reconcile/ledger_difference"].iter().chain(fault.zero) {
                report.must_be(place, 0)?;
            }
            for (place, least) in fault.reached {
                figure.push_str(&format!("{place} {}, ", report.must_reach(place, *least)?));
            }
            if matches!(fault.feed, Feed::RealDay | Feed::Virtual) {
                report.must_be("/loads/open", 0)?;
                report.must_be("/reconcile/difference", 0)?;
            }
            let (inducted, finals) = (report.count("/loads/inducted")?, report.count("/loads/finals")?);
            if inducted != finals + report.count("/loads/open")? {
                return Err(format!("{inducted} loads inducted, {finals} have an outcome"));
            }
            Ok(format!("{figure}{finals} of {inducted} loads with one outcome"))
        },
    )
}

/// On a 200 m loop with the first lane 120 m behind the scanner about 200 loads are on the belt.
fn drive_stop(root: &Path, days: &Path) -> Line {
    let orders = text(&days.join(DAYS[1].file));
    let file = text(&root.join("sim").join("faults").join("drive-stop.toml"));
    demo_line(
        "drive-stop".to_owned(),
        "the main drive stands for ten minutes with loads on the belt: none late, none lost",
        &["demo", "--virtual", "--orders", &orders, "--first-lane", "120", "--faults", &file],
        |report| {
            report.must_reach("/faults/drive_stop/applied", 1)?;
            for place in ["/deadline/late", "/loads/missorted", "/reconcile/ledger_difference", "/loads/open"]
            {
                report.must_be(place, 0)?;
            }
            report.must_be("/reconcile/sorted_pieces", DAYS[1].pieces)?;
            if report.count("/loads/outcomes/lost").is_ok_and(|lost| lost > 0) {
                return Err("loads were given up as lost".to_owned());
            }
            Ok(format!("{} loads, none late, none lost", report.count("/loads/finals")?))
        },
    )
}

fn proofs() -> [Line; 2] {
    let check: Check = Box::new(|ran| {
        let report = ran[0].must_succeed()?.report()?;
        report.must_be_ok()?;
        let seeds = report.must_reach("/seeds", 200)?;
        let loads = report.must_reach("/loads", 1_000_000)?;
        Ok(format!("{seeds} seeds clean, {loads} loads, everything met as often as it must be"))
    });
    let prove = vec![wcs(&["sim", "prove", "--seeds", "200"], Some("report.json"))];
    // Both of the same commit: one optimised, one with every check of a debug build.
    let seed = ["--json", "sim", "prove", "--seeds", "1", "--seed", "7"];
    let debug = [&["cargo", "run", "--quiet", "--package", "wcs", "--"][..], &seed[..]].concat();
    let twice = vec![wcs(&seed, None), wcs(&seed, None), program(&debug)];
    let same: Check = Box::new(|ran| {
        let first = &ran[0].must_succeed()?.printed;
        for other in &ran[1..] {
            if other.must_succeed()?.printed != *first {
                return Err("the same seed gave two different reports".to_owned());
            }
        }
        Ok(format!("{} equal bytes, twice and of a debug build", first.len()))
    });
    [
        Line {
            name: "prove".to_owned(),
            shows: "200 seeds of faults, every checker clean, every fault, outcome and refusal met",
            work: Work::Commands(prove, check),
        },
        Line {
            name: "prove-same-seed".to_owned(),
            shows: "the same seed is the same run, byte for byte, on release and debug builds",
            work: Work::Commands(twice, same),
        },
    ]
}

/// Passed tests as the test harness counts them.
pub(super) fn passed_tests(printed: &str) -> u64 {
    let counts = printed.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
}

fn independent_client() -> Line {
    let check: Check = Box::new(|ran| match passed_tests(&ran[0].must_succeed()?.printed) {
        0 => Err("no test of this name ran".to_owned()),
        count => Ok(format!("{count} tests passed")),
    });
    let targets = ["--test", "independent_client_reads", "--test", "independent_client_frames"];
    let command = program(&[&["cargo", "test", "--package", "wcs-tests"][..], &targets[..]].concat());
    Line {
        name: "independent-client".to_owned(),
        shows: "a Modbus client that is not ours reads the simulator and agrees with the vectors",
        work: Work::Commands(vec![command], check),
    }
}

fn fresh_clone() -> Line {
    let clone = "target/accept/fresh-clone/clone";
    let commands = vec![
        program(&["git", "clone", "--quiet", ".", clone]),
        program(&["bash", "-c", &format!("cd {clone} && env -u CARGO_TARGET_DIR tests/run")]),
    ];
    let check: Check = Box::new(|ran| {
        ran[0].must_succeed()?;
        let printed = &ran[1].must_succeed()?.printed;
        match printed.lines().next_back() {
            Some(last @ "real days: run") => Ok(format!("tests/run: {last}")),
            other => Err(format!("the last line is {other:?}")),
        }
    });
    Line {
        name: "fresh-clone".to_owned(),
        shows: "tests/run is green in a fresh clone",
        work: Work::Commands(commands, check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_every_fault_file_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let lines = all(root, Path::new("days"));
        let names: BTreeSet<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names.len(), lines.len());
        for fault in FAULTS.iter().map(|fault| fault.file).chain(["drive-stop"]) {
            let file = root.join("sim").join("faults").join(format!("{fault}.toml"));
            assert!(file.is_file(), "{}", file.display());
        }
    }

    #[test]
    fn the_table_adds_up() {
        for (day, rows) in DAYS.iter().zip([5_331, 3_108]) {
            assert_eq!(day.accepted + day.refused, rows);
            assert_eq!(day.refused_by_reason.iter().map(|(_, count)| count).sum::<u64>(), day.refused);
        }
    }

    #[test]
    fn passed_tests_are_summed_over_targets() {
        let printed = "test result: ok. 3 passed; 0 failed\nx\ntest result: ok. 4 passed; 0 failed";
        assert_eq!(passed_tests(printed), 7);
        assert_eq!(passed_tests("test result: FAILED. 3 passed; 1 failed"), 0);
    }
}
