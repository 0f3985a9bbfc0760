//! The exception station of the demo: scans the label of a load in hand, is shown its chute, and confirms that it was
//! put there. All of it over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;
use serde_json::json;
use wcs_types::{Code, LaneNo, LineId, Plant};

use super::DoorShared;
use super::asking::Daemon;
use crate::exit::Failure;
use crate::sim_host::HandSortAsk;

/// Answers the people of the simulator on a thread of its own, until they are gone.
pub(crate) fn serve_station(
    asked: Receiver<HandSortAsk>,
    address: SocketAddr,
    plant: &Plant,
    shared: Arc<DoorShared>,
) -> Result<(), Failure> {
    let line = plant.lines[0].id.clone();
    let lanes: BTreeMap<String, LaneNo> = plant
        .chutes_of(LineId(0))
        .filter_map(|(_, chute)| Some((chute.id.clone(), *chute.lanes.first()?)))
        .collect();
    let work = move || {
        let Ok(daemon) = Daemon::at(address, &shared) else { return };
        while let Ok(ask) = asked.recv() {
            let lane = book_now(&daemon, &line, &ask.label, &shared);
            // A demo that has ended meanwhile does not wait for the answer.
            ask.answer.try_send(lane.and_then(|chute| lanes.get(&chute).copied())).unwrap_or_default();
        }
    };
    std::thread::Builder::new().name("station".into()).spawn(work).map_err(Failure::not_ok)?;
    Ok(())
}

/// The chute a load was booked into; none when the demo is over.
fn book_now(daemon: &Daemon<'_>, line: &str, label: &Code, shared: &DoorShared) -> Option<String> {
    let _booking = shared.booking.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_stopped() {
        return None;
    }
    book(daemon, line, label).unwrap_or_else(|failure| {
        tracing::warn!(%label, %failure, "nobody could be asked at the station");
        None
    })
}

/// The chute a load was booked into; none where it has none now.
fn book(daemon: &Daemon<'_>, line: &str, label: &Code) -> Result<Option<String>, Failure> {
    let label = label.to_string();
    let shown = daemon.post("/api/exceptions/scan", &json!({ "line": line, "label": label }))?;
    let Some(chute) = shown["chute"].as_str() else { return Ok(None) };
    let booking = json!({ "line": line, "label": label, "chute": chute });
    let answer = daemon.ask("/api/exceptions/confirm", &booking)?;
    // Not booked: another load has had its place meanwhile, or its batch is over.
    if !answer.is_success() && answer.status >= 500 {
        return Err(answer.failure());
    }
    Ok(answer.is_success().then(|| chute.to_owned()))
}
