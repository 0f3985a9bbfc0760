//! Worked examples of a profile: images of blocks and slots, and whole frames, each with the values it stands
//! for. A vector counts only when it encodes and decodes to itself; origin `vendor` marks those that were
//! taken from a maker's document and so check the profile itself, not only its readers.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::codec::{Value, decode, encode};
use crate::frame::Telegram;
use crate::problem::Problems;
use crate::profile::{FILES, Profile, ProfileError};
use crate::section::{Place, Reading, Section};

/// Where a vector is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A maker's document.
    Vendor,
    /// Worked out from the layout.
    Computed,
}

/// Registers of one block or slot and what they say.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Name, unique in the file.
    pub name: String,
    /// Where it is from.
    pub origin: Origin,
    /// The block or slot.
    pub kind: String,
    /// Registers, from the start of the block or slot.
    pub words: Vec<u16>,
    /// Values by point; points left out are 0 or empty.
    pub values: BTreeMap<String, Value>,
}

/// A request and its reply on the wire.
#[derive(Clone, Debug)]
pub struct FrameVector {
    /// Name, unique in the file.
    pub name: String,
    /// Where it is from.
    pub origin: Origin,
    /// Bytes of the request, MBAP header included.
    pub request: Vec<u8>,
    /// Bytes of the reply, MBAP header included.
    pub reply: Vec<u8>,
    /// What they say.
    pub telegram: Telegram,
}

/// Every vector of a profile.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    /// Images of blocks and slots.
    pub images: Vec<Vector>,
    /// Frames.
    pub frames: Vec<FrameVector>,
}

impl Vectors {
    /// Vectors of a compiled-in profile.
    ///
    /// # Errors
    /// No such profile, or its vector file has problems (which its tests would have found).
    pub fn load(profile: &Profile) -> Result<Self, ProfileError> {
        let files = FILES.iter().find(|files| files.id == profile.id).ok_or_else(|| {
            ProfileError::UnknownProfile { id: profile.id.clone(), known: Profile::known().collect() }
        })?;
        let file = format!("protocol-specs/{}/vectors.toml", profile.id);
        Self::parse(files.vectors, &file, profile).map_err(ProfileError::Problems)
    }

    /// Reads and checks the text of a `vectors.toml`; `file` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, vectors that do not encode and decode to themselves included.
    pub fn parse(text: &str, file: &str, profile: &Profile) -> Result<Self, Problems> {
        let mut reading = Reading::new(text, file);
        let mut vectors = Self::default();
        if let Some(document) = reading.document() {
            let top = Section::top(&document);
            top.check_keys(&mut reading, &["vector", "frame"]);
            for section in top.sections(&mut reading, "vector", "[[vector]]") {
                let vector = read_vector(&mut reading, &section, profile);
                vectors.images.extend(vector);
            }
            for section in top.sections(&mut reading, "frame", "[[frame]]") {
                let frame = read_frame(&mut reading, &section, &vectors.images);
                vectors.frames.extend(frame);
            }
        }
        let names = vectors.images.iter().map(|vector| &vector.name);
        let mut seen = std::collections::BTreeSet::new();
        for name in names.chain(vectors.frames.iter().map(|frame| &frame.name)) {
            if !seen.insert(name) {
                reading.report(&(0..0), format!("two vectors have the name `{name}`"));
            }
        }
        if reading.is_clean() { Ok(vectors) } else { Err(reading.into_problems()) }
    }

    /// The image of that name.
    pub fn image(&self, name: &str) -> Option<&Vector> {
        self.images.iter().find(|vector| vector.name == name)
    }

    /// The frame of that name.
    pub fn frame(&self, name: &str) -> Option<&FrameVector> {
        self.frames.iter().find(|frame| frame.name == name)
    }
}

fn read_vector(reading: &mut Reading<'_>, section: &Section<'_, '_>, profile: &Profile) -> Option<Vector> {
    section.check_keys(reading, &["name", "origin", "of", "words", "values"]);
    let name = section.text(reading, "name");
    let origin = read_origin(reading, section);
    let kind = section.text(reading, "of");
    let words = read_hex(reading, section, "words", 4);
    let values = section.section(reading, "values", "`values`").map(|values| read_values(reading, &values));
    let (kind, place) = kind?;
    let Ok(area) = profile.area(kind) else {
        reading.report(&place, format!("profile `{}` has no block or slot `{kind}`", profile.id));
        return None;
    };
    let (words, values) = (words?, values?);
    let words: Vec<u16> = words.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    match encode(profile, area, &values, words.len()) {
        Err(error) => reading.report(&section.place, error.to_string()),
        Ok(encoded) => {
            if let Some(at) = (0..words.len()).find(|at| encoded[*at] != words[*at]) {
                let message =
                    format!("word {at} is {:04X}, the values encode to {:04X}", words[at], encoded[at]);
                reading.report(&section.place, message);
            }
        }
    }
    for (point, decoded) in decode(profile, area, &words) {
        if values.get(&point).map_or(!decoded.is_zero(), |value| *value != decoded) {
            reading.report(
                &section.place,
                format!("the words decode to another value of `{point}`: {decoded:?}"),
            );
        }
    }
    Some(Vector { name: name?.0.to_owned(), origin: origin?, kind: kind.to_owned(), words, values })
}

fn read_values(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for (name, value) in section.entries() {
        let read = match value.get_ref() {
            DeValue::String(text) => Some(Value::Text(text.to_string())),
            DeValue::Integer(_) => {
                section.number(reading, name, -0x8000..=0xFFFF_FFFF).map(|(number, _)| Value::Number(number))
            }
            DeValue::Array(_) => {
                let words = section.numbers(reading, name, 0..=0xFFFF);
                Some(Value::Words(words.into_iter().map(|word| word as u16).collect()))
            }
            _ => None,
        };
        match read {
            Some(read) => drop(values.insert(name.to_owned(), read)),
            None => {
                reading.report(&value.span(), format!("`{name}` must be a number, a text or a list of words"))
            }
        }
    }
    values
}

fn read_frame(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    images: &[Vector],
) -> Option<FrameVector> {
    section.check_keys(
        reading,
        &[
            "name",
            "origin",
            "request",
            "reply",
            "transaction",
            "unit",
            "function",
            "address",
            "count",
            "carries",
            "exception",
        ],
    );
    let name = section.text(reading, "name");
    let origin = read_origin(reading, section);
    let request = read_hex(reading, section, "request", 2);
    let reply = read_hex(reading, section, "reply", 2);
    let mut words = Vec::new();
    for (carried, place) in section.texts(reading, "carries") {
        match images.iter().find(|vector| vector.name == carried) {
            Some(vector) => words.extend(&vector.words),
            None => reading.report(&place, format!("there is no vector `{carried}`")),
        }
    }
    let byte = |number: Option<(i64, Place)>| number.and_then(|(number, _)| u8::try_from(number).ok());
    let exception = section.number_or_none(reading, "exception", 1..=255);
    let telegram = Telegram {
        transaction: section.word(reading, "transaction")?,
        unit: byte(section.number(reading, "unit", 0..=255))?,
        function: byte(section.number(reading, "function", 1..=127))?,
        address: section.word(reading, "address")?,
        count: section.word(reading, "count")?,
        words,
        exception: byte(exception),
    };
    let (request, reply) = (request?, reply?);
    if telegram.request().as_ref() != Some(&request) {
        reading.report(&section.place, "the values encode to another request".to_owned());
    }
    if telegram.reply().as_ref() != Some(&reply) {
        reading.report(&section.place, "the values encode to another reply".to_owned());
    }
    if Telegram::from_frames(&request, &reply).as_ref() != Some(&telegram) {
        reading.report(&section.place, "the frames decode to other values".to_owned());
    }
    Some(FrameVector { name: name?.0.to_owned(), origin: origin?, request, reply, telegram })
}

fn read_origin(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Origin> {
    match section.text(reading, "origin")? {
        ("vendor", _) => Some(Origin::Vendor),
        ("computed", _) => Some(Origin::Computed),
        (other, place) => {
            reading.report(&place, format!("`origin` must be vendor or computed, not `{other}`"));
            None
        }
    }
}

/// Bytes of a text of hexadecimal groups with `digits` digits each.
fn read_hex(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    key: &str,
    digits: usize,
) -> Option<Vec<u8>> {
    let (text, place) = section.text(reading, key)?;
    let mut bytes = Vec::new();
    for group in text.split_ascii_whitespace() {
        let is_hex = group.len() == digits && group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            reading.report(
                &place,
                format!("`{key}` must be groups of {digits} hexadecimal digits, not `{group}`"),
            );
            return None;
        }
        for pair in group.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
            bytes.push(u8::from_str_radix(pair, 16).expect("two hexadecimal digits are a byte"));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile::load("wcs-sorter-hs").unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        let found = Vectors::parse(text, "v.toml", &profile()).unwrap_err();
        found.0.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn compiled_in_vectors_encode_and_decode_to_themselves() {
        let vectors = Vectors::load(&profile()).unwrap();
        assert!(vectors.images.len() >= 15, "{} images", vectors.images.len());
        assert!(vectors.frames.len() >= 6, "{} frames", vectors.frames.len());
    }

    #[test]
    fn every_point_stands_in_a_vector() {
        let profile = profile();
        let vectors = Vectors::load(&profile).unwrap();
        for area in &profile.areas {
            for point in
                area.points.iter().filter(|point| !point.is_overlay && !point.name.ends_with("_reserved"))
            {
                let is_shown = vectors
                    .images
                    .iter()
                    .any(|vector| vector.kind == area.name && vector.values.contains_key(&point.name));
                assert!(is_shown, "no vector shows `{}` of `{}`", point.name, area.name);
            }
        }
    }

    #[test]
    fn every_event_type_has_a_vector() {
        let profile = profile();
        let vectors = Vectors::load(&profile).unwrap();
        let list = profile.lists.iter().find(|list| list.name == "event_type").unwrap();
        for value in &list.values {
            let number = Value::Number(value.value.into());
            let shown = vectors
                .images
                .iter()
                .any(|vector| vector.kind == "event_slot" && vector.values.get("kind") == Some(&number));
            assert!(shown, "no vector of event type {}", value.name);
        }
    }

    #[test]
    fn a_wrong_word_is_found_both_ways() {
        let text = "[[vector]]\nname = 'a'\norigin = 'computed'\nof = 'command_slot'\nwords = '0001 0002'\nvalues = { seq = 1, kind = 1 }\n";
        assert_eq!(
            problems(text),
            [
                "the words decode to another value of `kind`: Number(2)",
                "word 1 is 0002, the values encode to 0001"
            ]
        );
    }

    #[test]
    fn a_value_left_out_must_be_zero() {
        let text = "[[vector]]\nname = 'a'\norigin = 'computed'\nof = 'command_slot'\nwords = '0001 0002'\nvalues = { seq = 1 }\n";
        assert_eq!(problems(text).len(), 2);
    }

    #[test]
    fn a_wrong_frame_is_found() {
        let frame = |reply: &str| {
            format!(
                "[[frame]]\nname = 'f'\norigin = 'computed'\nrequest = '00 01 00 00 00 06 01 03 00 00 00 01'\nreply = '{reply}'\n\
                transaction = 1\nunit = 1\nfunction = 3\naddress = 0\ncount = 1\nexception = 2\n"
            )
        };
        assert!(Vectors::parse(&frame("00 01 00 00 00 03 01 83 02"), "v.toml", &profile()).is_ok());
        assert_eq!(
            problems(&frame("00 01 00 00 00 03 01 83 03")),
            ["the frames decode to other values", "the values encode to another reply"]
        );
        assert_eq!(problems(&frame("0 01")), ["`reply` must be groups of 2 hexadecimal digits, not `0`"]);
    }
}
