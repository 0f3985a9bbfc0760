//! Files that people write: plant, site, mapping, profile, vectors and faults. Each is taken or refused with problems,
//! every one of them with a line that the file has; what is taken and has a writer comes back the same.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use wcs_intake::Mapping;
use wcs_sim::faults::FaultPlan;
use wcs_sim::feed::FeedMapping;
use wcs_specs::{
    Problem, Profile, ProfileError, SorterMap, SorterWords, Surroundings, Vectors, load_calendar, load_plant,
    load_site, plant_toml, prose, shifts_toml,
};
use wcs_types::plant::BlockBases;

use super::words_of;
use crate::fuzzing::{Bounds, Decoder, Outcome};

const FILE: &str = "f.toml";
/// What holds TOML together, and what it does not take.
const MARKS: [&str; 24] = [
    "[",
    "[[",
    "]",
    "]]",
    "=",
    " = ",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "#",
    "\n",
    "\\u0000",
    "\\",
    "true",
    "1979-05-27T07:32:00Z",
    "inf",
    "0x",
    "1_0",
    "\u{FEFF}",
    "가",
];
/// Reading a text allocates for each key and value; problems are sentences of their own. A plant reads the profile of
/// each line.
const BOUNDS: Bounds =
    Bounds { held: 4 << 20, held_per_byte: 400, allocations: 10_000, allocations_per_byte: 30 };

const SMALL_PLANT: &str = "\
[plant]\nid = 'p'\ntime_zone = 'Asia/Seoul'\nday_start = '06:00'
[[shift]]\nname = 'early'\nstart = '06:00'\nend = '14:00'\ndays = ['mon', 'tue']
[[link]]\nid = 'plc1'\ntransport = 'modbus_tcp'\nendpoint = 'plc1.plant:502'
[[link]]\nid = 'plc2'\ntransport = 'modbus_tcp'\nendpoint = '[::1]:502'
[[line]]\nid = 's1'\nkind = 'sorter'\nprofile = 'wcs-sorter-hs'\nlink = 'plc1'\nunit_id = 1\nblocks = { events = 31000 }
[[line]]\nid = 's2'\nkind = 'sorter'\nprofile = 'wcs-sorter-hs'\nlink = 'plc2'\nunit_id = 2
[[chute]]\nline = 's1'\nid = 'o'\nlanes = '1-3'\nkind = 'order'
[[chute]]\nline = 's1'\nid = 'wide'\nlanes = '4-5'\nlanes_per_chute = 2\nkind = 'order'
[[chute]]\nline = 's1'\nid = 'n'\nlanes = '6'\nkind = 'no_read'
[[chute]]\nline = 's1'\nid = 'e'\nlanes = '7'\nkind = 'exception'
";
const FULL_SITE: &str = "\
plant = 'plant.toml'\ndata = 'data'\njournal = 'journal'\nmappings = 'mappings'
[http]\nlisten = '127.0.0.1:9500'\njson_kib_max = 8192\ncsv_kib_max = 65536\nbody_seconds_max = 30
requests_max = 256\nevent_clients_max = 64
[store]\naddress = 'sqlite:store.db'
[log]\nformat = 'json'\nfilter = 'info'
[realtime]\ncore_cpu = 1\njournal_cpu = 0\nother_cpus = [0, 3]\ncore_fifo_priority = 40\nlock_memory = true
demand = 'prefer'
";
const FULL_MAPPING: &str = "\
[file]\nencoding = 'cp949'\ndelimiter = ';'
[columns]\norder = 'O'\nsku = 'S'\nquantity = 'Q'\ndescription = 'D'\ncustomer = 'C'\nline = 'L'\nowner = 'W'
priority = 'P'\ndue_at = 'T'
[[refuse]]\nreason = 'r'\ncolumn = 'quantity'\nrule = 'not_positive'
[[refuse]]\nreason = 's'\ncolumn = 'D'\nrule = { not_matching = '^\\d{5}[A-Za-z]{0,2}$' }
";

pub(super) const PLANT: Decoder = Decoder {
    name: "plant",
    reads: "plant files with their shifts",
    seeds: || texts(&[include_str!("../../../configs/plant.toml"), SMALL_PLANT]),
    words: || words_of(SMALL_PLANT, &MARKS),
    size_max: 4_096,
    cases: 600,
    answers_min: 40,
    // Each line that moves blocks reads its profile.
    bounds: Bounds { allocations: 20_000, allocations_per_byte: 220, ..BOUNDS },
    bench: || Box::new(|input| plant(&String::from_utf8_lossy(input))),
};
pub(super) const SITE: Decoder = Decoder {
    name: "site",
    reads: "site files",
    seeds: || texts(&[include_str!("../../../configs/site.toml"), FULL_SITE]),
    words: || words_of(FULL_SITE, &MARKS),
    size_max: 4_096,
    cases: 1_500,
    answers_min: 35,
    bounds: BOUNDS,
    bench: || Box::new(|input| site(&String::from_utf8_lossy(input))),
};
pub(super) const MAPPING: Decoder = Decoder {
    name: "mapping",
    reads: "mappings of order files",
    seeds: || texts(&[Mapping::retail_text(), FULL_MAPPING]),
    words: || words_of(FULL_MAPPING, &MARKS),
    size_max: 2_048,
    cases: 1_000,
    answers_min: 25,
    // A pattern is compiled, and may be large when it is.
    bounds: Bounds { held: 24 << 20, held_per_byte: 400, allocations: 1_000_000, allocations_per_byte: 100 },
    bench: || Box::new(|input| mapping(&String::from_utf8_lossy(input))),
};
pub(super) const PROFILE: Decoder = Decoder {
    name: "profile",
    reads: "device profiles",
    seeds: || texts(&[include_str!("../../../protocol-specs/wcs-sorter-hs/profile.toml")]),
    words: || words_of(include_str!("../../../protocol-specs/wcs-sorter-hs/profile.toml"), &MARKS),
    size_max: 32 * 1024,
    cases: 100,
    answers_min: 12,
    bounds: BOUNDS,
    bench: || Box::new(|input| profile(&String::from_utf8_lossy(input))),
};
pub(super) const VECTORS: Decoder = Decoder {
    name: "vectors",
    reads: "worked examples of a profile",
    seeds: || texts(&[include_str!("../../../protocol-specs/wcs-sorter-hs/vectors.toml")]),
    words: || words_of(include_str!("../../../protocol-specs/wcs-sorter-hs/vectors.toml"), &MARKS),
    size_max: 20 * 1024,
    cases: 100,
    answers_min: 12,
    bounds: BOUNDS,
    bench: || {
        let profile = Profile::load("wcs-sorter-hs").expect("a profile that is compiled in is sound");
        Box::new(move |input| {
            let text = String::from_utf8_lossy(input);
            match Vectors::parse(&text, FILE, &profile) {
                Ok(vectors) => {
                    Ok(format!("{} images and {} frames", vectors.images.len(), vectors.frames.len()))
                }
                Err(problems) => refused(&problems.0, &text),
            }
        })
    },
};
pub(super) const FAULTS: Decoder = Decoder {
    name: "faults",
    reads: "fault files",
    seeds: fault_files,
    words: || {
        let all = fault_files();
        let all: Vec<_> = all.iter().map(|text| String::from_utf8_lossy(text)).collect();
        words_of(&all.concat(), &MARKS)
    },
    size_max: 2_048,
    cases: 2_000,
    answers_min: 50,
    bounds: BOUNDS,
    bench: || {
        Box::new(|input| {
            let text = String::from_utf8_lossy(input);
            match FaultPlan::parse(&text, FILE) {
                Ok(plan) => Ok(format!("taken: {:?}", plan.faults.first().map(|fault| fault.kind))),
                Err(problems) => refused(&problems.0, &text),
            }
        })
    },
};

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn fault_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim/faults");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the fault files lie beside the simulator")
        .map(|entry| entry.expect("a folder of the repository can be read").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a fault file can be read")).collect()
}

/// A refusal has problems, each with a sentence and a line of this text.
fn refused(problems: &[Problem], text: &str) -> Outcome {
    let places = problems.iter().map(|problem| (problem.line, problem.file.as_str(), &problem.message));
    refused_at(places, text)
}

fn refused_at<'a, M: Display + 'a>(problems: impl Iterator<Item = (u32, &'a str, M)>, text: &str) -> Outcome {
    let last = text.matches('\n').count() as u64 + 1;
    let mut kinds = BTreeSet::new();
    for (line, file, message) in problems {
        let message = message.to_string();
        if line == 0 || u64::from(line) > last {
            return Err(format!("`{message}` is on line {line} of {last}"));
        }
        if message.trim().is_empty() || file != FILE {
            return Err(format!("a problem of `{file}` says nothing: `{message}`"));
        }
        kinds.insert(message);
    }
    kinds
        .pop_first()
        .map(|first| format!("refused: {first}"))
        .ok_or_else(|| "refused without a problem".to_owned())
}

fn plant(text: &str) -> Outcome {
    let calendar = load_calendar(text, FILE);
    let plant = match load_plant(text, FILE) {
        Ok(plant) => plant,
        Err(problems) => return refused(&problems.0, text),
    };
    let calendar = match calendar {
        Ok(calendar) => calendar,
        Err(problems) => return refused(&problems.0, text),
    };
    let written = plant_toml(&plant) + &shifts_toml(&calendar);
    match (load_plant(&written, FILE), load_calendar(&written, FILE)) {
        (Ok(again), Ok(days)) if again == plant && days == calendar => {
            Ok(format!("taken: {} lines, {} shifts", plant.lines.len().min(2), calendar.shifts.len().min(2)))
        }
        (again, days) => {
            Err(format!("written and read again it is another plant: {again:?} {days:?}\n{written}"))
        }
    }
}

fn site(text: &str) -> Outcome {
    let check_filter = |text: &str| if text.contains("!!") { Err("no filter".to_owned()) } else { Ok(()) };
    let surroundings = Surroundings { cpus: BTreeSet::from([0, 1, 2, 3]), check_filter };
    match load_site(text, FILE, &surroundings) {
        Ok(site) => Ok(format!("taken: {}, {}", site.http.is_some(), site.plant.is_some())),
        Err(problems) => refused(&problems.0, text),
    }
}

fn mapping(text: &str) -> Outcome {
    match Mapping::parse(text, FILE) {
        Ok(_) => match FeedMapping::parse(text) {
            Ok(_) => Ok("taken by both readings".to_owned()),
            Err(error) => Err(format!("the second reading refuses what the first takes: {error}")),
        },
        Err(problems) => refused_at(
            problems.0.iter().map(|problem| (problem.line, problem.file.as_str(), &problem.message)),
            text,
        ),
    }
}

fn profile(text: &str) -> Outcome {
    let profile = match Profile::parse(text, FILE) {
        Ok(profile) => profile,
        Err(ProfileError::Problems(problems)) => return refused(&problems.0, text),
        Err(other) => return Err(format!("a text was refused without a line: {other}")),
    };
    // Whoever reads tables out of it gets them, or is told which name is missing.
    prose::tables(&profile);
    let map = SorterMap::resolve(&profile, &BlockBases::default());
    let words = SorterWords::resolve(&profile);
    match map.err().or(words.err()) {
        None => Ok("taken, with every name".to_owned()),
        Some(error) => Ok(format!("taken, but {error}")),
    }
}
