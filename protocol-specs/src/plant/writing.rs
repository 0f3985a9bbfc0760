//! A plant back as the text of a plant file: what is read from it again is the same plant.

use std::collections::BTreeMap;
use std::fmt::Write;

use wcs_types::ids::{LaneNo, LineId};
use wcs_types::{ChuteKind, ChuteSpec, Plant};

use crate::plant::chutes::KINDS;

/// The text of a plant file for `plant`.
pub fn plant_toml(plant: &Plant) -> String {
    let mut text = String::new();
    write_plant(&mut text, plant).expect("writing to a String cannot fail");
    text
}

fn write_plant(text: &mut String, plant: &Plant) -> std::fmt::Result {
    let (hours, minutes) = (plant.day_start_minute / 60, plant.day_start_minute % 60);
    writeln!(text, "[plant]\nid = {}", quoted(&plant.id))?;
    writeln!(text, "time_zone = {}\nday_start = \"{hours:02}:{minutes:02}\"", quoted(&plant.time_zone))?;
    for link in &plant.links {
        writeln!(text, "\n[[link]]\nid = {}\ntransport = \"modbus_tcp\"", quoted(&link.id))?;
        writeln!(text, "endpoint = {}", quoted(&link.endpoint))?;
    }
    for line in &plant.lines {
        let link = plant.links.get(usize::from(line.link.0)).map_or("", |link| link.id.as_str());
        writeln!(text, "\n[[line]]\nid = {}\nkind = \"sorter\"", quoted(&line.id))?;
        writeln!(text, "profile = {}\nlink = {}", quoted(&line.profile), quoted(link))?;
        writeln!(text, "unit_id = {}", line.unit_id)?;
        let bases = &line.blocks;
        let moved = [
            ("header", bases.header),
            ("statics", bases.statics),
            ("lanes", bases.lanes),
            ("events", bases.events),
            ("control", bases.control),
            ("commands", bases.commands),
        ];
        let moved: Vec<String> =
            moved.iter().filter_map(|(name, base)| Some(format!("{name} = {}", (*base)?))).collect();
        if !moved.is_empty() {
            writeln!(text, "blocks = {{ {} }}", moved.join(", "))?;
        }
    }
    for (id, chutes) in entries(&plant.chutes) {
        write_entry(text, plant, &id, &chutes)?;
    }
    Ok(())
}

/// Chutes that one entry can stand for, under the id of the entry, in plant order.
fn entries(chutes: &[ChuteSpec]) -> Vec<(String, Vec<&ChuteSpec>)> {
    type Alike<'c> = (LineId, ChuteKind, usize, &'c str);
    let mut entries: Vec<(String, Vec<&ChuteSpec>)> = Vec::new();
    let mut places: BTreeMap<Alike<'_>, usize> = BTreeMap::new();
    for chute in chutes {
        let lane = chute.lanes.first().copied().unwrap_or_default();
        let stem = chute.id.strip_suffix(&format!("-{lane}")).filter(|stem| !stem.trim().is_empty());
        let Some(stem) = stem else {
            entries.push((chute.id.clone(), vec![chute]));
            continue;
        };
        let place = *places.entry((chute.line, chute.kind, chute.lanes.len(), stem)).or_insert(entries.len());
        if place == entries.len() {
            entries.push((stem.to_owned(), Vec::new()));
        }
        entries[place].1.push(chute);
    }
    for (id, chutes) in &mut entries {
        if let [only] = chutes[..] {
            id.clone_from(&only.id);
        }
    }
    entries
}

fn write_entry(text: &mut String, plant: &Plant, id: &str, chutes: &[&ChuteSpec]) -> std::fmt::Result {
    let Some(first) = chutes.first() else { return Ok(()) };
    let line = plant.lines.get(usize::from(first.line.0)).map_or("", |line| line.id.as_str());
    let kind = KINDS.iter().find(|(_, kind)| *kind == first.kind).map_or("", |(word, _)| word);
    let lanes: Vec<LaneNo> = chutes.iter().flat_map(|chute| chute.lanes.iter().copied()).collect();
    writeln!(text, "\n[[chute]]\nline = {}\nid = {}", quoted(line), quoted(id))?;
    writeln!(text, "lanes = \"{}\"\nkind = \"{kind}\"", lane_list(&lanes))?;
    if first.lanes.len() > 1 {
        writeln!(text, "lanes_per_chute = {}", first.lanes.len())?;
    }
    Ok(())
}

/// Lanes as "1-4,9".
fn lane_list(lanes: &[LaneNo]) -> String {
    let runs = lanes.chunk_by(|lane, next| u32::from(lane.0) + 1 == u32::from(next.0));
    let words: Vec<String> = runs
        .map(|run| match run {
            [first, .., last] => format!("{first}-{last}"),
            _ => format!("{}", run[0]),
        })
        .collect();
    words.join(",")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
