//! Lines: link, machine, permit and lanes, as the journal tells of them.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{
    EventBody, LaneNo, LaneSet, LaneState, LinkChange, MachineState, OfflineReason, SorterEvent,
};

use super::counts::Counts;
use super::loads::Stamp;
use crate::words;

/// State of the link to the device of a line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Nothing was heard of it since the journal began.
    #[default]
    Unknown,
    /// The device cannot be reached.
    Offline,
    /// The device was met and is being taken over.
    Attaching,
    /// What happened in the meantime is being read.
    Draining,
    /// The device obeys.
    Ready,
    /// The device answers, but must not be operated.
    Faulted,
    /// Another daemon owns the device.
    Fenced,
}

/// A line as it is believed to be.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// State of the link.
    pub link: LinkState,
    /// Since when.
    pub link_since: Stamp,
    /// Why the link is not ready.
    pub link_cause: Option<&'static str>,
    /// State of the machine.
    pub machine: MachineState,
    /// Why the machine is in it.
    pub machine_cause: Option<&'static str>,
    /// Since when.
    pub machine_since: Stamp,
    /// Loads may be inducted.
    pub is_permitted: bool,
    /// A person has withdrawn the permission to feed.
    pub is_held: bool,
    /// Inductions a person has withdrawn the permission from; bit i is induction i.
    pub inductions_held: u16,
    /// Lanes that take loads.
    pub ready: LaneSet,
    /// Lanes that are full.
    pub full: LaneSet,
    /// Lanes with a fault.
    pub fault: LaneSet,
    /// Totals and rates.
    pub counts: Counts,
}

impl Line {
    pub(crate) fn see_change(&mut self, change: &LinkChange, at: Stamp) {
        // Another owner is for good, until a new process begins.
        if self.link == LinkState::Fenced && *change != LinkChange::Offline(OfflineReason::NewProcess) {
            return;
        }
        let state = match change {
            LinkChange::Offline(_) => LinkState::Offline,
            LinkChange::Met(_) => LinkState::Attaching,
            LinkChange::Attached { .. } if self.link == LinkState::Attaching => LinkState::Draining,
            LinkChange::Drained { .. } if self.link == LinkState::Draining => LinkState::Ready,
            LinkChange::Faulted(_) => LinkState::Faulted,
            LinkChange::Fenced { .. } => LinkState::Fenced,
            _ => self.link,
        };
        if state != self.link {
            self.enter(state, words::link_cause(change), at);
        }
        match change {
            LinkChange::Met(hello) => {
                self.see_machine(hello.state, None, at);
                self.ready = hello.ready.clone();
                self.full = hello.full.clone();
                self.fault = hello.fault.clone();
            }
            LinkChange::Lanes { ready, full, fault } => {
                self.ready = ready.clone();
                self.full = full.clone();
                self.fault = fault.clone();
            }
            _ => {}
        }
    }

    /// The link enters a state.
    pub(crate) fn enter(&mut self, state: LinkState, cause: Option<&'static str>, at: Stamp) {
        self.link = state;
        self.link_cause = cause;
        self.link_since = at;
    }

    pub(crate) fn see_event(&mut self, event: &SorterEvent, at: Stamp) {
        match &event.body {
            EventBody::Scan(scan) => self.counts.see_scan(scan.read, at.unix_ms),
            EventBody::Lane { lane, new, .. } => self.see_lane(*lane, *new),
            EventBody::State { new, cause, .. } => {
                self.see_machine(*new, Some(words::machine_cause(*cause)), at);
            }
            _ => {}
        }
    }

    fn see_machine(&mut self, state: MachineState, cause: Option<&'static str>, at: Stamp) {
        if self.machine != state {
            self.machine = state;
            self.machine_since = at;
            self.machine_cause = cause;
        }
    }

    fn see_lane(&mut self, lane: LaneNo, new: LaneState) {
        self.ready.set(lane, matches!(new, LaneState::Ready | LaneState::HalfFull));
        self.full.set(lane, new == LaneState::Full);
        self.fault.set(lane, new == LaneState::Fault);
    }

    /// State of a lane.
    pub fn lane(&self, lane: LaneNo) -> &'static str {
        if self.fault.contains(lane) {
            "fault"
        } else if self.full.contains(lane) {
            "full"
        } else if self.ready.contains(lane) {
            "ready"
        } else {
            "closed"
        }
    }
}
