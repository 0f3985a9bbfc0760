//! Classes get chutes: by volume rank when a batch starts, or at the first scan of a class. A binding is a
//! decision; commands that rest on it wait for the record that made it.

use alloc::vec::Vec;
use core::cmp::Reverse;

use wcs_types::limits::REJECTED_KEPT_MAX;
use wcs_types::{
    AlarmCode, Assign, BatchSpec, Candidate, ChuteId, ChuteKind, Decision, Fact, LaneNo, LineId, Reason,
    Rejected,
};

use crate::control::{Core, Turn};
use crate::rows::ChuteLife;

impl Core {
    /// Chutes a batch may use that are free and in use, in chute order.
    pub(crate) fn free_chutes(&self, spec: &BatchSpec) -> impl Iterator<Item = ChuteId> + '_ {
        self.chutes_of_batch(spec.line, spec.chute_limit).filter(|chute| {
            let row = self.chute(*chute);
            row.life == ChuteLife::Free && !row.is_out
        })
    }

    pub(crate) fn chutes_of_batch(&self, line: LineId, limit: u16) -> impl Iterator<Item = ChuteId> + '_ {
        let limit = if limit == 0 { usize::MAX } else { usize::from(limit) };
        self.plant
            .chutes_of(line)
            .filter(|(_, spec)| spec.kind == ChuteKind::Order)
            .map(|(chute, _)| chute)
            .take(limit)
    }

    /// Binds every class of a batch that is being started: most pieces first, lowest chute first.
    pub(crate) fn bind_by_volume(&mut self, turn: &mut Turn<'_>, batch: u32) {
        self.bind_ranked(turn, batch, self.lists(batch).classes.clone());
    }

    /// The same for classes that are added to a batch.
    pub(crate) fn bind_ranked(&mut self, turn: &mut Turn<'_>, batch: u32, mut ranked: Vec<u32>) {
        ranked.sort_by_key(|class| {
            let class = self.classes.get(*class);
            (Reverse(class.planned), class.index)
        });
        let spec = self.batches.get(batch).spec;
        assert!(
            spec.assign != Assign::FirstScan,
            "classes bound at their first scan are not bound before it"
        );
        let free: Vec<ChuteId> = self.free_chutes(&spec).collect();
        assert!(ranked.len() <= free.len(), "the verb was refused when chutes are too few");
        for (class, chute) in ranked.into_iter().zip(free) {
            // A shadow looks at each class by itself: what the one before was really given is not free any more.
            let offered = self.offered_chutes(&spec, class);
            let chute = offered.map_or(Some(chute), |offered| offered.first().copied());
            self.bind(turn, class, chute, heapless::Vec::new());
        }
    }

    /// A chute for a class that has none: the lowest that is free and usable. `None` waits.
    pub(crate) fn bind_on_demand(&mut self, turn: &mut Turn<'_>, class: u32) -> Option<ChuteId> {
        let spec = self.batches.get(self.classes.get(class).batch).spec;
        let mut rejected = heapless::Vec::new();
        let mut chosen = None;
        let offered = self.offered_chutes(&spec, class);
        let free = self.free_chutes(&spec).filter(|_| offered.is_none());
        for chute in offered.iter().flatten().copied().chain(free) {
            match self.lanes_refusal(spec.line, self.offered_lanes(chute)) {
                None => {
                    chosen = Some(chute);
                    break;
                }
                Some(reason) if !rejected.is_full() => {
                    rejected.push(Rejected { candidate: Candidate::Chute(chute), reason }).expect("not full");
                }
                Some(_) => {}
            }
        }
        self.bind(turn, class, chosen, rejected)
    }

    pub(crate) fn bind(
        &mut self,
        turn: &mut Turn<'_>,
        class: u32,
        chute: Option<ChuteId>,
        rejected: heapless::Vec<Rejected, REJECTED_KEPT_MAX>,
    ) -> Option<ChuteId> {
        let (batch, index) = {
            let row = self.classes.get(class);
            (self.batches.get(row.batch).spec.batch, row.index)
        };
        let own = Decision::Bind { batch, class: index, chute, rejected };
        let Decision::Bind { chute: given, .. } = turn.settle(own) else {
            unreachable!("settle answers the question that was asked");
        };
        self.hold_offer(chute, given, class);
        let chute = given?;
        if usize::from(chute.0) >= self.plant.chutes.len() {
            return None;
        }
        if self.chute(chute).life != ChuteLife::Free {
            // Only a recorded decision of another version can name a chute that is taken here: nobody may guess
            // what lies in it.
            self.edit_chute(chute, |row| {
                row.life = ChuteLife::Blocked;
                row.is_box_closed = false;
            });
            self.set_chute_alarm(turn, AlarmCode::ChuteConflict, chute, true);
            return None;
        }
        let seq = self.seq;
        let is_rebound = self.edit_chute(chute, |row| {
            let is_rebound = row.was_bound;
            row.life = ChuteLife::Bound;
            row.class = Some(class);
            row.bound_in = seq;
            row.was_bound = true;
            is_rebound
        });
        self.classes.edit(class, |row| row.chute = Some(chute));
        let order = self.classes.get(class).order.clone();
        turn.out.fact(Fact::ClassBound { batch, order, chute, is_rebound });
        Some(chute)
    }

    /// Why nothing should be sent to this chute now, if so.
    pub(crate) fn chute_refusal(&self, chute: ChuteId) -> Option<Reason> {
        let row = self.chute(chute);
        self.lanes_refusal(row.line, &row.lanes)
    }

    fn lanes_refusal(&self, line: LineId, lanes: &[LaneNo]) -> Option<Reason> {
        let mut refusal = None;
        for lane in lanes {
            match self.lane_refusal(line, *lane) {
                None => return None,
                reason => refusal = reason,
            }
        }
        refusal
    }

    /// At least one lane of the chute takes loads.
    pub(crate) fn is_usable(&self, chute: ChuteId) -> bool {
        self.chute_refusal(chute).is_none()
    }

    /// Why this lane takes no load now, if so.
    pub(crate) fn lane_refusal(&self, line: LineId, lane: LaneNo) -> Option<Reason> {
        let row = self.lane_row(line);
        if row.fault.contains(lane) {
            Some(Reason::LaneFault)
        } else if row.full.contains(lane) {
            Some(Reason::LaneFull)
        } else if row.closed.contains(lane) || !row.ready.contains(lane) {
            Some(Reason::LaneClosed)
        } else {
            None
        }
    }
}
