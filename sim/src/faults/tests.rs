//! Tests of fault files and schedules: grammar, every problem with its line, two clocks, counting.

use proptest::prelude::*;
use wcs_types::{LaneNo, Nanos};

use super::kinds::RULES;
use super::parser::{parse_duration, parse_rate};
use super::*;

fn parse(text: &str) -> Result<FaultPlan, String> {
    FaultPlan::parse(text, "f.toml").map_err(|problems| problems.to_string())
}

#[test]
fn the_examples_of_the_design_are_read() {
    let plan = parse(
        "[[fault]]\nkind = \"tcp_cut\"\nlink = \"plc1\"\nat = \"120s\"\nfor = \"30s\"\n\
         [[fault]]\nkind = \"no_read\"\nrate = 0.02\n\
         [[fault]]\nkind = \"plc_restart\"\nafter_loads = 500\nperson = \"5s\"\n",
    )
    .unwrap();
    let [cut, no_read, restart] = &plan.faults[..] else { panic!("three faults") };
    assert_eq!(cut.disturbance, Disturbance::Link(LinkFault::TcpCut));
    assert_eq!((cut.begin, cut.span), (Begin::At(Nanos::from_secs(120)), Some(Nanos::from_secs(30))));
    assert_eq!((cut.span_clock, cut.link.as_deref()), (SpanClock::Wall, Some("plc1")));
    assert_eq!(no_read.disturbance, Disturbance::Sorter(Knob::NoRead { per_million: 20_000 }));
    assert_eq!((no_read.begin, no_read.span), (Begin::At(Nanos::ZERO), None));
    let person = Nanos::from_secs(5);
    assert_eq!(restart.disturbance, Disturbance::Sorter(Knob::PlcRestart { person, may_lose_events: false }));
    assert_eq!(restart.begin, Begin::AfterLoads(500));
}

#[test]
fn a_safety_stop_lasts_in_plant_time_and_needs_a_person() {
    let plan =
        parse("[[fault]]\nkind = \"safety_stop\"\nat = \"60s\"\nfor = \"30s\"\nperson = \"10s\"\n").unwrap();
    let [stop] = &plan.faults[..] else { panic!("one fault") };
    let person = Nanos::from_secs(10);
    assert_eq!(stop.disturbance, Disturbance::Sorter(Knob::SafetyStop { person }));
    assert_eq!((stop.span, stop.span_clock), (Some(Nanos::from_secs(30)), SpanClock::Plant));
    let endless = parse("[[fault]]\nkind = \"safety_stop\"\nperson = \"10s\"\n").unwrap_err();
    assert_eq!(endless, "f.toml:1: `safety_stop` needs `for`");
}

/// A value that suits a key, as TOML.
fn sample(key: &str) -> &'static str {
    match key {
        "rate" => "0.5",
        "lane" => "7",
        "after_loads" | "count" | "every" | "first" => "3",
        "link" => "\"plc1\"",
        "silent" | "may_lose_events" => "true",
        _ => "\"250ms\"",
    }
}

#[test]
fn every_kind_is_read_with_all_its_keys_and_refused_without_a_required_one() {
    for rule in RULES {
        // `at` and `after_loads` exclude each other, so do `for` and `count`.
        let optional = rule.optional.iter().filter(|key| !["after_loads", "count"].contains(key));
        let keys: Vec<&str> = rule.required.iter().chain(optional).copied().collect();
        let text = |keys: &[&str]| {
            let rows = keys.iter().map(|key| format!("{key} = {}\n", sample(key)));
            format!("[[fault]]\nkind = \"{}\"\n{}", rule.name, rows.collect::<String>())
        };
        let plan = parse(&text(&keys)).unwrap();
        assert_eq!(plan.faults[0].kind, rule.kind, "{}", rule.name);
        assert_eq!(plan.faults[0].kind.name(), rule.name);
        assert_eq!(serde_json::to_string(&rule.kind).unwrap(), format!("\"{}\"", rule.name));
        for missing in rule.required {
            let others: Vec<&str> = keys.iter().filter(|key| *key != missing).copied().collect();
            let problem = parse(&text(&others)).unwrap_err();
            assert_eq!(problem, format!("f.toml:1: `{}` needs `{missing}`", rule.name));
        }
    }
}

#[test]
fn all_problems_come_at_once_with_their_lines() {
    let problems = parse(
        "speed = 3\n[[fault]]\nkind = \"no_reed\"\n[[fault]]\nkind = \"lane_full\"\nlane = 0\nfor = \"5\"\nrat = 1\n\
         [[fault]]\nat = \"1s\"\n[[fault]]\nkind = \"missed\"\nrate = 1.5\nat = \"1s\"\nafter_loads = 2\n",
    )
    .unwrap_err();
    let expected = [
        "f.toml:1: unknown key `speed`; a fault file has `[[fault]]` entries",
        "f.toml:3: unknown kind `no_reed`; the nearest is `no_read`",
        "f.toml:6: `lane` must be a whole number from 1 to 1024, not 0",
        "f.toml:7: `for` must be a time such as \"5s\", \"250ms\" or \"10m\", not \"5\"",
        "f.toml:8: `lane_full` has no key `rat`; the nearest is `at`",
        "f.toml:9: the fault has no `kind`",
        "f.toml:11: `at` and `after_loads` exclude each other",
        "f.toml:13: `rate` must be a share above 0 and up to 1, with at most six decimals, such as 0.02, not 1.5",
    ];
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn broken_toml_is_a_problem_with_its_line() {
    assert!(parse("[[fault]]\nkind = \n").unwrap_err().starts_with("f.toml:2: "));
    assert!(parse("fault = 3").unwrap_err().contains("must be written `[[fault]]`"));
    assert!(parse("fault = [3]").unwrap_err().contains("must be a table"));
}

#[test]
fn exception_06_ends_by_time_or_by_count() {
    let plan = parse("[[fault]]\nkind = \"exception_06\"\ncount = 40\n").unwrap();
    assert_eq!(plan.faults[0].disturbance, Disturbance::Sorter(Knob::Exception06 { requests: 40 }));
    assert!(parse("[[fault]]\nkind = \"exception_06\"\n").is_err());
    assert!(parse("[[fault]]\nkind = \"exception_06\"\ncount = 4\nfor = \"1s\"\n").is_err());
}

#[test]
fn wrap_stands_once_and_gives_the_first_sequence() {
    assert_eq!(parse("[[fault]]\nkind = \"wrap\"\n").unwrap().first_sequence(), Some(65_500));
    assert_eq!(parse("").unwrap().first_sequence(), None);
    assert!(parse("[[fault]]\nkind = \"wrap\"\n[[fault]]\nkind = \"wrap\"\n").is_err());
}

#[test]
fn times_and_rates_are_exact() {
    assert_eq!(parse_duration("5s"), Some(Nanos::from_secs(5)));
    assert_eq!(parse_duration("250ms"), Some(Nanos::from_millis(250)));
    assert_eq!(parse_duration("10m"), Some(Nanos::from_secs(600)));
    for wrong in ["", "5", "s", "-5s", "5 s", "1.5s", "5h", "99999999999999999999s", "18446744073709551615s"]
    {
        assert_eq!(parse_duration(wrong), None, "{wrong}");
    }
    assert_eq!(parse_rate("0.02"), Some(20_000));
    assert_eq!(parse_rate("0.000001"), Some(1));
    assert_eq!(parse_rate("1"), Some(1_000_000));
    for wrong in ["0", "0.0", "1.000001", "-0.5", "1e-3", "0.0000001", ".5", "nan", "inf", "99999999999"] {
        assert_eq!(parse_rate(wrong), None, "{wrong}");
    }
}

#[test]
fn faults_begin_and_end_on_their_own_clocks() {
    let plan = parse(
        "[[fault]]\nkind = \"lane_full\"\nlane = 3\nat = \"10s\"\nfor = \"20s\"\n\
         [[fault]]\nkind = \"tcp_cut\"\nat = \"10s\"\nfor = \"3s\"\n\
         [[fault]]\nkind = \"fifo_reset\"\nafter_loads = 100\n",
    )
    .unwrap();
    let mut schedule = Schedule::new(plan);
    // The plant runs ten times as fast as the wall.
    let mut poll = |wall_ms: u64, loads| {
        let (plant, wall) = (Nanos::from_millis(wall_ms * 10), Nanos::from_millis(wall_ms));
        std::iter::from_fn(|| schedule.poll(plant, wall, loads)).collect::<Vec<_>>()
    };
    assert_eq!(poll(999, 0), []);
    assert_eq!(poll(1_000, 0), [Change::Begin(FaultId(0)), Change::Begin(FaultId(1))]);
    assert_eq!(poll(2_999, 99), []);
    assert_eq!(poll(3_000, 100), [Change::End(FaultId(0)), Change::Begin(FaultId(2))]);
    assert_eq!(poll(3_999, 500), []);
    assert_eq!(poll(4_000, 500), [Change::End(FaultId(1))]);
    assert_eq!(poll(9_000, 900), []);
}

#[test]
fn the_next_change_is_known_on_both_clocks() {
    let plan = parse(
        "[[fault]]\nkind = \"drive_stop\"\nat = \"10s\"\nfor = \"20s\"\n\
         [[fault]]\nkind = \"disk_stall\"\nfor = \"3s\"\n",
    )
    .unwrap();
    let mut schedule = Schedule::new(plan);
    assert_eq!(schedule.next_change(), (Some(Nanos::ZERO), None));
    assert_eq!(schedule.poll(Nanos::ZERO, Nanos::ZERO, 0), Some(Change::Begin(FaultId(1))));
    assert_eq!(schedule.next_change(), (Some(Nanos::from_secs(10)), Some(Nanos::from_secs(3))));
    assert_eq!(schedule.fault(FaultId(0)).disturbance, Disturbance::Sorter(Knob::DriveStop));
}

#[test]
fn what_was_planned_and_not_applied_is_named() {
    let two = "[[fault]]\nkind = \"lane_full\"\nlane = 3\nfor = \"1s\"\n".repeat(2);
    let plan = parse(&format!("{two}[[fault]]\nkind = \"no_read\"\nrate = 0.1\n")).unwrap();
    let mut schedule = Schedule::new(plan);
    schedule.set_applied(FaultKind::NoRead, 17, 16);
    schedule.set_applied(FaultKind::LaneFull, 1, 0);
    schedule.set_applied(FaultKind::Lost, 1, 1);
    assert_eq!(schedule.unapplied(), [FaultKind::LaneFull]);
    let counts = schedule.counts();
    assert_eq!(counts[&FaultKind::NoRead], FaultCount { planned: 1, applied: 17, loads_touched: 16 });
    assert!(!counts.contains_key(&FaultKind::Lost), "only planned kinds are reported");
}

#[test]
fn the_files_shipped_with_the_simulator_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let mut kinds = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let plan = parse(&std::fs::read_to_string(&path).unwrap());
        kinds.extend(plan.unwrap().faults.iter().map(|fault| fault.kind));
    }
    assert!(kinds.contains(&FaultKind::TcpCut) && kinds.len() >= 16, "{kinds:?}");
}

#[test]
fn lanes_are_lane_numbers() {
    let plan = parse("[[fault]]\nkind = \"lane_fault\"\nlane = 1024\nfor = \"1s\"\n").unwrap();
    assert_eq!(plan.faults[0].disturbance, Disturbance::Sorter(Knob::LaneFault { lane: LaneNo(1_024) }));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        drop(parse(&text));
    }

    #[test]
    fn arbitrary_values_never_panic(
        kind in prop::sample::select(RULES.iter().map(|rule| rule.name).collect::<Vec<_>>()),
        key in prop::sample::select(vec!["at", "for", "rate", "lane", "every", "delay", "count", "first", "link", "person"]),
        value in "[-0-9a-z\\.\"_é]{0,12}",
    ) {
        drop(parse(&format!("[[fault]]\nkind = \"{kind}\"\n{key} = {value}\n")));
    }
}
