//! Every state of the disk in which the power could go. The calls of a real daemon, as `strace` saw them through three
//! lives, are laid onto a disk in memory one after the other; before each of them the power goes, and what no sync has
//! settled is kept, lost or torn in many ways. From every such image the engine starts: all that was durable is
//! there, nothing else than what was written, and no event is missing that the PLC was told to forget. Some images,
//! chosen by lot, are given to the binary as files.
//!
//! Writes that reach the disk in another order are the same as a subset of them: what lies over each other is one
//! page in memory, and a page never goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_engine::{Boot, boot};
use wcs_journal::{
    Fate, MemoryFile, MemoryStorage, Options, ReadError, Reader, Room, Storage, Unsynced, recover,
};
use wcs_specs::{Profile, SorterMap, load_plant};
use wcs_tests::child::{Child, tell};
use wcs_tests::program::wcs;
use wcs_tests::recording::{Lives, record};
use wcs_tests::size::choose;
use wcs_tests::story::Story;
use wcs_tests::syscalls::{Call, What};
use wcs_types::plant::BlockBases;
use wcs_types::{EventSeq, Input, MonoTime, Plant, Record, Seq};

const LIMIT: Duration = Duration::from_secs(300);
const KILLS: usize = 2;
/// Nobody listens here: an image has no sorter.
const PLANT: &str = "sim.toml";

/// Lots, the same on every machine (splitmix64).
struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) % bound as u64) as usize
    }

    /// What becomes of a write when a disk keeps whole pieces of `piece` bytes or loses them.
    fn by_pieces(&mut self, piece: u64, unsynced: &Unsynced) -> Fate {
        let Unsynced::Write { offset, size, .. } = unsynced else {
            return if self.below(2) == 0 { Fate::Kept } else { Fate::Lost };
        };
        let end = offset + *size as u64;
        let mut kept: Vec<Range<usize>> = Vec::new();
        let mut at = *offset;
        while at < end {
            let next = end.min((at / piece + 1) * piece);
            if self.below(2) == 0 {
                kept.push((at - offset) as usize..(next - offset) as usize);
            }
            at = next;
        }
        Fate::Torn(kept)
    }
}

/// Ways in which the power goes.
const WAYS: usize = 5;

/// The power goes.
fn cut(disk: &MemoryStorage, way: usize, seed: u64) {
    let mut lots = Lots(seed);
    match way {
        0 => disk.crash_with(|_| Fate::Lost),
        1 => disk.crash_with(|_| Fate::Kept),
        2 => disk.crash_with(|unsynced| lots.by_pieces(512, unsynced)),
        3 => disk.crash_with(|unsynced| lots.by_pieces(4_096, unsynced)),
        _ => disk.crash(seed),
    }
}

/// The journal directory as the calls make it.
#[derive(Default)]
struct Mirror {
    disk: MemoryStorage,
    files: BTreeMap<String, MemoryFile>,
    /// The disk says that it has synced a file, and has not.
    is_lying: bool,
}

impl Mirror {
    fn apply(&mut self, call: &Call) -> Result<()> {
        let file = |files: &mut BTreeMap<String, MemoryFile>, name: &str| {
            files.get(name).cloned().with_context(|| format!("{name} was never created"))
        };
        match &call.what {
            What::Create { file } => {
                self.files.insert(file.clone(), self.disk.create(file)?);
            }
            What::Write { file: name, offset, bytes } => {
                self.disk.write_at(&mut file(&mut self.files, name)?, *offset, bytes)?;
            }
            What::Sync { .. } if self.is_lying => {}
            What::Sync { file: name } => self.disk.sync_data(&mut file(&mut self.files, name)?)?,
            What::SyncDirectory => self.disk.sync_dir()?,
            What::Rename { from, to } => {
                let renamed = self.files.remove(from);
                self.files.extend(renamed.map(|file| (to.clone(), file)));
                self.disk.rename(from, to)?;
            }
            What::Remove { file } => self.disk.remove(file)?,
            What::Send { .. } => {}
        }
        Ok(())
    }
}

/// The images of a recording.
struct Gallery<'a> {
    plant: Plant,
    folder: &'a Path,
    /// How often the power goes at every moment.
    ways: usize,
    /// Moments of which an image is given to the binary.
    chosen: BTreeSet<usize>,
    moments: usize,
    images: usize,
    torn: usize,
    lost: usize,
}

#[test]
fn every_image_of_a_crash_is_recovered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lives = record(folder.path(), choose(3, 12), KILLS, LIMIT)?;
    let text = fs::read_to_string(folder.path().join(PLANT))?;
    let plant = load_plant(&text, PLANT).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let total = lives.iter().flatten().filter(|call| !matches!(call.what, What::Send { .. })).count();
    let mut lots = Lots(200);
    let mut chosen = BTreeSet::new();
    while chosen.len() < choose(6, 200) {
        chosen.insert(lots.below(total));
    }
    let ways = choose(3, 16);
    let folder = folder.path();
    let mut gallery = Gallery { plant, folder, ways, chosen, moments: 0, images: 0, torn: 0, lost: 0 };
    gallery.show(&lives, false)?;
    ensure!(gallery.moments >= total, "{} of {total} moments", gallery.moments);
    ensure!(gallery.chosen.is_empty(), "{} images were never given to the binary", gallery.chosen.len());
    // The few orders of the reduced size gave 19 torn images in one run, the full size hundreds.
    let least = choose(5, 20);
    ensure!(gallery.torn > least && gallery.lost > least, "{} torn, {} lost", gallery.torn, gallery.lost);
    tell(&format!(
        "{} images of {} moments recovered, {} of them torn, {} without the last records; {} given to the binary",
        gallery.images,
        gallery.moments,
        gallery.torn,
        gallery.lost,
        choose(6, 200)
    ));
    // A disk that does not do what it was asked for is found out, so whatever is not asked for would be.
    ensure!(gallery.show(&lives, true).is_err(), "a disk without syncs is not found out");
    Ok(())
}

impl Gallery<'_> {
    fn show(&mut self, lives: &Lives, is_lying: bool) -> Result<()> {
        let map = SorterMap::resolve(&Profile::load("wcs-sorter-hs")?, &BlockBases::default())?;
        let mut story = Story::new(&map);
        let mut mirror = Mirror { is_lying, ..Mirror::default() };
        for calls in lives {
            // The process before is dead; what it wrote is still seen.
            mirror.disk.kill();
            mirror.files.clear();
            story.tell(calls, &mut |story, call| {
                let what = call.map(|call| format!("before line {}: {}", call.begun, call.what));
                let what = what.unwrap_or_else(|| "at the end of a life".into());
                self.moment(&mirror.disk, story)
                    .with_context(|| format!("moment {}, {what}", self.moments))?;
                call.map_or(Ok(()), |call| mirror.apply(call))
            })?;
        }
        ensure!(story.problems().is_empty(), "{}", story.problems().join("\n"));
        Ok(())
    }

    /// Cuts the power now, in every way.
    fn moment(&mut self, disk: &MemoryStorage, story: &Story) -> Result<()> {
        let is_for_binary = self.chosen.remove(&self.moments);
        for number in 0..self.ways {
            let image = disk.fork();
            // Few ways at every moment are different ones from moment to moment.
            let seed = self.moments * self.ways + number;
            let way = seed % WAYS;
            cut(&image, way, seed as u64);
            let found = recover(&image).with_context(|| format!("way {way}"))?;
            self.torn += usize::from(found.torn.is_some());
            self.lost += usize::from(found.last_seq.0 < story.records().len() as u64);
            self.images += 1;
            if is_for_binary && number == self.moments % self.ways {
                self.give_to_binary(&image, found.last_seq, story).with_context(|| format!("way {way}"))?;
            }
            self.start(&image, story).with_context(|| format!("way {way}"))?;
        }
        self.moments += 1;
        Ok(())
    }

    /// The engine starts from an image.
    fn start(&self, image: &MemoryStorage, story: &Story) -> Result<()> {
        let room = Room { segment_size: 64 * 1024, reserve_size: 4_096 };
        let options = Options { room, genesis: 1, trusted: Seq::NONE };
        let booted = boot(image.clone(), self.plant.clone(), options, |_| MonoTime::ZERO, |_| ())?;
        let Boot { engine, recovered, .. } = booted;
        let last = recovered.last_seq;
        let records: Result<Vec<Record>, ReadError> = if last == Seq::NONE {
            Ok(Vec::new())
        } else {
            Reader::open(image, Seq(1), last)?.map(|entry| entry.map(|entry| entry.record)).collect()
        };
        check_records(&records?, last, story)?;
        engine.core().check_invariants().map_err(|broken| anyhow::anyhow!("{broken}"))?;
        // What was recovered counts from now on, whatever happens next.
        image.crash_with(|_| Fate::Lost);
        let again = recover(image)?.last_seq;
        ensure!(again == last, "{} records were recovered, {} are durable", last.0, again.0);
        Ok(())
    }

    /// The binary reads an image, starts on it, stops, and reads it again.
    fn give_to_binary(&self, image: &MemoryStorage, last: Seq, story: &Story) -> Result<()> {
        let data = self.folder.join("image");
        let journal = data.join("journal");
        fs::create_dir_all(&journal)?;
        for name in image.list()? {
            fs::write(journal.join(&name), image.bytes(&name).context("a listed file")?)?;
        }
        let run = |arguments: &[&str]| Child::run(wcs(self.folder, arguments)?, LIMIT);
        let is_begun = recover(image)?.context.is_some();
        if is_begun {
            run(&["journal", "verify", "image"])?.expect_code(0)?;
            let replayed = run(&["replay", "image"])?.expect_code(0)?;
            ensure!(replayed.out.contains(&format!("{} records ", last.0)), "{replayed}");
            self.check_export(last, story)?;
        }
        let arguments = ["run", "--plant", PLANT, "--data", "image"];
        let mut daemon = Child::start(wcs(self.folder, &arguments)?, LIMIT)?;
        // It has started: it looks for its sorter, which is not there.
        daemon.wait_err(&["cannot connect"])?;
        daemon.interrupt()?.expect_code(0)?;
        run(&["replay", "image"])?.expect_code(0)?;
        self.check_export(last, story)?;
        fs::remove_dir_all(data)?;
        Ok(())
    }

    /// The first `last` records the binary exports are those that were written.
    fn check_export(&self, last: Seq, story: &Story) -> Result<()> {
        let ended = Child::run(wcs(self.folder, &["journal", "export", "image"])?, LIMIT)?.expect_code(0)?;
        let count = usize::try_from(last.0)?;
        let records: Result<Vec<Record>, _> =
            ended.out.lines().take(count).map(serde_json::from_str).collect();
        check_records(&records?, last, story)
    }
}

/// What was found is what was written up to `last`, and reaches as far as anyone was told.
fn check_records(found: &[Record], last: Seq, story: &Story) -> Result<()> {
    let written = story.records().get(..found.len()).context("records nobody wrote")?;
    ensure!(found.len() as u64 == last.0, "{} records, the last is said to be {}", found.len(), last.0);
    ensure!(found == written, "a record is not what was written");
    ensure!(
        last >= story.durable(),
        "records up to {} were durable, {} are there",
        story.durable().0,
        last.0
    );
    let events = found.iter().rev().find_map(|record| match &record.input {
        Input::Sorter { event, .. } => Some(event.seq_last.plus(1)),
        _ => None,
    });
    let acknowledged = story.acknowledged().filter(|_| story.advances() > 0);
    let is_kept =
        acknowledged.is_none_or(|told: EventSeq| events.is_some_and(|next| !told.is_newer_than(next)));
    ensure!(is_kept, "the PLC forgot the events before {acknowledged:?}, the journal ends before {events:?}");
    Ok(())
}
