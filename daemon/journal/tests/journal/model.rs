//! Random lives of a journal on failing memory against the simplest model there is: a vector of records and the
//! number of them that was acknowledged.

use proptest::prelude::*;
use wcs_journal::{
    Checkpoint, MemoryStorage, OpenError, Reader, Writer, open, recover, verify, write_checkpoint,
};
use wcs_types::{Record, Seq};

use crate::sample::{OPTIONS, batch_of, context, read_all, record};

#[derive(Clone, Debug)]
enum Op {
    Append { count: u64, facts: usize },
    Sync,
    Checkpoint,
    Read,
    Seal { then_crash: Option<u64> },
    Kill,
    Crash { seed: u64 },
    PowerOff { after: u64, seed: u64 },
    FailSyncs(u32),
    FailDirectorySyncs(u32),
    FailWrite(usize),
    Fill { spare: u64 },
    MakeRoom,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => (1..6_u64, 0..30_usize).prop_map(|(count, facts)| Op::Append { count, facts }),
        8 => Just(Op::Sync),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Read),
        1 => proptest::option::of(any::<u64>()).prop_map(|then_crash| Op::Seal { then_crash }),
        2 => Just(Op::Kill),
        2 => any::<u64>().prop_map(|seed| Op::Crash { seed }),
        2 => (0..20_u64, any::<u64>()).prop_map(|(after, seed)| Op::PowerOff { after, seed }),
        1 => (1..3_u32).prop_map(Op::FailSyncs),
        1 => (1..3_u32).prop_map(Op::FailDirectorySyncs),
        1 => (0..200_usize).prop_map(Op::FailWrite),
        1 => (0..1_000_u64).prop_map(|spare| Op::Fill { spare }),
        1 => Just(Op::MakeRoom),
    ];
    proptest::collection::vec(op, 1..60)
}

struct World {
    storage: MemoryStorage,
    writer: Writer<MemoryStorage>,
    appended: Vec<Record>,
    durable: Seq,
    power_seed: u64,
}

impl World {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        let writer = open(storage.clone(), context(), OPTIONS).unwrap().writer;
        Self { storage, writer, appended: Vec::new(), durable: Seq::NONE, power_seed: 0 }
    }

    fn used(&self) -> u64 {
        use wcs_journal::Storage;
        let names = self.storage.list().unwrap_or_default();
        names.iter().filter_map(|name| self.storage.bytes(name)).map(|bytes| bytes.len() as u64).sum()
    }

    /// Opens the journal anew after the process ended. Faults that are still armed may hit the opening too.
    fn reopen(&mut self) {
        let opened = loop {
            match open(self.storage.clone(), context(), OPTIONS) {
                Ok(opened) => break opened,
                Err(OpenError::Storage(_)) => {
                    self.storage.fail_syncs(0);
                    self.storage.fail_directory_syncs(0);
                    self.storage.set_capacity(None);
                    if self.storage.is_off() {
                        self.storage.crash(self.power_seed);
                    }
                }
                Err(error) => panic!("{error}"),
            }
        };
        let last = opened.recovered.last_seq;
        assert!(self.durable <= last, "{} was acknowledged, {} is there", self.durable.0, last.0);
        assert!(last.0 <= self.appended.len() as u64, "records nobody wrote");
        self.appended.truncate(last.0 as usize);
        self.durable = last;
        if !self.storage.is_off() {
            assert_eq!(read_all(&self.storage, last), self.appended);
        }
        self.writer = opened.writer;
    }

    fn sync(&mut self) {
        if let Ok(durable) = self.writer.sync() {
            self.durable = durable;
        }
    }

    fn append(&mut self, count: u64, facts: usize) {
        if self.writer.is_pending() {
            self.sync();
        }
        if self.writer.is_pending() {
            return;
        }
        let first = self.writer.durable_seq().0 + 1;
        assert_eq!(first, self.appended.len() as u64 + 1);
        let records: Vec<Record> = (first..first + count).map(|seq| record(seq, facts)).collect();
        self.writer.append(&batch_of(&records)).unwrap();
        self.appended.extend(records);
    }

    fn seal(&mut self, then_crash: Option<u64>) {
        if self.writer.seal().is_err() {
            return;
        }
        self.durable = self.writer.durable_seq();
        if let Some(seed) = then_crash {
            self.storage.crash(seed);
        }
        if !self.storage.is_off() {
            assert!(recover(&self.storage).unwrap().was_sealed, "a clean stop was forgotten");
        }
        self.reopen();
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Append { count, facts } => self.append(count, facts),
            Op::Sync => self.sync(),
            Op::Checkpoint => {
                let checkpoint =
                    Checkpoint { seq: self.durable, genesis: OPTIONS.genesis, ..Checkpoint::default() };
                // A checkpoint that cannot be written is no loss.
                drop(write_checkpoint(&self.storage, &checkpoint));
            }
            Op::Read if self.storage.is_off() => {}
            Op::Read => {
                let reader = Reader::open(&self.storage, Seq(1), self.durable).unwrap();
                let read: Vec<Record> = reader.map(|entry| entry.unwrap().record).collect();
                assert_eq!(read, self.appended[..self.durable.0 as usize]);
            }
            Op::Seal { then_crash } => self.seal(then_crash),
            Op::Kill => {
                self.storage.kill();
                self.reopen();
            }
            Op::Crash { seed } => {
                self.storage.crash(seed);
                self.reopen();
            }
            Op::PowerOff { after, seed } => {
                self.power_seed = seed;
                self.storage.power_off_after(after);
            }
            Op::FailSyncs(count) => self.storage.fail_syncs(count),
            Op::FailDirectorySyncs(count) => self.storage.fail_directory_syncs(count),
            Op::FailWrite(size) => self.storage.fail_write_after(size),
            Op::Fill { spare } => self.storage.set_capacity(Some(self.used() + spare)),
            Op::MakeRoom => self.storage.set_capacity(None),
        }
        if self.storage.is_off() {
            self.storage.crash(self.power_seed);
            self.reopen();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn journal_is_a_prefix_with_everything_acknowledged(ops in ops(), last_seed in any::<u64>()) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
        }
        world.storage.crash(last_seed);
        world.reopen();
        if !world.storage.is_off() {
            prop_assert_eq!(verify(&world.storage).unwrap().records, world.durable.0);
        }
    }
}
