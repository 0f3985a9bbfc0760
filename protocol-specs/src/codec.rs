//! Generic encoding and decoding of whole blocks and slots by the names of a profile. Meant for vectors, tests
//! and inspection; sessions and the simulator index registers through `sorter_map`, which is fast.

use std::collections::BTreeMap;

use crate::profile::{Area, AreaKind, Encoding, Point, Profile};

/// A value of a point.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A number of one or two registers.
    Number(i64),
    /// Bytes as characters, one byte each, without the zeros at the end.
    Text(String),
    /// Registers as they are, without the zeros at the end.
    Words(Vec<u16>),
}

impl Value {
    /// True for 0, an empty text and empty registers: what registers stand for that nobody wrote.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Text(text) => text.is_empty(),
            Self::Words(words) => words.is_empty(),
        }
    }

    /// The number, where it is one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Values that cannot be put into registers.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum EncodeError {
    #[error("`{area}` has no point `{name}`")]
    UnknownPoint { area: String, name: String },
    #[error("`{name}` does not count in this variant")]
    OtherVariant { name: String },
    #[error("the value of `{name}` is not what its type {encoding} can hold")]
    BadValue { name: String, encoding: &'static str },
    #[error("`{name}` lies behind the {count} registers given")]
    OutOfWords { name: String, count: usize },
}

/// Registers of an area, `count` of them, with these values and zeros elsewhere.
///
/// # Errors
/// A name the area does not have, or a value that does not fit.
pub fn encode(
    profile: &Profile,
    area: &Area,
    values: &BTreeMap<String, Value>,
    count: usize,
) -> Result<Vec<u16>, EncodeError> {
    let mut words = vec![0; count];
    let variant = variant_name(profile, area, |point| values.get(&point.name).and_then(Value::as_u64));
    for (name, value) in values {
        let point = area
            .point(name)
            .ok_or_else(|| EncodeError::UnknownPoint { area: area.name.clone(), name: name.clone() })?;
        if !counts_in(point, variant) {
            return Err(EncodeError::OtherVariant { name: name.clone() });
        }
        let start = usize::from(point.offset);
        let place = words
            .get_mut(start..start + usize::from(point.words))
            .ok_or_else(|| EncodeError::OutOfWords { name: name.clone(), count })?;
        write_value(point, value, place)
            .ok_or_else(|| EncodeError::BadValue { name: name.clone(), encoding: point.encoding.as_str() })?;
    }
    Ok(words)
}

/// Values of every point that lies inside `words` and counts there; overlays are left out.
pub fn decode(profile: &Profile, area: &Area, words: &[u16]) -> BTreeMap<String, Value> {
    let variant =
        variant_name(profile, area, |point| words.get(usize::from(point.offset)).map(|word| (*word).into()));
    let mut values = BTreeMap::new();
    for point in area.points.iter().filter(|point| !point.is_overlay && counts_in(point, variant)) {
        let start = usize::from(point.offset);
        if let Some(place) = words.get(start..start + usize::from(point.words)) {
            values.insert(point.name.clone(), read_value(point, place));
        }
    }
    values
}

/// Name of the variant of a slot whose selecting point has the number `number` gives.
fn variant_name<'p>(
    profile: &'p Profile,
    area: &Area,
    number: impl FnOnce(&Point) -> Option<u64>,
) -> Option<&'p str> {
    let AreaKind::Slot { variant: Some(selector), .. } = &area.kind else { return None };
    let point = area.point(selector)?;
    let number = number(point)?;
    let list = profile.lists.iter().find(|list| Some(&list.name) == point.list.as_ref())?;
    list.values.iter().find(|value| u64::from(value.value) == number).map(|value| value.name.as_str())
}

fn counts_in(point: &Point, variant: Option<&str>) -> bool {
    point.variant.is_none() || point.variant.as_deref() == variant
}

fn write_value(point: &Point, value: &Value, place: &mut [u16]) -> Option<()> {
    match (point.encoding, value) {
        (Encoding::U16 | Encoding::I16 | Encoding::U32, Value::Number(number)) => {
            let (low, high) = point.encoding.bounds();
            if !(low..=high).contains(number) {
                return None;
            }
            let last = place.len() - 1;
            place[last] = *number as u16;
            if last == 1 {
                place[0] = (*number >> 16) as u16;
            }
        }
        (Encoding::Text, Value::Text(text)) => {
            let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
            let bytes = bytes.filter(|bytes| bytes.len() <= place.len() * 2)?;
            for (word, pair) in place.iter_mut().zip(bytes.chunks(2)) {
                *word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
            }
        }
        (Encoding::Words, Value::Words(words)) if words.len() <= place.len() => {
            place[..words.len()].copy_from_slice(words);
        }
        _ => return None,
    }
    Some(())
}

fn read_value(point: &Point, place: &[u16]) -> Value {
    match point.encoding {
        Encoding::U16 => Value::Number(place[0].into()),
        Encoding::I16 => Value::Number(place[0].cast_signed().into()),
        Encoding::U32 => Value::Number(i64::from(place[0]) << 16 | i64::from(place[1])),
        Encoding::Text => {
            let text: String = place.iter().flat_map(|word| word.to_be_bytes()).map(char::from).collect();
            Value::Text(text.trim_end_matches('\0').to_owned())
        }
        Encoding::Words => {
            let end = place.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
            Value::Words(place[..end].to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile() -> Profile {
        Profile::load("wcs-sorter-hs").unwrap()
    }

    fn values(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let profile = profile();
        let slot = profile.area("event_slot").unwrap();
        let refused =
            |pairs: &[(&str, Value)]| encode(&profile, slot, &values(pairs), 40).unwrap_err().to_string();
        let scan = ("kind", Value::Number(1));
        assert!(refused(&[("nothing", Value::Number(1))]).contains("no point `nothing`"));
        assert!(refused(&[scan.clone(), ("exit_actual", Value::Number(1))]).contains("variant"));
        assert!(refused(&[("seq", Value::Number(65_536))]).contains("u16"));
        assert!(refused(&[("seq", Value::Number(-1))]).contains("u16"));
        assert!(refused(&[scan.clone(), ("scan_text", Value::Text("x".repeat(39)))]).contains("text"));
        assert!(refused(&[scan, ("scan_text", Value::Text("상".into()))]).contains("text"));
    }

    proptest! {
        #[test]
        fn registers_decode_and_encode_to_themselves(words in prop::collection::vec(any::<u16>(), 12)) {
            let profile = profile();
            let slot = profile.area("command_slot").unwrap();
            let decoded = decode(&profile, slot, &words);
            prop_assert_eq!(encode(&profile, slot, &decoded, 12).unwrap(), words);
        }

        #[test]
        fn event_slots_decode_and_encode_to_themselves(kind in 0_u16..12, words in prop::collection::vec(any::<u16>(), 40)) {
            let profile = profile();
            let slot = profile.area("event_slot").unwrap();
            let mut image = words;
            image[1] = kind;
            let decoded = decode(&profile, slot, &image);
            let again = encode(&profile, slot, &decoded, 40).unwrap();
            prop_assert_eq!(decode(&profile, slot, &again), decoded);
        }
    }
}
