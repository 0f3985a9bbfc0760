//! Business days and shifts: which one it is, and closing one. Closing writes down what is open at that moment and stops
//! nothing: no line, no batch, no load.

mod closing;
mod open;
#[cfg(test)]
mod tests;
mod views;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use crate::times::{BusinessDay, Shift, Times, UnknownZone};

use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(views::now))
        .routes(routes!(closing::close))
        .routes(routes!(views::list))
        .routes(routes!(views::show))
}
