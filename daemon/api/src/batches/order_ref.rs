//! An order as the body of a request names it.

use serde::Deserialize;
use utoipa::ToSchema;
use wcs_intake::OWNER_DEFAULT;
use wcs_types::OrderKey;

/// An order by name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderRef {
    /// Owner; `-` when it is left out.
    owner: Option<String>,
    /// Number.
    number: String,
}

impl OrderRef {
    /// The key, with the owner that is meant where none is named.
    pub(super) fn key(&self) -> OrderKey {
        let owner = self.owner.clone().unwrap_or_else(|| OWNER_DEFAULT.to_owned());
        OrderKey { owner, number: self.number.clone() }
    }
}
