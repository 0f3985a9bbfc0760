//! Answers kept by the token of a request, so that a client that did not hear the answer can ask again.

use wcs_types::StateHasher;

use crate::database::{Row, values};
use crate::error::StoreError;
use crate::statements;
use crate::store::Store;

/// What is known about a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Claim {
    /// Nothing: the request is the caller's to carry out, and to answer with [`Store::answer_token`].
    New,
    /// The same request was answered so.
    Answered {
        /// Status.
        status: u16,
        /// Body.
        body: Vec<u8>,
    },
    /// The same request is being carried out, or its process died over it.
    Open,
    /// The token was used for another request.
    Differs,
}

impl Store {
    /// Claims a token for a request (method, path and body in one).
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn claim_token(&self, token: &str, request: &[u8], now_ms: i64) -> Result<Claim, StoreError> {
        let request = StateHasher::of_bytes(request).cast_signed();
        let mut session = self.database().begin().await?;
        if session.execute(statements::CLAIM_TOKEN, values![token, request, now_ms]).await? == 1 {
            session.commit().await?;
            return Ok(Claim::New);
        }
        let row = session.find(statements::FIND_TOKEN, values![token]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("a token that was claimed is gone"))?;
        if row.int(0)? != request {
            return Ok(Claim::Differs);
        }
        answer_of(&row)
    }

    /// Keeps the answer to a claimed token.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn answer_token(&self, token: &str, status: u16, body: &[u8]) -> Result<(), StoreError> {
        let mut session = self.database().begin().await?;
        session.execute(statements::ANSWER_TOKEN, values![token, i64::from(status), body]).await?;
        session.commit().await
    }

    /// Gives a token back whose request changed nothing.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn free_token(&self, token: &str) -> Result<(), StoreError> {
        let mut session = self.database().begin().await?;
        session.execute(statements::FREE_TOKEN, values![token]).await?;
        session.commit().await
    }

    /// Forgets tokens claimed before an instant; how many.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn forget_tokens(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut session = self.database().begin().await?;
        let forgotten = session.execute(statements::FORGET_TOKENS, values![before_ms]).await?;
        session.commit().await?;
        Ok(forgotten)
    }
}

fn answer_of(row: &Row) -> Result<Claim, StoreError> {
    if row.maybe_int(1)?.is_none() {
        return Ok(Claim::Open);
    }
    Ok(Claim::Answered { status: row.small(1)?, body: row.bytes(2)?.to_vec() })
}
