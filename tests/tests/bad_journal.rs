//! Journals that are not what was written: a daemon never starts silently on one, and every command names the place.
//! A last write that was cut off is no damage: it was never acknowledged, and the daemon says so and goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::program::wcs;
use wcs_tests::size::choose;
use wcs_tests::{Shift, orders};

const LIMIT: Duration = Duration::from_secs(60);
const SEGMENT: &str = "segment-00000001.wcsj";

/// A folder with plant, orders and a journal of some hundred records; its sorter is gone.
struct Scene {
    folder: tempfile::TempDir,
}

/// How the daemon that wrote the journal ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Killed,
    Stopped,
}

impl Scene {
    fn make(end: End) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        orders::write_made(&folder.path().join("orders.csv"), 4, 30)?;
        let shift = Shift::start(folder.path(), 20, LIMIT)?;
        let (daemon, _) = shift.start_commanding()?;
        wait_until("loads are sorted", LIMIT, || Ok((shift.ledger_lines()? >= 100).then_some(())))?;
        match end {
            End::Killed => daemon.kill()?.expect_killed()?,
            End::Stopped => daemon.interrupt()?.expect_code(0)?,
        };
        Ok(Self { folder })
    }

    /// A copy of the data directory, to be damaged.
    fn copy(&self, name: &str) -> Result<PathBuf> {
        let to = self.folder.path().join(name).join("journal");
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(self.folder.path().join("data").join("journal"))? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(to)
    }

    /// Byte positions of the batches of the first segment, as `wcs journal inspect` lists them.
    fn batches(&self) -> Result<Vec<u64>> {
        let ended = self.run(&["journal", "inspect", "data"])?.expect_code(0)?;
        let first = ended.out.lines().skip_while(|line| !line.starts_with(SEGMENT)).skip(1);
        let found: Vec<u64> = first
            .take_while(|line| line.starts_with(' '))
            .filter(|line| line.contains(": batch "))
            .filter_map(|line| line.trim_start().split(':').next()?.parse().ok())
            .collect();
        ensure!(found.len() > 20, "a journal of some batches: {ended}");
        Ok(found)
    }

    fn run(&self, arguments: &[&str]) -> Result<wcs_tests::Ended> {
        Child::run(wcs(self.folder.path(), arguments)?, LIMIT)
    }

    fn start_daemon(&self, data: &str) -> Result<Child> {
        let arguments = ["run", "--plant", "plant.toml", "--data", data, "--orders", "orders.csv"];
        Child::start(wcs(self.folder.path(), &arguments)?, LIMIT)
    }

    /// Nobody starts on `data`, and everybody names all of `parts`.
    fn expect_damage(&self, data: &str, parts: &[&str]) -> Result<()> {
        let before = contents(&self.folder.path().join(data).join("journal"))?;
        for ended in [
            self.start_daemon(data)?.wait_end()?,
            self.run(&["replay", data])?,
            self.run(&["journal", "verify", data])?,
        ] {
            ensure!(matches!(ended.code, Some(1 | 2)), "a damaged journal is refused: {ended}");
            for part in parts {
                ensure!(ended.err.contains(part), "`{part}` is not in the message: {ended}");
            }
            ensure!(!ended.err.contains("panicked") && !ended.out.contains("commanding"), "{ended}");
        }
        ensure!(
            contents(&self.folder.path().join(data).join("journal"))? == before,
            "damage is never repaired"
        );
        Ok(())
    }
}

/// Names and bytes of the segments of a journal.
fn contents(journal: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wcsj") {
            found.push((path.clone(), fs::read(path)?));
        }
    }
    found.sort();
    Ok(found)
}

fn flip(file: &Path, at: u64) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let byte = bytes.get_mut(usize::try_from(at)?).context("a byte of the file")?;
    *byte ^= 0x10;
    fs::write(file, bytes)?;
    Ok(())
}

/// A byte of the records of the batch at `position`, behind its head.
fn inside(position: u64) -> u64 {
    position + 66
}

#[test]
fn damage_in_the_middle_of_an_open_journal_is_named() -> Result<()> {
    check_flips(End::Killed)
}

#[test]
fn damage_in_the_middle_of_a_sealed_journal_is_named() -> Result<()> {
    let scene = check_flips_of(End::Stopped)?;
    // In a sealed journal the last batch is as proven as the others.
    let last = *scene.batches()?.last().context("a batch")?;
    flip(&scene.copy("last")?.join(SEGMENT), inside(last))?;
    scene.expect_damage("last", &["journal damaged", SEGMENT])?;
    fs::remove_file(scene.copy("gone")?.join(SEGMENT))?;
    scene.expect_damage("gone", &["journal damaged", "segment 1", "missing"])
}

fn check_flips(end: End) -> Result<()> {
    check_flips_of(end).map(drop)
}

fn check_flips_of(end: End) -> Result<Scene> {
    let scene = Scene::make(end)?;
    let batches = scene.batches()?;
    for (name, index) in [("first", 0), ("middle", batches.len() / 2)] {
        let position = batches[index];
        flip(&scene.copy(name)?.join(SEGMENT), inside(position))?;
        scene.expect_damage(name, &[&format!("journal damaged in {SEGMENT} at byte {position}: ")])?;
    }
    flip(&scene.copy("head")?.join(SEGMENT), 10)?;
    scene.expect_damage("head", &["journal damaged", SEGMENT, "header"])?;
    let cut = scene.copy("cut")?.join(SEGMENT);
    let middle = batches[batches.len() / 2];
    let mut bytes = fs::read(&cut)?;
    bytes.drain(usize::try_from(middle)?..usize::try_from(batches[batches.len() / 2 + 1])?);
    fs::write(&cut, bytes)?;
    scene.expect_damage("cut", &["journal damaged", SEGMENT])?;
    Ok(scene)
}

#[test]
fn a_last_write_that_was_cut_off_is_said_and_passed() -> Result<()> {
    let scene = Scene::make(End::Killed)?;
    let last = *scene.batches()?.last().context("a batch")?;
    flip(&scene.copy("torn")?.join(SEGMENT), inside(last))?;
    let replayed = scene.run(&["replay", "torn"])?.expect_code(0)?;
    ensure!(replayed.out.contains("torn"), "the replay says that the end is torn: {replayed}");
    let mut daemon = scene.start_daemon("torn")?;
    daemon.wait_err(&["the last write was interrupted"])?;
    // It has started: it looks for its sorter, which is gone.
    daemon.wait_err(&["cannot connect"])?;
    daemon.interrupt()?.expect_code(0)?;
    scene.run(&["replay", "torn"])?.expect_code(0)?;
    scene.run(&["journal", "verify", "torn"])?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_journal_of_another_plant_is_refused() -> Result<()> {
    let scene = Scene::make(End::Stopped)?;
    let folder = scene.folder.path();
    let plant = fs::read_to_string(folder.join("plant.toml"))?;
    fs::write(folder.join("other.toml"), plant.replacen("lanes = \"1-60\"", "lanes = \"1-59\"", 1))?;
    let before = contents(&folder.join("data").join("journal"))?;
    let ended = scene.run(&["run", "--plant", "other.toml", "--data", "data"])?;
    ensure!(matches!(ended.code, Some(1 | 2)), "{ended}");
    ensure!(ended.err.contains("another plant"), "{ended}");
    ensure!(contents(&folder.join("data").join("journal"))? == before, "the journal is left as it is");
    Ok(())
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 4, 30)?;
    let shift = Shift::start(folder.path(), 20, LIMIT)?;
    let (mut first, _) = shift.start_commanding()?;
    let second = shift.start_daemon()?.wait_end()?;
    ensure!(second.code == Some(2), "{second}");
    let holder = format!("process {}", first.id());
    ensure!(second.err.contains(&holder), "the first process is named: {second}");
    if !first.is_running()? {
        bail!("the first daemon ended: {first}");
    }
    first.interrupt()?.expect_code(0)?;
    shift.sim.interrupt()?.expect_code(0)?;
    Ok(())
}

/// Where a flip was, as a message says it: file, and the byte at which what holds it begins.
fn place_in(message: &str) -> Option<(&str, u64)> {
    let (_, place) = message.split_once(" in ")?;
    let (file, rest) = place.split_once(" at byte ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((file, digits.parse().ok()?))
}

/// Used bytes of every segment, and all of every checkpoint.
fn flippable(scene: &Scene) -> Result<Vec<(String, u64)>> {
    let listed = scene.run(&["journal", "inspect", "data"])?.expect_code(0)?.out;
    let mut found: Vec<(String, u64)> = Vec::new();
    for line in listed.lines() {
        if let Some(file) = line.split(':').next().filter(|name| name.ends_with(".wcsj")) {
            found.push((file.to_owned(), 0));
        } else if let (Some((_, size)), true) = (found.last_mut(), line.contains(": end, ")) {
            *size = line.trim_start().split(':').next().context("a byte")?.parse()?;
        }
    }
    for entry in fs::read_dir(scene.folder.path().join("data").join("journal"))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name that is text")?;
        if name.ends_with(".wcsc") {
            found.push((name, entry.metadata()?.len()));
        }
    }
    ensure!(found.iter().all(|(_, size)| *size > 0), "{found:?}");
    Ok(found)
}

/// Bytes drawn by lot are flipped in a pattern drawn by lot, one at a time, and `check` sees what `wcs replay` says.
fn flip_by_lot(scene: &Scene, check: impl Fn(&str, u64, &wcs_tests::Ended) -> Result<()>) -> Result<()> {
    let files = flippable(scene)?;
    let journal = scene.copy("flipped")?;
    let mut lots = 20_u64;
    let mut below = |bound: u64| {
        lots = lots.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (lots >> 33) % bound
    };
    for number in 0..choose(24, 400) {
        // Every file has its share: a seal is short.
        let (file, size) = &files[number % files.len()];
        let (at, mask) = (below(*size), below(255) as u8 + 1);
        let path = journal.join(file);
        let bytes = fs::read(&path)?;
        let mut flipped = bytes.clone();
        flipped[usize::try_from(at)?] ^= mask;
        fs::write(&path, flipped)?;
        let replayed = scene.run(&["replay", "flipped"])?;
        check(file, at, &replayed).with_context(|| format!("{file} byte {at} xor {mask}"))?;
        fs::write(&path, bytes)?;
    }
    scene.run(&["replay", "flipped"])?.expect_code(0)?;
    tell(&format!("{} flipped bytes of {} files named by `wcs replay`", choose(24, 400), files.len()));
    Ok(())
}

#[test]
fn any_flipped_byte_of_a_sealed_journal_is_named() -> Result<()> {
    let scene = Scene::make(End::Stopped)?;
    flip_by_lot(&scene, |file, at, replayed| {
        ensure!(replayed.code == Some(1), "{replayed}");
        let place = place_in(&replayed.err);
        ensure!(place.is_some_and(|(named, byte)| named == file && byte <= at), "{place:?}: {replayed}");
        Ok(())
    })
}

#[test]
fn flipped_byte_of_an_open_journal_is_torn_in_the_last_batch_and_damage_before_it() -> Result<()> {
    let scene = Scene::make(End::Killed)?;
    let last = *scene.batches()?.last().context("a batch")?;
    flip_by_lot(&scene, |file, at, replayed| {
        let is_last = file == SEGMENT && at >= last;
        let (code, text) = if is_last { (0, &replayed.out) } else { (1, &replayed.err) };
        ensure!(replayed.code == Some(code), "{replayed}");
        let place = place_in(text);
        let is_named =
            place.is_some_and(|(named, byte)| named == file && byte <= at && (!is_last || byte == last));
        ensure!(is_named, "{place:?}: {replayed}");
        Ok(())
    })?;
    // The last batch is short beside the rest: a few more in it.
    let size = flippable(&scene)?.first().context("a segment")?.1;
    let journal = scene.copy("last")?;
    let bytes = fs::read(journal.join(SEGMENT))?;
    for at in (last..size).step_by(usize::try_from(1 + (size - last) / 8)?) {
        flip(&journal.join(SEGMENT), at)?;
        let replayed = scene.run(&["replay", "last"])?.expect_code(0)?;
        ensure!(place_in(&replayed.out) == Some((SEGMENT, last)), "byte {at}: {replayed}");
        fs::write(journal.join(SEGMENT), &bytes)?;
    }
    Ok(())
}
