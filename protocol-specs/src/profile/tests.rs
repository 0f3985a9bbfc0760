//! Loader tests: the profile that is compiled in, and one small broken profile for each check.

use wcs_types::plant::BlockBases;

use super::*;
use crate::sorter_map::SorterMap;

const HEAD: &str = r#"
[profile]
id = "x"
version = 1
vendor = "v"
products = []
class = "sorter"
status = "own"
[transport]
kind = "modbus_tcp"
role = "client"
port = 502
unit_id = 1
[limits]
functions = [3]
max_read = 125
max_write = 123
response_timeout_ms = 300
[addressing]
base = 0
word_order = "hi_lo"
byte_order = "hi_lo"
"#;

fn messages(rest: &str) -> Vec<String> {
    match Profile::parse(&format!("{HEAD}{rest}"), "x.toml") {
        Ok(_) => Vec::new(),
        Err(ProfileError::Problems(problems)) => {
            problems.0.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

fn block(points: &str) -> String {
    format!(
        "[[block]]\nname = 'b'\nstart = 0\ncount = 4\naccess = 'w'\npoll = 'write'\ndoc = 'd'\npoints = [\n{points}\n]\n"
    )
}

#[test]
fn compiled_in_profile_loads_and_resolves_every_name() {
    let profile = Profile::load("wcs-sorter-hs").unwrap();
    let map = SorterMap::resolve(&profile, &BlockBases::default()).unwrap();
    assert_eq!((map.magic, map.version), (0x5753, 0x0100));
    assert_eq!(map.events_block, BlockMap { start: 1000, count: 20_480 });
    assert_eq!(map.commands_block, BlockMap { start: 31_000, count: 6_144 });
    assert_eq!((map.control_block.count, map.control_count, map.control.lane_closing), (80, 16, 16));
    assert_eq!((map.event_slot_count, map.command_slot_count), (40, 12));
    assert_eq!((map.event.seq_copy, map.event.body, map.event.scan_text), (39, 10, 20));
    assert_eq!((map.statics.owner_tag, map.statics.path_mm), (14, 15));
    assert!(profile.area("header").unwrap().point("safety_status").unwrap().is_safety);
}

#[test]
fn moved_block_must_stay_in_the_address_space() {
    let profile = Profile::load("wcs-sorter-hs").unwrap();
    let moved =
        |events| SorterMap::resolve(&profile, &BlockBases { events: Some(events), ..BlockBases::default() });
    assert_eq!(moved(45_056).unwrap().events_block.start, 45_056);
    assert!(matches!(moved(45_057), Err(ProfileError::OutOfSpace { start: 45_057, .. })));
}

#[test]
fn unknown_names_are_named() {
    let profile = Profile::load("wcs-sorter-hs").unwrap();
    assert!(profile.offset("header", "nothing").unwrap_err().to_string().contains("`nothing`"));
    assert!(profile.constant("nothing").unwrap_err().to_string().contains("`nothing`"));
    assert!(profile.number("event_type", "nothing").unwrap_err().to_string().contains("`event_type`"));
    assert!(Profile::load("other").unwrap_err().to_string().contains("wcs-sorter-hs"));
}

#[test]
fn a_sound_small_profile_has_no_problems() {
    let point = "{ at = 0, name = 'p', type = 'u16', range = [0, 1], doc = 'd' },";
    assert_eq!(messages(&block(point)), Vec::<String>::new());
}

#[test]
fn each_check_reports_its_line() {
    let point = |rest: &str| block(&format!("{{ at = 0, name = 'p', type = 'u16', doc = 'd'{rest} }},"));
    let two = |first: &str, second: &str| {
        block(&format!(
            "{{ type = 'u16', range = [0, 1], doc = 'd', {first} }},\n{{ type = 'u16', range = [0, 1], doc = 'd', {second} }},"
        ))
    };
    let cases = [
        (point(", range = [0, 1], rang = [0, 1]"), "31: a point has no key `rang`; the nearest valid key is `range`"),
        (point(""), "31: `p` is writable and needs a `range`"),
        (point(", range = [0, 70000]"), "31: the range of `p` must lie inside 0 to 65535"),
        (point(", range = [0, 1], safety = true"), "31: `p` is a safety signal and must not be writable"),
        (point(", range = [0, 1], enum = 'e'"), "31: there is no enum `e`"),
        (point(", range = [0, 1], bits = 'e'"), "31: there is no bit list `e`"),
        (
            point(", range = [0, 1], confidence = 'unverified'"),
            "31: `p` is unverified: say `used = false`, or where it is known from",
        ),
        (two("at = 0, name = 'a'", "at = 0, name = 'b'"), "32: `b` overlaps `a` of line 31"),
        (two("at = 0, name = 'a'", "at = 1, name = 'a'"), "32: the point `a` is defined on line 31 already"),
        (two("at = 0, name = 'a'", "at = 4, name = 'b'"), "32: `b` leaves `b`, which has 4 words"),
        (
            "[[enum]]\nname = 'e'\nvalues = [\n{ value = 1, name = 'a', doc = 'd' },\n{ value = 1, name = 'b', doc = 'd' },\n]\n".into(),
            "27: `a` and `b` of `e` are both 1",
        ),
        (
            "[[bits]]\nname = 'e'\nfields = [\n{ bit = 1, name = 'a', doc = 'd' },\n{ bit = 0, width = 2, name = 'b', doc = 'd' },\n]\n".into(),
            "27: `a` and `b` share a bit",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(messages(&text), [expected], "{text}");
    }
}

#[test]
fn blocks_must_not_overlap_nor_exceed_a_request() {
    let text = "[[block]]\nname = 'a'\nstart = 0\ncount = 126\naccess = 'r'\npoll = 'fast'\ndoc = 'd'\n\
        [[block]]\nname = 'b'\nstart = 125\ncount = 65535\naccess = 'r'\npoll = 'slow'\ndoc = 'd'\n";
    assert_eq!(
        messages(text),
        [
            "23: `a` has 126 words, one request carries 125",
            "30: block `b` goes beyond address 65535",
            "30: block `b` overlaps block `a`",
        ]
    );
}

#[test]
fn slots_must_fill_their_block() {
    let text = "[[block]]\nname = 'a'\nstart = 0\ncount = 30\naccess = 'r'\npoll = 'event'\ndoc = 'd'\n\
        [[slot]]\nname = 's'\nblock = 'a'\nwords = 8\nmax = 4\ndoc = 'd'\n";
    assert_eq!(messages(text), ["30: 4 slots of 8 words do not fill block `a` of 30"]);
}

#[test]
fn every_problem_comes_at_once() {
    let text = format!("{}[[nonsense]]\n", block("{ at = 9, name = '', type = 'u17', doc = 1 },"));
    let found = messages(&text);
    assert_eq!(found.len(), 4, "{found:?}");
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        for text in [text.clone(), format!("{HEAD}{text}")] {
            if let Err(ProfileError::Problems(problems)) = Profile::parse(&text, "x.toml") {
                proptest::prop_assert!(!problems.0.is_empty());
            }
        }
    }
}
