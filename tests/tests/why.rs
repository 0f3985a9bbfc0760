//! Why a load that was not read, one that went round, three that were late and one that a person sorted went where they
//! went, and where the pieces of an order and a job stand: the whole chain, byte for byte as in `golden/why`, told by a
//! running daemon, by one whose store is locked, and by the command that has nothing but the journal.
//!
//! `WCS_UPDATE_GOLDEN=1` writes what is told into the files instead; look at the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, tell};
use wcs_tests::http::Http;
use wcs_tests::program::{python, root, wcs};
use wcs_tests::{Site, plant, why_story};

const LIMIT: Duration = Duration::from_secs(120);
/// Name of the golden file, and what is asked for.
const ASKED: [(&str, &str); 10] = [
    ("straight", "0-1-1"),
    ("recirculated", "0-1-2"),
    ("mis-read", "0-1-3"),
    ("late-decision", "0-1-4"),
    ("late-command", "A/4"),
    ("hand-sorted", "label:A/3"),
    ("told-late", "label:C/2"),
    ("order", "-/A"),
    ("order-never-seen", "order:B"),
    ("job", "job:1/1"),
];

#[test]
fn why_tells_the_same_chain_with_the_store_up_locked_and_with_nothing_but_the_journal() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = plant::demo_plant()?;
    fs::write(folder.path().join("plant.toml"), &text)?;
    let journal = folder.path().join("data").join("journal");
    let plant =
        wcs_specs::load_plant(&text, "plant.toml").map_err(|problems| anyhow::anyhow!("{problems}"))?;
    why_story::write(&journal, plant)?;

    let left = |subject: &str| told_by_journal(folder.path(), subject);
    check("the journal alone", &left)?;

    let site = Site::new(folder.path(), LIMIT)?;
    let served = site.start()?;
    let http = served.desk.http.clone();
    check("a daemon", &|subject| told_by_daemon(&http, subject))?;
    let mut holder = hold_store(&site)?;
    holder.wait_out("locked ")?;
    check("a daemon whose store is locked", &|subject| told_by_daemon(&http, subject))?;
    served.daemon.interrupt()?.expect_code(0)?;

    // A daemon that comes up while the store is locked has never opened it.
    let mut daemon = Child::start(site.command()?, LIMIT)?;
    let said = daemon.wait_out("serving on http://")?;
    let http = Http::new(said.trim_end_matches('/').parse().with_context(|| said.clone())?);
    http.get("/api/orders?limit=1")?.expect(&[503])?;
    check("a daemon that never had a store", &|subject| told_by_daemon(&http, subject))?;
    daemon.interrupt()?.expect_code(0)?;
    drop(holder);
    check("the journal that a daemon left", &left)?;
    tell(&format!(
        "why: {} chains alike with store up, locked, never opened, and from the journal",
        ASKED.len()
    ));
    Ok(())
}

/// What is told of a subject, in both languages.
fn told(answer: &Value) -> Result<String> {
    let text = |language: &str| answer["text"][language].as_str().with_context(|| answer.to_string());
    Ok(format!("{}\n{}", text("en")?, text("ko")?))
}

fn told_by_journal(folder: &Path, subject: &str) -> Result<String> {
    let ended = Child::run(wcs(folder, &["why", subject, "--data", "data", "--json"])?, LIMIT)?;
    told(&serde_json::from_str(&ended.expect_code(0)?.out)?)
}

fn told_by_daemon(http: &Http, subject: &str) -> Result<String> {
    let path = format!("/api/why?subject={}", subject.replace('/', "%2F").replace(':', "%3A"));
    told(&http.get(&path)?.expect(&[200])?.json()?)
}

fn check(by: &str, told: &dyn Fn(&str) -> Result<String>) -> Result<()> {
    for (name, subject) in ASKED {
        let (path, found) = (golden(name), told(subject).with_context(|| format!("{by}: {name}"))?);
        if std::env::var_os("WCS_UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().context("golden files lie in a folder")?)?;
            fs::write(&path, found)?;
            continue;
        }
        let wanted = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        ensure!(found == wanted, "{by} tells of {name}:\n{found}\nand not:\n{wanted}");
    }
    Ok(())
}

fn golden(name: &str) -> PathBuf {
    root().join("tests").join("golden").join("why").join(format!("{name}.txt"))
}

/// Another program holds the store for longer than this test takes.
fn hold_store(site: &Site) -> Result<Child> {
    let mut command = Command::new(python()?);
    command.arg("-B").arg(root().join("tests").join("peers").join("lock_store.py"));
    command.arg(site.store()).arg(LIMIT.as_secs().to_string());
    Child::start(command, LIMIT)
}
