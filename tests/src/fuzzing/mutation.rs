//! Ways in which a valid input goes wrong: bits, bytes, numbers, words of the format, lines and pieces that are lost,
//! doubled, exchanged or taken from another input. Knows no format; what one is made of it is told as words.

use super::dice::Dice;

/// Changes one input suffers at most.
const CHANGES_MAX: usize = 6;
/// Copies of one piece that are put in at most: long runs are what buffers and nesting break on.
const COPIES_MAX: usize = 300;
/// Numbers at which something usually ends.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];
/// The same as people write them, and what is no number at all.
const WRITTEN: [&str; 14] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "999999",
    "4294967296",
    "-9223372036854775808",
    "18446744073709551616",
    "1e309",
    "0x1_0",
    "nan",
];

/// What inputs are made from.
pub(super) struct Material<'a> {
    /// Inputs that were worth keeping.
    pub(super) pool: &'a [Vec<u8>],
    /// Words that mean something in the format.
    pub(super) words: &'a [Vec<u8>],
    /// Bytes of an input at most.
    pub(super) size_max: usize,
}

/// An input made from one of the pool.
pub(super) fn mutated(dice: &mut Dice, material: &Material<'_>) -> Vec<u8> {
    let mut input = dice.pick(material.pool).cloned().unwrap_or_default();
    for _ in 0..=dice.below(CHANGES_MAX) {
        change(dice, material, &mut input);
    }
    input.truncate(material.size_max);
    input
}

fn change(dice: &mut Dice, material: &Material<'_>, input: &mut Vec<u8>) {
    match dice.below(16) {
        0 | 1 => flip(dice, input),
        2 | 3 => edge(dice, input),
        4 => {
            let range = dice.range(input.len());
            input.drain(range);
        }
        5 => {
            let piece = input[dice.range(input.len())].to_vec();
            let copies = if dice.below(8) == 0 { dice.below(COPIES_MAX) } else { 1 };
            if piece.len() * copies <= material.size_max {
                insert(dice, input, &piece.repeat(copies));
            }
        }
        6 => {
            let noise: Vec<u8> = (0..=dice.below(8)).map(|_| dice.number() as u8).collect();
            insert(dice, input, &noise);
        }
        7 | 8 => put_word(dice, material.words, input),
        9 | 10 => written_number(dice, input),
        11 => {
            if let Some(other) = dice.pick(material.pool) {
                let piece = other[dice.range(other.len())].to_vec();
                insert(dice, input, &piece);
            }
        }
        12 => input.truncate(dice.below(input.len() + 1)),
        13 => exchange(dice, input),
        14 => change_line(dice, input),
        _ => {
            if let Some(other) = dice.pick(material.pool) {
                // The front of one and the back of another.
                input.truncate(dice.below(input.len() + 1));
                input.extend_from_slice(&other[dice.below(other.len() + 1)..]);
            }
        }
    }
}

fn insert(dice: &mut Dice, input: &mut Vec<u8>, piece: &[u8]) {
    let at = dice.below(input.len() + 1);
    input.splice(at..at, piece.iter().copied());
}

fn flip(dice: &mut Dice, input: &mut [u8]) {
    let (at, change) = (dice.below(input.len()), dice.number() as u8);
    if let Some(byte) = input.get_mut(at) {
        *byte = if change.is_multiple_of(2) { *byte ^ 1 << (change >> 5) } else { change };
    }
}

/// Puts a number of one to eight bytes at which something ends over what is there, or moves the one there a little.
fn edge(dice: &mut Dice, input: &mut [u8]) {
    let width = 1 << dice.below(4);
    let at = dice.below(input.len());
    let Some(place) = input.get_mut(at..at + width) else { return };
    let is_big_endian = dice.below(2) == 0;
    let mut bytes = [0; 8];
    if dice.below(2) == 0 {
        for (to, from) in bytes.iter_mut().zip(place.iter()) {
            *to = *from;
        }
        if is_big_endian {
            bytes[..width].reverse();
        }
        let step = (dice.below(9) as u64).wrapping_sub(4);
        bytes = u64::from_le_bytes(bytes).wrapping_add(step).to_le_bytes();
    } else {
        bytes = EDGES[dice.below(EDGES.len())].to_le_bytes();
    }
    if is_big_endian {
        bytes[..width].reverse();
    }
    place.copy_from_slice(&bytes[..width]);
}

/// A word of the format, put in or written over what is there.
fn put_word(dice: &mut Dice, words: &[Vec<u8>], input: &mut Vec<u8>) {
    let Some(word) = dice.pick(words) else { return flip(dice, input) };
    let at = dice.below(input.len() + 1);
    let end = if dice.below(2) == 0 { at } else { (at + word.len()).min(input.len()) };
    input.splice(at..end, word.iter().copied());
}

/// Another number where one is written in digits.
fn written_number(dice: &mut Dice, input: &mut Vec<u8>) {
    let from = dice.below(input.len());
    let Some(start) = input[from..].iter().position(u8::is_ascii_digit) else { return flip(dice, input) };
    let start = from + start;
    let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = WRITTEN[dice.below(WRITTEN.len())];
    input.splice(start..start + length, number.bytes());
}

/// Two pieces change places.
fn exchange(dice: &mut Dice, input: &mut Vec<u8>) {
    let first = dice.range(input.len());
    let rest = dice.range(input.len() - first.end);
    let second = first.end + rest.start..first.end + rest.end;
    let parts = [
        &input[..first.start],
        &input[second.clone()],
        &input[first.end..second.start],
        &input[first],
        &input[second.end..],
    ];
    *input = parts.concat();
}

/// A line is lost, doubled, or moved to another place.
fn change_line(dice: &mut Dice, input: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.is_empty() {
        return;
    }
    let line = lines[dice.below(lines.len())];
    match dice.below(3) {
        0 => {
            let at = dice.below(lines.len());
            lines.remove(at);
        }
        1 => lines.insert(dice.below(lines.len() + 1), line),
        _ => {
            let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(one, other);
        }
    }
    *input = lines.concat();
}
