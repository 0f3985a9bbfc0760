//! Lines about incidents: a bundle taken from a demo that runs is replayed by the program of a fresh clone, and every
//! bundle of `tests/corpus` replays, the old ones imposed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lines::{passed_tests, program};
use super::{Check, Line, Place, Work};

const STORY: &str = "wcs demo over a socket; wcs incident export beside it; git clone; cargo build --release there; \
                     wcs incident replay by that program";
/// How long the demo may take until its journal has something to tell.
const BEGIN_WAIT: Duration = Duration::from_secs(120);

/// The lines, in the order they run.
pub(super) fn lines() -> [Line; 2] {
    let fresh = Line {
        name: "incident-clone".to_owned(),
        shows: "an incident bundle taken from a demo run replays on a fresh clone with equal hashes",
        work: Work::Play(STORY, play),
    };
    let check: Check = Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        if passed_tests(printed) < 5 {
            return Err(format!("{} tests passed, there are 5", passed_tests(printed)));
        }
        let told =
            printed.lines().filter_map(|line| line.split_once("bundles:").or(line.split_once("incident:")));
        let told: Vec<&str> = told.map(|(_, figure)| figure.trim()).collect();
        if told.is_empty() { Err("no bundle was told of".to_owned()) } else { Ok(told.join("; ")) }
    });
    let words =
        ["env", "WCS_FULL_SIZE=1", "cargo", "test", "--package", "wcs-tests", "--test", "incident_corpus"];
    let corpus = Line {
        name: "incident-corpus".to_owned(),
        shows: "every bundle of the corpus replays, the old ones imposed with their differing decisions listed",
        work: Work::Commands(vec![program(&[&words[..], &["--test", "incident"]].concat())], check),
    };
    [fresh, corpus]
}

fn play(place: &Place) -> Result<String, String> {
    let text = |path: &Path| path.display().to_string();
    let (data, bundle, clone) =
        (place.folder.join("data"), place.folder.join("incident.tar"), place.folder.join("clone"));
    let orders = place.days.join(crate::orders::DAYS[1]);
    let mut demo = Command::new(&place.binary);
    demo.args(["demo", "--orders", &text(&orders), "--speed", "20", "--for", "60s", "--data", &text(&data)]);
    let log = |name: &str| fs::File::create(place.folder.join(name)).map_err(|error| error.to_string());
    demo.stdin(Stdio::null()).stdout(log("demo.log")?).stderr(log("demo.err")?);
    let mut demo = demo.spawn().map_err(|error| format!("the demo does not start: {error}"))?;
    let taken = take(place, &data, &bundle);
    let ended = demo.wait().map_err(|error| error.to_string())?;
    let taken = taken?;
    if !ended.success() {
        return Err(format!("the demo ended with {ended}"));
    }
    run(Command::new("git").args(["clone", "--quiet", &text(&place.root), &text(&clone)]))?;
    run(Command::new("cargo")
        .args(["build", "--quiet", "--release"])
        .current_dir(&clone)
        .env_remove("CARGO_TARGET_DIR"))?;
    let binary = clone.join("target").join("release").join("wcs");
    let printed = run(Command::new(binary).args(["--json", "incident", "replay", &text(&bundle)]))?;
    let replayed: Value = serde_json::from_str(&printed).map_err(|error| error.to_string())?;
    let (equal, records) = (replayed["equal"].as_u64(), replayed["records"].as_u64());
    if equal != records || equal < Some(1_000) || replayed["state"] != taken {
        return Err(format!("{replayed}"));
    }
    Ok(format!("{} records with equal hashes, state {taken}", records.unwrap_or_default()))
}

/// Takes a bundle of the last half minute while the demo runs; gives the state it ends in.
fn take(place: &Place, data: &Path, bundle: &Path) -> Result<String, String> {
    let began = Instant::now();
    while began.elapsed() < BEGIN_WAIT {
        // The journal tells when it is there and has two thousand records.
        let verify = Command::new(&place.binary).args(["--json", "journal", "verify"]).arg(data).output();
        let verify = verify.map_err(|error| error.to_string())?;
        let found: Value = serde_json::from_slice(&verify.stdout).unwrap_or_default();
        if found["records"].as_u64() >= Some(2_000) {
            let arguments = ["--json", "incident", "export", "--around", "+15s", "--for", "30s", "--out"];
            let printed = run(Command::new(&place.binary).args(arguments).arg(bundle).arg(data))?;
            let exported: Value = serde_json::from_str(&printed).map_err(|error| error.to_string())?;
            return exported["manifest"]["state"].as_str().map(str::to_owned).ok_or(printed);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Err("the demo made no two thousand records".to_owned())
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        Err(format!("{command:?} ended with {}: {printed}", output.status))
    }
}
