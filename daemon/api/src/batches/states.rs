//! The word for the state of a batch that was started.

use wcs_types::BatchId;

use crate::live::batches::{BatchProgress, BatchState};
use crate::state::Api;

/// The state of a batch that was started, as the live views have it; nothing of one that is only staged.
pub(super) fn running_word(live: &BatchProgress) -> Option<&'static str> {
    match live.state {
        BatchState::Staged => None,
        BatchState::Running => Some("running"),
        BatchState::Paused => Some("paused"),
        BatchState::Closing => Some("closing"),
        BatchState::Ended => Some("ended"),
    }
}

/// The state of a started batch, from the live views or the store.
pub(super) async fn shown_state(api: &Api, batch: i64, core: BatchId) -> Option<String> {
    let live = api.live().read().progress(core);
    if let Some(word) = live.as_ref().and_then(running_word) {
        return Some(word.to_owned());
    }
    let asked = api.store().ok()?.batch(batch).await.ok()??;
    Some(asked.state)
}
