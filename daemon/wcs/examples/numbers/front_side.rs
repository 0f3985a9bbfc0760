//! The side of a daemon behind its journal, in one thread: live views and store follow the durable records as they do in
//! the daemon, and shifts are closed in the store. Files and sockets of the HTTP service are not in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio::runtime::{Builder, Runtime};
use wcs_api::live::Live;
use wcs_api::ports::Told;
use wcs_journal::{FileStorage, Reader};
use wcs_store::{Address, OpenCounts, Projector, Settings, ShiftClose, Store};
use wcs_types::{Plant, Seq};

use crate::memory::GENESIS;

/// Any instant will do: the store is told what time it is.
const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// Live views and store.
pub(crate) struct FrontSide {
    runtime: Runtime,
    journal: FileStorage,
    store: Store,
    projector: Projector<FileStorage>,
    live: Live,
    reader: Option<Reader<FileStorage>>,
}

impl FrontSide {
    /// Opens the store beside a journal that ends at `durable`; live views begin at the first record, as in every daemon.
    pub(crate) fn open(journal: &Path, store: &Path, plant: &Plant, durable: Seq) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let journal = FileStorage::open_read_only(journal)?;
        let settings = Settings::patient(Address::Sqlite(store.to_owned()));
        let (store, projector) = runtime.block_on(async {
            let store = Store::open(&settings, NOW_MS).await?;
            store.set_chutes(plant).await?;
            let projector = Projector::open(store.clone(), journal.clone(), GENESIS, durable).await?;
            anyhow::Ok((store, projector))
        })?;
        let live = Live::new(Arc::new(plant.clone()));
        let mut front = Self { runtime, journal, store, projector, live, reader: None };
        front.follow(durable)?;
        Ok(front)
    }

    /// Follows up to `durable`.
    pub(crate) fn follow(&mut self, durable: Seq) -> Result<()> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None if durable == Seq::NONE => return Ok(()),
            None => Reader::open(&self.journal, Seq(1), durable)?,
        };
        reader.extend_to(durable);
        for entry in reader.by_ref() {
            self.live.apply(&Told { unix_ms: NOW_MS.unsigned_abs(), record: entry?.record });
        }
        self.reader = Some(reader);
        self.runtime.block_on(self.projector.catch_up(durable))?;
        ensure!(
            self.live.at().seq == durable && self.projector.position() == durable,
            "both are at {durable:?}"
        );
        Ok(())
    }

    /// Closes the shift of a day; true when nothing of the day is open.
    pub(crate) fn close_shift(&mut self, day: u16) -> Result<bool> {
        let began = NOW_MS + DAY_MS * i64::from(day);
        let loads = i64::try_from(self.live.loads().open().count())?;
        let close = ShiftClose {
            business_day: format!("day {day}"),
            shift: "soak".to_owned(),
            starts_at: began,
            ends_at: began + DAY_MS,
            closed_at: began + DAY_MS,
            closed_by: 1,
            position: i64::try_from(self.projector.position().0)?,
            open: OpenCounts { loads, ..OpenCounts::default() },
            report: "{}".to_owned(),
        };
        let (_, is_new) = self.runtime.block_on(self.store.close_shift(&close))?;
        ensure!(is_new, "day {day} was closed before");
        Ok(loads == 0)
    }

    /// Ends it in an orderly way.
    pub(crate) fn close(self) {
        self.runtime.block_on(self.store.close());
    }
}
