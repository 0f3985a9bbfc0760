//! Orders: taken in as JSON or as files, listed, shown, cancelled. An order is known by owner and number; the owner is
//! `-` where there is only one. What is answered as stored is on disk.

mod answers;
mod bulk;
mod cancelling;
mod drafts;
mod file;
mod loads;
mod views;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(bulk::receive, views::list))
        .routes(routes!(file::receive))
        .routes(routes!(views::show))
        .routes(routes!(loads::list))
        .routes(routes!(cancelling::cancel))
}
