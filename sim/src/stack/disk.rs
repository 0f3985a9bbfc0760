//! The journal's disk in virtual time: one batch at a time is written, and is durable when its sync ends. A stall
//! makes syncs last until it is over; a sync that failed is tried again after a while, as the journal thread does. A
//! disk without room and syncs that fail are drawn faults: they act on the faulty memory behind the writer.

use wcs_journal::{Batch, MemoryStorage, Writer};
use wcs_types::{MonoTime, Nanos, Seq};

use crate::faults::{DiskStall, FaultCharges, FaultSwitch};
use crate::server::FaultTargets;

/// Pause after the disk failed, before it is tried again.
const RETRY: Nanos = Nanos::from_millis(100);
/// Tries of a process that stops and cannot write what it has.
const TRIES_MAX: u32 = 100;

/// What can be wrong with the disk.
#[derive(Clone, Debug)]
pub(super) struct DiskFaults {
    stall: DiskStall,
    full: FaultSwitch,
    errors: FaultCharges,
}

impl DiskFaults {
    pub(super) fn of(targets: &FaultTargets) -> Self {
        Self {
            stall: targets.disk.clone(),
            full: targets.disk_full.clone(),
            errors: targets.disk_errors.clone(),
        }
    }

    /// There is no room: a journal cannot be opened either.
    pub(super) fn is_full(&self) -> bool {
        self.full.is_on()
    }
}

/// What came of the sync that has just ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Synced {
    /// Everything up to here is on disk.
    Durable(Seq),
    /// The disk failed; it is tried again.
    Failed,
}

/// The writer and the batch it works on.
pub(super) struct Disk {
    writer: Writer<MemoryStorage>,
    storage: MemoryStorage,
    sync_time: Nanos,
    /// Sync under way: when it ends.
    busy_until: Option<MonoTime>,
    began: MonoTime,
    faults: DiskFaults,
    is_held: bool,
    /// The disk was told that it has no room.
    is_full: bool,
    spare: Batch,
    batches: u64,
    stall_max: Nanos,
}

impl Disk {
    pub(super) fn new(
        writer: Writer<MemoryStorage>,
        storage: MemoryStorage,
        sync_time: Nanos,
        faults: DiskFaults,
    ) -> Self {
        Self {
            writer,
            storage,
            sync_time,
            busy_until: None,
            began: MonoTime::ZERO,
            faults,
            is_held: false,
            is_full: false,
            spare: Batch::new(),
            batches: 0,
            stall_max: Nanos::ZERO,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.busy_until.is_none()
    }

    /// The empty batch to exchange for a full one.
    pub(super) fn spare(&mut self) -> &mut Batch {
        &mut self.spare
    }

    /// Writes the batch that `spare` was exchanged for.
    pub(super) fn write(&mut self, now: MonoTime) {
        assert!(self.is_idle(), "one batch is written at a time");
        self.writer.append(&self.spare).expect("batches follow each other and the disk takes them");
        self.spare.clear();
        self.began = now;
        self.busy_until = Some(now + self.sync_time);
    }

    /// Ends the sync under way at once: the process stops cleanly and waits for it.
    pub(super) fn finish(&mut self) {
        if self.busy_until.take().is_some() {
            self.batches += 1;
            let is_written = (0..TRIES_MAX).any(|_| self.writer.sync().is_ok());
            assert!(is_written, "the memory disk does not fail for ever");
        }
    }

    /// Seals the journal of a process that stops cleanly.
    pub(super) fn seal(&mut self) {
        assert!(self.is_idle(), "everything is on disk before the seal");
        let is_sealed = (0..TRIES_MAX).any(|_| self.writer.seal().is_ok());
        assert!(is_sealed, "the memory disk does not fail for ever");
    }

    /// What came of a sync that has just ended.
    pub(super) fn poll(&mut self, now: MonoTime) -> Option<Synced> {
        if self.busy_until.is_none_or(|due| due > now) {
            return None;
        }
        if self.faults.stall.is_stalled() {
            if !self.is_held {
                self.is_held = true;
                self.faults.stall.count_applied();
            }
            return None;
        }
        self.is_held = false;
        self.do_harm();
        let Ok(durable) = self.writer.sync() else {
            self.busy_until = Some(now + RETRY);
            return Some(Synced::Failed);
        };
        self.busy_until = None;
        self.batches += 1;
        let waited = now.since(self.began);
        if waited > self.stall_max {
            self.stall_max = waited;
        }
        Some(Synced::Durable(durable))
    }

    /// Turns the memory behind the writer into the disk the faults say it is.
    fn do_harm(&mut self) {
        let is_full = self.faults.is_full();
        if is_full && !self.is_full {
            // What was reserved before would still take a while: the segment at hand is given up as well.
            self.storage.fail_syncs(1);
            self.faults.full.count_applied();
        }
        if is_full != self.is_full {
            self.storage.set_capacity(is_full.then_some(0));
            self.is_full = is_full;
        }
        if self.faults.errors.take() {
            self.storage.fail_syncs(1);
        }
    }

    /// When the sync ends; a sync that is held back ends when the stall does, which is announced elsewhere.
    pub(super) fn next_due(&self, now: MonoTime) -> MonoTime {
        self.busy_until.filter(|due| *due > now || !self.faults.stall.is_stalled()).unwrap_or(MonoTime::NEVER)
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    pub(super) fn stall_max(&self) -> Nanos {
        self.stall_max
    }
}
