//! The journals of released versions that the engine keeps, as material: records as they were really written.

use std::path::{Path, PathBuf};

use wcs_core::{Core, Step};
use wcs_engine::{journal_context, journal_plant};
use wcs_journal::{Batch, FileStorage, MemoryStorage, Opened, Options, Reader, Room, open, recover};
use wcs_types::{Plant, Record, Seq};

/// One of them.
pub(super) struct KeptJournal {
    pub(super) plant: Plant,
    pub(super) records: Vec<Record>,
}

/// All of them, by name.
pub(super) fn kept_journals() -> Vec<KeptJournal> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/engine/tests/corpus");
    let entries = std::fs::read_dir(&corpus).expect("the engine keeps its journals");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder of the repository can be read").path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders.iter().map(|folder| KeptJournal::read(folder)).collect()
}

impl KeptJournal {
    fn read(folder: &Path) -> Self {
        let storage = FileStorage::open_read_only(folder).expect("a kept journal can be opened");
        let found = recover(&storage).expect("a kept journal is sound");
        let context = found.context.as_ref().expect("a kept journal has segments");
        let plant = journal_plant(context).expect("a kept journal names its plant");
        let reader = Reader::open(&storage, Seq(1), found.last_seq).expect("a kept journal is sound");
        let records = reader.map(|entry| entry.expect("a kept journal is sound").record).collect();
        Self { plant, records }
    }

    /// The same inputs as the present core takes them, as a journal in memory; at most `count` records.
    pub(super) fn made_anew(&self, count: usize) -> MemoryStorage {
        let storage = MemoryStorage::new();
        let room = Room { segment_size: 64 * 1024, reserve_size: 4 * 1024 };
        let options = Options { room, genesis: 77, trusted: Seq::NONE };
        let opened = open(storage.clone(), journal_context(&self.plant), options);
        let Opened { mut writer, .. } = opened.expect("an empty memory can be opened");
        let (mut core, mut step, mut batch) = (Core::new(self.plant.clone()), Step::default(), Batch::new());
        for record in self.records.iter().take(count) {
            core.handle(record.now, record.gap, &record.input, None, &mut step);
            let mut record = record.clone();
            record.hash = core.state_hash();
            record.decisions.clone_from(&step.decisions);
            record.facts.clone_from(&step.facts);
            batch.push(&record);
        }
        writer.append(&batch).expect("memory takes a batch");
        writer.sync().expect("memory takes a batch");
        storage
    }
}
