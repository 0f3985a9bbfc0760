//! The desk of a supervisor: what a person asks of the daemon, and only through HTTP. Every path and every field of
//! the service that the tests use stands here.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::child::wait_until;
use crate::http::{Answer, CSV, Http};

/// Rows of one page.
const PAGE: u32 = 200;
/// States in which a batch takes part in the work of a line or has done so.
pub const STARTED: [&str; 4] = ["running", "paused", "closing", "ended"];

/// A desk at one daemon.
#[derive(Clone, Debug)]
pub struct Desk {
    /// What it speaks through.
    pub http: Http,
}

/// How a batch is to be sorted.
#[derive(Clone, Copy, Debug)]
pub struct Wave<'a> {
    /// Its name with whoever made it.
    pub reference: &'a str,
    /// Its line, by the id of the plant file.
    pub line: &'a str,
    /// Chutes it may use.
    pub chutes: u16,
}

/// An order as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Its state.
    pub state: String,
    /// Pieces ordered.
    pub ordered: u64,
    /// Its batch.
    pub batch: Option<i64>,
}

/// How far a batch is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Its state.
    pub state: String,
    /// Pieces planned.
    pub planned: u64,
    /// Pieces in their chutes.
    pub picked: u64,
}

impl Desk {
    /// Takes in an order file of the retail mapping, whose bad rows are refused one by one.
    ///
    /// # Errors
    /// It was not taken in.
    pub fn receive_file(&self, bytes: &[u8]) -> Result<Answer> {
        self.http.send("/api/orders/receive?mapping=retail", CSV, bytes, &[])?.expect(&[200, 207])
    }

    /// Takes in orders.
    ///
    /// # Errors
    /// No answer.
    pub fn receive(&self, orders: &[Value]) -> Result<Answer> {
        self.http.post("/api/orders", &json!({ "orders": orders }))
    }

    /// Makes a batch of orders, by their numbers, and assigns it by volume; gives its id. The same reference again is
    /// the same batch.
    ///
    /// # Errors
    /// Anything of it was refused.
    pub fn prepare(&self, wave: &Wave<'_>, orders: &[String]) -> Result<i64> {
        let answer = self.make(wave, orders)?.expect(&[200, 201])?.json()?;
        let batch = answer["id"].as_i64().with_context(|| answer.to_string())?;
        self.assign(batch)?.expect(&[200])?;
        Ok(batch)
    }

    /// Makes a batch of orders.
    ///
    /// # Errors
    /// No answer.
    pub fn make(&self, wave: &Wave<'_>, orders: &[String]) -> Result<Answer> {
        let orders: Vec<Value> = orders.iter().map(|number| json!({ "number": number })).collect();
        let body = json!({
            "reference": wave.reference,
            "line": wave.line,
            "identify": "lpn",
            "chutes": wave.chutes,
            "orders": orders,
        });
        self.http.post("/api/batches", &body)
    }

    /// Assigns a batch by volume.
    ///
    /// # Errors
    /// No answer.
    pub fn assign(&self, batch: i64) -> Result<Answer> {
        self.http.post(&format!("/api/batches/{batch}/assign"), &json!({ "by": "volume" }))
    }

    /// Asks a verb of a batch that needs nothing else: `start`, `pause`, `resume`.
    ///
    /// # Errors
    /// No answer.
    pub fn ask(&self, batch: i64, verb: &str) -> Result<Answer> {
        self.http.press(&format!("/api/batches/{batch}/{verb}"))
    }

    /// Starts a batch of `orders` orders when so many order chutes of `line` are free: those of the batch before it may
    /// still be emptied.
    ///
    /// # Errors
    /// They are not free within `limit`, or it was refused.
    pub fn start(&self, batch: i64, line: &str, orders: usize, limit: Duration) -> Result<()> {
        wait_until(&format!("{orders} chutes for batch {batch}"), limit, || {
            let chutes = self.http.get("/api/chutes")?.expect(&[200])?.json()?;
            let chutes = chutes["items"].as_array().context("a list of chutes")?;
            let is_free = |chute: &&Value| {
                chute["line"] == line && chute["kind"] == "order" && chute["state"] == "free"
            };
            Ok((chutes.iter().filter(is_free).count() >= orders).then_some(()))
        })?;
        self.ask(batch, "start")?.expect(&[200])?;
        Ok(())
    }

    /// Closes a batch.
    ///
    /// # Errors
    /// No answer.
    pub fn close(&self, batch: i64, is_forced: bool) -> Result<Answer> {
        self.http.post(&format!("/api/batches/{batch}/close"), &json!({ "forced": is_forced }))
    }

    /// Asks a verb of a line: `start`, `stop`, `drain`.
    ///
    /// # Errors
    /// No answer.
    pub fn ask_line(&self, line: &str, verb: &str) -> Result<Answer> {
        self.http.press(&format!("/api/lines/{line}/{verb}"))
    }

    /// How far a batch is.
    ///
    /// # Errors
    /// There is no such batch, or no answer.
    pub fn progress(&self, batch: i64) -> Result<Progress> {
        let shown = self.http.get(&format!("/api/batches/{batch}"))?.expect(&[200])?.json()?;
        Self::progress_of(&shown).with_context(|| shown.to_string())
    }

    fn progress_of(shown: &Value) -> Option<Progress> {
        Some(Progress {
            state: shown["state"].as_str()?.to_owned(),
            planned: shown["quantities"]["planned"].as_u64()?,
            picked: shown["quantities"]["picked"].as_u64()?,
        })
    }

    /// The state of a batch.
    ///
    /// # Errors
    /// There is no such batch, or no answer.
    pub fn state(&self, batch: i64) -> Result<String> {
        Ok(self.progress(batch)?.state)
    }

    /// Waits until a batch is in a state.
    ///
    /// # Errors
    /// It was not within `limit`.
    pub fn wait_state(&self, batch: i64, state: &str, limit: Duration) -> Result<()> {
        let mut last = String::new();
        let waited = wait_until(&format!("batch {batch} is {state}"), limit, || {
            last = self.state(batch)?;
            Ok((last == state).then_some(()))
        });
        waited.with_context(|| format!("it is {last}"))
    }

    /// Waits until all of a batch is sorted, closes it, and waits for its end.
    ///
    /// # Errors
    /// It did not end within `limit`.
    pub fn finish(&self, batch: i64, limit: Duration) -> Result<()> {
        wait_until(&format!("batch {batch} is sorted"), limit, || {
            let progress = self.progress(batch)?;
            Ok((progress.picked >= progress.planned).then_some(()))
        })?;
        self.close(batch, false)?.expect(&[200])?;
        self.wait_state(batch, "ended", limit)
    }

    /// Every row of a list, from its first page to its last.
    ///
    /// # Errors
    /// No answer, or no list.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.http.get(&format!("{path}?limit={PAGE}{cursor}"))?.expect(&[200])?.json()?;
            rows.extend(page["items"].as_array().with_context(|| page.to_string())?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }

    /// Numbers of all orders, in the order in which they were taken in.
    ///
    /// # Errors
    /// No answer.
    pub fn order_numbers(&self) -> Result<Vec<String>> {
        let rows = self.list("/api/orders")?;
        let numbers = rows.iter().map(|row| Some(row["number"].as_str()?.to_owned()));
        numbers.collect::<Option<_>>().with_context(|| format!("{rows:?}"))
    }

    /// Every order by its number.
    ///
    /// # Errors
    /// No answer, or one number twice.
    pub fn orders(&self) -> Result<BTreeMap<String, Shown>> {
        let mut orders = BTreeMap::new();
        for row in self.list("/api/orders")? {
            let number = row["number"].as_str().with_context(|| row.to_string())?.to_owned();
            let shown = Shown {
                state: row["state"].as_str().with_context(|| row.to_string())?.to_owned(),
                ordered: row["pieces"]["ordered"].as_u64().with_context(|| row.to_string())?,
                batch: row["batch"].as_i64(),
            };
            ensure!(orders.insert(number.clone(), shown).is_none(), "order {number} is there twice");
        }
        Ok(orders)
    }

    /// State of every batch.
    ///
    /// # Errors
    /// No answer.
    pub fn batches(&self) -> Result<BTreeMap<i64, String>> {
        let rows = self.list("/api/batches")?;
        let states = rows.iter().map(|row| Some((row["id"].as_i64()?, row["state"].as_str()?.to_owned())));
        states.collect::<Option<_>>().with_context(|| format!("{rows:?}"))
    }
}
