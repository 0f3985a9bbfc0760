//! Links and lines of a plant file: endpoints, profiles, who owns which unit, and where the register blocks
//! stand.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use wcs_types::ids::{LaneNo, LinkId};
use wcs_types::plant::{BlockBases, Transport};
use wcs_types::{LineKind, LineSpec, LinkSpec};

use crate::plant::check_unique_ids;
use crate::profile::Profile;
use crate::section::{Place, Reading, Section, nearest};

/// A `[[link]]` as far as it could be read.
pub(super) struct RawLink {
    id: Option<String>,
    place: Place,
    pub(super) spec: Option<LinkSpec>,
}

/// A `[[line]]` as far as it could be read.
pub(super) struct RawLine {
    pub(super) id: Option<String>,
    pub(super) place: Place,
    pub(super) spec: Option<LineSpec>,
}

pub(super) fn read_links(reading: &mut Reading<'_>, top: &Section<'_, '_>) -> Vec<RawLink> {
    let mut links = Vec::new();
    let mut endpoints: BTreeMap<String, u32> = BTreeMap::new();
    for section in top.sections(reading, "link", "[[link]]") {
        section.check_keys(reading, &["id", "transport", "endpoint"]);
        let id = section.text(reading, "id");
        let transport = read_word(reading, &section, "transport", &["modbus_tcp"]);
        let endpoint = section.text(reading, "endpoint");
        if let Some((text, place)) = &endpoint {
            let line = reading.line(place);
            if let Err(message) = check_endpoint(text) {
                reading.report(place, message);
            } else if let Some(first) = endpoints.get(&text.to_ascii_lowercase()) {
                let message = format!("the endpoint `{text}` belongs to the link on line {first} already");
                reading.report(place, message);
            } else {
                endpoints.insert(text.to_ascii_lowercase(), line);
            }
        }
        let place = id.as_ref().map_or(section.place.clone(), |(_, place)| place.clone());
        let id = id.map(|(id, _)| id.to_owned());
        let spec = id.clone().zip(endpoint).zip(transport).map(|((id, (endpoint, _)), _)| LinkSpec {
            id,
            endpoint: endpoint.to_owned(),
            transport: Transport::ModbusTcp,
        });
        links.push(RawLink { id, place, spec });
    }
    let ids = links.iter().filter_map(|link| Some((link.id.as_deref()?, &link.place)));
    check_unique_ids(reading, "link", ids);
    links
}

/// `host:port` with a host name, an IPv4 address or an IPv6 address in brackets.
fn check_endpoint(text: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("`endpoint` must be host:port, and in `{text}` {why}"));
    let Some((host, port)) = text.rsplit_once(':') else { return refused("there is no port") };
    match port.parse::<u16>() {
        Ok(0) => return refused("the port is 0"),
        Ok(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => {}
        _ => return refused("the port is not a number from 1 to 65535"),
    }
    let is_host = if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        inner.parse::<Ipv6Addr>().is_ok()
    } else if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        host.parse::<Ipv4Addr>().is_ok()
    } else {
        let is_label = |label: &str| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(is_letter)
        };
        host.len() <= 253 && host.split('.').all(is_label)
    };
    if is_host { Ok(()) } else { refused("the host is not a name or an address") }
}

pub(super) fn read_lines(
    reading: &mut Reading<'_>,
    top: &Section<'_, '_>,
    links: &[RawLink],
) -> Vec<RawLine> {
    let mut lines = Vec::new();
    let mut owners: BTreeMap<(LinkId, u8), u32> = BTreeMap::new();
    for section in top.sections(reading, "line", "[[line]]") {
        let line = read_line(reading, &section, links);
        if let Some(spec) = &line.spec {
            let number = reading.line(&line.place);
            if let Some(first) = owners.get(&(spec.link, spec.unit_id)) {
                let link = links[usize::from(spec.link.0)].id.as_deref().unwrap_or_default();
                let message = format!(
                    "unit {} of link `{link}` is owned by the line on line {first} already",
                    spec.unit_id
                );
                reading.report(&line.place, message);
            } else {
                owners.insert((spec.link, spec.unit_id), number);
            }
        }
        lines.push(line);
    }
    let ids = lines.iter().filter_map(|line| Some((line.id.as_deref()?, &line.place)));
    check_unique_ids(reading, "line", ids);
    lines
}

fn read_line(reading: &mut Reading<'_>, section: &Section<'_, '_>, links: &[RawLink]) -> RawLine {
    section.check_keys(reading, &["id", "kind", "profile", "link", "unit_id", "blocks"]);
    let id = section.text(reading, "id");
    let kind = read_word(reading, section, "kind", &["sorter"]);
    let known: Vec<&str> = Profile::known().collect();
    let profile = read_word(reading, section, "profile", &known);
    let link = section.text(reading, "link").and_then(|(name, place)| {
        let found = links.iter().position(|link| link.id.as_deref() == Some(name));
        if found.is_none() {
            let near = nearest(name, links.iter().filter_map(|link| link.id.as_deref()));
            reading.report(&place, format!("there is no link `{name}`; the nearest is `{near}`"));
        }
        u16::try_from(found?).ok().map(LinkId)
    });
    let unit_id = section.number(reading, "unit_id", 0..=255);
    let blocks = read_blocks(reading, section, profile);
    let place = id.as_ref().map_or(section.place.clone(), |(_, place)| place.clone());
    let id = id.map(|(id, _)| id.to_owned());
    let spec = || {
        kind?;
        Some(LineSpec {
            id: id.clone()?,
            kind: LineKind::Sorter,
            profile: profile?.to_owned(),
            link: link?,
            unit_id: u8::try_from(unit_id?.0).ok()?,
            lane_max: LaneNo::NONE,
            blocks: blocks?,
        })
    };
    let spec = spec();
    RawLine { id, place, spec }
}

/// Base addresses the file moves; reports blocks that then overlap or leave the address space.
fn read_blocks(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    profile: Option<&str>,
) -> Option<BlockBases> {
    let mut bases = BlockBases::default();
    let Some(blocks) = section.section_or_none(reading, "blocks", "`blocks`") else {
        return (!section.has("blocks")).then_some(bases);
    };
    let profile = Profile::load(profile?).ok()?;
    let names: Vec<&str> = profile.block_names().collect();
    blocks.check_keys(reading, &names);
    let mut placed = Vec::new();
    for name in names {
        let moved = blocks.number_or_none(reading, name, 0..=0xFFFF);
        let base = moved.as_ref().and_then(|(base, _)| u16::try_from(*base).ok());
        let place = moved.map_or(blocks.place.clone(), |(_, place)| place);
        match name {
            "header" => bases.header = base,
            "statics" => bases.statics = base,
            "lanes" => bases.lanes = base,
            "events" => bases.events = base,
            "control" => bases.control = base,
            "commands" => bases.commands = base,
            _ => continue,
        }
        match profile.block(name, base) {
            Ok(block) => {
                let (start, end) = (u32::from(block.start), u32::from(block.start) + u32::from(block.count));
                placed.push((name, start, end, base.is_some(), place));
            }
            Err(error) => reading.report(&place, error.to_string()),
        }
    }
    report_overlaps(reading, &placed);
    Some(bases)
}

type PlacedBlock<'n> = (&'n str, u32, u32, bool, Place);

fn report_overlaps(reading: &mut Reading<'_>, placed: &[PlacedBlock<'_>]) {
    for (index, (name, start, end, is_moved, place)) in placed.iter().enumerate() {
        for (other, other_start, other_end, is_other_moved, other_place) in &placed[..index] {
            if start < other_end && other_start < end {
                let at = if *is_moved || !is_other_moved { place } else { other_place };
                let message = format!(
                    "block `{name}` at {start} to {} overlaps block `{other}` at {other_start} to {}",
                    end - 1,
                    other_end - 1
                );
                reading.report(at, message);
            }
        }
    }
}

/// A text that must be one of `words`.
pub(super) fn read_word<'d>(
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
    reading.report(&place, format!("there is no {key} `{text}`; the nearest is `{near}`"));
    None
}
