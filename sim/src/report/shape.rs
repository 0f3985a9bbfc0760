//! Shape of the report as it is written to `--report` and printed. Field names are part of the command's
//! interface.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A whole report.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// Every condition of a good run holds.
    pub ok: bool,
    /// Why not, in words; empty when `ok`.
    pub not_ok_because: Vec<String>,
    /// Orders of the file.
    pub orders: Orders,
    /// Lines of the file.
    pub lines: Intake,
    /// Batches started.
    pub batches: u64,
    /// Loads.
    pub loads: Loads,
    /// Chutes.
    pub chutes: Chutes,
    /// Pieces expected, and where they are.
    pub reconcile: Reconcile,
    /// Latencies.
    pub latency_us: LatencyUs,
    /// Deadlines.
    pub deadline: Deadline,
    /// Link to the device.
    pub link: LinkFigures,
    /// Journal.
    pub journal: JournalFigures,
    /// Store; empty where there was none.
    pub store: StoreFigures,
    /// Planned and applied faults by kind.
    pub faults: BTreeMap<String, FaultCount>,
    /// Alarms by code.
    #[serde(default)]
    pub alarms: BTreeMap<String, AlarmCount>,
    /// Plant time that passed.
    pub simulated_seconds: f64,
    /// Time that passed on the clock on the wall.
    pub wall_seconds: f64,
}

/// The store of a run, held against its journal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct StoreFigures {
    /// Batches whose `results.csv` was fetched.
    pub results: u64,
    /// Pieces in their chutes, summed over these.
    pub results_pieces: i64,
    /// Places where the store is not what its journal says.
    pub differences: u64,
}

/// Orders of the file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Orders {
    /// With at least one accepted line.
    pub imported: u64,
    /// Without any.
    pub empty: u64,
}

/// Lines of the file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Intake {
    /// Accepted.
    pub accepted: u64,
    /// Refused.
    pub refused: u64,
    /// Refused, by the first reason that matched.
    pub refused_by_reason: BTreeMap<String, u64>,
}

/// Loads.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Loads {
    /// Put on the belt, by the ledger.
    pub inducted: u64,
    /// With a final outcome, by the daemon; a load seen again under a new number counts once.
    pub finals: u64,
    /// Without one: on the belt.
    pub open: u64,
    /// Passes that went round.
    pub recirculated: u64,
    /// Finals by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Finals by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Loads in a lane of another class.
    pub missorted: u64,
}

/// Chutes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Chutes {
    /// Bindings of a chute that had another class before.
    pub rebound: u64,
}

/// Pieces expected, and where they are.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Reconcile {
    /// Accepted quantity, recomputed from the file.
    pub expected_pieces: i64,
    /// In a lane bound to their order, by the ledger.
    pub sorted_pieces: i64,
    /// Put there by hand, by the ledger.
    pub hand_sorted_pieces: i64,
    /// Listed as missing when their batch was closed.
    pub short_pieces: i64,
    /// expected − sorted − hand sorted − short.
    pub difference: i64,
    /// Pieces on which daemon and ledger disagree, label by label.
    pub ledger_difference: i64,
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LatencyUs {
    /// From the header that shows a scan to the published destination.
    pub scan_to_destination: Percentiles,
}

/// Percentiles of a distribution.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest.
    pub max: u64,
    /// How many.
    pub count: u64,
}

/// Deadlines.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Deadline {
    /// Decisions that came too late to be applied.
    pub late: u64,
    /// Of these, late because this process stalled.
    #[serde(default)]
    pub late_by_self_stall: u64,
    /// Times this process stalled.
    #[serde(default)]
    pub self_stalls: u64,
}

/// Link to the device.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LinkFigures {
    /// Events the PLC dropped.
    pub evt_lost: u64,
    /// Times the event window was full.
    pub window_full: u64,
    /// Times induction stopped without our asking.
    pub induction_stops: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Replies to requests that were given up.
    pub stale_replies: u64,
}

/// Journal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct JournalFigures {
    /// Records.
    pub records: u64,
    /// Batches.
    pub batches: u64,
    /// Last durable record.
    pub durable_seq: u64,
    /// Time of one sync.
    pub fsync_us: FsyncUs,
    /// Longest time a record waited for the disk.
    pub stall_us_max: u64,
    /// What the follower behind the core did.
    pub follower: FollowerFigures,
}

/// The follower.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FollowerFigures {
    /// Records it proved.
    pub records: u64,
    /// Checkpoints it wrote.
    pub checkpoints: u64,
    /// Last record with a checkpoint; 0 is none.
    pub saved_seq: u64,
    /// Records that did not come out again, and damage it found; it ends at the first.
    pub faults: u64,
}

/// Time of one sync.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FsyncUs {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// A kind of fault.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FaultCount {
    /// Entries of the fault file.
    pub planned: u64,
    /// Times it was applied.
    pub applied: u64,
    /// Loads it touched.
    pub loads_touched: u64,
}

/// An alarm code.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AlarmCount {
    /// Times one of this code came up.
    pub raised: u64,
    /// Times one went.
    pub gone: u64,
}

/// What a run was asked to do, as far as it changes what is good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// The whole order file was to be sorted (`--orders` without `--for`).
    pub is_whole_file: bool,
    /// A fault file was given.
    pub has_faults: bool,
    /// Chutes are bound at the first scan.
    pub is_first_scan: bool,
    /// Mis-sorts that were injected.
    pub missorts_injected: u64,
    /// Faults entitle the PLC to drop events.
    pub may_lose_events: bool,
    /// Every planned fault was applied.
    pub all_faults_applied: bool,
    /// The replay of the run's own journal verifies, and no invariant failed.
    pub replay_verifies: bool,
    /// The run had a store.
    pub has_store: bool,
}

impl Report {
    /// Settles `ok`: lists every condition that does not hold.
    pub fn judge(&mut self, verdict: &Verdict) {
        let mut broken = Vec::new();
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                broken.push(what.to_owned());
            }
        };
        demand(verdict.all_faults_applied, "a planned fault was not applied");
        demand(verdict.replay_verifies, "the journal of the run does not replay");
        demand(self.loads.missorted <= verdict.missorts_injected, "loads were missorted");
        demand(self.link.evt_lost == 0 || verdict.may_lose_events, "the PLC dropped events");
        demand(self.reconcile.ledger_difference == 0, "daemon and ledger disagree");
        demand(
            self.loads.inducted == self.loads.finals + self.loads.open,
            "inducted is not finals plus open",
        );
        demand(self.store.differences == 0, "the store is not what the journal says");
        if verdict.is_whole_file {
            demand(self.loads.open == 0, "loads are still open");
            demand(self.reconcile.difference == 0, "pieces are unaccounted for");
        }
        if !verdict.has_faults {
            let hand = self.reconcile.hand_sorted_pieces;
            let done = self.reconcile.sorted_pieces + hand;
            let is_equal = self.store.results_pieces == done || !verdict.has_store;
            demand(is_equal, "the results of the batches are not the sum of what was sorted");
            let is_complete = done == self.reconcile.expected_pieces || !verdict.is_whole_file;
            demand(is_complete, "not every piece was sorted");
            let hand_max = if verdict.is_first_scan { self.reconcile.expected_pieces / 100 } else { 0 };
            demand(hand <= hand_max, "too many pieces were sorted by hand");
            demand(self.reconcile.short_pieces == 0, "pieces are short");
            demand(self.deadline.late == 0, "decisions were late");
        }
        self.ok = broken.is_empty();
        self.not_ok_because = broken;
    }
}
