//! What all requests have in common that only say "do it", like a button: no query, no body, and somebody who asks.

use axum::extract::{FromRequest, FromRequestParts, Request};
use wcs_types::OperatorId;

use crate::body::NoBody;
use crate::parameters::{NoQuery, Operator, Query};
use crate::problem::Problem;
use crate::state::Api;

/// A button was pressed by this operator. A query or a body that comes all the same is refused.
#[derive(Clone, Copy, Debug)]
pub struct Press(pub OperatorId);

impl FromRequest<Api> for Press {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Query(NoQuery {}) = Query::from_request_parts(&mut parts, api).await?;
        let Operator(operator) = Operator::from_request_parts(&mut parts, api).await?;
        let NoBody = NoBody::from_request(Request::from_parts(parts, body), api).await?;
        Ok(Self(operator))
    }
}
