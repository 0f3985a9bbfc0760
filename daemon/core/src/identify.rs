//! From scanned codes to the job whose piece a load is. Holds the look-up from code to jobs and ranks the open
//! jobs of a sku; it reserves nothing and sends nothing.

use alloc::vec::Vec;

use wcs_types::limits::REJECTED_KEPT_MAX;
use wcs_types::{
    BatchId, Candidate, ChuteId, Code, JobId, LineId, Pieces, Read, Reason, Rejected, StateHasher,
};

use crate::control::Core;
use crate::index::Index;
use crate::rows::{BatchLife, ChuteLife, JobRow};

/// Which jobs a code belongs to. Derived from the jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    /// Nodes by code; the hint is the first job, so that its row is fetched while the code is compared.
    index: Index,
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    entries: Vec<Entry>,
    free_entries: Vec<u32>,
}

/// What a look-up touches stands together: at many open jobs each line of memory is a wait of its own.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Node {
    /// The job staged first, and the only one of most codes.
    job: u32,
    /// The others, in staging order: the first and the last of them.
    rest: Option<u32>,
    last: Option<u32>,
    code: Code,
}

/// A code that stands for something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Known {
    node: u32,
    /// The job staged first.
    first: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    job: u32,
    next: Option<u32>,
}

impl Codes {
    pub(crate) fn add(&mut self, code: &Code, job: u32) {
        let Some(Known { node, .. }) = self.find(code) else { return self.add_node(code, job) };
        let entry = Entry { job, next: None };
        let id = if let Some(id) = self.free_entries.pop() {
            self.entries[id as usize] = entry;
            id
        } else {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        };
        // Appended at the end: candidates keep the order in which jobs were staged.
        match self.nodes[node as usize].last {
            Some(last) => self.entries[last as usize].next = Some(id),
            None => self.nodes[node as usize].rest = Some(id),
        }
        self.nodes[node as usize].last = Some(id);
    }

    pub(crate) fn remove(&mut self, code: &Code, job: u32) {
        let Known { node, .. } = self.find(code).expect("codes of a job are in the index while the job is");
        let Node { job: first, rest, .. } = self.nodes[node as usize];
        if first == job {
            if let Some(id) = rest {
                let Entry { job, next } = self.entries[id as usize];
                self.nodes[node as usize].job = job;
                self.index.set_hint(code_hash(code), node, job);
                self.unlink(node, None, id, next);
            } else {
                self.index.remove(code_hash(code), node);
                self.free_nodes.push(node);
            }
            return;
        }
        let (mut before, mut at) = (None, rest);
        while let Some(id) = at {
            let entry = self.entries[id as usize];
            if entry.job == job {
                self.unlink(node, before, id, entry.next);
                return;
            }
            before = at;
            at = entry.next;
        }
    }

    /// Jobs of a code, in staging order; none when the code is unknown.
    pub(crate) fn jobs(&self, code: &Code) -> impl Iterator<Item = u32> + '_ {
        self.find(code).into_iter().flat_map(|known| self.jobs_of(known))
    }

    fn jobs_of(&self, known: Known) -> impl Iterator<Item = u32> + '_ {
        // The node is read when the first job has been looked at.
        let mut at = None;
        let mut is_first = true;
        core::iter::from_fn(move || {
            if core::mem::replace(&mut is_first, false) {
                return Some(known.first);
            }
            let id = match at {
                None => self.nodes[known.node as usize].rest?,
                Some(entry) => self.entries[entry as usize].next?,
            };
            at = Some(id);
            Some(self.entries[id as usize].job)
        })
    }

    fn find(&self, code: &Code) -> Option<Known> {
        let is_match = |node: u32| self.nodes[node as usize].code == *code;
        self.index.find_hinted(code_hash(code), is_match).map(|(node, first)| Known { node, first })
    }

    fn add_node(&mut self, code: &Code, job: u32) {
        let node = Node { job, rest: None, last: None, code: code.clone() };
        let id = if let Some(id) = self.free_nodes.pop() {
            self.nodes[id as usize] = node;
            id
        } else {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        };
        self.index.insert_hinted(code_hash(code), id, job);
    }

    fn unlink(&mut self, node: u32, before: Option<u32>, id: u32, next: Option<u32>) {
        match before {
            Some(before) => self.entries[before as usize].next = next,
            None => self.nodes[node as usize].rest = next,
        }
        if next.is_none() {
            self.nodes[node as usize].last = before;
        }
        self.free_entries.push(id);
    }
}

fn code_hash(code: &Code) -> u64 {
    StateHasher::of_bytes(code.as_bytes())
}

/// What the codes of a read stand for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Identified {
    /// The piece of this job.
    Job(u32),
    /// Of no job that can take it: why.
    Nothing(Reason),
}

/// Jobs that were passed over.
pub(crate) type Passed = heapless::Vec<Rejected, REJECTED_KEPT_MAX>;

/// Smaller goes first.
type Rank = (u8, u8, u64, Pieces, ChuteId, u32);

impl Core {
    /// The job of a first scan. Ranks: chute bound and usable, priority, due, fewest pieces left, chute number.
    pub(crate) fn identify(
        &self,
        line: LineId,
        read: Read,
        codes: &[Code],
        passed: &mut Passed,
    ) -> Identified {
        match read {
            Read::Good => {}
            Read::NoRead => return Identified::Nothing(Reason::NoRead),
            Read::Multi => return Identified::Nothing(Reason::MultiRead),
            Read::BadFormat => return Identified::Nothing(Reason::BadFormat),
            Read::ScannerDown => return Identified::Nothing(Reason::ScannerDown),
        }
        let Some(known) = codes.iter().find_map(|code| self.codes.find(code)) else {
            return Identified::Nothing(Reason::UnknownCode);
        };
        if codes.iter().filter_map(|code| self.codes.find(code)).any(|other| !self.share_a_job(known, other))
        {
            return Identified::Nothing(Reason::MultiRead);
        }
        self.best_job(line, known, passed)
    }

    /// The code of a read that names a job, or the first.
    pub(crate) fn label_of(&self, codes: &[Code]) -> Code {
        let known = codes.iter().find(|code| {
            // The job is looked at in a moment: its row is on its way while the label is still compared.
            self.codes
                .find(code)
                .map(|known| core::hint::black_box(self.jobs.get(known.first).batch))
                .is_some()
        });
        known.or(codes.first()).cloned().unwrap_or_default()
    }

    fn share_a_job(&self, a: Known, b: Known) -> bool {
        a == b || self.codes.jobs_of(a).any(|job| self.codes.jobs_of(b).any(|other| other == job))
    }

    fn best_job(&self, line: LineId, known: Known, passed: &mut Passed) -> Identified {
        let mut best: Option<(Rank, u32)> = None;
        // The reason of the nearest miss: a cancelled order before quantity before pause before state.
        let mut miss = Reason::UnknownCode;
        for job in self.codes.jobs_of(known) {
            let row = self.jobs.get(job);
            let batch = self.batches.get(row.batch);
            if batch.spec.line != line {
                continue;
            }
            let refusal = match batch.life {
                BatchLife::Running if row.has_room() => None,
                BatchLife::Running | BatchLife::Paused if self.classes.get(row.class).is_cancelled => {
                    Some(Reason::OrderCancelled)
                }
                BatchLife::Running => Some(Reason::OverQuantity),
                BatchLife::Paused => Some(Reason::BatchPaused),
                BatchLife::Staging | BatchLife::Closing | BatchLife::Ended => Some(Reason::BatchNotRunning),
            };
            if let Some(reason) = refusal {
                miss = nearest(miss, reason);
                note(passed, batch.spec.batch, row.index, reason);
                continue;
            }
            let rank = self.rank(job, row);
            match &best {
                Some((better, _)) if *better <= rank => {
                    note(passed, batch.spec.batch, row.index, Reason::RankedLower);
                }
                Some((_, worse)) => {
                    let worse = self.jobs.get(*worse);
                    note(passed, self.batches.get(worse.batch).spec.batch, worse.index, Reason::RankedLower);
                    best = Some((rank, job));
                }
                None => best = Some((rank, job)),
            }
        }
        best.map_or(Identified::Nothing(miss), |(_, job)| Identified::Job(job))
    }

    fn rank(&self, job: u32, row: &JobRow) -> Rank {
        let class = self.classes.get(row.class);
        let readiness = match class.chute {
            Some(chute) if self.is_usable(chute) && self.chute(chute).life == ChuteLife::Bound => 0,
            Some(_) => 1,
            None => 2,
        };
        let chute = class.chute.unwrap_or(ChuteId(u16::MAX));
        (readiness, u8::MAX - row.priority, row.due_rank, class.planned - class.done, chute, job)
    }
}

impl JobRow {
    /// One more load may be reserved for it.
    pub(crate) fn has_room(&self) -> bool {
        self.done.0 + self.in_flight.0 + self.portion.0 <= self.planned.0
    }
}

fn nearest(a: Reason, b: Reason) -> Reason {
    let nearness = |reason| match reason {
        Reason::OrderCancelled => 4,
        Reason::OverQuantity => 3,
        Reason::BatchPaused => 2,
        Reason::BatchNotRunning => 1,
        _ => 0,
    };
    if nearness(b) > nearness(a) { b } else { a }
}

fn note(passed: &mut Passed, batch: BatchId, index: u32, reason: Reason) {
    // The list is bounded; what does not fit is not kept.
    if !passed.is_full() {
        let candidate = Candidate::Job { batch, job: JobId(index) };
        passed.push(Rejected { candidate, reason }).expect("not full");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_a_code_keep_their_order_whichever_goes() {
        let code = Code::from_bytes(b"600000/1").unwrap();
        let other = Code::from_bytes(b"600000/2").unwrap();
        for gone in 0..4_u32 {
            let mut codes = Codes::default();
            for job in 0..4 {
                codes.add(&code, job);
            }
            codes.add(&other, 9);
            codes.remove(&code, gone);
            codes.add(&code, 7);
            let left: Vec<u32> = codes.jobs(&code).collect();
            let wanted: Vec<u32> = (0..4).filter(|job| *job != gone).chain([7]).collect();
            assert_eq!(left, wanted);
            for job in wanted {
                codes.remove(&code, job);
            }
            assert_eq!(codes.jobs(&code).count(), 0);
            assert_eq!(codes.jobs(&other).collect::<Vec<_>>(), [9]);
        }
    }
}
