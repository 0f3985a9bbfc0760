//! People at their screens: what they ask and when follows a script. Whoever gets no answer because the process went
//! down asks again; a second answer to one question is noted, and so is an answer to none.
//!
//! ```text
//! scripted --due--> asked --answered--> done
//!              ^______|process gone
//! ```

use std::collections::VecDeque;

use wcs_types::{MonoTime, Reply, Ticket, Verb};

/// Tickets of the askers start here: above those of the exception station, below those of the supervisor.
const TICKET_BASE: u64 = 1 << 31;

/// A question and its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// Under which ticket.
    pub ticket: Ticket,
    /// When it was due, in the script.
    pub due: MonoTime,
    /// What was asked.
    pub verb: Verb,
    /// What came of it; `None` when the process that was asked is gone, and when nothing came yet.
    pub reply: Option<Reply>,
}

/// The askers.
#[derive(Clone, Debug, Default)]
pub struct Askers {
    script: VecDeque<(MonoTime, Verb)>,
    asked: Vec<Asked>,
    /// Questions without an answer, by position.
    open: Vec<usize>,
    broken: Option<String>,
}

impl Askers {
    /// Askers who keep to a script.
    pub fn new(mut script: Vec<(MonoTime, Verb)>) -> Self {
        script.sort_by_key(|(due, _)| *due);
        Self { script: script.into(), ..Self::default() }
    }

    /// Everything was asked and answered.
    pub fn is_finished(&self) -> bool {
        self.script.is_empty() && self.open.is_empty()
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The first answer that answers nothing.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// When the next question is due.
    pub fn next_due(&self) -> MonoTime {
        self.script.front().map_or(MonoTime::NEVER, |(due, _)| *due)
    }

    /// The next question is due and needs what the store hands out: parts of batches, starts, additions.
    pub fn needs_store(&self, now: MonoTime) -> bool {
        self.script.front().is_some_and(|(due, verb)| {
            let is_of_store = matches!(
                verb,
                Verb::Stage { .. } | Verb::StageTable { .. } | Verb::Start { .. } | Verb::Add { .. }
            );
            *due <= now && is_of_store
        })
    }

    /// The next question, when it is due.
    pub fn poll(&mut self, now: MonoTime) -> Option<(Ticket, Verb)> {
        let (due, verb) = self.script.pop_front_if(|(due, _)| *due <= now)?;
        let ticket = Ticket(TICKET_BASE + self.asked.len() as u64);
        self.open.push(self.asked.len());
        self.asked.push(Asked { ticket, due, verb: verb.clone(), reply: None });
        Some((ticket, verb))
    }

    /// True when a ticket is one of ours.
    pub fn is_ours(ticket: Ticket) -> bool {
        (TICKET_BASE..2 * TICKET_BASE).contains(&ticket.0)
    }

    /// An answer to one of our tickets.
    pub fn take_answer(&mut self, ticket: Ticket, reply: &Reply) {
        let position = self.open.iter().position(|at| self.asked[*at].ticket == ticket);
        if let Some(position) = position {
            let at = self.open.remove(position);
            self.asked[at].reply = Some(reply.clone());
        } else {
            self.broken
                .get_or_insert_with(|| format!("{reply:?} for ticket {}, which waits for none", ticket.0));
        }
    }

    /// The process is gone, and with it the answers it owed: what has none is asked again.
    pub fn begin_again(&mut self) {
        for at in self.open.drain(..).rev() {
            let asked = &self.asked[at];
            self.script.push_front((asked.due, asked.verb.clone()));
        }
    }
}
