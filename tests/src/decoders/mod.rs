//! Every decoder of bytes that come from outside, as the fuzzer sees it: valid inputs, words of the format, a bench
//! and what is demanded. A new decoder is a row here. Where an encoder exists the way back is demanded, where a second
//! reading exists the two must agree, and every refusal must name a place.

mod http;
mod intake;
mod journal;
mod kept_journals;
mod ledger;
mod mbap;
mod record;
mod registers;
mod slots;
mod snapshot;
mod sorter_image;
mod texts;

use crate::fuzzing::Decoder;

/// All of them.
pub static DECODERS: [Decoder; 17] = [
    mbap::FRAMES,
    registers::REGISTERS,
    slots::SLOTS,
    intake::UTF8,
    intake::CP949,
    texts::MAPPING,
    texts::PLANT,
    texts::SITE,
    texts::PROFILE,
    texts::VECTORS,
    texts::FAULTS,
    ledger::LEDGER,
    record::RECORD,
    record::INPUTS,
    journal::SEGMENTS,
    snapshot::CHECKPOINT,
    http::REQUESTS,
];

/// The decoder of this name.
pub fn decoder(name: &str) -> Option<&'static Decoder> {
    DECODERS.iter().find(|decoder| decoder.name == name)
}

/// Words of a text, and what texts of this kind are held together by.
fn words_of(text: &str, marks: &[&str]) -> Vec<Vec<u8>> {
    let is_apart = |letter: char| !letter.is_alphanumeric() && !"_-.".contains(letter);
    let mut words: Vec<Vec<u8>> =
        text.split(is_apart).chain(marks.iter().copied()).map(|word| word.as_bytes().to_vec()).collect();
    words.retain(|word| !word.is_empty());
    words.sort();
    words.dedup();
    words
}
