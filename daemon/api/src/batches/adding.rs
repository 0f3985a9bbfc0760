//! Orders added to a batch that runs: frozen in the store first, then asked of the core part by part, and settled at boot
//! when a crash came in between.
//!
//! ```text
//! begin_addition -> adding -> every part taken   -> 200
//!                     |       a part is refused  -> that part and all behind it are out again; 409 names what is not in
//!                     |       no answer          -> 503, the same request again goes on
//! ```

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wcs_store::{Adding, BatchView, Store};
use wcs_types::{BatchId, Identify, OperatorId, OrderKey, Seq, SkuKey, Verb, VerbRefusal};

use super::answers::BatchAnswer;
use super::assigning::{identify_of, jobs_of_lines, too_long};
use super::refusals::{refused, unchanged};
use crate::asking::ask_all;
use crate::problem::Problem;
use crate::state::Api;

/// Parts on their way to the core at once.
const PARTS_AT_ONCE: usize = 8;

/// What became of an addition.
pub(super) enum Added {
    /// Everything is in.
    All { position: Seq },
    /// The core refused a part; these orders are not in.
    Refused { refusal: VerbRefusal, position: Seq, left_out: Vec<OrderKey> },
}

/// Puts orders into a batch that runs or is paused.
pub(super) async fn add(
    api: &Api,
    store: &Store,
    operator: OperatorId,
    view: &BatchView,
    orders: &[OrderKey],
) -> Result<BatchAnswer, Problem> {
    let batch = view.id;
    // What an earlier request left open comes first: it may be this very one.
    if let Some(open) = store.open_addition(batch).await?
        && let Added::Refused { refusal, .. } = carry_out(api, store, operator, &open).await?
    {
        tracing::info!(batch, ?refusal, "an open addition was refused");
    }
    let members = store.members_among(batch, orders).await?;
    let new: Vec<OrderKey> = orders.iter().filter(|key| !members.contains(*key)).cloned().collect();
    if new.is_empty() {
        return Ok(BatchAnswer { id: batch, state: view.state.clone(), position: 0 });
    }
    let lines = store.lines_of_orders(&new).await?;
    let identify = identify_of(view);
    let mut barcodes: BTreeMap<SkuKey, Vec<String>> = BTreeMap::new();
    if identify == Identify::Sku {
        for line in &lines {
            if !barcodes.contains_key(&line.sku) {
                let found = store.barcodes(&line.sku.owner, &line.sku.code).await?;
                barcodes.insert(line.sku.clone(), found);
            }
        }
    }
    let jobs = jobs_of_lines(&lines, &barcodes, identify).map_err(too_long)?;
    let adding = match store.begin_addition(batch, &new, &jobs).await {
        Ok(adding) => adding,
        Err(error) => return Err(unchanged(api, error).await),
    };
    match carry_out(api, store, operator, &adding).await? {
        Added::All { position } => {
            Ok(BatchAnswer { id: batch, state: view.state.clone(), position: position.0 })
        }
        Added::Refused { refusal, position, left_out } => {
            let problem = refused(api, batch, adding.spec.batch, &refusal, "running or paused").await;
            let named = |key: &OrderKey| json!({"owner": key.owner, "number": key.number});
            let left_out: Vec<Value> = left_out.iter().map(named).collect();
            Err(problem.with("position", position.0).with("left_out", left_out))
        }
    }
}

/// Asks the core for every part of an addition and tells the store what came of it.
pub(super) async fn carry_out(
    api: &Api,
    store: &Store,
    operator: OperatorId,
    adding: &Adding,
) -> Result<Added, Problem> {
    let (batch, core): (i64, BatchId) = (adding.batch, adding.spec.batch);
    let mut position = Seq(0);
    for window in adding.parts.chunks(PARTS_AT_ONCE) {
        let mut verbs = Vec::with_capacity(window.len());
        for part in window {
            let jobs = store.jobs_of_part(batch, *part).await?;
            verbs.push(Verb::Add { batch: core, part: part.part, jobs });
        }
        let answers = ask_all(api, operator, verbs).await?;
        if let Some((at, refusal, position)) = answers.refused {
            let left_out = store.end_addition(batch, Some(window[at].part)).await?;
            return Ok(Added::Refused { refusal, position, left_out });
        }
        position = answers.last;
    }
    store.end_addition(batch, None).await?;
    Ok(Added::All { position })
}
