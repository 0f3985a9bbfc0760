//! The supervisor of the demo: imports the order file, makes batches of its orders, starts one after the other, and
//! closes each when it is complete, or by force when nothing has moved for a while.
//!
//! ```text
//! import -> make, assign -> start (again when chutes are freed) -> running -> close (forced when quiet) -> ended -> next
//! ```

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wcs_intake::PlannedBatch;
use wcs_types::{Assign, Identify, OrderKey};

use super::DoorShared;
use super::asking::Daemon;
use crate::exit::Failure;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between the end of a batch and the start of the next: people at the induction have to see the permit go.
const REST: Duration = Duration::from_secs(1);

/// Orders that are sorted together.
pub(crate) struct Wave {
    orders: Vec<OrderKey>,
    identify: Identify,
    assign: Assign,
    chutes: u16,
}

/// What a supervisor has to do.
pub(crate) struct Work {
    /// The order file.
    pub(crate) file: Vec<u8>,
    /// The mapping of its columns, by its name with the daemon.
    pub(crate) mapping: String,
    pub(crate) waves: Vec<Wave>,
    /// The line, by its name in the plant file.
    pub(crate) line: String,
    /// A running batch is closed by force after this long without a load on the belt or a change.
    pub(crate) quiet: Duration,
}

impl Wave {
    /// The orders of a planned batch, in its order.
    pub(crate) fn of(plan: &PlannedBatch) -> Self {
        let mut orders: Vec<OrderKey> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for job in &plan.jobs {
            if seen.insert(&job.order) {
                orders.push(job.order.clone());
            }
        }
        let spec = &plan.spec;
        Self { orders, identify: spec.identify, assign: spec.assign, chutes: spec.chute_limit }
    }
}

impl Work {
    /// Does all of it, or as much as there is time for.
    pub(super) fn run(&self, address: SocketAddr, shared: &DoorShared) -> Result<(), Failure> {
        let daemon = Daemon::at(address, shared)?;
        self.import(&daemon)?;
        let mut next = self.prepare(&daemon, 0, shared)?;
        for at in 1..=self.waves.len() {
            let Some(batch) = next.take() else { break };
            start(&daemon, batch)?;
            shared.is_started.store(true, Ordering::Release);
            // The next one is made while this one runs: the belt does not wait for it.
            next = self.prepare(&daemon, at, shared)?;
            self.see_through(&daemon, batch)?;
            if shared.is_stopped() {
                return Ok(());
            }
            shared.ended.fetch_add(1, Ordering::AcqRel);
            if next.is_some() {
                std::thread::sleep(REST);
            }
        }
        shared.is_finished.store(true, Ordering::Release);
        Ok(())
    }

    fn import(&self, daemon: &Daemon<'_>) -> Result<(), Failure> {
        let path = format!("/api/orders/receive?mapping={}", self.mapping);
        let answer = daemon.send(&path, "text/csv", &self.file)?;
        // 207: rows that are no orders were refused, each with its reason.
        if matches!(answer.status, 200 | 207) { Ok(()) } else { Err(answer.failure()) }
    }

    /// Makes the batch of a wave and assigns it; none where there is no such wave.
    fn prepare(&self, daemon: &Daemon<'_>, at: usize, shared: &DoorShared) -> Result<Option<i64>, Failure> {
        let Some(wave) = self.waves.get(at) else { return Ok(None) };
        let orders: Vec<Value> =
            wave.orders.iter().map(|order| json!({ "owner": order.owner, "number": order.number })).collect();
        let identify = match wave.identify {
            Identify::Lpn => "lpn",
            Identify::Sku => "sku",
        };
        let made = daemon.post(
            "/api/batches",
            &json!({
                "reference": format!("demo {}", at + 1),
                "line": self.line,
                "identify": identify,
                "chutes": wave.chutes,
                "orders": orders,
            }),
        )?;
        let batch = made["id"]
            .as_i64()
            .ok_or_else(|| Failure::not_ok(format!("a batch that was made has no id: {made}")))?;
        shared.note_made(batch);
        let by = match wave.assign {
            Assign::FirstScan => "first_scan",
            _ => "volume",
        };
        daemon.post(&format!("/api/batches/{batch}/assign"), &json!({ "by": by }))?;
        Ok(Some(batch))
    }

    /// Closes a running batch when it is time, and waits for its end.
    fn see_through(&self, daemon: &Daemon<'_>, batch: i64) -> Result<(), Failure> {
        let mut watch = Watch { moved_at: Instant::now(), last: (0, 0) };
        while !daemon.is_stopped() {
            let shown = Shown::read(daemon, batch, &self.line)?;
            if shown.state == "ended" {
                return Ok(());
            }
            if shown.state == "running" {
                let is_complete = shown.picked >= shown.planned;
                if is_complete || watch.is_quiet(&shown, self.quiet) {
                    close(daemon, batch, !is_complete)?;
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// Starts a batch; where chutes are still to be emptied, again until they are.
fn start(daemon: &Daemon<'_>, batch: i64) -> Result<(), Failure> {
    loop {
        let answer = daemon.press(&format!("/api/batches/{batch}/start"))?;
        if answer.is_success() || daemon.is_stopped() {
            return Ok(());
        }
        if answer.code() != "chutes.too_few" {
            return Err(answer.failure());
        }
        std::thread::sleep(LOOK);
    }
}

/// Closes a batch. One that turns out unfinished goes on.
fn close(daemon: &Daemon<'_>, batch: i64, is_forced: bool) -> Result<(), Failure> {
    let answer = daemon.ask(&format!("/api/batches/{batch}/close"), &json!({ "forced": is_forced }))?;
    let is_mended = matches!(answer.code().as_str(), "batch.unfinished" | "batch.wrong_state");
    if answer.is_success() || is_mended { Ok(()) } else { Err(answer.failure()) }
}

/// What screens show of a batch and its line.
struct Shown {
    state: String,
    planned: u64,
    picked: u64,
    is_permitted: bool,
    on_belt: u64,
    seen: u64,
}

impl Shown {
    fn read(daemon: &Daemon<'_>, batch: i64, line: &str) -> Result<Self, Failure> {
        let of_batch = daemon.get(&format!("/api/batches/{batch}"))?;
        let of_line = daemon.get(&format!("/api/lines/{line}"))?;
        let read = || {
            Some(Self {
                state: of_batch["state"].as_str()?.to_owned(),
                planned: of_batch["quantities"]["planned"].as_u64()?,
                picked: of_batch["quantities"]["picked"].as_u64()?,
                is_permitted: of_line["is_permitted"].as_bool()?,
                on_belt: of_line["loads_on_belt"].as_u64()?,
                seen: of_line["totals"]["seen"].as_u64()?,
            })
        };
        read().ok_or_else(|| Failure::not_ok(format!("not what was expected: {of_batch} {of_line}")))
    }
}

/// When something was seen to move.
struct Watch {
    moved_at: Instant,
    last: (u64, u64),
}

impl Watch {
    fn is_quiet(&mut self, shown: &Shown, quiet: Duration) -> bool {
        let now = (shown.seen, shown.picked);
        // A belt that nobody may feed is not quiet, it is held up.
        if now != self.last || !shown.is_permitted || shown.on_belt > 0 {
            (self.last, self.moved_at) = (now, Instant::now());
        }
        self.moved_at.elapsed() >= quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seen: u64, is_permitted: bool, on_belt: u64) -> Shown {
        Shown { state: "running".to_owned(), planned: 9, picked: 1, is_permitted, on_belt, seen }
    }

    #[test]
    fn a_batch_is_quiet_only_while_it_may_be_fed_and_nothing_comes() {
        let quiet = Duration::from_secs(60);
        let mut watch = Watch { moved_at: Instant::now() - quiet, last: (3, 1) };
        assert!(watch.is_quiet(&shown(3, true, 0), quiet));
        for moving in [shown(4, true, 0), shown(3, false, 0), shown(3, true, 1)] {
            let mut watch = Watch { moved_at: Instant::now() - quiet, last: (3, 1) };
            assert!(!watch.is_quiet(&moving, quiet));
            assert!(!watch.is_quiet(&shown(moving.seen, true, 0), quiet), "it begins anew");
        }
        let mut watch = Watch { moved_at: Instant::now(), last: (3, 1) };
        assert!(!watch.is_quiet(&shown(3, true, 0), quiet));
    }
}
