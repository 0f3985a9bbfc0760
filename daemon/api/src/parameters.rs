//! Queries, path segments and headers, read strictly: what is not known is refused and not passed over.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use wcs_types::OperatorId;

use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

/// The query of a request. Types for it deny unknown fields.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        no_zero(parts.uri.query(), ProblemCode::QueryInvalid)?;
        match AxumQuery::<T>::try_from_uri(&parts.uri) {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(ProblemCode::QueryInvalid).with("cause", error.body_text())),
        }
    }
}

/// No database takes the letter with the number 0 in a text.
fn no_zero(text: Option<&str>, code: ProblemCode) -> Result<(), Problem> {
    if text.is_some_and(|text| text.contains("%00")) {
        return Err(Problem::new(code).with("cause", "%00 is in no name"));
    }
    Ok(())
}

/// For handlers without a query.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// For reads whose only parameter is the record they must reflect.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AtPosition {
    /// Wait until this record of the journal is reflected.
    pub position: Option<u64>,
}

/// Segments of the path.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        no_zero(Some(parts.uri.path()), ProblemCode::PathInvalid)?;
        match AxumPath::<T>::from_request_parts(parts, api).await {
            Ok(AxumPath(path)) => Ok(Self(path)),
            Err(error) => Err(Problem::new(ProblemCode::PathInvalid).with("cause", error.body_text())),
        }
    }
}

/// Who asks: the number in the header `wcs-operator`, 0 without one.
#[derive(Clone, Copy, Debug)]
pub struct Operator(pub OperatorId);

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("wcs-operator") else { return Ok(Self(OperatorId(0))) };
        let number = value.to_str().ok().and_then(|text| text.parse::<u32>().ok());
        let cause = "wcs-operator must be a number up to 4294967295";
        let number = number.ok_or_else(|| Problem::new(ProblemCode::HeaderInvalid).with("cause", cause))?;
        Ok(Self(OperatorId(number)))
    }
}
