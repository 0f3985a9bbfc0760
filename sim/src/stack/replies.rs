//! What people and scripts are owed who ask verbs: one answer each, when its record is on disk. Part of the bystander. A
//! process that goes takes the questions it has not answered with it; who asked asks again.

use std::collections::BTreeMap;

use wcs_types::{Seq, Ticket};

use super::answers::Sight;
use super::watch::WatchRule;

/// Verbs that wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: BTreeMap<Ticket, Seq>,
}

impl Replies {
    pub(super) fn forget_process(&mut self) {
        self.waiting.clear();
    }

    /// A verb was taken into this record.
    pub(super) fn see_verb(&mut self, ticket: Ticket, seq: Seq) {
        self.waiting.insert(ticket, seq);
    }

    /// An answer leaves while everything up to `durable` is on disk.
    pub(super) fn see_reply(&mut self, ticket: Ticket, durable: Seq) -> Sight {
        let (holds, what) = match self.waiting.remove(&ticket) {
            None => (false, format!("ticket {} is answered and waits for no answer", ticket.0)),
            Some(seq) => (
                seq <= durable,
                format!("ticket {} is answered before record {} is on disk", ticket.0, seq.0),
            ),
        };
        (WatchRule::VerbAnswered, holds, what)
    }

    /// Everything is on disk and nothing more is sent.
    pub(super) fn close(&mut self) -> Vec<Sight> {
        let open = std::mem::take(&mut self.waiting);
        let what = |(ticket, _): (Ticket, Seq)| format!("ticket {} is never answered", ticket.0);
        open.into_iter().map(|waiting| (WatchRule::VerbAnswered, false, what(waiting))).collect()
    }
}
