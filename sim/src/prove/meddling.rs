//! What people ask of the daemon beside the scripted supervisor, drawn from the seed: every verb, at moments nobody has
//! cleared with anybody. They pause and resume, hold and release, add and cancel orders, take chutes out and put them
//! back, close and bind boxes, close batches by force and take starts back; and they ask what must be refused, each
//! code of a refusal by a question made for it. Whoever takes something away gives it back, so that a run has an end.
//!
//! Batches of their own, for which no load ever comes, are staged and started beside those of the supervisor.

use std::collections::BTreeMap;

use wcs_intake::PlannedBatch;
use wcs_types::batch::{batch_content, chain_content, table_content};
use wcs_types::limits::JOBS_PER_PART_MAX;
use wcs_types::{
    AlarmId, Assign, BatchId, BatchSpec, ChuteId, ChuteKind, Code, Identify, JobSpec, LineId, MonoTime,
    Nanos, OrderKey, Pieces, Plant, SkuKey, StartToken, UnitCommand, Verb,
};

use super::course::RunSize;
use super::lots::Lots;
use crate::feed::Groups;
use crate::world::FeedLoad;

/// Sets the lots of these people apart from those of the run.
const PEOPLE: u64 = 0x5045_4F50_4C45_2121;
const LINE: LineId = LineId(0);
/// Batches of their own are numbered from here.
const OWN_BATCH: u32 = 100_000;
/// Boxes are known by one of so many codes, so that two people want the same one.
const BOXES: u64 = 6;
/// More than a line can have.
const NO_INDUCTION: u8 = 99;
/// Between two questions of one errand.
const PACE_MS: u64 = 400;

/// What they ask, and what they know.
#[derive(Clone, Debug, Default)]
pub struct Meddling {
    /// Questions with their instants, in order.
    pub script: Vec<(MonoTime, Verb)>,
    /// Jobs of the batches they start themselves.
    pub own: BTreeMap<BatchId, Vec<JobSpec>>,
}

/// Draws what people ask within `horizon`. Loads of added orders go into the groups of their batches.
pub(super) fn draw(
    seed: u64,
    size: RunSize,
    plant: &Plant,
    batches: &[PlannedBatch],
    groups: &mut Groups,
    horizon: Nanos,
) -> Meddling {
    let mut lots = Lots::new(seed ^ PEOPLE);
    let errands = match size {
        RunSize::Full => lots.within(20..=70),
        RunSize::Small => lots.within(0..=6),
    };
    let order_chutes = (0..).zip(&plant.chutes).filter(|(_, chute)| chute.kind == ChuteKind::Order);
    let chutes = order_chutes.map(|(id, _)| ChuteId(id)).collect();
    let horizon = horizon.as_millis().max(2_000);
    let mut people =
        People { lots, batches, groups, chutes, plant, horizon, made: Meddling::default(), added: 0 };
    for _ in 0..errands {
        people.run_errand();
    }
    people.let_go();
    let mut made = people.made;
    made.script.sort_by_key(|(due, _)| *due);
    made
}

struct People<'a> {
    lots: Lots,
    batches: &'a [PlannedBatch],
    groups: &'a mut Groups,
    /// Chutes for orders.
    chutes: Vec<ChuteId>,
    plant: &'a Plant,
    horizon: u64,
    made: Meddling,
    added: u32,
}

impl People<'_> {
    fn ask(&mut self, at_ms: u64, verb: Verb) {
        self.made.script.push((MonoTime::ZERO + Nanos::from_millis(at_ms), verb));
    }

    /// Asks one thing after the other.
    fn ask_all(&mut self, from_ms: u64, verbs: impl IntoIterator<Item = Verb>) -> u64 {
        let mut at = from_ms;
        for verb in verbs {
            self.ask(at, verb);
            at += PACE_MS;
        }
        at
    }

    fn run_errand(&mut self) {
        let at = self.lots.within(500..=self.horizon);
        match self.lots.within(0..=99) {
            0..=7 => self.pause(at),
            8..=13 => self.hold(at),
            14..=20 => self.close_chute(at),
            21..=28 => self.change_box(at),
            29..=36 => self.cancel_order(at),
            37..=46 => self.add(at),
            47..=50 => self.close(at),
            51..=54 => self.cancel_start(at),
            55..=57 => {
                let chute = self.chute();
                self.ask(at, Verb::ConfirmEmpty { chute });
            }
            58..=59 => {
                let command = self.lots.pick(&[UnitCommand::Start, UnitCommand::Unhold]);
                self.ask(at, Verb::Line { line: LINE, command });
            }
            60..=79 => self.run_own_batch(at),
            _ => self.ask_nonsense(at),
        }
    }

    /// The batch that probably runs at this time, or one beside it.
    fn at_hand(&mut self, at_ms: u64) -> usize {
        let count = self.batches.len() as u64;
        let guess = at_ms * count / (self.horizon + 1);
        let near = (guess + self.lots.within(0..=2)).saturating_sub(1).min(count - 1);
        usize::try_from(near).expect("a few batches")
    }

    fn batch(&mut self, at_ms: u64) -> BatchId {
        self.batches[self.at_hand(at_ms)].spec.batch
    }

    fn chute(&mut self) -> ChuteId {
        self.lots.pick(&self.chutes)
    }

    fn order_of(&mut self, at: usize) -> OrderKey {
        let jobs = &self.batches[at].jobs;
        let job = self.lots.within(0..=jobs.len() as u64 - 1);
        jobs[usize::try_from(job).expect("an index")].order.clone()
    }

    fn pause(&mut self, at: u64) {
        let batch = self.batch(at);
        let again = at + self.lots.within(500..=20_000);
        self.ask(at, Verb::Pause { batch });
        self.ask(again, Verb::Resume { batch });
    }

    fn hold(&mut self, at: u64) {
        let again = at + self.lots.within(500..=20_000);
        if self.lots.percent(50) {
            self.ask(at, Verb::Hold { line: LINE });
            self.ask(again, Verb::Release { line: LINE });
        } else {
            self.ask(at, Verb::HoldInduction { line: LINE, induction: 1 });
            self.ask(again, Verb::ReleaseInduction { line: LINE, induction: 1 });
        }
    }

    fn close_chute(&mut self, at: u64) {
        let again = at + self.lots.within(3_000..=60_000);
        for _ in 0..self.lots.within(1..=3) {
            let chute = self.chute();
            self.ask(at, Verb::CloseChute { chute });
            self.ask(again, Verb::OpenChute { chute });
        }
    }

    fn box_code(&mut self) -> Code {
        code(&format!("BOX{}", self.lots.within(1..=BOXES)))
    }

    fn change_box(&mut self, at: u64) {
        let (chute, other) = (self.chute(), self.chute());
        let (first, second) = (self.box_code(), self.box_code());
        let close = Verb::CloseBox { chute };
        let bind = Verb::BindBox { chute, code: first.clone() };
        let verbs = match self.lots.within(0..=3) {
            0 => vec![close],
            1 => vec![close, bind],
            // The same box at two chutes, and two boxes at one.
            2 => vec![bind, Verb::BindBox { chute: other, code: first }],
            _ => vec![bind, Verb::BindBox { chute, code: second }],
        };
        self.ask_all(at, verbs);
    }

    fn cancel_order(&mut self, at: u64) {
        let hand = self.at_hand(at);
        let (batch, order) = (self.batches[hand].spec.batch, self.order_of(hand));
        let again = at + self.lots.within(0..=5_000);
        self.ask(at, Verb::CancelOrder { batch, order: order.clone() });
        if self.lots.percent(30) {
            self.ask(again, Verb::CancelOrder { batch, order });
        }
    }

    /// A line more for an order of the batch, or an order of its own, and the loads that belong to it.
    fn add(&mut self, at: u64) {
        let hand = self.at_hand(at);
        let PlannedBatch { spec, jobs } = &self.batches[hand];
        let (batch, identify) = (spec.batch, spec.identify);
        let part = jobs.len().div_ceil(JOBS_PER_PART_MAX);
        self.added += 1;
        let (sku, line_no) = (jobs[0].sku.clone(), 9_000 + self.added);
        let order = if self.lots.percent(25) {
            // One of the first, which may be complete.
            jobs[0].order.clone()
        } else if self.lots.percent(50) {
            self.order_of(hand)
        } else {
            OrderKey { owner: "-".into(), number: format!("ADD{}", self.added) }
        };
        let quantity = u32::try_from(self.lots.within(1..=4)).expect("a few");
        let label = match identify {
            Identify::Lpn => format!("{}/{line_no}", order.number),
            Identify::Sku => sku.code.clone(),
        };
        let load = match identify {
            Identify::Lpn => FeedLoad {
                label: code(&label),
                order: order.number.clone(),
                sku: sku.code.clone(),
                qty: quantity,
            },
            Identify::Sku => {
                FeedLoad { label: code(&label), order: String::new(), sku: sku.code.clone(), qty: 1 }
            }
        };
        let loads = if identify == Identify::Lpn { 1 } else { quantity };
        if let Some(group) = self.groups.groups.get_mut(hand) {
            let place = self.lots.within(group.len() as u64 / 2..=group.len() as u64);
            let place = usize::try_from(place).expect("a place in the group");
            group.splice(place..place, (0..loads).map(|_| load.clone()));
        }
        let job = JobSpec {
            order,
            line_no,
            sku,
            quantity: Pieces(quantity),
            codes: vec![code(&label)],
            priority: 0,
            due_at: 0,
        };
        // Somebody was first now and then: then another part is due.
        let part = u16::try_from(part).expect("a few parts") + u16::from(self.lots.percent(20));
        let verb = Verb::Add { batch, part, jobs: vec![job] };
        if self.lots.percent(25) {
            self.ask(at + 1, verb.clone());
        }
        self.ask(at, verb);
    }

    fn close(&mut self, at: u64) {
        let batch = self.batch(at);
        // By force only now and then, and where other batches follow: it leaves the rest of a group without a batch.
        let is_forced = self.batches.len() > 3 && self.lots.percent(25);
        self.ask(at, Verb::Close { batch, is_forced });
    }

    fn cancel_start(&mut self, at: u64) {
        let batch = self.batches[0].spec.batch;
        // Early enough to find nothing sorted, or in the middle of it.
        if self.lots.percent(60) {
            let early = self.lots.within(50..=3_000);
            self.ask(early, Verb::CancelStart { batch });
        } else {
            let batch = self.batch(at);
            self.ask(at, Verb::CancelStart { batch });
        }
    }

    /// Nothing is held any more, and every chute is in use.
    fn let_go(&mut self) {
        let mut last =
            vec![Verb::Release { line: LINE }, Verb::ReleaseInduction { line: LINE, induction: 1 }];
        last.extend(self.chutes.clone().into_iter().map(|chute| Verb::OpenChute { chute }));
        last.extend(self.batches.iter().map(|batch| Verb::Resume { batch: batch.spec.batch }));
        let from = self.horizon + 61_000;
        for verb in last {
            self.ask(from, verb);
        }
    }

    fn ask_nonsense(&mut self, at: u64) {
        let (line, chute) = (LineId(9), ChuteId(9_999));
        let batch = self.batch(at);
        let unknown = BatchId(OWN_BATCH - 1);
        let at_chute = self.chute();
        let exception = (0..).zip(&self.plant.chutes).find(|(_, chute)| chute.kind == ChuteKind::Exception);
        let exception = ChuteId(exception.map_or(0, |(id, _)| id));
        let nobody = OrderKey { owner: "-".into(), number: "NOBODY".into() };
        let verb = match self.lots.within(0..=12) {
            0 => Verb::Pause { batch: unknown },
            1 => Verb::Hold { line },
            2 => Verb::CloseChute { chute },
            3 => Verb::HandSort { line: LINE, label: code("NOBODY'S"), chute: at_chute },
            4 => Verb::HoldInduction { line: LINE, induction: NO_INDUCTION },
            5 => Verb::BindBox { chute: at_chute, code: Code::default() },
            6 => Verb::CancelOrder { batch, order: nobody },
            7 => Verb::CloseChute { chute: exception },
            8 => Verb::ConfirmEmpty { chute: at_chute },
            9 => Verb::CloseBox { chute: at_chute },
            10 => Verb::Resume { batch },
            11 => Verb::AcknowledgeAlarm { alarm: AlarmId(1) },
            _ => Verb::Line { line, command: UnitCommand::Start },
        };
        self.ask(at, verb);
    }

    /// A batch of their own, from its staging to its end.
    fn run_own_batch(&mut self, at: u64) {
        let batch = BatchId(OWN_BATCH + u32::try_from(self.made.own.len()).expect("a few"));
        let assign = self.lots.pick(&[Assign::Volume, Assign::Fixed]);
        let spec = BatchSpec { batch, assign, ..self.batches[0].spec };
        let too_many = self.chutes.len() as u64 + 1;
        let orders = if assign == Assign::Volume && self.lots.percent(30) {
            too_many
        } else {
            self.lots.within(1..=2)
        };
        let jobs: Vec<JobSpec> = (1..=orders).map(|order| own_job(batch, order)).collect();
        self.made.own.insert(batch, jobs.clone());
        let mut verbs = self.stage(spec, &jobs);
        let mut content = batch_content(&spec, &jobs);
        let (table, wrong_chute) = self.table(&jobs);
        if assign == Assign::Fixed {
            content = chain_content(content, table_content(&table));
            verbs.push(Verb::StageTable { batch, part: 0, pairs: table });
        }
        if self.lots.percent(20) {
            let token = StartToken(content | 1);
            verbs.push(Verb::Start { batch, token, parts: 1, content_hash: content ^ 1 });
            verbs.push(Verb::Pause { batch });
        }
        if self.lots.percent(75) {
            let token = StartToken(content | 1);
            verbs.push(Verb::Start { batch, token, parts: 1, content_hash: content });
            // Only a table says for sure which chute it cannot be.
            let wrong_chute = (assign == Assign::Fixed).then_some(wrong_chute);
            verbs.extend(self.live(batch, &jobs, wrong_chute));
        }
        let at = self.ask_all(at, verbs);
        // Whatever came of it, it is gone afterwards.
        let end = at + self.lots.within(0..=10_000);
        let forced = Verb::Close { batch, is_forced: true };
        self.ask_all(end, [Verb::CancelStart { batch }, forced, Verb::Unstage { batch }]);
    }

    /// Its staging, now and then with mistakes.
    fn stage(&mut self, spec: BatchSpec, jobs: &[JobSpec]) -> Vec<Verb> {
        let batch = spec.batch;
        let good = Verb::Stage { spec, part: 0, jobs: jobs.to_vec() };
        let mut bad = own_job(batch, 99);
        match self.lots.within(0..=9) {
            0 => vec![good, Verb::Stage { spec, part: 0, jobs: vec![bad] }],
            1 => vec![good, Verb::Stage { spec, part: 3, jobs: vec![bad] }],
            2 => {
                bad.codes.clear();
                vec![good, Verb::Stage { spec, part: 1, jobs: vec![bad] }]
            }
            3 => vec![good, Verb::Stage { spec, part: 1, jobs: vec![bad; JOBS_PER_PART_MAX + 1] }],
            _ => vec![good],
        }
    }

    /// A table for its orders, now and then with a mistake, and a chute that none of them has.
    fn table(&mut self, jobs: &[JobSpec]) -> (Vec<(OrderKey, ChuteId)>, ChuteId) {
        let count = self.chutes.len() as u64;
        let first = self.lots.within(0..=count - 1);
        let chute = |step: u64| self.chutes[usize::try_from((first + step) % count).expect("an index")];
        let mut table: Vec<_> = (0..).zip(jobs).map(|(step, job)| (job.order.clone(), chute(step))).collect();
        let wrong = chute(jobs.len() as u64);
        match self.lots.within(0..=4) {
            0 => table.truncate(table.len() - 1),
            1 => table.push(table[0].clone()),
            _ => {}
        }
        if table.is_empty() {
            table.push((OrderKey { owner: "-".into(), number: "OTHER".into() }, wrong));
        }
        (table, wrong)
    }

    /// What is asked of it while it runs.
    fn live(&mut self, batch: BatchId, jobs: &[JobSpec], wrong: Option<ChuteId>) -> Vec<Verb> {
        let order = jobs[0].order.clone();
        match (self.lots.within(0..=3), wrong) {
            // Into a chute that none of its orders has.
            (0, Some(chute)) => {
                vec![Verb::HandSort { line: LINE, label: jobs[0].codes[0].clone(), chute }]
            }
            (1, _) => {
                let more = JobSpec { line_no: 77, ..jobs[0].clone() };
                vec![Verb::CancelOrder { batch, order }, Verb::Add { batch, part: 1, jobs: vec![more] }]
            }
            (2, _) => vec![Verb::Close { batch, is_forced: false }],
            _ => Vec::new(),
        }
    }
}

/// One piece for an order of a batch of their own, under a label that no load has.
fn own_job(batch: BatchId, order: u64) -> JobSpec {
    let number = format!("OWN{}-{order}", batch.0);
    JobSpec {
        line_no: 1,
        sku: SkuKey { owner: "-".into(), code: format!("{number}-S") },
        quantity: Pieces(1),
        codes: vec![code(&format!("{number}/1"))],
        order: OrderKey { owner: "-".into(), number },
        priority: 0,
        due_at: 0,
    }
}

fn code(text: &str) -> Code {
    Code::from_bytes(text.as_bytes()).expect("a short text")
}
