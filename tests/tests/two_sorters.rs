//! One daemon, two sorters: two batches with disjoint classes on the first and one on the second. The second line is
//! stopped, by a person and by the death of its PLC; the batches of the first go on and end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::desk::Wave;
use wcs_tests::plant::write_pair;
use wcs_tests::program::wcs;
use wcs_tests::size::choose;
use wcs_tests::{Desk, Served, Shift, Site, orders};

const LIMIT: Duration = Duration::from_secs(600);
const SPEED: u32 = 20;
/// Orders of one batch.
const WAVE: usize = 20;

struct Pair {
    first: Shift,
    second: Shift,
    served: Served,
    /// Two on the first line, one on the second.
    batches: [i64; 3],
}

#[test]
fn a_line_that_a_person_stopped_stops_no_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pair = Pair::start(folder.path())?;
    let desk = &pair.served.desk;
    desk.ask_line("sorter2", "stop")?.expect(&[200])?;
    let stood = wait_still(&pair.second)?;
    finish_first(desk, &pair)?;
    let after = pair.second.ledger_lines()?;
    ensure!(stood == after, "the second line stands, and {} events followed", after - stood);
    ensure!(desk.state(pair.batches[2])? == "running", "its batch waits");
    desk.ask_line("sorter2", "start")?.expect(&[200])?;
    desk.finish(pair.batches[2], LIMIT)?;
    let loads = pair.first.loads + pair.second.loads;
    pair.end(folder.path())?;
    tell(&format!("two sorters: one stopped and started again, {loads} loads sorted in 3 batches"));
    Ok(())
}

#[test]
fn a_line_whose_plc_died_stops_no_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pair = Pair::start(folder.path())?;
    let Pair { first, second, served, batches } = pair;
    second.sim.kill()?.expect_killed()?;
    for batch in &batches[..2] {
        served.desk.finish(*batch, LIMIT)?;
    }
    ensure!(served.desk.state(batches[2])? == "running", "its batch waits");
    served.daemon.interrupt()?.expect_code(0)?;
    first.sim.interrupt()?.expect_code(0)?;
    Child::run(wcs(folder.path(), &["replay", "data"])?, LIMIT)?.expect_code(0)?;
    tell(&format!("two sorters: one PLC died, the {} loads of the other are sorted", first.loads));
    Ok(())
}

impl Pair {
    /// Starts both sorters and the daemon, and the three batches, and waits until both lines sort.
    fn start(folder: &Path) -> Result<Self> {
        let (one, two) = (folder.join("one"), folder.join("two"));
        fs::create_dir(&one)?;
        fs::create_dir(&two)?;
        let lines = choose(6, 50);
        let wave = u32::try_from(WAVE)?;
        let ours = orders::write_even(&one.join("orders.csv"), 710_000, 2 * wave, lines)?;
        let theirs = orders::write_even(&two.join("orders.csv"), 720_000, wave, lines)?;
        let first = Shift::start(&one, SPEED, LIMIT)?;
        let second = Shift::start(&two, SPEED, LIMIT)?;
        write_pair(folder, "plant.toml", [first.address, second.address])?;
        let served = Site::new(folder, LIMIT)?.start()?;
        let desk = &served.desk;
        for file in [&one, &two] {
            desk.receive_file(&fs::read(file.join("orders.csv"))?)?;
        }
        let prepare =
            |reference, line, orders: &[String]| desk.prepare(&Wave { reference, line, chutes: 60 }, orders);
        let batches = [
            prepare("first", "sorter1", &ours[..WAVE])?,
            prepare("second", "sorter1", &ours[WAVE..])?,
            prepare("third", "sorter2", &theirs)?,
        ];
        for batch in batches {
            desk.ask(batch, "start")?.expect(&[200])?;
        }
        wait_until("both lines sort", LIMIT, || {
            let counts = [first.ledger_lines()?, second.ledger_lines()?];
            Ok(counts.iter().all(|count| *count >= WAVE).then_some(()))
        })?;
        Ok(Self { first, second, served, batches })
    }

    /// Ends everything; the journal replays and each piece is where it was ordered.
    fn end(self, folder: &Path) -> Result<()> {
        let rows = self.batches.iter().map(|batch| {
            let shown = self.served.desk.progress(*batch)?;
            ensure!(shown.picked == shown.planned, "batch {batch}: {shown:?}");
            Ok(())
        });
        rows.collect::<Result<()>>()?;
        self.served.daemon.interrupt()?.expect_code(0)?;
        self.first.sim.interrupt()?.expect_code(0)?;
        self.second.sim.interrupt()?.expect_code(0)?;
        Child::run(wcs(folder, &["replay", "data"])?, LIMIT)?.expect_code(0)?;
        Ok(())
    }
}

fn finish_first(desk: &Desk, pair: &Pair) -> Result<()> {
    for batch in &pair.batches[..2] {
        desk.finish(*batch, LIMIT)?;
    }
    Ok(())
}

/// Waits until the ledger of a line does not grow any more, and gives its lines.
fn wait_still(shift: &Shift) -> Result<usize> {
    let (mut last, mut looks) = (shift.ledger_lines()?, 0);
    wait_until("the line stands", LIMIT, || {
        let now = shift.ledger_lines()?;
        // A hundred looks are far longer than the time between two loads.
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
        Ok((looks >= 100).then_some(now))
    })
}
