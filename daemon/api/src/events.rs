//! Events as a stream of server-sent events, with resume: the id of an event names its place, and a reader who comes
//! back with the last id it has seen goes on behind it. What the ring does not hold any more is read from the journal.
//!
//! ```text
//! (resume) -> reading the journal -> reading the ring -> gone: too slow, or the daemon stops
//! ```
//!
//! **A slow reader is disconnected**: what is sent goes through a queue of [`QUEUE_MAX`] events, and a reader that takes
//! none for [`PATIENCE`] is dropped; it comes back with its last id and misses nothing. At most
//! [`crate::state::STREAMS_MAX`] streams are open; more are told to come again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::{Plant, Seq};

use crate::event::{Event, EventId, events_of};
use crate::live::feed::{LiveHandle, Recent};
use crate::parameters::Query;
use crate::ports::{Records, RecordsError};
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;

/// Events on their way to one reader. Full: the stream waits, at most [`PATIENCE`].
const QUEUE_MAX: usize = 256;
/// A reader that takes nothing for so long is disconnected.
const PATIENCE: Duration = Duration::from_secs(10);
/// A sign of life when nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Events read from the journal at a time.
const CHUNK: usize = 512;

/// Where to begin, and what to tell.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    /// Begin behind this event (`record.index`), or behind everything in a record (`record`). The header `Last-Event-ID`
    /// goes before it. Without both the stream begins with what happens next.
    after: Option<String>,
    /// Names of events, separated by commas; all where nothing is said.
    names: Option<String>,
}

/// Which events a reader wants.
#[derive(Clone, Debug)]
struct Wanted(Option<Vec<String>>);

impl Wanted {
    fn has(&self, event: &Event) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|name| name == event.name))
    }
}

/// Handlers of events.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

/// What happens, as server-sent events.
///
/// The id of an event is `record.index`; its name is that of the fact; its data is a JSON object with `at` and
/// `position`. Reconnect with `Last-Event-ID` to miss nothing.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(EventQuery, ("last-event-id" = Option<String>, Header, description = "The last event that was seen.")),
    responses((status = 200, description = "A stream without an end.", content_type = "text/event-stream", body = String),
        Reads))]
async fn stream_events(
    State(api): State<Api>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let place = api.streams().clone().try_acquire_owned().map_err(|_| {
        Problem::new(ProblemCode::ServerBusy).with("most", api.limits().streams_max).retry_after(PATIENCE)
    })?;
    let after = begin(&api, &query, &headers)?;
    let wanted =
        Wanted(query.names.map(|names| names.split(',').map(|name| name.trim().to_owned()).collect()));
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let reader = Reader {
        live: api.live().clone(),
        records: Arc::clone(api.records()),
        plant: Arc::clone(api.live().read().plant()),
        wanted,
        sender,
        after,
        _place: place,
    };
    tokio::spawn(reader.run());
    let events = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Arc<Event>>| async {
        let event = receiver.recv().await?;
        let told = SseEvent::default().id(event.id.to_string()).event(event.name).data(&event.data);
        Some((Ok::<_, Infallible>(told), receiver))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// Where the stream begins.
fn begin(api: &Api, query: &EventQuery, headers: &HeaderMap) -> Result<EventId, Problem> {
    let invalid = |code, cause: String| Problem::new(code).with("cause", cause);
    if let Some(header) = headers.get("last-event-id") {
        let text = header.to_str().unwrap_or_default();
        return text.parse().map_err(|error: crate::event::BadEventId| {
            invalid(ProblemCode::HeaderInvalid, format!("last-event-id: {error}"))
        });
    }
    if let Some(after) = &query.after {
        return after.parse().map_err(|error: crate::event::BadEventId| {
            invalid(ProblemCode::QueryInvalid, format!("after: {error}"))
        });
    }
    Ok(EventId::behind(api.live().position()))
}

/// Feeds one stream.
struct Reader {
    live: LiveHandle,
    records: Arc<dyn Records>,
    plant: Arc<Plant>,
    wanted: Wanted,
    sender: mpsc::Sender<Arc<Event>>,
    /// The last event that was passed on or left out.
    after: EventId,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    async fn run(mut self) {
        let mut position = self.live.watch();
        let mut has_followed = false;
        while !self.live.is_stopping() {
            let events = match self.live.recent(self.after, CHUNK) {
                Recent::Events(events) => {
                    has_followed = true;
                    events
                }
                Recent::Older if has_followed => {
                    tracing::info!(after = %self.after, "an event stream fell behind and is closed");
                    return;
                }
                Recent::Older => match self.read_journal().await {
                    Ok(events) => events,
                    Err(error) => {
                        tracing::warn!(%error, "an event stream is closed: records cannot be read");
                        return;
                    }
                },
            };
            let is_all = events.is_empty();
            for event in events {
                self.after = event.id;
                if self.wanted.has(&event) && self.sender.send_timeout(event, PATIENCE).await.is_err() {
                    tracing::info!(after = %self.after, "an event stream is closed: its reader is slow or gone");
                    return;
                }
            }
            if is_all && !self.wait(&mut position).await {
                return;
            }
        }
    }

    /// Waits for more; false when the reader is gone.
    async fn wait(&self, position: &mut watch::Receiver<Seq>) -> bool {
        tokio::select! {
            changed = position.changed() => changed.is_ok(),
            () = self.sender.closed() => false,
        }
    }

    /// The next events from the journal; the place moves on over records without any.
    async fn read_journal(&mut self) -> Result<Vec<Arc<Event>>, RecordsError> {
        let (records, plant, after) = (Arc::clone(&self.records), Arc::clone(&self.plant), self.after);
        // Not beyond what the views reflect: from there on the ring is read.
        let through = self.live.position();
        let reading =
            tokio::task::spawn_blocking(move || read_chunk(records.as_ref(), &plant, after, through));
        let (events, reached) = reading.await.unwrap_or_else(|error| {
            std::panic::resume_unwind(error.into_panic());
        })?;
        if events.is_empty() {
            self.after = self.after.max(reached);
        }
        Ok(events)
    }
}

type Chunk = (Vec<Arc<Event>>, EventId);

fn read_chunk(
    records: &dyn Records,
    plant: &Plant,
    after: EventId,
    through: Seq,
) -> Result<Chunk, RecordsError> {
    let (mut events, mut reached) = (Vec::new(), after);
    let from = Seq(after.seq.0.max(1));
    records.read(from, &mut |told| {
        if told.record.seq > through {
            return false;
        }
        events.extend(events_of(told, plant, after).into_iter().map(Arc::new));
        reached = EventId::behind(told.record.seq);
        events.len() < CHUNK
    })?;
    Ok((events, reached))
}
