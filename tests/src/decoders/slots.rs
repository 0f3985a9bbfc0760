//! Slots of the event window, read by a session from a device that is attached. Events come in the order of their
//! slots without a gap, and each says what the generic codec of the profile reads in the same slot.
//!
//! Input: one byte of flags, then the slots. With the flags the slots get their sequence numbers and the life of the
//! PLC put right, so that what is spoilt is their content and not only their envelope.

use std::collections::BTreeMap;

use wcs_specs::codec::{Value, decode};
use wcs_types::{Epoch, EventBody, EventSeq, Input, LinkChange, SorterEvent};

use super::sorter_image::{Golden, SorterImage, bytes_of, words_of};
use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Slots shown at once.
const SLOTS_MAX: usize = 16;
const NUMBERED: u8 = 1;
const OF_THIS_LIFE: u8 = 2;
/// Exchanges until everything shown is taken, and then some.
const STEPS: usize = 60;

pub(super) const SLOTS: Decoder = Decoder {
    name: "slots",
    reads: "slots of the event window",
    seeds,
    words: || {
        [&[0, 1][..], &[0, 2], &[0, 10], &[0xFF, 0xFF], &[0, 38], &[0, 39], &[0x80, 0], b"(00)34", &[0; 4]]
            .map(<[u8]>::to_vec)
            .to_vec()
    },
    size_max: 1 + SLOTS_MAX * 80,
    cases: 800,
    answers_min: 30,
    bounds: Bounds { held: 1 << 20, held_per_byte: 16, allocations: 6_000, allocations_per_byte: 4 },
    bench: || {
        let golden = Golden::load();
        Box::new(move |input| check(&golden, input))
    },
};

fn seeds() -> Vec<Vec<u8>> {
    let golden = Golden::load();
    let slots = golden.vectors.images.iter().filter(|image| image.kind == "event_slot");
    let slots: Vec<Vec<u8>> = slots.map(|image| bytes_of(&image.words)).collect();
    let all = |flags: u8| [vec![flags], slots.concat()].concat();
    let mut seeds = vec![all(NUMBERED | OF_THIS_LIFE), all(0), all(NUMBERED)];
    seeds.extend(slots.iter().map(|slot| [&[NUMBERED | OF_THIS_LIFE][..], slot].concat()));
    seeds
}

fn check(golden: &Golden, input: &[u8]) -> Outcome {
    let [flags, rest @ ..] = input else { return Ok("nothing".to_owned()) };
    let size = usize::from(golden.map.event_slot_count);
    let mut slots: Vec<Vec<u16>> = rest.chunks(size * 2).take(SLOTS_MAX).map(words_of).collect();
    let Some(first) = slots.first().and_then(|slot| slot.first()).copied() else {
        return Ok("nothing".to_owned());
    };
    put_right(golden, *flags, first, &mut slots);
    let mut image = laid_out(golden, first, &slots);
    for _ in 0..STEPS {
        image.step()?;
    }
    let events = image.inputs.iter().filter_map(|input| match input {
        Input::Sorter { event, .. } => Some(event),
        _ => None,
    });
    let mut kinds: Vec<String> = Vec::new();
    let mut next = EventSeq(first);
    for event in events {
        if event.seq != next {
            return Err(format!("event {} comes where {} belongs", event.seq.0, next.0));
        }
        next = event.seq_last.next();
        let place = usize::from(event.seq.0.wrapping_sub(first));
        let slot = slots.get(place).ok_or_else(|| format!("event {} was never shown", event.seq.0))?;
        says(golden, event, slot)?;
        kinds.push(kind_of(&event.body));
    }
    kinds.sort();
    kinds.dedup();
    let last = image.inputs.iter().rev().find_map(|input| match input {
        Input::Link { change: LinkChange::Faulted(fault), .. } => Some(format!("{fault:?}")),
        Input::Link { change: LinkChange::Offline(reason), .. } => Some(format!("{reason:?}")),
        _ => None,
    });
    Ok(format!("{} {last:?}", kinds.join(" ")))
}

/// Gives slots their numbers and the life of the PLC, where the flags say so.
fn put_right(golden: &Golden, flags: u8, first: u16, slots: &mut [Vec<u16>]) {
    let at = &golden.map.event;
    let epoch = golden.waiting().0[golden.map.header.plc_epoch];
    for (index, slot) in (0_u16..).zip(slots) {
        slot.resize(usize::from(golden.map.event_slot_count), 0);
        if flags & NUMBERED != 0 {
            slot[at.seq] = first.wrapping_add(index);
            slot[at.seq_copy] = slot[at.seq];
        }
        if flags & OF_THIS_LIFE != 0 {
            slot[at.flags] = slot[at.flags] & 0x00FF | epoch << 8;
        }
    }
}

/// A device that shows these slots.
fn laid_out(golden: &Golden, first: u16, slots: &[Vec<u16>]) -> SorterImage {
    let (mut header, statics) = golden.waiting();
    let at = &golden.map.header;
    for place in [at.evt_taken_echo, at.evt_ack_echo] {
        header[place] = first;
    }
    header[at.evt_head] = first.wrapping_add(slots.len() as u16);
    let mut image = SorterImage::new(golden);
    image.hold(golden.map.header_block.start, &header);
    image.hold(golden.map.statics_block.start, &statics);
    let window = statics[golden.map.statics.evt_slots];
    for (index, slot) in (0_u16..).zip(slots) {
        let place = first.wrapping_add(index) % window.max(1);
        image.hold(golden.map.events_block.start + place * golden.map.event_slot_count, slot);
    }
    image
}

fn kind_of(body: &EventBody) -> String {
    let text = format!("{body:?}");
    let end = text.find([' ', '(']).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The event says what the codec reads in its slot.
fn says(golden: &Golden, event: &SorterEvent, slot: &[u16]) -> Result<(), String> {
    let area = golden.profile.area("event_slot").expect("the profile has event slots");
    let values = decode(&golden.profile, area, slot);
    let expect = |name: &str, told: u64| {
        let read = number(&values, name);
        if read == Some(told) {
            Ok(())
        } else {
            Err(format!("{name} is {read:?} in the slot and {told} in {event:?}"))
        }
    };
    expect("seq", event.seq.0.into())?;
    expect("item", event.item.into())?;
    expect("station", event.station.into())?;
    expect("plc_tick", event.plc_tick_ms.into())?;
    expect("belt_mm", event.belt.0.into())?;
    match &event.body {
        EventBody::Exit { requested, actual, turns, since_scan_ms, result, .. } => {
            expect("exit_requested", requested.0.into())?;
            expect("exit_actual", actual.0.into())?;
            expect("exit_turns", (*turns).into())?;
            expect("exit_result", result.to_wire().into())?;
            expect("exit_since_scan_ms", (*since_scan_ms).into())
        }
        EventBody::Lane { lane, .. } => expect("lane_lane", lane.0.into()),
        EventBody::Checkpoint { checkpoint, .. } => expect("checkpoint_number", (*checkpoint).into()),
        EventBody::Alarm { code, severity, place, .. } => {
            expect("alarm_code", (*code).into())?;
            expect("alarm_severity", (*severity).into())?;
            expect("alarm_place", (*place).into())
        }
        EventBody::State { old, new, cause } => {
            expect("state_old", old.0.into())?;
            expect("state_new", new.0.into())?;
            expect("state_cause", (*cause).into())
        }
        EventBody::CommandRejected { command, owner_epoch: Epoch(owner), .. } => {
            expect("reject_command", command.0.into())?;
            expect("reject_owner_epoch", (*owner).into())
        }
        EventBody::Scan(scan) => {
            let size = number(&values, "scan_text_length").unwrap_or_default() as usize;
            let bytes: Vec<u8> =
                slot[golden.map.event.scan_text..].iter().flat_map(|word| word.to_be_bytes()).collect();
            let is_kept = (1..=usize::from(golden.words.numbers.text_bytes_max)).contains(&size);
            match scan.codes.first() {
                Some(code) if is_kept && !code.as_bytes().starts_with(&bytes[..size]) => {
                    Err(format!("the code {code:?} is not the text of its slot"))
                }
                None if is_kept => Err("the text of a scan is missing".to_owned()),
                _ => Ok(()),
            }
        }
        EventBody::Unknown { kind } => {
            let is_exit = *kind == golden.words.events.exit;
            if is_exit { Ok(()) } else { expect("kind", (*kind).into()) }
        }
    }
}

fn number(values: &BTreeMap<String, Value>, name: &str) -> Option<u64> {
    values.get(name).and_then(Value::as_u64)
}
