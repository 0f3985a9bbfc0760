//! How a line went on, as its journal tells: exits and the largest gap between two of them, permits that went, and
//! decisions that came too late, between two records.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use wcs_journal::{FileStorage, Reader, recover};
use wcs_types::{EventBody, ExitResult, Fact, Input, MonoTime, Seq};

/// What happened between two records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Records.
    pub records: u64,
    /// Loads that left the sorter.
    pub exits: u64,
    /// Scans that were decided.
    pub scans: u64,
    /// Largest time between two exits.
    pub exit_gap: Duration,
    /// Largest time between two scans.
    pub scan_gap: Duration,
    /// Permits withdrawn.
    pub permits_gone: u64,
    /// Decisions that came too late.
    pub late: u64,
}

/// The last durable record of the journal in `folder`. A daemon may write in it.
///
/// # Errors
/// It cannot be read.
pub fn last_record(folder: &Path) -> Result<Seq> {
    Ok(recover(&FileStorage::open_read_only(folder)?)?.last_seq)
}

/// The pace from record `from` to record `to`, both of which are durable.
///
/// # Errors
/// The journal cannot be read.
pub fn pace(folder: &Path, from: Seq, to: Seq) -> Result<Pace> {
    let storage = FileStorage::open_read_only(folder)?;
    let mut pace = Pace::default();
    let (mut last_exit, mut last_scan) = (None, None);
    for entry in Reader::open(&storage, from, to)? {
        let record = entry?.record;
        pace.records += 1;
        if let Input::Sorter { event, .. } = &record.input {
            match &event.body {
                EventBody::Exit { result, .. } if *result != ExitResult::Recirculated => {
                    pace.exits += 1;
                    pace.exit_gap = pace.exit_gap.max(since(&mut last_exit, record.now));
                }
                EventBody::Scan(_) => {
                    pace.scans += 1;
                    pace.scan_gap = pace.scan_gap.max(since(&mut last_scan, record.now));
                }
                _ => {}
            }
        }
        for fact in &record.facts {
            match fact {
                Fact::PermitChanged { is_permitted: false, .. } => pace.permits_gone += 1,
                Fact::DecisionLate { .. } => pace.late += 1,
                _ => {}
            }
        }
    }
    Ok(pace)
}

fn since(last: &mut Option<MonoTime>, now: MonoTime) -> Duration {
    let before = last.replace(now).unwrap_or(now);
    Duration::from_nanos(now.0.saturating_sub(before.0))
}
