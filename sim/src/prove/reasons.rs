//! Why loads ended where they did: the reason in each end held against the table of the profile's page (section 8),
//! which is written here once more and shares nothing with the core. The reason of a decision counts where the page
//! says so; everywhere else the exit or the scanner gives it.

use std::collections::BTreeMap;

use wcs_types::{
    Decision, Destination, EventBody, ExitResult, Fact, Input, LoadEnd, LoadKey, Outcome, Read, Reason,
    Record,
};

/// What is known of a load that has not ended.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    read: Option<Read>,
    /// Destination and reason of the last decision.
    decided: Option<(Destination, Reason)>,
}

/// Reasons of a journal.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    open: BTreeMap<LoadKey, Known>,
    checked: u64,
    broken: Option<String>,
}

impl Reasons {
    pub(super) fn add(&mut self, record: &Record) {
        if let Input::Sorter { line, event } = &record.input
            && let EventBody::Scan(scan) = &event.body
        {
            let load = LoadKey { line: *line, plc_epoch: event.plc_epoch, item: event.item };
            self.open.entry(load).or_default().read = Some(scan.read);
        }
        for decision in &record.decisions {
            if let Decision::Route { load, destination, reason, .. } = decision {
                self.open.entry(*load).or_default().decided = Some((*destination, *reason));
                let is_chosen = matches!(destination, Destination::Chute { .. });
                let is_good = is_chosen == is_choice(*reason);
                self.note(is_good, || format!("load {load} is sent to {destination:?} for {reason}"));
            }
        }
        for fact in &record.facts {
            match fact {
                Fact::LoadEnded(end) => self.see_end(end),
                Fact::LoadRecirculated { load, reason, .. } => self.see_turn(record, *load, *reason),
                _ => {}
            }
        }
    }

    /// Ends and decisions looked at.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// The first reason that is not the one that was given.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn see_end(&mut self, end: &LoadEnd) {
        let known = self.open.remove(&end.load).unwrap_or_default();
        let Some(result) = end.result else { return };
        let is_good = match end.outcome {
            Outcome::Sorted => is_choice(end.reason),
            Outcome::Missorted => end.reason == Reason::WrongLane,
            Outcome::NoReadLane => end.reason == of_read(known.read),
            Outcome::Overflow => known.decided.is_none_or(|(_, reason)| reason == end.reason),
            Outcome::Exception => of_exit(result, known, end.reason),
            Outcome::Removed => end.reason == Reason::ByHand,
            Outcome::Purged => matches!(end.reason, Reason::Purge | Reason::PlcRestart),
            Outcome::Lost => matches!(end.reason, Reason::TrackingLost | Reason::EventLost),
            Outcome::HandSorted | Outcome::Superseded => true,
        };
        let LoadEnd { load, outcome, reason, .. } = end;
        self.note(is_good, || format!("load {load} left with {result:?}: {outcome} for {reason}"));
    }

    /// Going round has the reason the PLC told in the detail of its exit, else that of the decision.
    fn see_turn(&mut self, record: &Record, load: LoadKey, reason: Reason) {
        let Input::Sorter { event, .. } = &record.input else { return };
        let EventBody::Exit { detail, .. } = &event.body else { return };
        let known = self.open.get(&load).copied().unwrap_or_default();
        let is_good = match ExitResult::from_wire(*detail) {
            Some(result) => of_exit(result, known, reason),
            None => known.decided.is_none_or(|(_, decided)| decided == reason),
        };
        self.note(is_good, || format!("load {load} goes round after detail {detail} for {reason}"));
    }

    fn note(&mut self, is_good: bool, what: impl FnOnce() -> String) {
        self.checked += 1;
        if !is_good {
            self.broken.get_or_insert_with(what);
        }
    }
}

fn is_choice(reason: Reason) -> bool {
    matches!(reason, Reason::FirstChoice | Reason::Alternative)
}

fn of_read(read: Option<Read>) -> Reason {
    match read {
        Some(Read::Multi) => Reason::MultiRead,
        Some(Read::BadFormat) => Reason::BadFormat,
        Some(Read::ScannerDown) => Reason::ScannerDown,
        Some(Read::Good | Read::NoRead) | None => Reason::NoRead,
    }
}

/// The reason of a load that did not get where it was sent.
fn of_exit(result: ExitResult, known: Known, reason: Reason) -> bool {
    match result {
        ExitResult::Missed => reason == Reason::Missed,
        ExitResult::LaneFull => reason == Reason::LaneFull,
        ExitResult::LaneFault => matches!(reason, Reason::LaneFault | Reason::LaneClosed),
        ExitResult::Late => reason == Reason::Late,
        ExitResult::NoRead => reason == Reason::NoRead,
        ExitResult::InvalidDestination => reason == Reason::InvalidLane,
        ExitResult::Gap => reason == Reason::Gap,
        ExitResult::Unexpected => reason == Reason::Unexpected,
        _ => known.decided.is_none_or(|(_, decided)| decided == reason),
    }
}
