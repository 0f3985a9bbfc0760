//! Chutes of a plant file: lane lists, how an entry becomes chutes, and that no lane ends in two places.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::ids::{LaneNo, LineId};
use wcs_types::limits::{LANE_COUNT_MAX, LANES_PER_CHUTE_MAX};
use wcs_types::{ChuteKind, ChuteSpec};

use crate::plant::lines::read_word;
use crate::section::{Place, Reading, Section, nearest};

/// Words of the chute kinds in plant files.
pub(super) const KINDS: [(&str, ChuteKind); 4] = [
    ("order", ChuteKind::Order),
    ("overflow", ChuteKind::Overflow),
    ("no_read", ChuteKind::NoRead),
    ("exception", ChuteKind::Exception),
];

/// A `[[chute]]` as far as it could be read: one chute, or one for each group of its lanes.
pub(super) struct Entry {
    pub(super) line_name: String,
    pub(super) kind: Option<ChuteKind>,
    line: Option<LineId>,
    id: Option<String>,
    place: Place,
    lanes: Vec<LaneNo>,
    lanes_per_chute: usize,
}

impl Entry {
    /// How many chutes the entry makes.
    pub(super) fn chute_count(&self) -> usize {
        self.lanes.len().div_ceil(self.lanes_per_chute)
    }

    /// Ids of the chutes the entry makes: its own, or with the lowest lane behind it when it makes several.
    fn ids(&self) -> Vec<String> {
        let Some(id) = &self.id else { return Vec::new() };
        if self.chute_count() == 1 {
            return vec![id.clone()];
        }
        self.lanes.chunks(self.lanes_per_chute).map(|lanes| format!("{id}-{}", lanes[0])).collect()
    }

    /// The chutes of an entry that has no problem.
    pub(super) fn chutes(&self) -> Option<Vec<ChuteSpec>> {
        let (line, kind) = (self.line?, self.kind?);
        let groups = self.ids().into_iter().zip(self.lanes.chunks(self.lanes_per_chute));
        groups.map(|(id, lanes)| Some(ChuteSpec { id, line, kind, lanes: lanes.try_into().ok()? })).collect()
    }
}

pub(super) fn read_entries(reading: &mut Reading<'_>, top: &Section<'_, '_>, lines: &[&str]) -> Vec<Entry> {
    let sections = top.sections(reading, "chute", "[[chute]]");
    sections.iter().filter_map(|section| read_entry(reading, section, lines)).collect()
}

fn read_entry(reading: &mut Reading<'_>, section: &Section<'_, '_>, lines: &[&str]) -> Option<Entry> {
    section.check_keys(reading, &["line", "id", "lanes", "kind", "lanes_per_chute"]);
    let line_name = section.text(reading, "line");
    let mut line = None;
    if let Some((name, place)) = &line_name {
        line = lines.iter().position(|line| line == name);
        if line.is_none() {
            let near = nearest(name, lines.iter().copied());
            reading.report(place, format!("there is no line `{name}`; the nearest is `{near}`"));
        }
    }
    let id = section.text(reading, "id").map(|(id, _)| id.to_owned());
    let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
    let kind = read_word(reading, section, "kind", &words);
    let most = i64::try_from(LANES_PER_CHUTE_MAX).expect("a small number");
    let per_chute = section.number_or_none(reading, "lanes_per_chute", 1..=most);
    let lanes_per_chute = per_chute.and_then(|(number, _)| usize::try_from(number).ok()).unwrap_or(1);
    let (text, place) = section.text(reading, "lanes")?;
    let lanes = match lanes_of(text) {
        Ok(lanes) => lanes,
        Err(message) => {
            reading.report(&place, message);
            Vec::new()
        }
    };
    for group in lanes.chunks(lanes_per_chute) {
        let are_neighbours = group.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
        if group.len() < lanes_per_chute || !are_neighbours {
            let lane = group[0];
            let message =
                format!("lane {lane} begins a chute of {lanes_per_chute} lanes, but the next are not there");
            reading.report(&place, message);
        }
    }
    Some(Entry {
        line_name: line_name.map_or_else(String::new, |(name, _)| name.to_owned()),
        kind: kind.and_then(|word| KINDS.iter().find(|(known, _)| *known == word)).map(|(_, kind)| *kind),
        line: line.and_then(|line| u16::try_from(line).ok()).map(LineId),
        id,
        place,
        lanes,
        lanes_per_chute,
    })
}

/// Lanes of a list as "1-4,9", in the order written.
fn lanes_of(text: &str) -> Result<Vec<LaneNo>, String> {
    let mut lanes = Vec::new();
    let mut seen = BTreeSet::new();
    for part in text.split(',').map(str::trim) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let bounds = low.trim().parse::<u64>().ok().zip(high.trim().parse::<u64>().ok());
        let Some((low, high)) = bounds else {
            return Err(format!(
                "`lanes` must be a list as \"1-4,9\", and `{part}` is neither a lane nor a range"
            ));
        };
        if low == 0 {
            return Err(format!("lanes are counted from 1, and `{part}` begins at 0"));
        }
        if high < low {
            return Err(format!("the range `{part}` ends before it begins"));
        }
        if high > LANE_COUNT_MAX as u64 {
            return Err(format!("a sorter has at most {LANE_COUNT_MAX} lanes, and `{part}` goes beyond"));
        }
        for lane in low..=high {
            let lane = LaneNo(u16::try_from(lane).expect("at most LANE_COUNT_MAX"));
            if !seen.insert(lane) {
                return Err(format!("lane {lane} stands twice in `{text}`"));
            }
            lanes.push(lane);
        }
    }
    Ok(lanes)
}

/// Reports lanes that end in two places and ids that are given twice.
pub(super) fn check_entries(reading: &mut Reading<'_>, entries: &[Entry]) {
    let mut owners: BTreeMap<(&str, LaneNo), usize> = BTreeMap::new();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut overlaps: BTreeMap<usize, Vec<LaneNo>> = BTreeMap::new();
        for lane in &entry.lanes {
            let first = *owners.entry((&entry.line_name, *lane)).or_insert(index);
            if first != index {
                overlaps.entry(first).or_default().push(*lane);
            }
        }
        for (first, lanes) in overlaps {
            let (low, high) = (lanes[0], lanes[lanes.len() - 1]);
            let are = if low == high {
                format!("lane {low} of `{}` belongs", entry.line_name)
            } else {
                format!("lanes {low} to {high} of `{}` belong", entry.line_name)
            };
            let other = reading.line(&entries[first].place);
            let message = format!("{are} to the chute on line {other} already");
            reading.report(&entry.place, message);
        }
        for id in entry.ids() {
            if let Some(first) = ids.insert(id.clone(), index).filter(|first| *first != index) {
                let other = reading.line(&entries[first].place);
                reading.report(&entry.place, format!("the chute id `{id}` is used on line {other} already"));
                break;
            }
        }
    }
}
