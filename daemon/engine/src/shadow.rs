//! A shadow over a journal: the core behind another plant file, or of another version, asks itself the recorded
//! questions again and tells where it would have answered otherwise. The recorded answer is adopted each time, so one
//! change does not cascade. Reading the journal and showing what was found is the caller's.
//!
//! Nothing of it can be actuated: it owns a `wcs_core::Shadow`, which gives no outputs, and it is no
//! [`Engine`](crate::Engine) and gives none:
//!
//! ```compile_fail,E0308
//! let shadow = wcs_engine::Shadow::new(wcs_types::Plant::default(), None).unwrap();
//! let mut engine: wcs_engine::Engine = shadow;
//! ```
//!
//! ```compile_fail,E0599
//! let mut shadow = wcs_engine::Shadow::new(wcs_types::Plant::default(), None).unwrap();
//! let _ = shadow.release();
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

use wcs_core::{Difference, OfferRefused};
use wcs_types::{
    CORE_VERSION, ChuteId, ChuteKind, ChuteSpec, Code, Decision, Destination, LaneNo, MonoTime, OrderKey,
    Plant, Reason, Record, Seq,
};

use crate::poison::{invariant_of, words};
use crate::replay::Divergence;

/// A core without hands that follows records.
pub struct Shadow {
    core: wcs_core::Shadow,
    recorded: Plant,
    changes: Vec<ChuteChange>,
    records: u64,
    decisions: u64,
    differ: u64,
    reasoned: u64,
}

/// How a chute of the offered plant differs from the recorded one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChuteChange {
    /// Its name.
    pub chute: String,
    /// What is different.
    pub kind: ChangeKind,
}

/// What is different about a chute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// The journal knows it, the plant does not.
    Removed,
    /// The plant has it, the journal does not know it.
    Added,
    /// Its lanes are others.
    Lanes {
        /// As recorded.
        recorded: Vec<LaneNo>,
        /// As offered.
        offered: Vec<LaneNo>,
    },
    /// It is for something else.
    Kind {
        /// As recorded.
        recorded: ChuteKind,
        /// As offered.
        offered: ChuteKind,
    },
}

impl std::fmt::Display for ChuteChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let chute = &self.chute;
        match &self.kind {
            ChangeKind::Removed => write!(f, "chute {chute} is not in this plant"),
            ChangeKind::Added => write!(f, "chute {chute} is new in this plant"),
            ChangeKind::Lanes { recorded, offered } => {
                write!(f, "chute {chute} has lanes {} in place of {}", lanes(offered), lanes(recorded))
            }
            ChangeKind::Kind { recorded, offered } => {
                write!(f, "chute {chute} is for {} in place of {}", purpose(*offered), purpose(*recorded))
            }
        }
    }
}

fn lanes(lanes: &[LaneNo]) -> String {
    lanes.iter().map(|lane| lane.0.to_string()).collect::<Vec<_>>().join("+")
}

fn purpose(kind: ChuteKind) -> &'static str {
    match kind {
        ChuteKind::Order => "orders",
        ChuteKind::Overflow => "overflow",
        ChuteKind::NoRead => "unread loads",
        ChuteKind::Exception => "exceptions",
    }
}

/// A decision that this core would have made otherwise, in words of the floor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Differing {
    /// Its record.
    pub seq: Seq,
    /// Core time of the record.
    pub now: MonoTime,
    /// `load` or `class`, and which.
    pub what: String,
    /// The label of the load, where it has one.
    pub label: Option<Code>,
    /// The order it is about, where it is known.
    pub order: Option<OrderKey>,
    /// What was chosen, and adopted; `None` when nothing was recorded in its place.
    pub recorded: Option<String>,
    /// What this core chooses.
    pub own: String,
    /// Why it differs.
    pub reason: String,
}

impl Shadow {
    /// A shadow at the beginning of a journal that was written for `recorded`; with another plant it chooses among the
    /// chutes of that.
    ///
    /// # Errors
    /// The plant is of other lines, other devices, or moves a chute between lines.
    pub fn new(recorded: Plant, offered: Option<Plant>) -> Result<Self, OfferRefused> {
        let mut core = wcs_core::Shadow::new(recorded.clone());
        if let Some(offered) = &offered {
            core.offer(offered)?;
        }
        let changes = offered.as_ref().map(|offered| changes(&recorded, offered)).unwrap_or_default();
        Ok(Self { core, recorded, changes, records: 0, decisions: 0, differ: 0, reasoned: 0 })
    }

    /// Takes the next record, which `core_version` made, and gives what it would have decided otherwise.
    ///
    /// # Errors
    /// The records do not follow each other, the core stops, or the state of this very version is not the recorded one.
    pub fn follow(&mut self, record: &Record, core_version: u32) -> Result<Vec<Differing>, Divergence> {
        let seq = record.seq;
        if seq != self.core.seq().next() {
            return Err(Divergence::Order { before: self.core.seq(), found: seq });
        }
        if record.now < self.core.now() {
            return Err(Divergence::Time { seq });
        }
        let core = &mut self.core;
        catch_unwind(AssertUnwindSafe(|| core.follow(record))).map_err(|panic| Divergence::Invariant {
            seq,
            what: words(&record.input),
            invariant: invariant_of(&*panic),
        })?;
        self.records += 1;
        self.decisions += record.decisions.len() as u64;
        let is_own_version = core_version == CORE_VERSION;
        if is_own_version && !self.core.is_as_recorded(record) {
            // The state is the journal's whatever plant is offered: nothing of that got into it.
            return Err(Divergence::Hash { seq, recorded: record.hash, own: self.core.state_hash() });
        }
        let found = self.core.differences().iter();
        let (differ, reasoned): (Vec<_>, Vec<_>) = found.partition(|difference| is_other_choice(difference));
        let differing = differ
            .into_iter()
            .map(|difference| self.tell(record, difference, core_version))
            .collect::<Vec<_>>();
        self.reasoned += reasoned.len() as u64;
        self.differ += differing.len() as u64;
        Ok(differing)
    }

    fn tell(&self, record: &Record, difference: &Difference, core_version: u32) -> Differing {
        let own = &difference.own;
        let (what, label) = match own {
            Decision::Bind { batch, class, .. } => (format!("class {class} of batch {}", batch.0), None),
            Decision::Route { load, .. } => {
                (format!("load {load}"), self.core.label(*load).filter(|label| !label.is_empty()).cloned())
            }
        };
        Differing {
            seq: record.seq,
            now: record.now,
            what,
            label,
            order: self.core.order(own).cloned(),
            recorded: difference.recorded.as_ref().map(|recorded| self.words_of(recorded)),
            own: self.words_of(own),
            reason: self.reason(difference, core_version),
        }
    }

    /// Why a decision differs: the change of the chute that was recorded, else of the one that is chosen here.
    fn reason(&self, difference: &Difference, core_version: u32) -> String {
        let chutes = [difference.recorded.as_ref().and_then(chute_of), chute_of(&difference.own)];
        let names = chutes.into_iter().flatten().map(|chute| self.name(chute));
        let change =
            names.into_iter().find_map(|name| self.changes.iter().find(|change| change.chute == name));
        match change {
            Some(change) => change.to_string(),
            None if core_version != CORE_VERSION => {
                format!("core version {CORE_VERSION} chooses otherwise than version {core_version} did")
            }
            // Of a single change everything follows, also where another chute moved up for it.
            None => match self.changes.as_slice() {
                [change] => change.to_string(),
                [] => "the chutes of this plant stand in another order".to_owned(),
                _ => "the chutes of this plant are given out otherwise".to_owned(),
            },
        }
    }

    fn words_of(&self, decision: &Decision) -> String {
        match decision {
            Decision::Bind { chute: Some(chute), .. } => format!("chute {}", self.name(*chute)),
            Decision::Bind { chute: None, .. } => "no chute".to_owned(),
            Decision::Route { destination, reason, .. } => match destination {
                Destination::Chute { chute, lane, alternatives, .. } => {
                    let ranked = [*lane, alternatives[0], alternatives[1]];
                    let ranked = ranked.into_iter().filter(|lane| *lane != LaneNo::NONE).collect::<Vec<_>>();
                    format!("chute {}, lanes {}", self.name(*chute), lanes(&ranked))
                }
                Destination::Recirculate => format!("round again: {reason}"),
                Destination::Overflow { lane } => format!("overflow lane {}: {reason}", lane.0),
                Destination::Exception => format!("exception: {reason}"),
                Destination::Unanswered => format!("no answer: {reason}"),
            },
        }
    }

    /// The name of a chute, recorded or offered.
    fn name(&self, chute: ChuteId) -> String {
        let at = usize::from(chute.0);
        if let Some(chute) = self.recorded.chutes.get(at) {
            return chute.id.clone();
        }
        // Numbered behind the recorded ones, in the order of the plant.
        let added = self.changes.iter().filter(|change| change.kind == ChangeKind::Added);
        let added = added.map(|change| change.chute.clone()).nth(at - self.recorded.chutes.len());
        added.unwrap_or_else(|| format!("number {}", chute.0))
    }

    /// What the offered plant changes about chutes.
    pub fn changes(&self) -> &[ChuteChange] {
        &self.changes
    }

    /// Records followed.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Decisions in them.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Decisions that differ.
    pub fn differ(&self) -> u64 {
        self.differ
    }

    /// Decisions with the same choice and other candidates passed over.
    pub fn reasoned_otherwise(&self) -> u64 {
        self.reasoned
    }
}

/// The choice itself is another one, not only what was passed over.
fn is_other_choice(difference: &Difference) -> bool {
    let choice = |decision: &Decision| -> (Option<ChuteId>, Option<(Destination, Reason)>) {
        match decision {
            Decision::Bind { chute, .. } => (*chute, None),
            Decision::Route { destination, reason, .. } => (None, Some((*destination, *reason))),
        }
    };
    difference.recorded.as_ref().is_none_or(|recorded| choice(recorded) != choice(&difference.own))
}

fn chute_of(decision: &Decision) -> Option<ChuteId> {
    match decision {
        Decision::Bind { chute, .. } => *chute,
        Decision::Route { destination: Destination::Chute { chute, .. }, .. } => Some(*chute),
        Decision::Route { .. } => None,
    }
}

fn changes(recorded: &Plant, offered: &Plant) -> Vec<ChuteChange> {
    let find = |plant: &'_ Plant, id: &str| plant.chutes.iter().position(|chute| chute.id == id);
    let change = |spec: &ChuteSpec, kind| ChuteChange { chute: spec.id.clone(), kind };
    let mut found = Vec::new();
    for was in &recorded.chutes {
        let Some(now) = find(offered, &was.id).map(|at| &offered.chutes[at]) else {
            found.push(change(was, ChangeKind::Removed));
            continue;
        };
        if now.lanes != was.lanes {
            let (recorded, offered) = (was.lanes.to_vec(), now.lanes.to_vec());
            found.push(change(was, ChangeKind::Lanes { recorded, offered }));
        }
        if now.kind != was.kind {
            found.push(change(was, ChangeKind::Kind { recorded: was.kind, offered: now.kind }));
        }
    }
    for now in &offered.chutes {
        if find(recorded, &now.id).is_none() {
            found.push(change(now, ChangeKind::Added));
        }
    }
    found
}
