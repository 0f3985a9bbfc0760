//! Disks that fail under a real daemon. On a small file system that fills up, acknowledgements and permits stop, what
//! is on the belt goes on to its lanes, and with room again everything is caught up. On a disk whose syncs, directory
//! syncs and writes fail (faults that `strace` injects), no file is touched again after a failure.
//!
//! The small file system is a tmpfs in a mount namespace of its own. Root may make one; so may anyone else where user
//! namespaces are allowed, or who may become root without being asked.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wcs_journal::{FileStorage, recover};
use wcs_specs::{Profile, SorterMap};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::program::wcs;
use wcs_tests::shift::{DATA, ORDERS};
use wcs_tests::size::choose;
use wcs_tests::story::Story;
use wcs_tests::syscalls::{What, parse, traced};
use wcs_tests::{PlcView, Shift, orders};
use wcs_types::plant::BlockBases;

const LIMIT: Duration = Duration::from_secs(240);
const SPEED: u32 = 20;
const SEED: u64 = 28;

/// Orders of a batch that are sorted, reduced and full; one more fills the journal.
const ORDER_COUNT: (u32, u32) = (15, 59);
/// What the daemon is given to sort: the orders of the sorter, and an order that never comes.
const MORE_ORDERS: &str = "more.csv";
/// A plant file whose sorter is not there.
const NOBODY: &str = "sim.toml";
/// Room of the first segment, taken when the daemon starts.
const FIRST_ROOM: u64 = 4 * 1024 * 1024;
/// Part of it that the order that never comes leaves to the loads.
const LEFT_FOR_LOADS: u64 = 100 * 1024;
/// Lines of the order that never comes when its share is measured: not far from what it will have, as numbers grow.
const LINES_MEASURED: [u64; 2] = [30_000, 40_000];
/// Ways to mount something: as root, in a user namespace, or by becoming root.
const WAYS: [&[&str]; 3] = [
    &["unshare", "--mount"],
    &["unshare", "--user", "--map-root-user", "--mount"],
    &["sudo", "-n", "unshare", "--mount"],
];
/// Mounts a small file system at `$1` with a ballast in it that takes the room of two segments, runs the rest, takes
/// the ballast away when there is a file `room` in `$2`, and keeps the journal there.
const SCRIPT: &str = "set -eu; data=$1; kept=$2; shift 2
mount -t tmpfs -o size=12800k wcs-small \"$data\"
head -c 8388608 /dev/zero > \"$data/ballast\"
(while [ -d \"$kept\" ] && [ ! -e \"$kept/room\" ]; do sleep 0.05; done; rm -f \"$data/ballast\") &
code=0; setpriv --pdeathsig KILL \"$@\" || code=$?
kill $! 2>/dev/null || true
cp -r \"$data/journal\" \"$kept/journal\"; chmod -R a+rwX \"$kept/journal\"; exit $code";

/// The orders of the sorter with one of `lines` lines behind them.
fn write_more(folder: &Path, lines: u64) -> Result<()> {
    let mut csv = fs::read_to_string(folder.join(ORDERS))?;
    for number in 0..lines {
        let sku = 10_000 + number % 80_000;
        writeln!(csv, "699999,{sku},NEVER COMES,1,2011-12-05 09:00:00,2.55,17850.0,United Kingdom")?;
    }
    fs::write(folder.join(MORE_ORDERS), csv)?;
    Ok(())
}

fn daemon_on(folder: &Path, plant: &str, data: &str) -> Result<Command> {
    let mut arguments = vec!["run", "--plant", plant, "--data", data, "--orders", MORE_ORDERS];
    arguments.extend(["--quiet", "3s", "--report", "run.json"]);
    wcs(folder, &arguments)
}

/// Bytes of the journal once the batch with an order of `lines` lines is staged and started, without a sorter.
fn size_when_started(folder: &Path, lines: u64) -> Result<u64> {
    write_more(folder, lines)?;
    let data = format!("measure-{lines}");
    let mut daemon = Child::start(daemon_on(folder, NOBODY, &data)?, LIMIT)?;
    daemon.wait_err(&["batch started"])?;
    daemon.interrupt()?.expect_code(0)?;
    let found = recover(&FileStorage::open_read_only(&folder.join(data).join("journal"))?)?;
    Ok(found.segments.first().context("a segment")?.used)
}

/// The way in which this user may mount.
fn mounting(small: &Path) -> Result<&'static [&'static str]> {
    for way in WAYS {
        let mut look = Command::new(way[0]);
        look.args(&way[1..]).args(["mount", "-t", "tmpfs", "wcs-small"]).arg(small);
        if look.output().is_ok_and(|found| found.status.success()) {
            return Ok(way);
        }
    }
    bail!(
        "no small file system can be mounted: this test needs root, user namespaces, or sudo without a password"
    )
}

/// The command with its data directory on a small file system at `small`; the journal is kept in the usual place.
fn on_small_disk(command: &Command, folder: &Path, small: &Path) -> Result<Command> {
    let kept = folder.join(DATA);
    fs::create_dir_all(small)?;
    fs::create_dir_all(&kept)?;
    let way = mounting(small)?;
    let mut script = Command::new(way[0]);
    script.args(&way[1..]).args(["sh", "-c", SCRIPT, "sh"]).arg(small).arg(kept).arg("env");
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        script.arg(format!("{}={}", name.display(), value.display()));
    }
    script.arg(command.get_program()).args(command.get_args()).current_dir(folder);
    Ok(script)
}

#[test]
fn full_disk_stops_what_is_told_and_not_what_moves() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let totals = orders::write_made(&folder.join(ORDERS), SEED, choose(ORDER_COUNT.0, ORDER_COUNT.1))?;
    let shift = Shift::start(folder, SPEED, LIMIT)?;
    let plc = PlcView::new(folder, shift.address)?;
    let [few, many] = LINES_MEASURED;
    let (less, more) = (size_when_started(folder, few)?, size_when_started(folder, many)?);
    let left =
        (FIRST_ROOM - LEFT_FOR_LOADS).checked_sub(more).context("the order is too long to be measured")?;
    let lines = many + left * (many - few) / (more - less);
    write_more(folder, lines)?;

    let small = folder.join("small");
    let mut daemon =
        Child::start(on_small_disk(&daemon_on(folder, "plant.toml", "small")?, folder, &small)?, LIMIT)?;
    daemon.wait_err(&["the journal cannot be written", "disk is full"])?;
    daemon.wait_err(&["alarm raised", "journal_stalled"])?;
    let stalled = check_stall(&plc, &shift)?;
    ensure!(daemon.is_running()?, "the daemon goes on: {daemon}");

    // Room again.
    fs::write(folder.join(DATA).join("room"), "")?;
    daemon.wait_err(&["alarm gone", "journal_stalled"])?;
    daemon.wait_end()?.expect_code(0)?;
    let loads = shift.loads;
    let settled = shift.settle()?;
    let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"], "{settled}");
    ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    let short = pieces["short_pieces"].as_u64().context("short pieces")?;
    ensure!(short >= lines, "the order that never came is short: {settled}");
    tell(&format!(
        "disk full after an order of {lines} lines: {stalled} ledger events while no acknowledgement left, then \
         {loads} loads and {} pieces settled",
        totals.pieces
    ));
    Ok(())
}

/// While the disk is full: no permit, no acknowledgement; the belt carries on until it is empty. Gives the ledger
/// lines of that time.
fn check_stall(plc: &PlcView, shift: &Shift) -> Result<usize> {
    let map = &plc.map;
    wait_until(
        "the permit goes",
        LIMIT,
        || Ok((plc.dump()?.control[map.control.permit] == 0).then_some(())),
    )?;
    let before = (plc.header()?, shift.ledger_lines()?);
    ensure!(before.0[map.header.items_on_sorter] > 0, "the disk was full before a load was on the belt");
    wait_until("the belt is empty", LIMIT, || {
        Ok((plc.header()?[map.header.items_on_sorter] == 0).then_some(()))
    })?;
    let after = (plc.dump()?, shift.ledger_lines()?);
    let acknowledged = |header: &[u16]| header[map.header.evt_ack_echo];
    ensure!(
        acknowledged(&before.0) == acknowledged(&after.0.header),
        "events were acknowledged while the disk was full"
    );
    ensure!(
        after.0.header[map.header.evt_head] != acknowledged(&after.0.header),
        "the PLC keeps the events of that time"
    );
    ensure!(after.0.control[map.control.permit] == 0, "loads are let in while the disk is full");
    ensure!(after.1 > before.1, "nothing moved while the disk was full");
    Ok(after.1 - before.1)
}

#[test]
fn failing_disk_is_never_touched_again_and_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let totals = orders::write_made(&folder.join(ORDERS), SEED, choose(10, 60))?;
    let shift = Shift::start(folder, SPEED, LIMIT)?;
    // So that the first sync of a directory in the main thread is that of the journal.
    fs::create_dir_all(shift.journal())?;
    // `strace` counts calls in each thread by itself. All but the first of everything is the journal thread's.
    let faults = [
        "inject=fdatasync:error=EIO:when=30..300+30",
        "inject=fsync:error=EIO:when=2",
        "inject=pwrite64:error=ENOSPC:when=140..260+40",
    ];
    let faults: Vec<&str> = faults.iter().flat_map(|fault| ["-e", fault]).collect();
    let trace = folder.join("trace");
    let mut daemon = Child::start(traced(&shift.daemon(DATA)?, &trace, &faults)?, LIMIT)?;
    daemon.wait_err(&["alarm raised", "journal_stalled"])?;
    daemon.wait_err(&["alarm gone", "journal_stalled"])?;
    daemon.wait_end()?.expect_code(0)?;
    let calls = parse(&fs::read_to_string(&trace)?)?;
    let map = SorterMap::resolve(&Profile::load("wcs-sorter-hs")?, &BlockBases::default())?;
    let mut story = Story::new(&map);
    story.tell(&calls, &mut |_, _| Ok(()))?;
    ensure!(story.problems().is_empty(), "{}", story.problems().join("\n"));
    let failed = |is_one: fn(&What) -> bool| {
        calls.iter().filter(|call| is_one(&call.what) && !call.is_ok && call.ended.is_some()).count()
    };
    let syncs = failed(|what| matches!(what, What::Sync { .. }));
    let names = failed(|what| matches!(what, What::SyncDirectory));
    let writes = failed(|what| matches!(what, What::Write { .. }));
    ensure!(
        syncs >= 3 && names >= 1 && writes >= 2,
        "{syncs} syncs, {names} directory syncs, {writes} writes failed"
    );
    let settled = shift.settle()?;
    let pieces = &settled["reconcile"];
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    tell(&format!(
        "{syncs} failed syncs, {names} failed directory syncs and {writes} failed writes: no file touched again, {} \
         acknowledgements, {} pieces settled",
        story.advances(),
        totals.pieces
    ));
    Ok(())
}
