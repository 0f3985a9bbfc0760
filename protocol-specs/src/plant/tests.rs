//! Plant file tests: the demo plant, every kind of problem with its line, and the way back to text.

use proptest::prelude::*;
use wcs_types::ids::{LaneNo, LinkId};
use wcs_types::plant::{BlockBases, Transport};
use wcs_types::{LineKind, LineSpec, LinkSpec};

use super::*;

const DEMO: &str = include_str!("../../../configs/plant.toml");

const PLANT: &str = "\
[plant]
id = 'p'
time_zone = 'UTC'
day_start = '06:00'
[[link]]
id = 'plc1'
transport = 'modbus_tcp'
endpoint = 'plc1.plant:502'
[[line]]
id = 's1'
kind = 'sorter'
profile = 'wcs-sorter-hs'
link = 'plc1'
unit_id = 1
[[chute]]
line = 's1'
id = 'o'
lanes = '1-3'
kind = 'order'
[[chute]]
line = 's1'
id = 'n'
lanes = '4'
kind = 'no_read'
[[chute]]
line = 's1'
id = 'e'
lanes = '5'
kind = 'exception'
";

fn problems(text: &str) -> Vec<String> {
    let found = load_plant(text, "plant.toml").unwrap_err().0;
    assert!(found.iter().all(|problem| problem.file == "plant.toml"));
    found.into_iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn demo_plant_has_64_chutes_in_lane_order() {
    let plant = load_plant(DEMO, "configs/plant.toml").unwrap();
    assert_eq!(plant.chutes.len(), 64);
    assert_eq!((plant.chutes[0].id.as_str(), plant.chutes[59].id.as_str()), ("order-1", "order-60"));
    assert_eq!((plant.chutes[60].id.as_str(), plant.chutes[62].id.as_str()), ("overflow-61", "no_read"));
    assert_eq!(plant.chutes[63].kind, ChuteKind::Exception);
    assert_eq!((plant.lines[0].lane_max, plant.day_start_minute), (LaneNo(64), 360));
    assert_eq!(plant.links[0].endpoint, "127.0.0.1:1502");
    assert_eq!(plant.lines[0].blocks, BlockBases::default());
}

#[test]
fn small_plant_is_sound() {
    assert_eq!(load_plant(PLANT, "plant.toml").unwrap().chutes.len(), 5);
}

/// Something of the small plant, what it is replaced by, and the problems that follow.
const CASES: &[(&str, &str, &str)] = &[
    (
        "id = 'p'",
        "idd = 'p'",
        "1: [plant] needs the key `id`|2: [plant] has no key `idd`; the nearest valid key is `id`",
    ),
    (
        "[plant]",
        "[plan]",
        "1: the file has no key `plan`; the nearest valid key is `plant`|1: the file needs the section [plant]",
    ),
    (
        "'UTC'",
        "'Mars/Base'",
        "3: `time_zone` must be an IANA name this machine knows, as Asia/Seoul, not `Mars/Base`",
    ),
    ("'06:00'", "'24:00'", "4: `day_start` must be a time from 00:00 to 23:59, not `24:00`"),
    ("'06:00'", "6", "4: `day_start` must be a text, not a whole number"),
    ("'modbus_tcp'", "'modbus_udp'", "7: there is no transport `modbus_udp`; the nearest is `modbus_tcp`"),
    ("plc1.plant:502", "plc1.plant", "8: `endpoint` must be host:port, and in `plc1.plant` there is no port"),
    ("plc1.plant:502", "plc1:0", "8: `endpoint` must be host:port, and in `plc1:0` the port is 0"),
    (
        "plc1.plant:502",
        "plc1:70000",
        "8: `endpoint` must be host:port, and in `plc1:70000` the port is not a number from 1 to 65535",
    ),
    (
        "plc1.plant:502",
        "10.0.0.256:502",
        "8: `endpoint` must be host:port, and in `10.0.0.256:502` the host is not a name or an address",
    ),
    (
        "plc1.plant:502",
        "fe80::1:502",
        "8: `endpoint` must be host:port, and in `fe80::1:502` the host is not a name or an address",
    ),
    ("kind = 'sorter'", "kind = 'sorte'", "11: there is no kind `sorte`; the nearest is `sorter`"),
    (
        "'wcs-sorter-hs'",
        "'wcs-sorter'",
        "12: there is no profile `wcs-sorter`; the nearest is `wcs-sorter-hs`",
    ),
    ("link = 'plc1'", "link = 'plc2'", "13: there is no link `plc2`; the nearest is `plc1`"),
    ("unit_id = 1", "unit_id = 256", "14: `unit_id` must be from 0 to 255, not 256"),
    ("unit_id = 1", "unit_id = 1.0", "14: `unit_id` must be a whole number, not a number with a point"),
    ("'1-3'", "'1-4'", "23: lane 4 of `s1` belongs to the chute on line 18 already"),
    ("'1-3'", "'0-3'", "18: lanes are counted from 1, and `0-3` begins at 0"),
    ("'1-3'", "'3-1'", "18: the range `3-1` ends before it begins"),
    ("'1-3'", "'1-3,2'", "18: lane 2 stands twice in `1-3,2`"),
    ("'1-3'", "'1-3,1025'", "18: a sorter has at most 1024 lanes, and `1025` goes beyond"),
    ("'1-3'", "'1-3,'", "18: `lanes` must be a list as \"1-4,9\", and `` is neither a lane nor a range"),
    ("'1-3'", "3", "18: `lanes` must be a text, not a whole number"),
    (
        "kind = 'order'",
        "kind = 'order'\nlanes_per_chute = 2",
        "18: lane 3 begins a chute of 2 lanes, but the next are not there",
    ),
    (
        "kind = 'order'",
        "kind = 'order'\nlanes_per_chute = 4",
        "20: `lanes_per_chute` must be from 1 to 3, not 4",
    ),
    ("kind = 'no_read'", "kind = 'overflow'", "10: sorter `s1` needs a chute of kind no_read"),
    ("id = 'e'", "id = 'n'", "28: the chute id `n` is used on line 23 already"),
    ("id = 'e'", "id = 'o-2'", "28: the chute id `o-2` is used on line 18 already"),
    (
        "kind = 'exception'",
        "kind = 'exceptional'",
        "29: there is no kind `exceptional`; the nearest is `exception`",
    ),
];

#[test]
fn each_problem_has_its_line() {
    for (from, to, expected) in CASES {
        assert!(PLANT.contains(from), "{from}");
        assert_eq!(problems(&PLANT.replacen(from, to, 1)).join("|"), *expected, "{from} -> {to}");
    }
}

#[test]
fn moved_blocks_must_not_overlap_nor_leave_the_space() {
    let moved = |blocks: &str| PLANT.replacen("unit_id = 1", &format!("unit_id = 1\nblocks = {blocks}"), 1);
    assert_eq!(
        load_plant(&moved("{ header = 500, control = 40000 }"), "f").unwrap().lines[0].blocks,
        BlockBases { header: Some(500), control: Some(40_000), ..BlockBases::default() }
    );
    assert_eq!(
        problems(&moved("{ header = 40 }")),
        [
            "15: block `lanes` at 64 to 255 overlaps block `header` at 40 to 71",
            "15: block `statics` at 32 to 63 overlaps block `header` at 40 to 71",
        ]
    );
    assert_eq!(
        problems(&moved("{ events = 45057 }")),
        ["15: block `events` of 20480 registers does not fit behind address 45057"]
    );
    assert_eq!(
        problems(&moved("{ event = 40000 }")),
        ["15: `blocks` has no key `event`; the nearest valid key is `events`"]
    );
}

#[test]
fn two_owners_of_a_unit_and_two_links_of_an_endpoint_are_found() {
    let line =
        "[[line]]\nid = 's2'\nkind = 'sorter'\nprofile = 'wcs-sorter-hs'\nlink = 'plc1'\nunit_id = 1\n";
    let chutes = "[[chute]]\nline = 's2'\nid = 'n2'\nlanes = '1'\nkind = 'no_read'\n[[chute]]\nline = 's2'\nid = 'e2'\nlanes = '2'\nkind = 'exception'\n";
    let link = "[[link]]\nid = 'plc2'\ntransport = 'modbus_tcp'\nendpoint = 'PLC1.plant:502'\n";
    assert_eq!(
        problems(&format!("{PLANT}{line}{chutes}{link}")),
        [
            "31: unit 1 of link `plc1` is owned by the line on line 10 already",
            "49: the endpoint `PLC1.plant:502` belongs to the link on line 8 already",
        ]
    );
    let sound = format!("{PLANT}{}{chutes}", line.replace("unit_id = 1", "unit_id = 2"));
    assert_eq!(load_plant(&sound, "f").unwrap().lines[1].lane_max, LaneNo(2));
}

#[test]
fn duplicate_ids_of_links_and_lines_are_found() {
    let twice =
        format!("{PLANT}{}", &PLANT[PLANT.find("[[link]]").unwrap()..PLANT.find("[[chute]]").unwrap()]);
    assert_eq!(
        problems(&twice),
        [
            "31: the link id `plc1` is used on line 6 already",
            "33: the endpoint `plc1.plant:502` belongs to the link on line 8 already",
            "35: the line id `s1` is used on line 10 already",
            "35: unit 1 of link `plc1` is owned by the line on line 10 already",
        ]
    );
}

#[test]
fn an_empty_file_says_what_is_missing() {
    assert_eq!(
        problems(""),
        [
            "1: the file needs the section [plant]",
            "1: the plant has no [[line]]",
            "1: the plant has no [[link]]",
            "1: the plant has no chutes",
        ]
    );
}

#[test]
fn text_that_is_not_toml_is_positioned() {
    let found = problems("[plant]\nid = \n[[link]\n");
    assert!(found.iter().any(|problem| problem.starts_with("2: not valid TOML")), "{found:?}");
    assert!(found.iter().any(|problem| problem.starts_with("3: not valid TOML")), "{found:?}");
}

#[test]
fn more_chutes_than_the_limit_are_refused() {
    let mut text = PLANT.to_owned();
    for line in 2..=9 {
        text += &format!(
            "[[line]]\nid = 's{line}'\nkind = 'sorter'\nprofile = 'wcs-sorter-hs'\nlink = 'plc1'\nunit_id = {line}\n\
            [[chute]]\nline = 's{line}'\nid = 'o{line}'\nlanes = '1-1022'\nkind = 'order'\n\
            [[chute]]\nline = 's{line}'\nid = 'n{line}'\nlanes = '1023'\nkind = 'no_read'\n\
            [[chute]]\nline = 's{line}'\nid = 'e{line}'\nlanes = '1024'\nkind = 'exception'\n"
        );
    }
    assert_eq!(problems(&text), ["1: the plant has 8197 chutes; at most 8192 can be driven"]);
}

/// Plants of one to three lines with chutes of one to three lanes, some under ids an entry would make.
fn any_plant() -> impl Strategy<Value = Plant> {
    let line = (
        prop::collection::vec((0_usize..4, 1_usize..4, any::<bool>(), 0_u16..3), 0..40),
        prop::option::of(40_000_u16..45_000),
    );
    (prop::collection::vec(line, 1..4), "[a-z\"\\\\ é]{0,8}", 0_u16..1_440).prop_map(
        |(lines, name, minute)| {
            let mut plant = Plant {
                id: format!("p{name}"),
                time_zone: "UTC".into(),
                day_start_minute: minute,
                ..Plant::default()
            };
            plant.links.push(LinkSpec {
                id: format!("l{name}"),
                endpoint: "[::1]:502".into(),
                transport: Transport::ModbusTcp,
            });
            for (index, (chutes, events)) in lines.into_iter().enumerate() {
                let line = LineId(index as u16);
                let mut lane = 1;
                let special = [(2, 1, true, 0), (3, 1, false, 0)];
                for (kind, width, is_made, gap) in special.into_iter().chain(chutes) {
                    lane += gap;
                    let lanes: Vec<LaneNo> = (lane..lane + width as u16).map(LaneNo).collect();
                    let id = if is_made {
                        format!("c{name}{index}-{lane}")
                    } else {
                        format!("x{name}{index}/{lane}")
                    };
                    plant.chutes.push(ChuteSpec {
                        id,
                        line,
                        kind: chutes::KINDS[kind].1,
                        lanes: lanes.as_slice().try_into().unwrap(),
                    });
                    lane += width as u16;
                }
                plant.lines.push(LineSpec {
                    id: format!("s{index}"),
                    kind: LineKind::Sorter,
                    profile: "wcs-sorter-hs".into(),
                    link: LinkId(0),
                    unit_id: index as u8,
                    lane_max: LaneNo(lane - 1),
                    blocks: BlockBases { events, ..BlockBases::default() },
                });
            }
            plant
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plant_survives_its_text(plant in any_plant()) {
        let text = plant_toml(&plant);
        let read = load_plant(&text, "f").map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;
        prop_assert_eq!(read, plant);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,300}", at in 0..=PLANT.len(), word in "[-0-9a-z='\\[\\]\",. \n]{0,12}") {
        for text in [text, format!("{}{word}{}", &PLANT[..at], &PLANT[at..])] {
            if let Err(problems) = load_plant(&text, "f") {
                prop_assert!(!problems.0.is_empty());
            }
        }
    }
}
