//! The router and the server around it: layers, the OpenAPI document, and a socket on the loopback alone, because
//! there is no login yet.
//!
//! ```text
//! request -> measure -> localise problems -> catch panics -> bound requests -> carry through once -> handler
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::connections;
use crate::idempotency::carry_through;
use crate::problem::{FieldFault, Problem, ProblemBody, ProblemCode, localise};
use crate::requests::measure;
use crate::state::Api;
use crate::{
    alarms, batches, chutes, events, exceptions, health, lines, loads, metrics, orders, shifts, skus, why,
};

/// The service cannot be bound to an address.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anybody in the network could ask it: there is no login yet.
    #[error(
        "{address} is not a loopback address: there is no login yet, so the service listens on 127.0.0.1 or ::1 only"
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The operating system does not allow it.
    #[error("cannot listen on {address}: {cause}")]
    Io {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        cause: io::Error,
    },
}

/// A bound service that does not answer yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds the service; port 0 takes a free one.
///
/// # Errors
/// The address is no loopback address, or is taken.
pub async fn bind(address: SocketAddr) -> Result<Bound, BindError> {
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback { address });
    }
    let listener = TcpListener::bind(address).await.map_err(|cause| BindError::Io { address, cause })?;
    let address = listener.local_addr().map_err(|cause| BindError::Io { address, cause })?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` resolves; then takes no more connections and ends those that are open once they have
    /// their answers. Streams that have no end must end by themselves when the daemon stops.
    ///
    /// # Errors
    /// The socket failed.
    pub async fn serve(self, api: Api, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        tracing::info!(address = %self.address, "HTTP service listens; loopback only, there is no login yet");
        let head_time_max = api.limits().body_time_max;
        connections::serve(self.listener, routes(api), head_time_max, stop).await;
        Ok(())
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Operato WCS",
        description = "Orders, batches, lines and loads of a warehouse control daemon. There is no login yet: the \
            service listens on the loopback address only. Answers that are no success are problem documents \
            (RFC 9457) with a stable `code`, told in English or Korean by `Accept-Language`. Every POST takes an \
            `Idempotency-Key`. Replies of writes carry `position`, the record of the journal they stand in; reads take \
            `?position=` and wait for it up to 200 ms."
    ),
    components(schemas(ProblemBody, FieldFault))
)]
struct Document;

/// Everything the service answers.
pub fn routes(api: Api) -> Router {
    let (router, document) = documented().split_for_parts();
    let places = Arc::new(Semaphore::new(api.limits().requests_max));
    router
        .merge(SwaggerUi::new("/api/docs").url("/api/openapi.json", document))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(api.clone(), carry_through))
        .layer(middleware::from_fn_with_state((api.clone(), places), bounded))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(localise))
        .layer(middleware::from_fn_with_state(api.clone(), measure))
        .with_state(api)
}

/// Every handler, with its documentation.
fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(orders::router())
        .merge(shifts::router())
        .merge(batches::router())
        .merge(skus::router())
        .merge(lines::router())
        .merge(chutes::router())
        .merge(exceptions::router())
        .merge(loads::router())
        .merge(why::asked::router())
        .merge(alarms::router())
        .merge(events::router())
        .merge(health::router())
        .merge(metrics::router())
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(ProblemCode::RouteNotFound).with("path", uri.path())
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(ProblemCode::MethodNotAllowed).with("path", uri.path()).with("method", method.as_str())
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked; its message stands before this in the log");
    Problem::new(ProblemCode::Internal).into_response()
}

/// Works on a bounded number of requests at once; more are told to come again.
async fn bounded(
    State((api, places)): State<(Api, Arc<Semaphore>)>,
    request: Request,
    next: Next,
) -> Response {
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::new(ProblemCode::ServerBusy)
            .with("most", api.limits().requests_max)
            .retry_after(Duration::from_secs(1))
            .into_response(),
    }
}
