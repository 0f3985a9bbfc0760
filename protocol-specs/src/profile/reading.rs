//! From the text of a `profile.toml` to a [`Profile`]: keys, types, defaults. What the parts mean together is
//! checked afterwards.

use crate::profile::{
    Area, AreaKind, BitField, BitList, Constant, Encoding, Limits, NumberList, Point, Profile,
};
use crate::section::{Reading, Section, nearest};

const SECTIONS: [&str; 10] =
    ["profile", "source", "transport", "limits", "addressing", "constant", "enum", "bits", "block", "slot"];
const POINT_KEYS: [&str; 15] = [
    "at",
    "name",
    "type",
    "words",
    "access",
    "safety",
    "overlay",
    "used",
    "confidence",
    "range",
    "unit",
    "enum",
    "bits",
    "of",
    "doc",
];
const NUMBERS: std::ops::RangeInclusive<i64> = -0x8000..=0xFFFF_FFFF;

/// The profile as far as it can be read; `None` when there is no telling.
pub(super) fn read_profile(reading: &mut Reading<'_>) -> Option<Profile> {
    let document = reading.document()?;
    let top = Section::top(&document);
    top.check_keys(reading, &SECTIONS);
    let head = top.section(reading, "profile", "[profile]")?;
    head.check_keys(reading, &["id", "version", "vendor", "products", "class", "status"]);
    let id = head.text(reading, "id")?.0.to_owned();
    let version = head.word(reading, "version")?;
    read_fixed_words(reading, &head, &top);
    let limits = read_limits(reading, &top)?;
    let constants = top.sections(reading, "constant", "[[constant]]");
    let constants = constants.iter().filter_map(|section| read_constant(reading, section)).collect();
    let lists = top.sections(reading, "enum", "[[enum]]");
    let lists = lists.iter().filter_map(|section| read_list(reading, section)).collect();
    let bit_lists = top.sections(reading, "bits", "[[bits]]");
    let bit_lists = bit_lists.iter().filter_map(|section| read_bits(reading, section)).collect();
    let mut areas = Vec::new();
    for section in top.sections(reading, "block", "[[block]]") {
        areas.extend(read_block(reading, &section));
    }
    for section in top.sections(reading, "slot", "[[slot]]") {
        let slot = read_slot(reading, &section, &areas);
        areas.extend(slot);
    }
    Some(Profile { id, version, limits, areas, constants, lists, bit_lists })
}

/// Words of a closed set, and sections that say only one thing so far.
fn read_fixed_words(reading: &mut Reading<'_>, head: &Section<'_, '_>, top: &Section<'_, '_>) {
    head.text(reading, "vendor");
    head.texts(reading, "products");
    one_of(reading, head, "class", &["sorter"]);
    one_of(reading, head, "status", &["own", "partial", "verified"]);
    for source in top.sections(reading, "source", "[[source]]") {
        source.check_keys(reading, &["id", "title", "revision"]);
        for key in ["id", "title"] {
            source.text(reading, key);
        }
        source.text_or_none(reading, "revision");
    }
    if let Some(transport) = top.section(reading, "transport", "[transport]") {
        transport.check_keys(reading, &["kind", "role", "port", "unit_id"]);
        one_of(reading, &transport, "kind", &["modbus_tcp"]);
        one_of(reading, &transport, "role", &["client"]);
        transport.number(reading, "port", 1..=65_535);
        transport.number(reading, "unit_id", 0..=255);
    }
    if let Some(addressing) = top.section(reading, "addressing", "[addressing]") {
        addressing.check_keys(reading, &["base", "word_order", "byte_order"]);
        addressing.number(reading, "base", 0..=0);
        one_of(reading, &addressing, "word_order", &["hi_lo"]);
        one_of(reading, &addressing, "byte_order", &["hi_lo"]);
    }
}

fn read_limits(reading: &mut Reading<'_>, top: &Section<'_, '_>) -> Option<Limits> {
    let limits = top.section(reading, "limits", "[limits]")?;
    limits.check_keys(reading, &["functions", "max_read", "max_write", "response_timeout_ms"]);
    limits.numbers(reading, "functions", 1..=127);
    let max_read = limits.number(reading, "max_read", 1..=125);
    let max_write = limits.number(reading, "max_write", 1..=123);
    let timeout = limits.word(reading, "response_timeout_ms");
    Some(Limits {
        max_read: u16::try_from(max_read?.0).ok()?,
        max_write: u16::try_from(max_write?.0).ok()?,
        response_timeout_ms: timeout?,
    })
}

fn read_constant(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Constant> {
    section.check_keys(reading, &["name", "value", "doc"]);
    let name = section.text(reading, "name");
    let value = section.word(reading, "value");
    let doc = section.text(reading, "doc");
    Some(Constant {
        name: name?.0.to_owned(),
        value: value?,
        doc: doc?.0.to_owned(),
        line: reading.line(&section.place),
    })
}

fn read_list(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<NumberList> {
    section.check_keys(reading, &["name", "values"]);
    let values = section.sections(reading, "values", "a value");
    let values = values.iter().filter_map(|value| read_constant(reading, value)).collect();
    let name = section.text(reading, "name")?.0.to_owned();
    Some(NumberList { name, values, line: reading.line(&section.place) })
}

fn read_bits(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<BitList> {
    section.check_keys(reading, &["name", "fields"]);
    let mut fields = Vec::new();
    for field in section.sections(reading, "fields", "a bit field") {
        field.check_keys(reading, &["bit", "width", "name", "enum", "of", "doc"]);
        let name = field.text(reading, "name");
        let bit = field.number(reading, "bit", 0..=15);
        let width = field.number_or_none(reading, "width", 1..=16).map_or(1, |(width, _)| width);
        let list = field.text_or_none(reading, "enum").map(|(list, _)| list.to_owned());
        let variants = field.texts(reading, "of").into_iter().map(|(of, _)| of.to_owned()).collect();
        let doc = field.text(reading, "doc");
        let line = reading.line(&field.place);
        if let (Some((name, _)), Some((bit, _)), Some((doc, _))) = (name, bit, doc) {
            let (bit, width) = (bit as u16, width as u16);
            fields.push(BitField {
                name: name.to_owned(),
                bit,
                width,
                list,
                variants,
                doc: doc.to_owned(),
                line,
            });
        }
    }
    let name = section.text(reading, "name")?.0.to_owned();
    Some(BitList { name, fields, line: reading.line(&section.place) })
}

fn read_block(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Area> {
    section.check_keys(reading, &["name", "start", "count", "access", "poll", "doc", "points"]);
    let is_written = one_of(reading, section, "access", &["r", "w"]) == Some("w");
    let points = read_points(reading, section, is_written);
    let name = section.text(reading, "name");
    let start = section.word(reading, "start");
    let count = section.number(reading, "count", 1..=0xFFFF);
    let poll = one_of(reading, section, "poll", &["fast", "slow", "once", "event", "write"]);
    let doc = section.text(reading, "doc");
    Some(Area {
        name: name?.0.to_owned(),
        kind: AreaKind::Block { start: start?, is_written, poll: poll?.to_owned() },
        words: u16::try_from(count?.0).ok()?,
        doc: doc?.0.to_owned(),
        points,
        line: reading.line(&section.place),
    })
}

fn read_slot(reading: &mut Reading<'_>, section: &Section<'_, '_>, blocks: &[Area]) -> Option<Area> {
    section.check_keys(reading, &["name", "block", "words", "max", "variant", "doc", "points"]);
    let block = section.text(reading, "block");
    let mut is_written = false;
    if let Some((name, place)) = &block {
        match blocks.iter().find(|area| area.name == *name).map(|area| &area.kind) {
            Some(AreaKind::Block { is_written: written, .. }) => is_written = *written,
            _ => reading.report(place, format!("there is no block `{name}`")),
        }
    }
    let points = read_points(reading, section, is_written);
    let name = section.text(reading, "name");
    let words = section.number(reading, "words", 1..=125);
    let max = section.number(reading, "max", 1..=4_096);
    let variant = section.text_or_none(reading, "variant").map(|(variant, _)| variant.to_owned());
    let doc = section.text(reading, "doc");
    Some(Area {
        name: name?.0.to_owned(),
        kind: AreaKind::Slot { block: block?.0.to_owned(), max: u16::try_from(max?.0).ok()?, variant },
        words: u16::try_from(words?.0).ok()?,
        doc: doc?.0.to_owned(),
        points,
        line: reading.line(&section.place),
    })
}

fn read_points(reading: &mut Reading<'_>, section: &Section<'_, '_>, is_written: bool) -> Vec<Point> {
    let points = section.sections(reading, "points", "a point");
    points.iter().filter_map(|point| read_point(reading, point, is_written)).collect()
}

fn read_point(reading: &mut Reading<'_>, section: &Section<'_, '_>, is_area_written: bool) -> Option<Point> {
    section.check_keys(reading, &POINT_KEYS);
    let name = section.text(reading, "name");
    let offset = section.word(reading, "at");
    let encoding = one_of(reading, section, "type", &["u16", "i16", "u32", "text", "words"]);
    let doc = section.text(reading, "doc");
    let encoding = match encoding? {
        "u16" => Encoding::U16,
        "i16" => Encoding::I16,
        "u32" => Encoding::U32,
        "text" => Encoding::Text,
        _ => Encoding::Words,
    };
    let words = read_point_words(reading, section, encoding)?;
    let access = section.has("access").then(|| one_of(reading, section, "access", &["r", "w"])).flatten();
    let confidence = section
        .has("confidence")
        .then(|| one_of(reading, section, "confidence", &["own", "verified", "likely", "unverified"]));
    let owned =
        |text: Option<(&str, _)>| text.map(|(text, _): (&str, crate::section::Place)| text.to_owned());
    Some(Point {
        name: owned(name)?,
        offset: offset?,
        words,
        encoding,
        is_written: access.map_or(is_area_written, |access| access == "w"),
        is_safety: section.flag(reading, "safety").unwrap_or(false),
        is_overlay: section.flag(reading, "overlay").unwrap_or(false),
        is_used: section.flag(reading, "used").unwrap_or(true),
        confidence: confidence.flatten().unwrap_or("own").to_owned(),
        range: read_range(reading, section),
        unit: owned(section.text_or_none(reading, "unit")),
        list: owned(section.text_or_none(reading, "enum")),
        bits: owned(section.text_or_none(reading, "bits")),
        variant: owned(section.text_or_none(reading, "of")),
        doc: owned(doc)?,
        line: reading.line(&section.place),
    })
}

fn read_point_words(reading: &mut Reading<'_>, section: &Section<'_, '_>, encoding: Encoding) -> Option<u16> {
    let fixed = match encoding {
        Encoding::U16 | Encoding::I16 => 1,
        Encoding::U32 => 2,
        Encoding::Text | Encoding::Words => {
            let (words, _) = section.number(reading, "words", 1..=1_024)?;
            return u16::try_from(words).ok();
        }
    };
    if section.has("words") {
        let message = format!("a point of type {} has {fixed} word(s); leave `words` out", encoding.as_str());
        reading.report(&section.place, message);
    }
    Some(fixed)
}

fn read_range(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<(i64, i64)> {
    if !section.has("range") {
        return None;
    }
    let range = section.numbers(reading, "range", NUMBERS);
    if let [low, high] = range[..] {
        return Some((low, high));
    }
    reading.report(&section.place, "`range` must hold two whole numbers".to_owned());
    None
}

/// A text that must be one of `words`.
fn one_of<'d>(
    reading: &mut Reading<'_>,
    section: &Section<'d, '_>,
    key: &str,
    words: &[&str],
) -> Option<&'d str> {
    let (text, place) = section.text(reading, key)?;
    if words.contains(&text) {
        return Some(text);
    }
    let near = nearest(text, words.iter().copied());
    reading.report(&place, format!("`{key}` cannot be `{text}`; the nearest valid word is `{near}`"));
    None
}
