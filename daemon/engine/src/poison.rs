//! Inputs that break the core. A failed invariant ends the process, and the PLC shows the same event to the next one: the
//! digest of the input in hand is what recognises it there. After `CRASHES_MAX` processes have ended at the same input
//! it is put aside. Where the list of them is kept between two processes belongs to the shell.
//!
//! ```text
//! 1st meeting: crash, noted -> 2nd: crash, noted -> 3rd: put aside -(that crashes, noted)-> 4th: put aside, bare
//! ```

use std::any::Any;

use wcs_types::limits::{INVARIANT_SIZE_MAX, POISONS_KEPT_MAX};
use wcs_types::{
    BeltMm, CORE_VERSION, Epoch, EventBody, Input, InputDigest, LinkChange, MonoTime, Quarantined,
    StateHasher, Suspect, Ticket,
};

/// Processes that may end at an input before it is put aside.
pub const CRASHES_MAX: u32 = 2;
/// First bytes of what a digest is made of: another way to make it needs another number.
const DIGEST_VERSION: &[u8] = b"wcs input digest 1\n";

/// An input that broke an invariant, and how often it did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Poison {
    /// What it is known by.
    pub digest: InputDigest,
    /// Processes that ended at it.
    pub crashes: u32,
    /// What it is, in words.
    pub what: String,
    /// The invariant that it broke last.
    pub invariant: String,
}

/// Every poison this version of the core has met, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PoisonList {
    entries: Vec<Poison>,
}

impl PoisonList {
    /// A list as it was kept; of too many the oldest are left out.
    pub fn new(mut entries: Vec<Poison>) -> Self {
        let surplus = entries.len().saturating_sub(POISONS_KEPT_MAX);
        entries.drain(..surplus);
        Self { entries }
    }

    /// The list with one more crash in it, and that poison as it stands now.
    #[must_use]
    pub fn noted(&self, mut poison: Poison) -> (Self, Poison) {
        let mut entries = self.entries.clone();
        if let Some(at) = entries.iter().position(|entry| entry.digest == poison.digest) {
            poison.crashes = poison.crashes.saturating_add(entries.remove(at).crashes);
        }
        entries.push(poison.clone());
        (Self::new(entries), poison)
    }

    /// Every poison, oldest first.
    pub fn entries(&self) -> &[Poison] {
        &self.entries
    }

    /// The version of the core whose crashes are counted: another one gets another chance.
    pub const fn core_version() -> u32 {
        CORE_VERSION
    }

    fn find(&self, digest: InputDigest) -> Option<&Poison> {
        self.entries.iter().find(|entry| entry.digest == digest)
    }

    /// What the core is given in place of `input`, when that is put aside. `was_put_aside` tells of a load that was
    /// before, under another event.
    pub(crate) fn envelope(
        &self,
        input: &Input,
        was_put_aside: impl FnOnce(&Input) -> bool,
    ) -> Option<Box<Quarantined>> {
        // Nothing is hashed as long as nothing was ever poisonous.
        if self.entries.is_empty() {
            return None;
        }
        let digest = digest_of(input);
        let found = self.find(digest).filter(|entry| entry.crashes >= CRASHES_MAX);
        let (invariant, is_bare) = match found {
            Some(entry) => (entry.invariant.clone(), entry.crashes > CRASHES_MAX),
            None if was_put_aside(input) => ("the load was put aside before".to_owned(), false),
            None => return None,
        };
        let suspect = suspect_of(input)?;
        Some(Box::new(Quarantined { digest, invariant, is_bare, suspect }))
    }
}

/// Put into words that tell people which input it is.
pub fn words(input: &Input) -> String {
    match input {
        Input::Sorter { line, event } => {
            let kind = match &event.body {
                EventBody::Scan(scan) => {
                    let codes: Vec<String> = scan.codes.iter().map(ToString::to_string).collect();
                    format!("scan of [{}]", codes.join(", "))
                }
                EventBody::Exit { actual, .. } => format!("exit at lane {}", actual.0),
                EventBody::Lane { lane, .. } => format!("state of lane {}", lane.0),
                EventBody::Checkpoint { checkpoint, .. } => format!("check point {checkpoint}"),
                EventBody::Alarm { code, .. } => format!("alarm {code}"),
                EventBody::State { new, .. } => format!("machine state {}", new.0),
                EventBody::CommandRejected { .. } => "refused command".to_owned(),
                EventBody::Unknown { kind } => format!("event of type {kind}"),
            };
            format!(
                "line {}: event {} of PLC life {}, item {}: {kind}",
                line.0, event.seq.0, event.fifo_epoch.0, event.item
            )
        }
        Input::Link { line, change } => {
            let kind = format!("{change:?}");
            let kind = kind.split([' ', '(', '{']).next().unwrap_or_default();
            format!("line {}: link change {kind}", line.0)
        }
        Input::Verb { operator, ticket, verb } => {
            let kind = format!("{verb:?}");
            let kind = kind.split([' ', '{']).next().unwrap_or_default();
            format!("verb {kind} of operator {}, ticket {}", operator.0, ticket.0)
        }
        Input::Timeout => "a deadline of the core".to_owned(),
        Input::Refused { line, .. } => format!("line {}: refused output", line.0),
        Input::Storage(state) => format!("state of the journal: {state:?}"),
        Input::Quarantined(put) => format!("{} (put aside)", words(&input_of(&put.suspect))),
    }
}

/// The digest of an input: of its journal bytes, without what differs when the same thing is told again.
pub(crate) fn digest_of(input: &Input) -> InputDigest {
    let told = match input {
        // Putting it aside broke us as well: it counts as the same meeting.
        Input::Quarantined(put) => return put.digest,
        Input::Sorter { line, event } => {
            let mut event = event.clone();
            // The position in the FIFO of one life of the PLC names an event; where and when it was read does not.
            event.belt = BeltMm(0);
            event.plc_tick_ms = 0;
            if let EventBody::Scan(scan) = &mut event.body {
                scan.point = BeltMm(0);
                scan.decide_by = MonoTime::ZERO;
                scan.is_retained = false;
            }
            Input::Sorter { line: *line, event }
        }
        Input::Link { line, change } => {
            let mut change = change.clone();
            match &mut change {
                LinkChange::Met(hello) => {
                    // Which PLC it is in which life stays, how it is doing at the moment goes.
                    (hello.belt, hello.state, hello.safety) = Default::default();
                    (hello.owner_epoch, hello.evt_head, hello.evt_ack_echo) = Default::default();
                    hello.evt_lost = 0;
                    (hello.ready, hello.full, hello.fault) = Default::default();
                }
                LinkChange::Attached { owner } => *owner = Epoch::NONE,
                LinkChange::Drained { belt } | LinkChange::Travelled { belt, .. } => *belt = BeltMm(0),
                _ => {}
            }
            Input::Link { line: *line, change }
        }
        // Whoever asks again asks under another ticket.
        Input::Verb { operator, verb, .. } => {
            Input::Verb { operator: *operator, ticket: Ticket(0), verb: verb.clone() }
        }
        Input::Timeout | Input::Storage(_) | Input::Refused { .. } => input.clone(),
    };
    let mut bytes = DIGEST_VERSION.to_vec();
    bytes.extend(postcard::to_allocvec(&told).expect("an input holds plain data"));
    InputDigest(StateHasher::of_bytes(&bytes))
}

fn suspect_of(input: &Input) -> Option<Suspect> {
    Some(match input.clone() {
        Input::Sorter { line, event } => Suspect::Sorter { line, event },
        Input::Link { line, change } => Suspect::Link { line, change },
        Input::Verb { operator, ticket, verb } => Suspect::Verb { operator, ticket, verb },
        Input::Timeout => Suspect::Timeout,
        Input::Refused { line, refusal } => Suspect::Refused { line, refusal },
        // Without it the core would permit loads that the journal has no room for.
        Input::Storage(_) | Input::Quarantined(_) => return None,
    })
}

fn input_of(suspect: &Suspect) -> Input {
    match suspect.clone() {
        Suspect::Sorter { line, event } => Input::Sorter { line, event },
        Suspect::Link { line, change } => Input::Link { line, change },
        Suspect::Verb { operator, ticket, verb } => Input::Verb { operator, ticket, verb },
        Suspect::Timeout => Input::Timeout,
        Suspect::Refused { line, refusal } => Input::Refused { line, refusal },
    }
}

/// What a panic said, cut to what is kept and to one line.
pub(crate) fn invariant_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let mut kept: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    while kept.len() > INVARIANT_SIZE_MAX {
        kept.pop();
    }
    kept
}
