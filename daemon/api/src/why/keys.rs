//! What a record is found by: its load, label, order, job, batch, chute or lane, each as one number. The rule is a
//! matter of the record alone, so that any range of a journal can be indexed by itself. Two things may have the same
//! number: whoever finds a record by one looks whether it tells of what was meant.

use wcs_types::{
    BatchId, ChuteId, Code, Decision, Destination, EventBody, Fact, Input, JobId, JobSpec, LaneNo, LineId,
    LinkChange, LoadKey, OrderKey, Record, Refusal, Verb,
};

/// Version of the rule: an index made by another one is made again.
pub const KEYS_VERSION: u32 = 1;

/// What a record is found by.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Everything that tells of a load.
    Load(LoadKey),
    /// Loads that were seen with a label.
    Label(&'a Code),
    /// How a batch was staged and what jobs it got later.
    Batch(BatchId),
    /// What happened to the pieces of a job.
    Job(BatchId, JobId),
    /// Where an order was staged, bound, completed, cancelled, or found short.
    Order(&'a OrderKey),
    /// A class was bound to a chute.
    Bound(ChuteId),
    /// A lane changed its state.
    Lane(LineId, LaneNo),
    /// All lanes of a line were reported.
    Lanes(LineId),
}

impl Key<'_> {
    /// The number it is found by.
    pub fn number(&self) -> u64 {
        match self {
            Self::Load(load) => Mixer::of(1).load(*load).end(),
            Self::Label(code) => Mixer::of(2).bytes(code.as_bytes()).end(),
            Self::Batch(batch) => Mixer::of(3).number(batch.0).end(),
            Self::Job(batch, job) => Mixer::of(4).number(batch.0).number(job.0).end(),
            // A text cannot hold the byte between the two.
            Self::Order(order) => {
                Mixer::of(5).bytes(order.owner.as_bytes()).byte(0xFF).bytes(order.number.as_bytes()).end()
            }
            Self::Bound(chute) => Mixer::of(6).number(chute.0.into()).end(),
            Self::Lane(line, lane) => Mixer::of(7).number(line.0.into()).number(lane.0.into()).end(),
            Self::Lanes(line) => Mixer::of(8).number(line.0.into()).end(),
        }
    }
}

/// FNV-1a, and a last mix that spreads it over all bits.
#[derive(Clone, Copy)]
struct Mixer(u64);

impl Mixer {
    fn of(kind: u8) -> Self {
        Self(0xCBF2_9CE4_8422_2325).byte(kind)
    }

    fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |mixer, byte| mixer.byte(*byte))
    }

    fn number(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn load(self, load: LoadKey) -> Self {
        self.number(load.line.0.into()).number(load.plc_epoch.0.into()).number(load.item)
    }

    fn end(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        mixed ^ (mixed >> 33)
    }
}

/// Puts down what a record is found by; each number once.
pub fn keys_of(record: &Record, keys: &mut Vec<u64>) {
    keys.clear();
    add_input(&record.input, keys);
    for decision in &record.decisions {
        if let Decision::Route { load, destination, .. } = decision {
            keys.push(Key::Load(*load).number());
            if let Destination::Chute { batch, job, .. } = destination {
                keys.push(Key::Job(*batch, *job).number());
            }
        }
    }
    for fact in &record.facts {
        add_fact(fact, keys);
    }
    keys.sort_unstable();
    keys.dedup();
}

fn add_input(input: &Input, keys: &mut Vec<u64>) {
    match input {
        Input::Sorter { line, event } => {
            if event.item != 0 {
                let load = LoadKey { line: *line, plc_epoch: event.plc_epoch, item: event.item };
                keys.push(Key::Load(load).number());
            }
            if let EventBody::Lane { lane, .. } = &event.body {
                keys.push(Key::Lane(*line, *lane).number());
            }
        }
        Input::Refused { line, refusal } => {
            let (Refusal::Late(command) | Refusal::QueueFull(command) | Refusal::NotReady(command)) = refusal;
            let load = LoadKey { line: *line, plc_epoch: command.plc_epoch, item: command.item };
            keys.push(Key::Load(load).number());
        }
        Input::Link { line, change: LinkChange::Met(_) | LinkChange::Lanes { .. } } => {
            keys.push(Key::Lanes(*line).number());
        }
        Input::Verb { verb, .. } => match verb {
            Verb::Stage { spec, jobs, .. } => add_jobs(spec.batch, jobs, keys),
            Verb::Add { batch, jobs, .. } => add_jobs(*batch, jobs, keys),
            Verb::Unstage { batch } => keys.push(Key::Batch(*batch).number()),
            _ => {}
        },
        _ => {}
    }
}

fn add_jobs(batch: BatchId, jobs: &[JobSpec], keys: &mut Vec<u64>) {
    keys.push(Key::Batch(batch).number());
    keys.extend(jobs.iter().map(|job| Key::Order(&job.order).number()));
}

fn add_fact(fact: &Fact, keys: &mut Vec<u64>) {
    if let Some(load) = super::load_of(fact) {
        keys.push(Key::Load(load).number());
    }
    match fact {
        Fact::BatchStarted { batch } | Fact::StartCancelled { batch, .. } => {
            keys.push(Key::Batch(*batch).number());
        }
        Fact::LoadSeen { label, .. } if !label.is_empty() => keys.push(Key::Label(label).number()),
        Fact::LoadEnded(end) => keys.extend(end.job.map(|(batch, job)| Key::Job(batch, job).number())),
        Fact::LoadHandSorted { batch, job, .. } | Fact::PiecesCancelled { batch, job, .. } => {
            keys.push(Key::Job(*batch, *job).number());
        }
        Fact::PiecesShort { batch, job, order, .. } => {
            keys.push(Key::Job(*batch, *job).number());
            keys.push(Key::Order(order).number());
        }
        Fact::OrderCancelled { batch, order, jobs, .. } => {
            keys.push(Key::Order(order).number());
            keys.extend(jobs.iter().map(|(job, _)| Key::Job(*batch, *job).number()));
        }
        Fact::ClassBound { order, chute, .. } => {
            keys.push(Key::Order(order).number());
            keys.push(Key::Bound(*chute).number());
        }
        Fact::ClassCompleted { order, .. } => keys.push(Key::Order(order).number()),
        _ => {}
    }
}
