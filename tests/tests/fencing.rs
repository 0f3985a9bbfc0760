//! Two daemons and one sorter: only the newest owner is obeyed. A paused owner that wakes up behind its successor, a
//! paused one that has none, two of one epoch, a copy that lacks what was acknowledged, and clocks that disagree. A
//! daemon that was fenced off commands again once a person has ended the other one and started it anew.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wcs_journal::{Batch, FileStorage, Opened, Options, Reader, Room, open, recover};
use wcs_sim::feed::MadeTotals;
use wcs_tests::child::{tell, wait_until};
use wcs_tests::plc_view::{Dump, number};
use wcs_tests::size::choose;
use wcs_tests::{Child, Ended, PlcView, Relay, Shift, orders, plant};
use wcs_types::{MonoTime, Nanos, Record, Seq};

const LIMIT: Duration = Duration::from_secs(300);
const SPEED: u32 = 20;
const SEED: u64 = 4_711;
const DATA: &str = "data";
const COPY: &str = "copy";
/// Exit code of a daemon that was fenced off.
const FENCED: i32 = 4;
/// A month: far more than core time follows the wall clock.
const SKEW_MS: i64 = 30 * 24 * 3_600_000;
/// The most that core time goes on over a restart.
const AWAY_MAX: Nanos = Nanos::from_secs(7 * 24 * 3_600);

struct Scene {
    shift: Shift,
    view: PlcView,
    totals: MadeTotals,
    folder: TempDir,
}

fn scene(speed: u32, order_count: u32) -> Result<Scene> {
    let folder = tempfile::tempdir()?;
    let totals = orders::write_made(&folder.path().join("orders.csv"), SEED, order_count)?;
    let shift = Shift::start(folder.path(), speed, LIMIT)?;
    let view = PlcView::new(folder.path(), shift.address)?;
    Ok(Scene { shift, view, totals, folder })
}

fn order_count() -> u32 {
    choose(30, 150)
}

impl Scene {
    /// Waits until the plant has made `count` more entries in its ledger while `daemon` runs.
    fn sort_on(&self, daemon: &mut Child, count: usize) -> Result<()> {
        let goal = self.shift.ledger_lines()? + count;
        wait_until("loads are sorted", LIMIT, || {
            ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
            Ok((self.shift.ledger_lines()? >= goal).then_some(()))
        })
    }

    /// A part of the entries the ledger will have: two for each load.
    fn share(&self, percent: u64) -> Result<usize> {
        Ok(usize::try_from(self.shift.loads * 2 * percent / 100)?)
    }

    fn header(&self, at: usize) -> Result<u16> {
        Ok(self.view.header()?[at])
    }

    /// Starts a daemon with nothing to sort on `data`, and waits until it owns the line under `epoch`.
    fn start_idle(&self, data: &str, epoch: u16) -> Result<Child> {
        let plant = ["run", "--plant", "plant.toml", "--data", data];
        let daemon = Child::start(wcs_tests::program::wcs(self.folder.path(), &plant)?, LIMIT)?;
        let at = self.view.map.header;
        wait_until("the line has an owner", LIMIT, || {
            let header = self.view.header()?;
            let is_owned = header[at.link_state] == self.view.words.link_states.ok;
            Ok((is_owned && header[at.owner_epoch] == epoch).then_some(()))
        })?;
        Ok(daemon)
    }

    /// The registers once the PLC has looked at everything that was written to it. No daemon may run.
    fn dump_at_rest(&self) -> Result<Dump> {
        let tick = self.view.map.header.plc_tick;
        let begun = number(&self.view.header()?, tick);
        wait_until("the PLC goes through some cycles", LIMIT, || {
            Ok((number(&self.view.header()?, tick).wrapping_sub(begun) >= 100).then_some(()))
        })?;
        self.view.dump()
    }

    /// Journal and ledger agree, every load has one outcome, nothing was mis-sorted.
    fn settle(self, data: &str) -> Result<()> {
        let (loads, totals) = (self.shift.loads, self.totals);
        let settled = self.shift.settle_on(data)?;
        let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
        ensure!(
            found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"],
            "{settled}"
        );
        ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
        ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
        ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
        tell(&format!("{loads} loads reconciled, ledger_difference 0"));
        Ok(())
    }
}

/// What a daemon that was fenced off left: exit code 4, and the epoch of its successor in the log.
fn expect_fenced(ended: Ended, newer_epoch: u16) -> Result<()> {
    let ended = ended.expect_code(FENCED)?;
    let epoch = format!("newer_epoch={newer_epoch}");
    let is_logged =
        ended.err.lines().any(|line| line.contains("a newer owner commands") && line.contains(&epoch));
    ensure!(is_logged, "no word of epoch {newer_epoch}: {ended}");
    Ok(())
}

/// What a fenced owner wrote changed nothing but the registers of refusals; gives how often it was refused. The PLC may
/// have missed the owner that is paused meanwhile.
fn expect_unmoved(view: &PlcView, before: &Dump, after: &Dump) -> Result<u16> {
    let at = &view.map.header;
    let owned = [
        ("wcs_life_echo", at.wcs_life_echo),
        ("owner_epoch", at.owner_epoch),
        ("evt_taken_echo", at.evt_taken_echo),
        ("evt_ack_echo", at.evt_ack_echo),
        ("cmd_tail", at.cmd_tail),
        ("plc_epoch", at.plc_epoch),
        ("evt_lost", at.evt_lost),
    ];
    for (name, at) in owned {
        ensure!(before.header[at] == after.header[at], "{name}: {} {}", before.header[at], after.header[at]);
    }
    let (was, is) = (before.header[at.link_state], after.header[at.link_state]);
    ensure!(is == was || is == view.words.link_states.wcs_lost, "link_state went from {was} to {is}");
    ensure!(before.statics == after.statics, "statics: {:?} {:?}", before.statics, after.statics);
    ensure!(before.control == after.control, "control: {:?} {:?}", before.control, after.control);
    ensure!(before.commands == after.commands, "the command ring was written");
    let refused = after.header[at.rej_count].wrapping_sub(before.header[at.rej_count]);
    let (seq, code) = (after.header[at.rej_seq], after.header[at.rej_code]);
    let is_foreign = (seq, code) == (0, view.words.refusals.foreign_epoch);
    ensure!(refused == 0 || is_foreign, "refusal {code} of {seq}");
    Ok(refused)
}

/// A sorts and is paused; B goes on with a copy of its data, changed by `doctor`; A wakes up.
fn take_over(doctor: impl FnOnce(&Path) -> Result<()>) -> Result<Scene> {
    let scene = scene(SPEED, order_count())?;
    let (mut a, _) = scene.shift.start_commanding()?;
    scene.sort_on(&mut a, scene.share(15)?)?;
    a.pause()?;
    doctor(&scene.shift.copy_data(DATA, COPY)?)?;
    let (mut b, ms) = scene.shift.start_commanding_on(COPY)?;
    tell(&format!("the successor commands after {ms} ms"));
    let owner_epoch = scene.view.map.header.owner_epoch;
    ensure!(scene.header(owner_epoch)? == 2, "the successor owns the line");
    scene.sort_on(&mut b, scene.share(15)?)?;
    // With both paused, whatever changes now was written by the old owner.
    b.pause()?;
    let before = scene.dump_at_rest()?;
    a.resume()?;
    expect_fenced(a.wait_end()?, 2)?;
    let after = scene.dump_at_rest()?;
    let refused = expect_unmoved(&scene.view, &before, &after)?;
    ensure!(refused >= 1, "nothing was refused: the old owner never wrote");
    tell(&format!("{refused} blocks of the old owner were refused with 7, no other register changed"));
    b.resume()?;
    b.wait_end()?.expect_code(0)?;
    Ok(scene)
}

#[test]
fn owner_that_wakes_up_behind_its_successor_changes_nothing_and_exits_4() -> Result<()> {
    take_over(|_| Ok(()))?.settle(COPY)
}

#[test]
fn owner_that_wakes_up_without_its_connection_writes_nothing_and_exits_4() -> Result<()> {
    let scene = scene(SPEED, order_count())?;
    let relay = Relay::start(scene.shift.address)?;
    plant::write_demo(scene.folder.path(), "plant.toml", relay.address)?;
    let (mut a, _) = scene.shift.start_commanding()?;
    scene.sort_on(&mut a, scene.share(15)?)?;
    a.pause()?;
    // As a PLC does with a connection that was idle for too long.
    relay.cut();
    scene.shift.copy_data(DATA, COPY)?;
    let (mut b, _) = scene.shift.start_commanding_on(COPY)?;
    scene.sort_on(&mut b, scene.share(15)?)?;
    b.pause()?;
    let before = scene.dump_at_rest()?;
    a.resume()?;
    expect_fenced(a.wait_end()?, 2)?;
    let after = scene.dump_at_rest()?;
    let refused = expect_unmoved(&scene.view, &before, &after)?;
    ensure!(refused == 0, "it read who owns the line before it wrote, yet {refused} blocks came");
    b.resume()?;
    b.wait_end()?.expect_code(0)?;
    scene.settle(COPY)
}

#[test]
fn owner_that_wakes_up_without_a_successor_goes_on() -> Result<()> {
    let scene = scene(SPEED, order_count())?;
    let (mut daemon, _) = scene.shift.start_commanding()?;
    scene.sort_on(&mut daemon, scene.share(15)?)?;
    let at = scene.view.map.header;
    let refused = scene.header(at.rej_count)?;
    daemon.pause()?;
    let begun = number(&scene.view.header()?, at.plc_tick);
    wait_until("the PLC has run alone for five seconds", LIMIT, || {
        Ok((number(&scene.view.header()?, at.plc_tick).wrapping_sub(begun) >= 5_000).then_some(()))
    })?;
    ensure!(scene.header(at.link_state)? == scene.view.words.link_states.wcs_lost, "it missed its owner");
    daemon.resume()?;
    daemon.wait_end()?.expect_code(0)?;
    ensure!(scene.header(at.owner_epoch)? == 1, "its owner stayed its owner");
    ensure!(scene.header(at.rej_count)? == refused, "nothing of it was refused");
    scene.settle(DATA)
}

#[test]
fn of_two_owners_of_one_epoch_one_goes_on_and_the_other_exits_4() -> Result<()> {
    let scene = scene(5, choose(6, 20))?;
    let at = scene.view.map.header;
    // An owner with nothing to sort leaves a data directory behind that knows the PLC.
    scene.start_idle(DATA, 1)?.interrupt()?.expect_code(0)?;
    scene.shift.copy_data(DATA, COPY)?;
    // Both meet the PLC at once, and both have written epoch 2 into their journals before either writes a block.
    let relay = Relay::start_meeting(scene.shift.address)?;
    plant::write_demo(scene.folder.path(), "plant.toml", relay.address)?;
    let mut daemons =
        vec![(DATA, scene.shift.start_daemon_on(DATA)?), (COPY, scene.shift.start_daemon_on(COPY)?)];
    let loser = wait_until("one of them gives way", LIMIT, || {
        for (index, (_, daemon)) in daemons.iter_mut().enumerate() {
            if !daemon.is_running()? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    })?;
    let (data, loser) = daemons.remove(loser);
    expect_fenced(loser.wait_end()?, 2)?;
    let (survivor, winner) = daemons.remove(0);
    tell(&format!("{data} gave way, {survivor} goes on under epoch {}", scene.header(at.owner_epoch)?));
    winner.wait_end()?.expect_code(0)?;
    ensure!(scene.header(at.owner_epoch)? == 2, "nobody took a third epoch");
    scene.settle(survivor)
}

#[test]
fn daemon_that_was_fenced_off_commands_again_when_it_is_started_anew() -> Result<()> {
    let scene = scene(SPEED, order_count())?;
    let at = scene.view.map.header;
    // Whoever started the second one did so by mistake: it sorts nothing.
    let first = scene.start_idle(DATA, 1)?;
    first.pause()?;
    scene.shift.copy_data(DATA, COPY)?;
    let second = scene.start_idle(COPY, 2)?;
    first.resume()?;
    expect_fenced(first.wait_end()?, 2)?;
    ensure!(scene.header(at.owner_epoch)? == 2, "the newcomer keeps the line while nobody does anything");
    second.interrupt()?.expect_code(0)?;
    let (again, ms) = scene.shift.start_commanding()?;
    ensure!(scene.header(at.owner_epoch)? == 3, "its epoch is newer than both");
    tell(&format!("started anew it commands after {ms} ms, under epoch 3"));
    let ended = again.wait_end()?.expect_code(0)?;
    let is_told =
        |words: [&str; 2]| ended.err.lines().any(|line| words.iter().all(|word| line.contains(word)));
    ensure!(!is_told(["alarm raised", "fenced_off"]), "nobody fenced it off again: {ended}");
    scene.settle(DATA)
}

#[test]
fn copy_that_lacks_what_was_acknowledged_is_not_let_in() -> Result<()> {
    let scene = scene(SPEED, order_count())?;
    let at = scene.view.map.header;
    let (mut daemon, _) = scene.shift.start_commanding()?;
    scene.sort_on(&mut daemon, scene.share(15)?)?;
    daemon.pause()?;
    scene.shift.copy_data(DATA, COPY)?;
    daemon.resume()?;
    scene.sort_on(&mut daemon, scene.share(15)?)?;
    let refused = scene.header(at.rej_count)?;
    let mut late = scene.shift.start_daemon_on(COPY)?;
    late.wait_err(&["alarm raised", "records_missing"])?;
    ensure!(scene.header(at.owner_epoch)? == 1, "the owner stayed the owner");
    late.interrupt()?.expect_code(0)?;
    daemon.wait_end()?.expect_code(0)?;
    ensure!(scene.header(at.owner_epoch)? == 1, "the owner stayed the owner");
    ensure!(scene.header(at.rej_count)? == refused, "nobody wrote besides it");
    scene.settle(DATA)
}

#[test]
fn successor_whose_clock_is_behind_takes_over_all_the_same() -> Result<()> {
    // A stamp of next month is what a journal looks like to a machine whose clock is a month behind.
    let mut last = MonoTime::ZERO;
    let scene = take_over(|copy| {
        last = restamp(copy, SKEW_MS)?;
        Ok(())
    })?;
    let went_on = core_time_behind(&scene.folder.path().join(COPY), last)?;
    ensure!(went_on < Nanos::from_secs(60), "core time jumped by {went_on:?}");
    scene.settle(COPY)
}

#[test]
fn successor_whose_clock_is_ahead_takes_over_all_the_same() -> Result<()> {
    let mut last = MonoTime::ZERO;
    let scene = take_over(|copy| {
        last = restamp(copy, -SKEW_MS)?;
        Ok(())
    })?;
    let went_on = core_time_behind(&scene.folder.path().join(COPY), last)?;
    let is_cut = went_on >= AWAY_MAX && went_on < AWAY_MAX + Nanos::from_secs(60);
    ensure!(is_cut, "core time went on by {went_on:?}");
    scene.settle(COPY)
}

/// Writes the journal in `data` anew, record for record, with wall clock stamps that are `ahead_ms` off. Gives the
/// core time of its last record.
fn restamp(data: &Path, ahead_ms: i64) -> Result<MonoTime> {
    let (journal, old) = (data.join("journal"), data.join("before"));
    fs::rename(&journal, &old)?;
    let storage = FileStorage::open_read_only(&old)?;
    let found = recover(&storage)?;
    let context = found.context.context("a journal has a context")?;
    let options = Options { room: Room::default(), genesis: 77, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(FileStorage::open(&journal)?, context, options)?;
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let wall_ms = u64::try_from(now_ms + ahead_ms)?;
    let records = records(&old)?;
    for part in records.chunks(256) {
        let mut batch = Batch::new();
        part.iter().for_each(|record| batch.push(record));
        batch.set_wall(wall_ms);
        writer.append(&batch)?;
        writer.sync()?;
    }
    Ok(records.last().context("a journal has records")?.now)
}

fn records(journal: &Path) -> Result<Vec<Record>> {
    let storage = FileStorage::open_read_only(journal)?;
    let last = recover(&storage)?.last_seq;
    Reader::open(&storage, Seq(1), last)?.map(|entry| Ok(entry?.record)).collect()
}

/// How much later than `last` core time went on. It never goes back in a journal.
fn core_time_behind(data: &Path, last: MonoTime) -> Result<Nanos> {
    let records = records(&data.join("journal"))?;
    for pair in records.windows(2) {
        ensure!(pair[0].now <= pair[1].now, "core time goes back at record {}", pair[1].seq.0);
    }
    let next = records.iter().find(|record| record.now > last).context("the successor made records")?;
    Ok(next.now.since(last))
}
