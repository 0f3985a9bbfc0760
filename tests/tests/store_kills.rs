//! `kill -9` at moments drawn by lot while orders are taken in and batches are started and closed over HTTP, and the
//! sorter goes on. The client keeps a list of its own of what was acknowledged. After every start each of it is there
//! once, and no batch hangs between store and core; in the end a store rebuilt from the journal equals the live one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wcs_journal::{FileStorage, recover};
use wcs_store::{Address, Settings, Store};
use wcs_tests::child::{tell, wait_until};
use wcs_tests::desk::{STARTED, Wave};
use wcs_tests::lots::Lots;
use wcs_tests::size::choose;
use wcs_tests::{Desk, Shift, Site, orders};

const LIMIT: Duration = Duration::from_secs(900);
/// A start is settled, and the store has caught up, within this time after the daemon serves.
const SETTLED: Duration = Duration::from_secs(30);
const SPEED: u32 = 20;
const SEED: u64 = 50;
/// Orders the sorter is fed with; further ones are only taken in.
const FED: u32 = 40;
const FIRST_ORDER: u64 = 730_000;
/// Most orders of one request.
const ORDERS_MAX: u64 = 20;
/// Most orders of one batch.
const BATCH_MAX: u64 = 4;
/// Batches that are open at once.
const OPEN_MAX: usize = 8;
const NOW_MS: i64 = 1_800_000_000_000;

/// What the client knows: what it asked, and what of it was acknowledged.
struct Client {
    lots: Lots,
    /// Pieces of orders that were acknowledged, by number.
    orders: BTreeMap<String, u64>,
    /// Orders that were asked for without an answer: there or not, but never twice.
    unanswered: BTreeMap<String, u64>,
    /// Acknowledged orders in no batch.
    free: Vec<String>,
    started: BTreeSet<i64>,
    closed: BTreeSet<i64>,
    /// Started and not closed.
    open: Vec<i64>,
    next_order: u64,
    next_batch: u64,
    asked: u64,
}

#[test]
fn kills_between_store_and_core_lose_nothing_and_double_nothing() -> Result<()> {
    let kills = choose(5, 50);
    let folder = tempfile::tempdir()?;
    orders::write_even(&folder.path().join("orders.csv"), FIRST_ORDER as u32, FED, 20)?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let site = Site::new(folder.path(), LIMIT)?;
    let mut client = Client::new();
    let mut moments = Lots::new(SEED + 1);
    for kill in 1..=kills {
        let mut served = site.start()?;
        client.check(&served.desk).with_context(|| format!("after kill {}", kill - 1))?;
        let moment = Duration::from_millis(30 + moments.below(900));
        let is_over = AtomicBool::new(false);
        let asked = client.asked;
        std::thread::scope(|scope| -> Result<()> {
            let desk = served.desk.clone();
            let (client, is_over) = (&mut client, &is_over);
            let asking = scope.spawn(move || client.ask_on(&desk, is_over));
            let has_ended = served.daemon.has_ended_within(moment);
            is_over.store(true, Ordering::Release);
            ensure!(!has_ended, "the daemon ended by itself: {}", served.daemon);
            served.daemon.kill()?.expect_killed()?;
            asking.join().expect("the client does not panic")
        })?;
        ensure!(client.asked > asked, "kill {kill} came before anything was asked");
    }
    let served = site.start()?;
    client.check(&served.desk)?;
    for batch in std::mem::take(&mut client.open) {
        let answer = served.desk.close(batch, true)?.expect(&[200, 409])?;
        client.closed.extend(answer.is_done().then_some(batch));
    }
    client.check(&served.desk)?;
    served.daemon.interrupt()?.expect_code(0)?;
    shift.sim.interrupt()?.expect_code(0)?;
    check_rebuilt(&site, folder.path())?;
    tell(&format!(
        "{kills} kills between store and core: {} orders, {} starts and {} closes acknowledged, all there once",
        client.orders.len(),
        client.started.len(),
        client.closed.len()
    ));
    Ok(())
}

impl Client {
    fn new() -> Self {
        Self {
            lots: Lots::new(SEED),
            orders: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            free: Vec::new(),
            started: BTreeSet::new(),
            closed: BTreeSet::new(),
            open: Vec::new(),
            next_order: FIRST_ORDER,
            next_batch: 1,
            asked: 0,
        }
    }

    /// Asks one thing after the other until the daemon is gone.
    fn ask_on(&mut self, desk: &Desk, is_over: &AtomicBool) -> Result<()> {
        loop {
            self.asked += 1;
            let came = match self.lots.below(6) {
                0..3 => self.take_in(desk),
                3 | 4 if self.free.len() >= BATCH_MAX as usize && self.open.len() < OPEN_MAX => {
                    self.start(desk)
                }
                _ if !self.open.is_empty() => self.close(desk),
                _ => self.take_in(desk),
            };
            match came {
                // Without an answer nothing is known; that is what the kill is for.
                Err(_) if is_over.load(Ordering::Acquire) => return Ok(()),
                Err(error) if error.is::<NotAnswered>() => return wait_over(is_over),
                other => other?,
            }
        }
    }

    fn take_in(&mut self, desk: &Desk) -> Result<()> {
        let count = 1 + self.lots.below(ORDERS_MAX);
        let mut asked = BTreeMap::new();
        let orders: Vec<Value> = (0..count)
            .map(|_| {
                let number = self.next_order.to_string();
                self.next_order += 1;
                // The sorter is fed with the labels of the first orders: as many lines as its file has.
                let lines: Vec<Value> = (1..=20_u64)
                    .map(|line| json!({ "line": line, "sku": format!("{}", 10_000 + line), "quantity": 1 + line % 5 }))
                    .collect();
                asked.insert(number.clone(), (1..=20_u64).map(|line| 1 + line % 5).sum());
                json!({ "number": number, "lines": lines })
            })
            .collect();
        self.unanswered.extend(asked.clone());
        let answer = desk.receive(&orders).map_err(NotAnswered::from)?.expect(&[200])?;
        for number in asked.keys() {
            ensure!(answer.body.contains(number.as_str()), "{answer} does not name {number}");
            self.unanswered.remove(number);
            self.free.push(number.clone());
        }
        self.orders.extend(asked);
        Ok(())
    }

    fn start(&mut self, desk: &Desk) -> Result<()> {
        let count = 1 + self.lots.below(BATCH_MAX) as usize;
        let orders: Vec<String> = self.free.drain(..count).collect();
        let reference = format!("wave {}", self.next_batch);
        self.next_batch += 1;
        let wave = Wave { reference: &reference, line: "sorter1", chutes: 60 };
        let answer = desk.make(&wave, &orders).map_err(NotAnswered::from)?.expect(&[200, 201])?.json()?;
        let batch = answer["id"].as_i64().with_context(|| answer.to_string())?;
        desk.assign(batch).map_err(NotAnswered::from)?.expect(&[200])?;
        let answer = desk.ask(batch, "start").map_err(NotAnswered::from)?;
        // Without a free chute it is refused, and stays as it was.
        let answer = answer.expect(&[200, 409])?;
        if answer.is_done() {
            self.started.insert(batch);
            self.open.push(batch);
        }
        Ok(())
    }

    fn close(&mut self, desk: &Desk) -> Result<()> {
        let at = self.lots.below(self.open.len() as u64) as usize;
        let batch = self.open.swap_remove(at);
        let answer = desk.close(batch, true).map_err(NotAnswered::from)?;
        // It may have been closed by the request before the kill.
        let answer = answer.expect(&[200, 409])?;
        self.closed.extend(answer.is_done().then_some(batch));
        Ok(())
    }

    /// Everything acknowledged is there once, and nothing hangs between store and core.
    fn check(&mut self, desk: &Desk) -> Result<()> {
        let batches = wait_until("every start is settled, every close is shown", SETTLED, || {
            let batches = desk.batches()?;
            let state = |batch: &i64| batches.get(batch).map_or("", String::as_str);
            let is_settled = !batches.values().any(|state| state == "starting")
                && self.started.iter().all(|batch| STARTED.contains(&state(batch)))
                && self.closed.iter().all(|batch| ["closing", "ended"].contains(&state(batch)));
            Ok(is_settled.then_some(batches))
        });
        let batches = batches.with_context(|| format!("{:?} of {:?}", desk.batches(), self.started))?;
        ensure!(self.started.iter().all(|batch| batches.contains_key(batch)));
        let shown = desk.orders()?;
        for (number, pieces) in &self.orders {
            let order =
                shown.get(number).with_context(|| format!("order {number} was acknowledged and is gone"))?;
            ensure!(order.ordered == *pieces, "order {number}: {order:?}, {pieces} pieces were acknowledged");
        }
        for (number, order) in &shown {
            let asked = self.orders.get(number).or_else(|| self.unanswered.get(number));
            ensure!(asked == Some(&order.ordered), "order {number}: {order:?} was never asked for");
        }
        // What came of a start without an answer is known now.
        for (batch, state) in &batches {
            if state == "running" && self.started.insert(*batch) {
                self.open.push(*batch);
            }
        }
        self.open.retain(|batch| batches.get(batch).is_some_and(|state| state == "running"));
        Ok(())
    }
}

/// A request without a whole answer.
#[derive(Debug)]
struct NotAnswered(anyhow::Error);

impl From<anyhow::Error> for NotAnswered {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for NotAnswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not answered: {:#}", self.0)
    }
}

impl std::error::Error for NotAnswered {}

/// The daemon was killed in the middle of a request: whoever killed it says so at once.
fn wait_over(is_over: &AtomicBool) -> Result<()> {
    wait_until("the daemon was killed", SETTLED, || Ok(is_over.load(Ordering::Acquire).then_some(())))
}

/// A copy of the store, rebuilt from the journal, equals the live one in every column the journal owns.
fn check_rebuilt(site: &Site, folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = |path: &Path| Settings::patient(Address::Sqlite(path.to_owned()));
        // Whatever is left in its log is brought into the file before it is copied.
        Store::open(&settings(&site.store()), NOW_MS).await?.close().await;
        let path = folder.join("copy.db");
        fs::copy(site.store(), &path)?;
        let (live, copy) = (
            Store::open(&settings(&site.store()), NOW_MS).await?,
            Store::open(&settings(&path), NOW_MS).await?,
        );
        let storage = FileStorage::open_read_only(&site.journal())?;
        let found = recover(&storage)?;
        ensure!(
            live.position() == found.last_seq.0,
            "the store is at {} of {}",
            live.position(),
            found.last_seq.0
        );
        copy.rebuild(storage, found.genesis, found.last_seq).await?;
        let differences = live.journal_differences(&copy).await?;
        ensure!(differences.is_empty(), "{differences:?}");
        live.close().await;
        copy.close().await;
        Ok(())
    })
}
