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
    index: Index,
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    entries: Vec<Entry>,
    free_entries: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Node {
    code: Code,
    first: Option<u32>,
    last: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    job: u32,
    next: Option<u32>,
}

impl Codes {
    pub(crate) fn add(&mut self, code: &Code, job: u32) {
        let node = self.find(code).unwrap_or_else(|| self.add_node(code));
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
            None => self.nodes[node as usize].first = Some(id),
        }
        self.nodes[node as usize].last = Some(id);
    }

    pub(crate) fn remove(&mut self, code: &Code, job: u32) {
        let node = self.find(code).expect("codes of a job are in the index while the job is");
        let mut before = None;
        let mut at = self.nodes[node as usize].first;
        while let Some(id) = at {
            let entry = self.entries[id as usize];
            if entry.job == job {
                self.unlink(node, before, id, entry.next);
                break;
            }
            before = at;
            at = entry.next;
        }
        if self.nodes[node as usize].first.is_none() {
            self.index.remove(code_hash(code), node);
            self.free_nodes.push(node);
        }
    }

    /// Jobs of a code, in staging order; none when the code is unknown.
    pub(crate) fn jobs(&self, code: &Code) -> impl Iterator<Item = u32> + '_ {
        self.find(code).into_iter().flat_map(|node| self.jobs_of(node))
    }

    fn jobs_of(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = self.nodes[node as usize].first;
        core::iter::from_fn(move || {
            let entry = self.entries[at? as usize];
            at = entry.next;
            Some(entry.job)
        })
    }

    fn find(&self, code: &Code) -> Option<u32> {
        self.index.find(code_hash(code), |node| self.nodes[node as usize].code == *code)
    }

    fn add_node(&mut self, code: &Code) -> u32 {
        let node = Node { code: code.clone(), first: None, last: None };
        let id = if let Some(id) = self.free_nodes.pop() {
            self.nodes[id as usize] = node;
            id
        } else {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        };
        self.index.insert(code_hash(code), id);
        id
    }

    fn unlink(&mut self, node: u32, before: Option<u32>, id: u32, next: Option<u32>) {
        match before {
            Some(before) => self.entries[before as usize].next = next,
            None => self.nodes[node as usize].first = next,
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
        let Some(node) = codes.iter().find_map(|code| self.codes.find(code)) else {
            return Identified::Nothing(Reason::UnknownCode);
        };
        if codes.iter().filter_map(|code| self.codes.find(code)).any(|other| !self.share_a_job(node, other)) {
            return Identified::Nothing(Reason::MultiRead);
        }
        self.best_job(line, node, passed)
    }

    /// The code of a read that names a job, or the first.
    pub(crate) fn label_of(&self, codes: &[Code]) -> Code {
        let known = codes.iter().find(|code| self.codes.find(code).is_some());
        known.or(codes.first()).cloned().unwrap_or_default()
    }

    fn share_a_job(&self, a: u32, b: u32) -> bool {
        a == b || self.codes.jobs_of(a).any(|job| self.codes.jobs_of(b).any(|other| other == job))
    }

    fn best_job(&self, line: LineId, node: u32, passed: &mut Passed) -> Identified {
        let mut best: Option<(Rank, u32)> = None;
        // The reason of the nearest miss: quantity before pause before state.
        let mut miss = Reason::UnknownCode;
        for job in self.codes.jobs_of(node) {
            let row = self.jobs.get(job);
            let batch = self.batches.get(row.batch);
            if batch.spec.line != line {
                continue;
            }
            let refusal = match batch.life {
                BatchLife::Running if row.has_room() => None,
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
