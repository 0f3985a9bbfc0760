//! `wcs check`: reads configuration files and lists every problem with its line. What a file is, its own keys say.

use std::path::{Path, PathBuf};

use serde_json::json;
use wcs_intake::Mapping;
use wcs_sim::faults::FaultPlan;
use wcs_specs::load_plant;

use crate::arguments::CheckOptions;
use crate::exit::Failure;
use crate::feed_source::read_text;
use crate::shown::Shown;
use crate::site_file::check_site;

pub(crate) fn check(options: &CheckOptions, shown: Shown) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in &options.paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(Failure::bad_input("there is no .toml file to check"));
    }
    let mut problems = Vec::new();
    let (mut lines, mut documents) = (String::new(), Vec::new());
    for file in &files {
        let name = file.display();
        match check_file(file) {
            Ok(kind) => {
                lines += &format!("{name}: {kind}, ok\n");
                documents.push(json!({ "file": name.to_string(), "ok": true, "kind": kind, "problems": [] }));
            }
            Err(found) => {
                let found = found.to_string();
                let told: Vec<&str> = found.lines().collect();
                documents
                    .push(json!({ "file": name.to_string(), "ok": false, "kind": null, "problems": told }));
                problems.push(found);
            }
        }
    }
    if shown == Shown::Json || !lines.is_empty() {
        shown.print(&json!({ "ok": problems.is_empty(), "files": documents }), || lines)?;
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::BadInput(problems.join("\n"))) }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let place = |error| Failure::bad_input(format!("cannot read {}: {error}", path.display()));
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(place)?.collect();
    let mut inside: Vec<PathBuf> = entries.map_err(place)?.into_iter().map(|entry| entry.path()).collect();
    inside.sort();
    for entry in inside {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "toml") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

fn check_file(path: &Path) -> Result<&'static str, Failure> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    // A mapping has columns, a fault file has faults, a site has its tables; everything else claims to be a plant.
    let has = |section: &str| text.lines().any(|line| line.trim_start().starts_with(section));
    if has("[columns]") {
        Mapping::parse(&text, &name).map_err(Failure::bad_input)?;
        Ok("mapping")
    } else if has("[[fault]]") {
        FaultPlan::parse(&text, &name).map_err(Failure::bad_input)?;
        Ok("faults")
    } else if ["[http]", "[store]", "[log]", "[realtime]"].into_iter().any(has) {
        check_site(&text, &name)?;
        Ok("site")
    } else {
        load_plant(&text, &name).map_err(Failure::bad_input)?;
        Ok("plant")
    }
}
