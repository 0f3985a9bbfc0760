//! Checks of a profile as a whole: unique names, everything inside its block, nothing overlapping, requests
//! within the limits of the transport, safety signals never writable, every writable point with its range.

use std::collections::BTreeMap;

use crate::profile::{ADDRESS_SPACE, Area, AreaKind, BitList, NumberList, Point, Profile};
use crate::section::Reading;

/// Reports everything in which `profile` contradicts itself.
pub(super) fn check_profile(profile: &Profile, reading: &mut Reading<'_>) {
    check_unique(reading, "block or slot", profile.areas.iter().map(|area| (area.name.as_str(), area.line)));
    let constants = profile.constants.iter().map(|constant| (constant.name.as_str(), constant.line));
    check_unique(reading, "constant", constants);
    check_unique(reading, "enum", profile.lists.iter().map(|list| (list.name.as_str(), list.line)));
    check_unique(reading, "bit list", profile.bit_lists.iter().map(|list| (list.name.as_str(), list.line)));
    for list in &profile.lists {
        check_list(reading, list);
    }
    for list in &profile.bit_lists {
        check_bit_list(reading, profile, list);
    }
    check_blocks(reading, profile);
    for area in &profile.areas {
        check_unique(reading, "point", area.points.iter().map(|point| (point.name.as_str(), point.line)));
        check_slot(reading, profile, area);
        check_limits(reading, profile, area);
        for point in &area.points {
            check_point(reading, profile, area, point);
        }
        check_overlaps(reading, area);
    }
}

fn check_unique<'p>(reading: &mut Reading<'_>, what: &str, names: impl Iterator<Item = (&'p str, u32)>) {
    let mut seen = BTreeMap::new();
    for (name, line) in names {
        if let Some(first) = seen.insert(name, line) {
            reading.report_at(line, format!("the {what} `{name}` is defined on line {first} already"));
        }
    }
}

fn check_list(reading: &mut Reading<'_>, list: &NumberList) {
    check_unique(reading, "name", list.values.iter().map(|value| (value.name.as_str(), value.line)));
    let mut seen = BTreeMap::new();
    for value in &list.values {
        if let Some(first) = seen.insert(value.value, &value.name) {
            let message =
                format!("`{first}` and `{}` of `{}` are both {}", value.name, list.name, value.value);
            reading.report_at(value.line, message);
        }
    }
}

fn check_bit_list(reading: &mut Reading<'_>, profile: &Profile, list: &BitList) {
    check_unique(reading, "bit field", list.fields.iter().map(|field| (field.name.as_str(), field.line)));
    for (index, field) in list.fields.iter().enumerate() {
        if field.bit + field.width > 16 {
            reading.report_at(field.line, format!("`{}` goes beyond bit 15", field.name));
            continue;
        }
        check_list_name(reading, profile, field.list.as_deref(), field.line);
        for earlier in &list.fields[..index] {
            let together = field.variants.is_empty()
                || earlier.variants.is_empty()
                || field.variants.iter().any(|variant| earlier.variants.contains(variant));
            if together && earlier.bit + earlier.width <= 16 && earlier.mask() & field.mask() != 0 {
                let message = format!("`{}` and `{}` share a bit", earlier.name, field.name);
                reading.report_at(field.line, message);
            }
        }
    }
}

fn check_list_name(reading: &mut Reading<'_>, profile: &Profile, name: Option<&str>, line: u32) {
    if let Some(name) = name
        && !profile.lists.iter().any(|list| list.name == name)
    {
        reading.report_at(line, format!("there is no enum `{name}`"));
    }
}

fn check_blocks(reading: &mut Reading<'_>, profile: &Profile) {
    let mut placed: Vec<(u32, u32, &Area)> = Vec::new();
    for area in &profile.areas {
        let AreaKind::Block { start, .. } = area.kind else { continue };
        let (start, end) = (u32::from(start), u32::from(start) + u32::from(area.words));
        if end > ADDRESS_SPACE {
            reading.report_at(area.line, format!("block `{}` goes beyond address 65535", area.name));
        }
        for (other_start, other_end, other) in &placed {
            if start < *other_end && *other_start < end {
                let message = format!("block `{}` overlaps block `{}`", area.name, other.name);
                reading.report_at(area.line, message);
            }
        }
        placed.push((start, end, area));
    }
}

fn check_slot(reading: &mut Reading<'_>, profile: &Profile, area: &Area) {
    let AreaKind::Slot { block, max, variant } = &area.kind else { return };
    if let Some(block) = profile.areas.iter().find(|candidate| candidate.name == *block)
        && u32::from(block.words) != u32::from(area.words) * u32::from(*max)
    {
        let message = format!(
            "{max} slots of {} words do not fill block `{}` of {}",
            area.words, block.name, block.words
        );
        reading.report_at(area.line, message);
    }
    let numbers = variant.as_ref().and_then(|name| area.point(name)).and_then(|point| point.list.as_ref());
    let numbers = numbers.and_then(|name| profile.lists.iter().find(|list| list.name == *name));
    if variant.is_some() && numbers.is_none() {
        reading.report_at(area.line, format!("`variant` of `{}` must name a point with an enum", area.name));
    }
    for point in &area.points {
        let Some(variant) = &point.variant else { continue };
        if !numbers.is_some_and(|list| list.values.iter().any(|value| value.name == *variant)) {
            reading.report_at(point.line, format!("`{}` belongs to unknown variant `{variant}`", point.name));
        }
    }
}

/// What is read or written in one piece must fit into one request.
fn check_limits(reading: &mut Reading<'_>, profile: &Profile, area: &Area) {
    let limit = match &area.kind {
        AreaKind::Block { poll, is_written: false, .. } if poll == "fast" || poll == "once" => {
            profile.limits.max_read
        }
        AreaKind::Block { is_written: true, .. } if !area.points.is_empty() => profile.limits.max_write,
        AreaKind::Slot { .. } => profile.limits.max_write.min(profile.limits.max_read),
        AreaKind::Block { .. } => return,
    };
    if area.words > limit {
        let message = format!("`{}` has {} words, one request carries {limit}", area.name, area.words);
        reading.report_at(area.line, message);
    }
}

fn check_point(reading: &mut Reading<'_>, profile: &Profile, area: &Area, point: &Point) {
    let name = &point.name;
    if u32::from(point.offset) + u32::from(point.words) > u32::from(area.words) {
        let message = format!("`{name}` leaves `{}`, which has {} words", area.name, area.words);
        reading.report_at(point.line, message);
    }
    if point.is_safety && point.is_written {
        reading.report_at(point.line, format!("`{name}` is a safety signal and must not be writable"));
    }
    if point.is_written && !point.is_overlay && point.range.is_none() {
        reading.report_at(point.line, format!("`{name}` is writable and needs a `range`"));
    }
    if let Some((low, high)) = point.range {
        let (lowest, highest) = point.encoding.bounds();
        if low > high || low < lowest || high > highest {
            let message = format!("the range of `{name}` must lie inside {lowest} to {highest}");
            reading.report_at(point.line, message);
        }
    }
    if point.confidence == "unverified" && point.is_used {
        let message = format!("`{name}` is unverified: say `used = false`, or where it is known from");
        reading.report_at(point.line, message);
    }
    check_list_name(reading, profile, point.list.as_deref(), point.line);
    if let Some(bits) = &point.bits
        && !profile.bit_lists.iter().any(|list| list.name == *bits)
    {
        reading.report_at(point.line, format!("there is no bit list `{bits}`"));
    }
}

fn check_overlaps(reading: &mut Reading<'_>, area: &Area) {
    let ends = |point: &Point| u32::from(point.offset) + u32::from(point.words);
    for (index, point) in area.points.iter().enumerate() {
        for earlier in &area.points[..index] {
            let together =
                point.variant.is_none() || earlier.variant.is_none() || point.variant == earlier.variant;
            let overlap = u32::from(point.offset) < ends(earlier) && u32::from(earlier.offset) < ends(point);
            if together && overlap && !point.is_overlay && !earlier.is_overlay {
                let message =
                    format!("`{}` overlaps `{}` of line {}", point.name, earlier.name, earlier.line);
                reading.report_at(point.line, message);
            }
        }
    }
}
