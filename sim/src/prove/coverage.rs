//! What a series of runs has really met, held against what it has to meet: faults by kind, outcomes, reasons, refusal
//! codes, ways a journal was found, ways a line was taken up again. A proof in which something never happened proves
//! nothing about it. Every counter stands in the report with its demand, zeros too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wcs_types::{
    Decision, Fact, Input, LinkChange, OfflineReason, Outcome, PlcHello, Reason, Record, Reply, VerbRefusal,
};

/// Seeds from which on a series has to meet everything.
pub(super) const SEEDS_JUDGED_MIN: u64 = 200;
/// Loads per seed, on average.
pub(super) const LOADS_PER_SEED: u64 = 5_000;
/// Times each kind of fault takes effect.
pub(super) const FAULT_DEMAND: u64 = 50;
/// Times each outcome, reason, refusal code, recovery case and resync path happens.
pub(super) const CASE_DEMAND: u64 = 10;

/// Alarms are named by the record that raised them, which a script that was drawn before the run cannot know.
const KNOWS_NO_ALARM: &str = "people of these runs know no alarm by its number";
/// What cannot happen in these runs, and why it is not asked for.
const NOT_ASKED: &[(&str, &str)] = &[
    ("reason event_lost", "the PLC never drops an event here: nobody could say what became of its load"),
    ("reason quarantined", "only an input that breaks the core is put aside"),
    ("refusal quarantined", "only an input that breaks the core is put aside"),
    ("refusal alarm_shelved", KNOWS_NO_ALARM),
    ("refusal bad_comment", KNOWS_NO_ALARM),
    ("refusal bad_shelf_time", KNOWS_NO_ALARM),
    ("refusal may_not_be_shelved", KNOWS_NO_ALARM),
    ("refusal too_many_comments", KNOWS_NO_ALARM),
    ("reason unexpected", "the simulated PLC knows every load that it lets out"),
    ("resync offline_window_torn", "a slot that is torn is whole in the next cycle"),
    ("reason invalid_lane", "the core names no lane that the PLC does not have"),
];

/// One thing that has to happen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counter {
    /// How often it did.
    pub count: u64,
    /// How often it must in a whole series; 0 is never.
    pub demand: u64,
}

/// Counters by name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Coverage(BTreeMap<String, Counter>);

impl Default for Coverage {
    /// Everything that is asked for, and nothing of it met.
    fn default() -> Self {
        let outcomes = Outcome::ALL.iter().map(|outcome| format!("outcome {outcome}"));
        let reasons = Reason::ALL.iter().map(|reason| format!("reason {reason}"));
        let refusals = REFUSALS.iter().map(|refusal| format!("refusal {refusal}"));
        let recoveries = RECOVERIES.iter().map(|case| format!("recovery {case}"));
        let resyncs = RESYNCS.iter().map(|path| format!("resync {path}"));
        let names = outcomes.chain(reasons).chain(refusals).chain(recoveries).chain(resyncs);
        let demand = |name: &str| {
            if NOT_ASKED.iter().any(|(not_asked, _)| *not_asked == name) { 0 } else { CASE_DEMAND }
        };
        Self(names.map(|name| (name.clone(), Counter { count: 0, demand: demand(&name) })).collect())
    }
}

impl Coverage {
    /// What is not asked for, and why.
    pub fn not_asked() -> BTreeMap<String, String> {
        NOT_ASKED.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect()
    }

    /// Every counter.
    pub fn counters(&self) -> &BTreeMap<String, Counter> {
        &self.0
    }

    /// Counters below their demand, in words.
    pub fn missing(&self) -> Vec<String> {
        let short = self.0.iter().filter(|(_, counter)| counter.count < counter.demand);
        short.map(|(name, counter)| format!("{name}: {} of {}", counter.count, counter.demand)).collect()
    }

    pub(super) fn set(&mut self, name: &str, counter: Counter) {
        self.0.insert(name.to_owned(), counter);
    }

    fn count(&mut self, kind: &str, name: &str, by: u64) {
        self.0.entry(format!("{kind} {name}")).or_default().count += by;
    }

    pub(super) fn add_sightings(&mut self, sightings: &Encounters) {
        for ((kind, name), count) in &sightings.counts {
            self.count(kind, name, *count);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (name, counter) in other.0 {
            let sum = self.0.entry(name).or_default();
            sum.count += counter.count;
            sum.demand = sum.demand.max(counter.demand);
        }
    }
}

/// What one run met.
#[derive(Clone, Debug, Default)]
pub struct Encounters {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// Life of the PLC that was met last.
    met: Option<PlcHello>,
}

impl Encounters {
    /// Something of a kind happened so many times.
    pub fn count(&mut self, kind: &'static str, name: &'static str, by: u64) {
        if by > 0 {
            *self.counts.entry((kind, name)).or_default() += by;
        }
    }

    /// An answer somebody got.
    pub(super) fn see_reply(&mut self, reply: &Reply) {
        if let Reply::Refused(refusal) = reply {
            self.count("refusal", refusal_name(refusal), 1);
        }
    }

    /// A record of the journal.
    pub(super) fn see(&mut self, record: &Record) {
        if let Input::Link { change, .. } = &record.input {
            self.see_link(change);
        }
        for decision in &record.decisions {
            if let Decision::Route { reason, rejected, .. } = decision {
                self.count("reason", reason.as_str(), 1);
                for candidate in rejected {
                    self.count("reason", candidate.reason.as_str(), 1);
                }
            }
        }
        for fact in &record.facts {
            match fact {
                Fact::LoadEnded(end) => {
                    self.count("outcome", end.outcome.as_str(), 1);
                    self.count("reason", end.reason.as_str(), 1);
                }
                Fact::LoadHandSorted { .. } => self.count("outcome", Outcome::HandSorted.as_str(), 1),
                Fact::LoadRecirculated { reason, .. } | Fact::PiecesShort { reason, .. } => {
                    self.count("reason", reason.as_str(), 1);
                }
                _ => {}
            }
        }
    }

    fn see_link(&mut self, change: &LinkChange) {
        let path = match change {
            LinkChange::Offline(reason) => offline_name(*reason),
            LinkChange::Met(hello) => {
                let path = met_name(self.met.as_ref(), hello);
                if hello.evt_ack_echo != hello.evt_head {
                    self.count("resync", "met_with_backlog", 1);
                }
                self.met = Some(hello.clone());
                path
            }
            LinkChange::Attached { .. } => "attached",
            LinkChange::Drained { .. } => "drained",
            LinkChange::Fenced { .. } => "fenced",
            _ => return,
        };
        self.count("resync", path, 1);
    }
}

/// How journals are found.
const RECOVERIES: &[&str] =
    &["torn", "sealed", "clean", "from_checkpoint", "from_first_record", "interrupted", "clock_doubted"];

/// How a line is lost and taken up again.
const RESYNCS: &[&str] = &[
    "offline_connect_failed",
    "offline_closed",
    "offline_timeouts",
    "offline_life_frozen",
    "offline_echo_stale",
    "offline_plc_restarted",
    "offline_window_torn",
    "offline_not_attached",
    "offline_stopped",
    "met_first",
    "met_same_life",
    "met_new_life_fifo_kept",
    "met_new_life_fifo_gone",
    "met_with_backlog",
    "attached",
    "drained",
    "fenced",
];

const fn offline_name(reason: OfflineReason) -> &'static str {
    match reason {
        OfflineReason::ConnectFailed => "offline_connect_failed",
        OfflineReason::Closed => "offline_closed",
        OfflineReason::Timeouts => "offline_timeouts",
        OfflineReason::LifeFrozen => "offline_life_frozen",
        OfflineReason::EchoStale => "offline_echo_stale",
        OfflineReason::PlcRestarted => "offline_plc_restarted",
        OfflineReason::WindowTorn => "offline_window_torn",
        OfflineReason::NotAttached => "offline_not_attached",
        OfflineReason::Stopped | OfflineReason::NewProcess => "offline_stopped",
    }
}

fn met_name(before: Option<&PlcHello>, hello: &PlcHello) -> &'static str {
    match before {
        None => "met_first",
        Some(before) if before.plc_epoch == hello.plc_epoch => "met_same_life",
        Some(_) if hello.is_fifo_retentive => "met_new_life_fifo_kept",
        Some(_) => "met_new_life_fifo_gone",
    }
}

/// Codes of refusals.
const REFUSALS: &[&str] = &[
    "unknown_batch",
    "unknown_line",
    "unknown_chute",
    "unknown_label",
    "wrong_state",
    "part_out_of_order",
    "part_differs",
    "content_differs",
    "too_many",
    "bad_job",
    "too_few_chutes",
    "unfinished",
    "wrong_chute",
    "not_closing",
    "quarantined",
    "unknown_induction",
    "no_box",
    "box_stands",
    "box_taken",
    "no_code",
    "unknown_order",
    "order_cancelled",
    "order_complete",
    "already_picked",
    "not_in_table",
    "chute_not_free",
    "twice_in_table",
    "must_stay_open",
    "unknown_alarm",
    "alarm_shelved",
    "may_not_be_shelved",
    "bad_shelf_time",
    "bad_comment",
    "too_many_comments",
];

const fn refusal_name(refusal: &VerbRefusal) -> &'static str {
    match refusal {
        VerbRefusal::UnknownBatch => "unknown_batch",
        VerbRefusal::UnknownLine => "unknown_line",
        VerbRefusal::UnknownChute => "unknown_chute",
        VerbRefusal::UnknownLabel => "unknown_label",
        VerbRefusal::WrongState => "wrong_state",
        VerbRefusal::PartOutOfOrder { .. } => "part_out_of_order",
        VerbRefusal::PartDiffers => "part_differs",
        VerbRefusal::ContentDiffers => "content_differs",
        VerbRefusal::TooMany => "too_many",
        VerbRefusal::BadJob { .. } => "bad_job",
        VerbRefusal::TooFewChutes { .. } => "too_few_chutes",
        VerbRefusal::Unfinished { .. } => "unfinished",
        VerbRefusal::WrongChute => "wrong_chute",
        VerbRefusal::NotClosing => "not_closing",
        VerbRefusal::Quarantined { .. } => "quarantined",
        VerbRefusal::UnknownInduction { .. } => "unknown_induction",
        VerbRefusal::NoBox => "no_box",
        VerbRefusal::BoxStands => "box_stands",
        VerbRefusal::BoxTaken { .. } => "box_taken",
        VerbRefusal::NoCode => "no_code",
        VerbRefusal::UnknownOrder => "unknown_order",
        VerbRefusal::OrderCancelled => "order_cancelled",
        VerbRefusal::OrderComplete => "order_complete",
        VerbRefusal::AlreadyPicked { .. } => "already_picked",
        VerbRefusal::NotInTable { .. } => "not_in_table",
        VerbRefusal::ChuteNotFree { .. } => "chute_not_free",
        VerbRefusal::TwiceInTable { .. } => "twice_in_table",
        VerbRefusal::MustStayOpen => "must_stay_open",
        VerbRefusal::UnknownAlarm => "unknown_alarm",
        VerbRefusal::AlarmShelved => "alarm_shelved",
        VerbRefusal::MayNotBeShelved => "may_not_be_shelved",
        VerbRefusal::BadShelfTime { .. } => "bad_shelf_time",
        VerbRefusal::BadComment { .. } => "bad_comment",
        VerbRefusal::TooManyComments => "too_many_comments",
    }
}
