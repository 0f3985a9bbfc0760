//! Batches: made of orders, given a plan, started, and ended. Until the start a batch is the store's, from then on the
//! core's; a start is settled, not hoped.
//!
//! ```text
//! POST /api/batches         receiving
//! .../orders                receiving, running, paused more orders
//! .../finish-receiving      receiving -> waiting
//! .../assign                receiving, waiting, ready -> ready
//! .../start                 ready -> starting -> running      refused by the core: ready again
//! .../pause  .../resume     running <-> paused
//! .../close                 running, paused -> closing -> ended
//! .../cancel                receiving, waiting, ready -> cancelled
//! .../cancel-start          running, paused -> ready    while nothing of it was sorted
//! ```
//! A verb in another state is 409 `batch.wrong_state` with the state and what is unfinished. The same verb again, in the
//! state it led to, is done already.

mod adding;
mod answers;
mod assigning;
mod making;
mod order_ref;
mod refusals;
mod results;
mod starting;
mod states;
mod tables;
mod verbs;
mod views;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub use starting::{SettledStart, settle_starting};
pub(crate) use verbs::core_id;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(making::make, views::list))
        .routes(routes!(views::show))
        .routes(routes!(views::missing))
        .routes(routes!(results::results))
        .routes(routes!(making::add))
        .routes(routes!(making::finish_receiving))
        .routes(routes!(assigning::assign))
        .routes(routes!(starting::start))
        .routes(routes!(verbs::pause))
        .routes(routes!(verbs::resume))
        .routes(routes!(verbs::close))
        .routes(routes!(verbs::cancel))
        .routes(routes!(verbs::cancel_start))
}
