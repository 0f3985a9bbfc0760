//! Header, static block and lane bitmaps of a device that says what it likes. A session may refuse it; it never panics,
//! never writes before the core has attached it, and whatever it tells of the device lies within the profile.
//!
//! Input: one byte of flags, the static block, the lane bitmaps, then headers that are shown one after the other.

use wcs_types::limits::LANE_COUNT_MAX;
use wcs_types::{Epoch, Input, LinkChange, PlcHello};

use super::sorter_image::{Golden, SorterImage, bytes_of, words_of};
use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Headers shown at most.
const HEADERS_MAX: usize = 12;
const ATTACHES: u8 = 1;
/// Steps for which each header stands.
const STEPS_EACH: usize = 10;

pub(super) const REGISTERS: Decoder = Decoder {
    name: "registers",
    reads: "header, static block and lanes of a device",
    seeds,
    words: || {
        [&[0, 0][..], &[0xFF, 0xFF], &[0x12, 0x67], &[0x80, 0], &[0, 16], &[2, 0]]
            .map(<[u8]>::to_vec)
            .to_vec()
    },
    size_max: 2_048,
    cases: 700,
    answers_min: 30,
    bounds: Bounds { held: 1 << 20, held_per_byte: 16, allocations: 4_000, allocations_per_byte: 4 },
    bench: || {
        let golden = Golden::load();
        Box::new(move |input| check(&golden, input))
    },
};

fn seeds() -> Vec<Vec<u8>> {
    let golden = Golden::load();
    let (header, statics) = golden.waiting();
    let mut lanes = golden.image("lane bitmaps: lane 5 full, lane 17 at fault");
    lanes.resize(usize::from(golden.map.lanes_block.count), 0);
    let mut shown = header.clone();
    shown[golden.map.header.evt_head] = 3;
    let mut next_life = header.clone();
    next_life[golden.map.header.plc_epoch] += 1;
    let first = golden.image("header after a first start");
    let input = |flags: u8, headers: &[&[u16]]| {
        let headers: Vec<u16> = headers.concat();
        [vec![flags], bytes_of(&statics), bytes_of(&lanes), bytes_of(&headers)].concat()
    };
    let mut first = first;
    first.resize(header.len(), 0);
    vec![
        input(ATTACHES, &[&header]),
        input(0, &[&header]),
        input(ATTACHES, &[&header, &header, &shown, &next_life]),
        input(ATTACHES, &[&first, &header]),
    ]
}

fn check(golden: &Golden, input: &[u8]) -> Outcome {
    let [flags, rest @ ..] = input else { return Ok("nothing".to_owned()) };
    let words = words_of(rest);
    let (map, attaches) = (&golden.map, flags & ATTACHES != 0);
    let cut = |words: &[u16], size: u16| words.split_at(usize::from(size).min(words.len())).0.len();
    let (statics, words) = words.split_at(cut(&words, map.statics_block.count));
    let (lanes, words) = words.split_at(cut(words, map.lanes_block.count));
    let mut image = SorterImage::new(golden);
    image.attaches = attaches;
    image.hold(map.statics_block.start, statics);
    image.hold(map.lanes_block.start, lanes);
    for header in words.chunks(usize::from(map.header_block.count)).take(HEADERS_MAX) {
        image.hold(map.header_block.start, header);
        for _ in 0..STEPS_EACH {
            image.step()?;
        }
    }
    if !attaches && image.writes > 0 {
        return Err(format!("{} writes to a device nobody attached", image.writes));
    }
    let mut told: Vec<String> = Vec::new();
    for input in &image.inputs {
        if let Input::Link { change, .. } = input {
            if let LinkChange::Met(hello) = change {
                is_possible(hello)?;
            }
            told.push(match change {
                LinkChange::Faulted(fault) => format!("{fault:?}"),
                LinkChange::Offline(reason) => format!("{reason:?}"),
                other => {
                    let text = format!("{other:?}");
                    text[..text.find([' ', '(']).unwrap_or(text.len())].to_owned()
                }
            });
        }
    }
    told.dedup();
    Ok(told.join(" "))
}

/// What the profile forbids was refused before the core was told.
fn is_possible(hello: &PlcHello) -> Result<(), String> {
    let most = LANE_COUNT_MAX as u16;
    let lanes = [hello.lane_noread, hello.lane_exception];
    let is_good = lanes.iter().all(|lane| (1..=most).contains(&lane.0))
        && hello.lane_overflow.iter().all(|lane| lane.0 <= most)
        && hello.plc_epoch != Epoch::NONE;
    if is_good { Ok(()) } else { Err(format!("the core is told of {hello:?}")) }
}
