//! What every handler can reach: the store where it is open, the control core, the records, the live views, limits
//! and the clock. Holds no state of its own beside what requests share: their figures, open keys, and ids of batches.

mod core_ids;
mod open_keys;
mod request_figures;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::Registry;
use tokio::sync::Semaphore;
use wcs_intake::Mapping;
use wcs_store::Store;
use wcs_types::{Plant, Seq};

use self::core_ids::CoreIds;
use self::open_keys::OpenKeys;
use self::request_figures::RequestFigures;
use crate::live::feed::LiveHandle;
use crate::ports::{Control, Figures, Records};
use crate::position::{POSITION_WAIT, ahead, need_record};
use crate::problem::{Problem, ProblemCode};
use crate::times::Times;

/// Streams open at once where nobody says anything else. More are refused.
pub(crate) const STREAMS_MAX: usize = 64;
/// Searches through the journal at once. More are told to come again.
pub(crate) const SEARCHES_MAX: usize = 2;

/// Bounds of the service, each with its answer when it is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a JSON body; more: 413.
    pub json_size_max: usize,
    /// Bytes of an order file; more: 413.
    pub file_size_max: usize,
    /// How long a body may take to come; longer: 408.
    pub body_time_max: Duration,
    /// Requests worked on at once; more: 503.
    pub requests_max: usize,
    /// Streams of events at once; more: 503.
    pub streams_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_size_max: 8 * 1024 * 1024,
            file_size_max: 64 * 1024 * 1024,
            body_time_max: Duration::from_secs(30),
            requests_max: 256,
            streams_max: STREAMS_MAX,
        }
    }
}

/// A place for the store: it may be opened after the service began to answer.
#[derive(Clone, Debug, Default)]
pub struct StoreSlot(Arc<OnceLock<Store>>);

impl StoreSlot {
    /// A slot that holds an open store.
    pub fn of(store: Store) -> Self {
        let slot = Self::default();
        slot.fill(store);
        slot
    }

    /// Puts the opened store in; the first one stays.
    pub fn fill(&self, store: Store) {
        self.0.get_or_init(|| store);
    }

    /// The store, once it is open.
    pub fn get(&self) -> Option<&Store> {
        self.0.get()
    }
}

/// What the service is made of.
pub struct Parts {
    /// Lines and chutes.
    pub plant: Arc<Plant>,
    /// Business days and shifts.
    pub times: Times,
    /// The store.
    pub store: StoreSlot,
    /// Somebody to ask verbs of.
    pub control: Arc<dyn Control>,
    /// What has happened.
    pub records: Arc<dyn Records>,
    /// Figures of the process.
    pub figures: Arc<dyn Figures>,
    /// Live views.
    pub live: LiveHandle,
    /// Mappings of order files, by name.
    pub mappings: BTreeMap<String, Mapping>,
    /// Bounds.
    pub limits: Limits,
    /// Milliseconds since 1970.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    parts: Parts,
    registry: Registry,
    requests: RequestFigures,
    open_keys: OpenKeys,
    streams: Arc<Semaphore>,
    searches: Semaphore,
    core_ids: CoreIds,
}

impl Api {
    /// The service made of these parts.
    pub fn new(parts: Parts) -> Self {
        let registry = Registry::new();
        let requests = RequestFigures::registered(&registry);
        let streams = Arc::new(Semaphore::new(parts.limits.streams_max));
        Self(Arc::new(Inner {
            parts,
            registry,
            requests,
            open_keys: OpenKeys::default(),
            streams,
            searches: Semaphore::new(SEARCHES_MAX),
            core_ids: CoreIds::default(),
        }))
    }

    /// The store.
    ///
    /// # Errors
    /// It is not open yet: `store.unavailable`.
    pub fn store(&self) -> Result<&Store, Problem> {
        self.0.parts.store.get().ok_or_else(|| {
            Problem::new(ProblemCode::StoreUnavailable)
                .with("cause", "it is not open yet")
                .retry_after(Duration::from_secs(2))
        })
    }

    /// The store, once it reflects record `position` where one is named. For reads after writes.
    ///
    /// # Errors
    /// The store is not open, or is behind: `position.ahead`.
    pub async fn store_at(&self, position: Option<u64>) -> Result<&Store, Problem> {
        position.map_or(Ok(()), need_record)?;
        let store = self.store()?;
        let Some(position) = position else { return Ok(store) };
        if store.wait_for(position, POSITION_WAIT).await {
            return Ok(store);
        }
        Err(ahead(position, store.position()))
    }

    /// The plant.
    pub fn plant(&self) -> &Plant {
        &self.0.parts.plant
    }

    /// Business days and shifts.
    pub fn times(&self) -> &Times {
        &self.0.parts.times
    }

    /// Somebody to ask verbs of; [`crate::asking::ask`] is the usual way.
    pub fn control(&self) -> &dyn Control {
        self.0.parts.control.as_ref()
    }

    /// What has happened. Its calls block on the disk: not on a task of the runtime.
    pub fn records(&self) -> &Arc<dyn Records> {
        &self.0.parts.records
    }

    /// Last durable record.
    pub fn durable(&self) -> Seq {
        self.0.parts.records.durable()
    }

    /// Figures of the process.
    pub fn figures(&self) -> &dyn Figures {
        self.0.parts.figures.as_ref()
    }

    /// Figures of this service, for `/metrics`.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Live views.
    pub fn live(&self) -> &LiveHandle {
        &self.0.parts.live
    }

    /// A mapping of order files.
    pub fn mapping(&self, name: &str) -> Option<&Mapping> {
        self.0.parts.mappings.get(name)
    }

    /// Names of the mappings.
    pub fn mapping_names(&self) -> impl Iterator<Item = &str> {
        self.0.parts.mappings.keys().map(String::as_str)
    }

    /// Bounds.
    pub fn limits(&self) -> Limits {
        self.0.parts.limits
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.0.parts.now_ms)()
    }

    pub(crate) fn core_ids(&self) -> &CoreIds {
        &self.0.core_ids
    }

    pub(crate) fn open_keys(&self) -> &OpenKeys {
        &self.0.open_keys
    }

    /// Places for streams of events.
    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    /// Places for searches through the journal.
    pub(crate) fn searches(&self) -> &Semaphore {
        &self.0.searches
    }

    pub(crate) fn requests(&self) -> &RequestFigures {
        &self.0.requests
    }
}
