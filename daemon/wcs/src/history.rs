//! What a journal on disk says about a run: read whole, added up, and, for `wcs reconcile`, held against a ledger.

use std::path::Path;

use wcs_sim::ledger::Ledger;
use wcs_sim::report::{Physical, Tally, reconcile};
use wcs_types::{LineId, Plant};

use crate::arguments::ReconcileOptions;
use crate::exit::Failure;
use crate::feed_source::read;
use crate::journal_dir::JournalDir;

/// A journal, added up.
pub(crate) struct History {
    pub(crate) plant: Plant,
    pub(crate) tally: Tally,
}

/// Reads the journal in a data directory.
pub(crate) fn read_history(data: &Path) -> Result<History, Failure> {
    let journal = JournalDir::open(data)?;
    let mut tally = Tally::default();
    for entry in journal.records()?.into_iter().flatten() {
        tally.add(&journal.plant, &entry.map_err(Failure::not_ok)?.record);
    }
    Ok(History { plant: journal.plant, tally })
}

pub(crate) fn reconcile_command(options: &ReconcileOptions) -> Result<(), Failure> {
    let history = read_history(&options.data)?;
    let ledger = Ledger::parse(&read(&options.ledger)?).map_err(Failure::bad_input)?;
    if let Some(line) = ledger.torn_line {
        eprintln!("wcs: line {line} of the ledger was cut off");
    }
    let mut physical = Physical::default();
    for event in &ledger.events {
        physical.add(event);
    }
    let planned = history.tally.planned_pieces;
    let found = reconcile(&history.plant, LineId(0), &history.tally, &physical, planned);
    for (label, place, daemon, ledger) in found.disagreements.iter().take(50) {
        eprintln!("wcs: {label}: {place}: daemon {daemon}, ledger {ledger}");
    }
    let shown = serde_json::json!({ "loads": found.loads, "reconcile": found.pieces });
    println!("{}", serde_json::to_string_pretty(&shown).map_err(Failure::not_ok)?);
    if found.pieces.difference == 0 && found.pieces.ledger_difference == 0 {
        Ok(())
    } else {
        Err(Failure::not_ok("daemon and ledger differ"))
    }
}
