//! What became of the planned faults of a run, as reports state it.

use std::collections::BTreeMap;

use wcs_sim::report::FaultCount;
use wcs_sim::server::HostedSorter;

/// Planned faults after a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultFigures {
    /// Counts by kind.
    pub(crate) counts: BTreeMap<String, FaultCount>,
    /// Kinds planned more often than they took effect.
    pub(crate) unapplied: Vec<String>,
}

/// Reads the figures off a hosted sorter.
pub(crate) fn fault_figures(hosted: &mut HostedSorter) -> FaultFigures {
    let (counts, unapplied) = hosted.fault_counts();
    let counts = counts.iter().map(|(kind, count)| {
        let (planned, applied, loads_touched) = (count.planned, count.applied, count.loads_touched);
        (kind.name().to_owned(), FaultCount { planned, applied, loads_touched })
    });
    let counts = counts.collect();
    FaultFigures { counts, unapplied: unapplied.into_iter().map(|kind| kind.name().to_owned()).collect() }
}
