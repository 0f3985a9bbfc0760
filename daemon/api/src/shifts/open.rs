//! What is open when a shift ends: loads and alarms from the live views, orders and missing pieces from the store. Each
//! list has a bound; what is counted is counted whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wcs_store::{MissingView, OpenCounts, OrderFilter, OrderView, PageAt, Store};
use wcs_types::{AlarmKey, Plant, Seq};

use crate::event::{chute_name, line_name, load_text, time_text};
use crate::live::Live;
use crate::live::loads::{Load, Stamp};
use crate::problem::Problem;
use crate::state::Api;

/// Rows of each list. More are counted only.
const LISTED_MAX: usize = 100;
/// Longest wait for the store to reflect what the live views show.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Lists of what is open.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct OpenLists {
    /// Loads on a belt, oldest first, at most 100 of them.
    open_loads: Vec<OpenLoad>,
    /// Orders begun and not done, oldest first, at most 100 of them.
    unfinished_orders: Vec<UnfinishedOrder>,
    /// Orders that are not begun.
    waiting_orders: i64,
    /// Jobs with missing pieces, of batches that ended since the shift before was closed, at most 100 of them.
    missing: Vec<MissingPieces>,
    /// Alarms that are up, at most 100 of them.
    open_alarms: Vec<OpenAlarm>,
    /// Loads that wait for a person at an exception lane.
    open_exceptions: i64,
}

/// A load on a belt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct OpenLoad {
    /// Line, life of the PLC and item, as `line-epoch-item`.
    load: String,
    /// Name of the line.
    line: String,
    /// Its label; empty when it had none.
    label: String,
    /// When it was first seen.
    seen_at: String,
    /// Rounds it made.
    turns: u16,
    /// Chute it is on its way to.
    chute: Option<String>,
}

/// An order that was begun and is not done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct UnfinishedOrder {
    /// Owner.
    owner: String,
    /// Number.
    number: String,
    /// Batch it is in.
    batch: Option<i64>,
    /// Pieces that are to come: ordered, without what was cancelled.
    due: i64,
    /// Of these, in a chute.
    picked: i64,
}

/// Pieces that are missing at the end of their batch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct MissingPieces {
    /// Batch.
    batch: i64,
    /// Owner of the order.
    owner: String,
    /// Number of the order.
    number: String,
    /// Article.
    sku: String,
    /// Label of its loads.
    label: String,
    /// How many are missing.
    pieces: i64,
    /// Why.
    reason: Option<String>,
    /// Where they were seen last.
    last_seen: Option<String>,
}

/// An alarm that is up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct OpenAlarm {
    /// Stable code.
    code: String,
    /// Name of the line.
    line: Option<String>,
    /// Name of the chute.
    chute: Option<String>,
    /// Number in the device's own table; 0 for alarms of the daemon.
    detail: u16,
    /// Since when.
    since: String,
}

/// What is open now, and the record of the journal the store reflects.
pub(super) struct OpenNow {
    pub(super) lists: OpenLists,
    pub(super) counts: OpenCounts,
    pub(super) reflected: i64,
}

impl OpenNow {
    /// Looks at everything. Nothing is held while the store is asked.
    pub(super) async fn look(api: &Api, store: &Store) -> Result<Self, Problem> {
        let (mut lists, mut counts, seen) = look_live(&api.live().read());
        // Best effort: a projector that is behind does not keep anybody from closing a shift.
        store.wait_for(seen.0, CATCH_UP).await;
        let reflected = i64::try_from(store.position()).unwrap_or(i64::MAX);
        let page = PageAt { after: 0, size: LISTED_MAX as u32 };
        let orders = store.orders(OrderFilter::InState("picking"), page).await?;
        lists.unfinished_orders = orders.items.into_iter().map(unfinished).collect();
        counts.orders = store.count_orders("picking").await?;
        lists.waiting_orders = store.count_orders("wait").await?;
        let since = store.last_shift_position().await?;
        let (pieces, missing) = store.missing_since(since, LISTED_MAX as u32).await?;
        lists.missing = missing.into_iter().map(missing_pieces).collect();
        counts.missing_pieces = pieces;
        Ok(Self { lists, counts, reflected })
    }
}

fn look_live(live: &Live) -> (OpenLists, OpenCounts, Seq) {
    let plant = live.plant();
    let mut open: Vec<&Load> = live.loads().open().collect();
    open.sort_by_key(|load| (load.seen.seq, load.key));
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = OpenCounts {
        loads: count(open.len()),
        alarms: count(live.alarms().count()),
        ..OpenCounts::default()
    };
    let lists = OpenLists {
        open_loads: open.into_iter().take(LISTED_MAX).map(|load| open_load(plant, load)).collect(),
        open_alarms: live
            .alarms()
            .iter()
            .take(LISTED_MAX)
            .map(|(key, since)| open_alarm(plant, key, since))
            .collect(),
        open_exceptions: count(live.exceptions().count()),
        ..OpenLists::default()
    };
    (lists, counts, live.position())
}

fn open_load(plant: &Plant, load: &Load) -> OpenLoad {
    OpenLoad {
        load: load_text(load.key),
        line: line_name(plant, load.key.line),
        label: load.label.to_string(),
        seen_at: time_text(load.seen.unix_ms),
        turns: load.turns,
        chute: load.chute().map(|chute| chute_name(plant, chute)),
    }
}

fn open_alarm(plant: &Plant, key: &AlarmKey, since: &Stamp) -> OpenAlarm {
    OpenAlarm {
        code: key.code.as_str().to_owned(),
        line: key.line.map(|line| line_name(plant, line)),
        chute: key.chute.map(|chute| chute_name(plant, chute)),
        detail: key.detail,
        since: time_text(since.unix_ms),
    }
}

fn unfinished(order: OrderView) -> UnfinishedOrder {
    let quantities = order.quantities;
    UnfinishedOrder {
        owner: order.key.owner,
        number: order.key.number,
        batch: order.batch,
        due: quantities.ordered - quantities.cancelled,
        picked: quantities.picked,
    }
}

fn missing_pieces(missing: MissingView) -> MissingPieces {
    let MissingView { batch, result } = missing;
    MissingPieces {
        batch,
        owner: result.order.owner,
        number: result.order.number,
        sku: result.sku_code,
        label: result.label,
        pieces: result.short,
        reason: result.short_reason,
        last_seen: result.last_seen,
    }
}
