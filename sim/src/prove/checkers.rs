//! What must hold for every run, whatever went wrong in it. Each checker has a name of its own; it looks only at the
//! evidence and says how much it looked at and what is broken first. Safety holds while faults run; progress is what
//! must come when they stop.

mod ending;
mod journal;
mod ledger;
mod wire;

use super::evidence::Evidence;

/// One thing that must hold.
#[derive(Clone, Copy)]
pub struct Checker {
    /// Its name in reports.
    pub name: &'static str,
    /// What must hold.
    pub demand: &'static str,
    /// Looks at a run.
    pub check: fn(&Evidence) -> Finding,
}

/// What a checker found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Finding {
    /// Things looked at.
    pub checked: u64,
    /// The first thing that is broken.
    pub broken: Option<String>,
}

impl Finding {
    pub(super) fn of(checked: u64, broken: Option<String>) -> Self {
        Self { checked, broken }
    }

    /// Nothing can be said: the run broke off.
    pub(super) fn none() -> Self {
        Self::default()
    }
}

/// Every checker, in the order of reports.
pub const CHECKERS: &[Checker] = &[
    Checker {
        name: "core_invariants",
        demand: "the tables of the core agree with each other, at outages too, and every job adds up at every record",
        check: ending::core_invariants,
    },
    Checker { name: "restart", demand: "the daemon comes up after every outage", check: ending::restart },
    Checker { name: "progress", demand: "every run comes to its end", check: ending::progress },
    Checker {
        name: "ack_after_durable",
        demand: "the PLC forgets no event that is in no durable record",
        check: wire::ack_after_durable,
    },
    Checker {
        name: "command_after_binding",
        demand: "no destination reaches the PLC before the binding of its chute is durable",
        check: wire::command_after_binding,
    },
    Checker {
        name: "command_when_attached",
        demand: "no destination reaches the PLC from anybody but the owner it obeys",
        check: wire::command_when_attached,
    },
    Checker {
        name: "command_fresh",
        demand: "no destination reaches the PLC that was not commanded since the last attachment",
        check: wire::command_fresh,
    },
    Checker {
        name: "permit_by_core",
        demand: "the PLC sees no permit the core does not give",
        check: wire::permit_by_core,
    },
    Checker {
        name: "owner_obeyed",
        demand: "the PLC obeys blocks of the owner it shows and of nobody else",
        check: wire::owner_obeyed,
    },
    Checker {
        name: "fenced_off",
        demand: "a daemon whose line was taken over notices and stays away",
        check: ending::fenced_off,
    },
    Checker {
        name: "motion_by_person",
        demand: "after a safety stop or a start of the PLC nothing moves before a person has reset and started the machine",
        check: wire::motion_by_person,
    },
    Checker {
        name: "blame_founded",
        demand: "no alarm of the equipment comes of a stall of ours",
        check: wire::blame_founded,
    },
    Checker {
        name: "late_by_travel",
        demand: "no load is called late that the belt has still to carry to its point",
        check: wire::late_by_travel,
    },
    Checker {
        name: "answered_again",
        demand: "a load that is open at a new attachment is answered in time",
        check: wire::answered_again,
    },
    Checker {
        name: "verb_answered",
        demand: "every verb has one answer, given when its record is durable",
        check: wire::verb_answered,
    },
    Checker {
        name: "event_once",
        demand: "no event is taken into the journal twice",
        check: journal::event_once,
    },
    Checker {
        name: "reason",
        demand: "every load ends with the reason the exit, the scanner or the decision gave",
        check: journal::reason,
    },
    Checker {
        name: "one_outcome",
        demand: "a load has one outcome, replaced only by a person, or where silence alone had given it up",
        check: journal::one_outcome,
    },
    Checker {
        name: "books",
        demand: "by its facts a chute has one class, a label one open load, a job no more than planned, an ended batch no more",
        check: journal::books,
    },
    Checker {
        name: "conservation",
        demand: "loads inducted are final, none is open, and no piece is unaccounted for",
        check: ledger::conservation,
    },
    Checker { name: "ledger", demand: "daemon and ledger agree label by label", check: ledger::ledger },
    Checker { name: "missort", demand: "no load is mis-sorted that nobody pushed", check: ledger::missort },
    Checker { name: "events", demand: "the FIFO of the PLC never overflows", check: wire::events },
    Checker {
        name: "replay",
        demand: "the journal comes out again, beside the line, from the first record and from each checkpoint",
        check: journal::replay,
    },
    Checker {
        name: "checkpoint",
        demand: "every start may begin with its newest checkpoint",
        check: ending::checkpoint,
    },
];

/// The checkers that look: all of them, or all but one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Panel {
    left_out: Option<&'static str>,
}

impl Panel {
    /// Every checker but `name`; `None` when there is no such checker.
    pub fn without(name: &str) -> Option<Self> {
        let found = CHECKERS.iter().find(|checker| checker.name == name)?;
        Some(Self { left_out: Some(found.name) })
    }

    /// The checkers, in the order of reports.
    pub fn checkers(self) -> impl Iterator<Item = &'static Checker> {
        CHECKERS.iter().filter(move |checker| self.left_out != Some(checker.name))
    }
}
