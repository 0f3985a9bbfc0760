//! The side behind the journal: store, live views and HTTP service. Owns their start and their stop; a line runs
//! whether they are there or not.
//!
//! ```text
//! start: live views from the journal, projector (opens the store, however long that takes), socket, answers
//! stop:  not ready, streams end, socket closes, answers under way leave | the lines stop | projector to the end of the
//!        journal
//! ```

mod listening;
#[cfg(test)]
mod live_views;
mod projector_thread;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wcs_api::shifts::Times;
use wcs_api::{Api, Limits, LiveFeed, LiveHandle, Parts, SettledStart, StoreSlot, settle_starting};
use wcs_intake::Mapping;
use wcs_types::{Calendar, Plant, Seq};

use crate::clock::wall_unix_ms;
use crate::exit::Failure;
use crate::feed_source::read_text;
use crate::realtime::{Group, Realtime};
use crate::service::Service;
use crate::settings::FrontSettings;

use self::listening::serve;
use self::projector_thread::{ProjectorPorts, ProjectorThread};

/// Threads that answer requests.
const WORKERS: usize = 2;
/// Between the word that it is not ready any more and the end of the socket: whoever spreads requests over daemons, or
/// looks before it asks, has gone elsewhere by then.
const UNREADY: Duration = Duration::from_millis(250);
/// How long answers under way may take when the daemon stops.
const ANSWERS_MAX: Duration = Duration::from_secs(5);
/// Pause before starts without an answer are looked for again.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);

/// The running side.
pub(crate) struct Front {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    settling: JoinHandle<()>,
    address: watch::Receiver<Option<SocketAddr>>,
    control: crate::service::ControlPort,
    projector: ProjectorThread,
    live: LiveHandle,
    feed: LiveFeed,
}

impl Front {
    /// Starts it for a daemon that runs.
    pub(crate) fn start(
        settings: &FrontSettings,
        plant: &Plant,
        calendar: &Calendar,
        service: &Service,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let mut mappings = read_mappings(settings.mappings.as_deref())?;
        mappings.extend(settings.own_mapping.clone());
        let others = realtime.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("api")
            .on_thread_start(move || others.enter(Group::Others))
            .enable_all()
            .build()
            .map_err(Failure::not_ok)?;
        let plant = Arc::new(plant.clone());
        let store = StoreSlot::default();
        let (live, records) = (LiveHandle::new(Arc::clone(&plant)), Arc::new(service.records()));
        let feed = LiveFeed::start(live.clone(), records.clone()).map_err(Failure::not_ok)?;
        // The journal thread learns of durable records first. A daemon has one front.
        service.shared.live.set(live.clone()).unwrap_or_default();
        let api = Api::new(Parts {
            plant: Arc::clone(&plant),
            times: Times::new(calendar).map_err(Failure::bad_input)?,
            store: store.clone(),
            control: Arc::new(service.control.clone()),
            records,
            figures: Arc::new(service.figures()),
            live: live.clone(),
            mappings,
            limits: limits_of(settings),
            now_ms: Arc::new(now_ms),
        });
        let ports = ProjectorPorts {
            address: settings.store.clone(),
            plant,
            journal: service.journal_files.clone(),
            shared: Arc::clone(&service.shared),
            slot: store,
        };
        let projector = ProjectorThread::spawn(ports, runtime.handle().clone(), realtime)?;
        let (stop, stopped) = watch::channel(false);
        let (bound, address) = watch::channel(None);
        let settling = runtime.spawn(settle(api.clone()));
        let listen = (settings.http.listen, settings.takes_any_port);
        let serving = runtime.spawn(serve(listen, api, stopped, bound));
        let control = service.control.clone();
        Ok(Self { runtime, stop, serving, settling, address, control, projector, live, feed })
    }

    /// Where it listens, once it does.
    pub(crate) fn bound(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// Where it listens; waits for it at most `longest`.
    pub(crate) fn wait_bound(&self, longest: Duration) -> Option<SocketAddr> {
        let mut address = self.address.clone();
        self.runtime.block_on(async move {
            let bound = tokio::time::timeout(longest, address.wait_for(Option::is_some)).await;
            bound.ok()?.ok().and_then(|address| *address)
        })
    }

    /// Takes no more requests, and lets those under way have their answers.
    pub(crate) fn stop_answering(&mut self) {
        // From now on it says that it is not ready; streams, which have no end of their own, end.
        self.live.stop();
        std::thread::sleep(UNREADY);
        self.stop.send_replace(true);
        let serving = &mut self.serving;
        let is_over = self.runtime.block_on(async { tokio::time::timeout(ANSWERS_MAX, serving).await });
        if is_over.is_err() {
            tracing::warn!("requests were cut off at the stop: their answers took too long");
            self.serving.abort();
        }
        self.settling.abort();
        self.control.stop();
    }

    /// Brings the store up to `durable`, the end of the journal, as far as that is quick, and ends.
    pub(crate) fn finish(self, durable: Seq) {
        self.feed.stop();
        self.projector.stop(durable);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

fn now_ms() -> i64 {
    i64::try_from(wall_unix_ms()).unwrap_or(i64::MAX)
}

fn limits_of(settings: &FrontSettings) -> Limits {
    let http = &settings.http;
    Limits {
        json_size_max: http.json_kib_max as usize * 1_024,
        file_size_max: http.csv_kib_max as usize * 1_024,
        body_time_max: Duration::from_secs(http.body_seconds_max.into()),
        requests_max: http.requests_max.into(),
        streams_max: http.event_clients_max.into(),
    }
}

/// Asks the core again for starts that an earlier process left without an answer, until each has one.
async fn settle(api: Api) {
    loop {
        match settle_starting(&api).await {
            Ok(settled) => {
                for SettledStart { batch, is_started } in settled {
                    tracing::info!(batch, is_started, "a start that had no answer is settled");
                }
                return;
            }
            // The store is not open yet, or the journal waits for the disk.
            Err(problem) => tracing::debug!(?problem, "starts without an answer are settled later"),
        }
        tokio::time::sleep(SETTLE_AGAIN).await;
    }
}

/// The built-in mapping, and those in a folder by the names of their files.
fn read_mappings(folder: Option<&Path>) -> Result<BTreeMap<String, Mapping>, Failure> {
    let mut mappings = BTreeMap::new();
    let built_in =
        Mapping::parse(Mapping::retail_text(), "the retail mapping").map_err(Failure::bad_input)?;
    mappings.insert("retail".to_owned(), built_in);
    let Some(folder) = folder else { return Ok(mappings) };
    let place =
        |error: std::io::Error| Failure::bad_input(format!("cannot read {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(place)? {
        let path = entry.map_err(place)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let mapping = Mapping::parse(&read_text(&path)?, &path.display().to_string());
            mappings.insert(name, mapping.map_err(Failure::bad_input)?);
        }
    }
    Ok(mappings)
}
