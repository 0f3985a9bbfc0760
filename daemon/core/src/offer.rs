//! Another plant file, offered to the choices of a core that follows a journal (a shadow). The state stays that of the
//! recorded plant: what happened there happened. Only what is *chosen* looks at the offered chutes: which of them a
//! class may have, which lanes a load may take. Not responsible for what is adopted in place of a choice (`step.rs`).
//!
//! Chutes are the same when line and name are. They keep the number the journal knows them by; chutes the journal does
//! not know are numbered behind those, and never get into the state.
//!
//! A class that would have a chute the record leaves alone *holds* it until the chute it was really given is free again;
//! that one counts as left free by it. So one chute more is one choice that differs, and not every one behind it.

use alloc::string::String;
use alloc::vec::Vec;

use wcs_types::{BatchId, BatchSpec, ChuteId, ChuteKind, ChuteSpec, LaneNo, Plant};

use crate::control::Core;
use crate::rows::ChuteLife;

/// Why a plant cannot be offered to a journal. Everything else about chutes, links and names can.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfferRefused {
    /// Records name lines by number.
    #[error(
        "the journal has the lines {recorded}, this plant has {offered}: a shadow needs the same lines in the same order"
    )]
    Lines {
        /// Names of the recorded lines.
        recorded: String,
        /// Names of the offered ones.
        offered: String,
    },
    /// Another device.
    #[error(
        "line {line} speaks {offered} in this plant and {recorded} in the journal: a shadow needs the same device"
    )]
    Profile {
        /// The line.
        line: String,
        /// Recorded.
        recorded: String,
        /// Offered.
        offered: String,
    },
    /// A chute cannot change its sorter.
    #[error(
        "chute {chute} is on line {offered} in this plant and on {recorded} in the journal: give it another name"
    )]
    Moved {
        /// The chute.
        chute: String,
        /// Its line in the journal.
        recorded: String,
        /// Its line in the offered plant.
        offered: String,
    },
}

/// An offered chute that a class would have, and what it has in place of it.
#[derive(Clone, Debug)]
struct Held {
    chute: ChuteId,
    given: Option<ChuteId>,
    class: u32,
    batch: BatchId,
    index: u32,
}

/// The chutes of the offered plant.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// In the order of the offered plant, which is the order in which chutes are given out.
    chutes: Vec<(ChuteId, ChuteSpec)>,
    /// Position in `chutes` by number; `None` for a recorded chute that is not offered.
    places: Vec<Option<usize>>,
    held: Vec<Held>,
}

impl Offer {
    pub(crate) fn new(recorded: &Plant, offered: &Plant) -> Result<Self, OfferRefused> {
        check(recorded, offered)?;
        let mut places = alloc::vec![None; recorded.chutes.len()];
        let mut chutes = Vec::with_capacity(offered.chutes.len());
        for (place, spec) in offered.chutes.iter().enumerate() {
            let known = recorded.chutes.iter().position(|chute| chute.id == spec.id);
            let number = known.unwrap_or_else(|| {
                places.push(None);
                places.len() - 1
            });
            places[number] = Some(place);
            let number = u16::try_from(number).expect("two plants have less chutes than 2^16");
            chutes.push((ChuteId(number), spec.clone()));
        }
        Ok(Self { chutes, places, held: Vec::new() })
    }

    /// Chutes a batch may use, in the order they are given out.
    fn chutes_of_batch(&self, spec: &BatchSpec) -> Vec<ChuteId> {
        let of_line =
            self.chutes.iter().filter(|(_, chute)| chute.line == spec.line && chute.kind == ChuteKind::Order);
        of_line.take(limit_of(spec)).map(|(chute, _)| *chute).collect()
    }

    /// A chute as the offered plant has it.
    fn chute(&self, chute: ChuteId) -> Option<&ChuteSpec> {
        let place = self.places.get(usize::from(chute.0)).copied().flatten()?;
        self.chutes.get(place).map(|(_, spec)| spec)
    }
}

fn limit_of(spec: &BatchSpec) -> usize {
    if spec.chute_limit == 0 { usize::MAX } else { usize::from(spec.chute_limit) }
}

fn check(recorded: &Plant, offered: &Plant) -> Result<(), OfferRefused> {
    let names = |plant: &Plant| {
        let names: Vec<&str> = plant.lines.iter().map(|line| line.id.as_str()).collect();
        names.join(", ")
    };
    if names(recorded) != names(offered) {
        return Err(OfferRefused::Lines { recorded: names(recorded), offered: names(offered) });
    }
    for (was, now) in recorded.lines.iter().zip(&offered.lines) {
        if (was.kind, &was.profile) != (now.kind, &now.profile) {
            let (recorded, offered) = (was.profile.clone(), now.profile.clone());
            return Err(OfferRefused::Profile { line: was.id.clone(), recorded, offered });
        }
    }
    for was in &recorded.chutes {
        let moved = offered.chutes.iter().find(|now| now.id == was.id && now.line != was.line);
        if let Some(now) = moved {
            let name = |chute: &ChuteSpec| recorded.lines[usize::from(chute.line.0)].id.clone();
            return Err(OfferRefused::Moved {
                chute: was.id.clone(),
                recorded: name(was),
                offered: name(now),
            });
        }
    }
    Ok(())
}

impl Core {
    /// Lanes a load may take to a chute; none when the plant has no such chute for orders.
    pub(crate) fn offered_lanes(&self, chute: ChuteId) -> &[LaneNo] {
        match &self.offer {
            None => &self.chute(chute).lanes,
            Some(offer) => offer
                .chute(chute)
                .filter(|spec| spec.kind == ChuteKind::Order)
                .map_or(&[][..], |spec| &spec.lanes),
        }
    }

    /// A class can have the chute. In a core without an offer all are.
    pub(crate) fn is_offered(&self, chute: ChuteId) -> bool {
        self.offer.is_none() || !self.offered_lanes(chute).is_empty()
    }

    /// Chutes of the offer that a class may have now, in the order they are given out; `None` without an offer.
    pub(crate) fn offered_chutes(&self, spec: &BatchSpec, class: u32) -> Option<Vec<ChuteId>> {
        let offer = self.offer.as_ref()?;
        let held = offer.held.iter().filter(|held| held.class != class && self.is_still_held(held));
        let held: Vec<&Held> = held.collect();
        let is_held = |chute: &ChuteId| held.iter().any(|held| held.chute == *chute);
        let left_by = |chute: &ChuteId| held.iter().find(|held| held.given == Some(*chute));
        // In the record there is a class in it, which holds no other chute.
        let is_taken = |chute: &ChuteId| self.is_taken_in_record(*chute) && left_by(chute).is_none();
        let within = offer.chutes_of_batch(spec);
        let recorded: Vec<ChuteId> = self.chutes_of_batch(spec.line, spec.chute_limit).collect();
        // A chute that moved up under the limit stands in for one that fell out, and is as taken as that one is. Only
        // the class in it counts: that it is out of service, or its lanes full, is not true of the other chute.
        let taken = recorded.iter().filter(|chute| !within.contains(chute) && is_taken(chute)).count();
        let is_new = |chute: &&ChuteId| {
            !recorded.contains(chute) && !is_held(chute) && self.is_free_in_record(**chute)
        };
        let standing_in: Vec<ChuteId> = within.iter().rev().filter(is_new).take(taken).copied().collect();
        let free =
            within.iter().filter(|chute| self.is_free_in_record(**chute) && !standing_in.contains(chute));
        // What another class left comes last: in the record it is taken. Whoever was given what that class holds is
        // in its place.
        let left = within.iter().filter(|chute| left_by(chute).is_some_and(|by| !is_taken(&by.chute)));
        Some(free.chain(left).filter(|chute| !is_held(chute)).copied().collect())
    }

    fn is_taken_in_record(&self, chute: ChuteId) -> bool {
        usize::from(chute.0) < self.plant.chutes.len() && self.chute(chute).life != ChuteLife::Free
    }

    /// The record has nobody in the chute; it knows nothing of one that only the offer has.
    fn is_free_in_record(&self, chute: ChuteId) -> bool {
        let is_out = usize::from(chute.0) < self.plant.chutes.len() && self.chute(chute).is_out;
        !is_out && !self.is_taken_in_record(chute)
    }

    /// The class still waits, or has what it was given.
    fn is_still_held(&self, held: &Held) -> bool {
        let Some(row) = self.classes.find(held.class) else { return false };
        let batch = self.batches.get(row.batch).spec.batch;
        let is_same = (batch, row.index) == (held.batch, held.index) && row.chute == held.given;
        is_same && (held.given.is_some() || (!row.is_cancelled && row.done < row.planned))
    }

    /// A class was given a chute, or none, and would have had `own`: that is taken all the same, if the record leaves
    /// it alone. Called before the row of the chute changes.
    pub(crate) fn hold_offer(&mut self, own: Option<ChuteId>, given: Option<ChuteId>, class: u32) {
        let Some(offer) = &self.offer else { return };
        let row = self.classes.get(class);
        let spec = self.batches.get(row.batch).spec;
        let own = own.filter(|own| {
            let within = offer.chutes_of_batch(&spec);
            let place = |chute: ChuteId| within.iter().position(|one| *one == chute);
            let is_of_record = self.chutes_of_batch(spec.line, spec.chute_limit).any(|chute| chute == *own);
            // One that the class only falls back on, because it cannot have what it was given, is likely to be given
            // to the next one in the record: to hold it would make that one differ, and all behind it.
            let is_fallback = given.is_some_and(|given| place(given).is_none_or(|at| place(*own) > Some(at)));
            given != Some(*own) && !(is_of_record && self.is_free_in_record(*own) && is_fallback)
        });
        let held = own.map(|chute| Held { chute, given, class, batch: spec.batch, index: row.index });
        if let Some(offer) = &mut self.offer {
            // One for each chute and each class: as bounded as the plant file.
            offer.held.retain(|old| old.class != class && Some(old.chute) != own);
            offer.held.extend(held);
        }
    }
}
