//! Takes orders in: the same order again is the same answer and stores nothing, another content under a stored number
//! is a conflict, a bad line is refused alone, and a chunk of orders is stored whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::OrderKey;

use crate::database::{Session, Value, values};
use crate::error::StoreError;
use crate::known::KnownSkus;
use crate::order::{Content, ContentLine, Difference, Judged, LineRefusal, OrderDraft, OrderRefusal};
use crate::statements;
use crate::store::Store;

/// Orders stored in one transaction. A longer list is cut, and each part is durable by itself.
pub const ORDERS_PER_CHUNK_MAX: usize = 256;

/// The answer to one order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Received {
    /// It is stored.
    Accepted {
        /// Id of the order.
        order: i64,
        /// Lines stored.
        lines: u32,
        /// Lines refused.
        refusals: Vec<LineRefusal>,
        /// It had been stored before; nothing was changed now.
        is_repeat: bool,
    },
    /// Another content is stored under its number; nothing was changed.
    Conflict {
        /// Id of the stored order.
        order: i64,
        /// Where the two differ.
        differences: Vec<Difference>,
    },
    /// Nothing of it can be stored.
    Refused(OrderRefusal),
}

/// Why an order was not cancelled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CancelRefusal {
    /// There is no such order.
    #[error("there is no order of that number")]
    Unknown,
    /// It is being sorted: its batch has been started.
    #[error("the order is in batch {batch}, which has been started: cancel it there")]
    Started {
        /// The batch.
        batch: i64,
    },
    /// It is over.
    #[error("the order is {state}")]
    Over {
        /// Its state.
        state: String,
    },
}

/// An order was cancelled before its start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cancelled {
    /// Id of the order.
    pub order: i64,
    /// Batch it was taken out of.
    pub batch: Option<i64>,
    /// That batch had a plan, which is void: it waits for a new one.
    pub is_plan_void: bool,
}

impl Store {
    /// Takes orders in, in chunks of [`ORDERS_PER_CHUNK_MAX`]. Answers stand in the order of the drafts, and what they
    /// say is durable.
    ///
    /// # Errors
    /// The store cannot be used. Chunks before the one that failed are stored; sending all again is safe.
    pub async fn receive(&self, drafts: &[OrderDraft], now_ms: i64) -> Result<Vec<Received>, StoreError> {
        let mut answers = Vec::with_capacity(drafts.len());
        for chunk in drafts.chunks(ORDERS_PER_CHUNK_MAX) {
            answers.append(&mut self.receive_chunk(chunk, now_ms).await?);
        }
        Ok(answers)
    }

    async fn receive_chunk(&self, drafts: &[OrderDraft], now_ms: i64) -> Result<Vec<Received>, StoreError> {
        let judged: Vec<_> = drafts.iter().map(Judged::of).collect();
        let good = judged.iter().flatten();
        let keys: BTreeSet<&OrderKey> = good.clone().map(|judged| &judged.draft.key).collect();
        let mut session = self.database().begin().await?;
        // The first id is drawn before anything is read: from here on no other intake goes on, so what is read holds.
        let drawn = session.find(statements::DRAW, values![0, "order"]).await?;
        let mut next_id =
            drawn.ok_or_else(|| StoreError::damaged("the counter of orders is missing"))?.int(0)?;
        let first_id = next_id;
        let mut known = find_ids(&mut session, &keys).await?;
        let mut new: BTreeMap<i64, &Judged<'_>> = BTreeMap::new();
        let mut answers = Vec::with_capacity(drafts.len());
        for judged in &judged {
            let judged = match judged {
                Ok(judged) => judged,
                Err(refusal) => {
                    answers.push(Received::Refused(refusal.clone()));
                    continue;
                }
            };
            let Some(order) = known.get(&judged.draft.key).copied() else {
                known.insert(&judged.draft.key, next_id);
                new.insert(next_id, judged);
                answers.push(accepted(next_id, judged, false));
                next_id += 1;
                continue;
            };
            let stored = match new.get(&order) {
                Some(earlier) => earlier.content(),
                None => stored_content(&mut session, order).await?,
            };
            let differences = stored.differences(&judged.content());
            answers.push(if differences.is_empty() {
                accepted(order, judged, true)
            } else {
                Received::Conflict { order, differences }
            });
        }
        if !new.is_empty() {
            session.execute(statements::DRAW, values![next_id - first_id, "order"]).await?;
            let skus = insert(&mut session, &new, self.known_skus(), now_ms).await?;
            session.commit().await?;
            self.known_skus().add(skus.into_iter());
        }
        Ok(answers)
    }

    /// Cancels an order whose batch has not been started. Again is the same answer without a batch.
    ///
    /// # Errors
    /// It cannot be cancelled here, or the store cannot be used.
    pub async fn cancel_order(
        &self,
        order: &OrderKey,
    ) -> Result<Result<Cancelled, CancelRefusal>, StoreError> {
        let mut session = self.database().begin().await?;
        self.lock_orders(&mut session).await?;
        let row = session.find(statements::FIND_ORDER, values![&order.owner, &order.number]).await?;
        let Some(row) = row else { return Ok(Err(CancelRefusal::Unknown)) };
        let (id, state, batch) = (row.int(0)?, row.string(14)?, row.maybe_int(15)?);
        match state.as_str() {
            "cancel" => return Ok(Ok(Cancelled { order: id, batch: None, is_plan_void: false })),
            "wait" => {}
            "picking" => return Ok(Err(CancelRefusal::Started { batch: batch.unwrap_or_default() })),
            _ => return Ok(Err(CancelRefusal::Over { state })),
        }
        let mut is_plan_void = false;
        if let Some(batch) = batch {
            let found = session.find(statements::FIND_BATCH, values![batch]).await?;
            let found =
                found.ok_or_else(|| StoreError::damaged(format!("order {id} is in no batch {batch}")))?;
            match found.text(8)? {
                "ready" => {
                    crate::batch::drop_plan(&mut session, batch).await?;
                    is_plan_void = true;
                }
                "receiving" | "waiting" => {}
                _ => return Ok(Err(CancelRefusal::Started { batch })),
            }
            session.execute(statements::REMOVE_MEMBER, values![id]).await?;
        }
        session.execute(statements::CANCEL_ORDER, values![id]).await?;
        session.execute(statements::CANCEL_LINES, values![id]).await?;
        session.commit().await?;
        Ok(Ok(Cancelled { order: id, batch, is_plan_void }))
    }

    /// Other changes of orders and batches wait until this session ends: they all draw from this counter first.
    pub(crate) async fn lock_orders(&self, session: &mut Session) -> Result<(), StoreError> {
        session.find(statements::DRAW, values![0, "order"]).await?;
        Ok(())
    }
}

fn accepted(order: i64, judged: &Judged<'_>, is_repeat: bool) -> Received {
    let lines = u32::try_from(judged.good.len()).expect("an order has a bounded number of lines");
    Received::Accepted { order, lines, refusals: judged.refusals.clone(), is_repeat }
}

async fn find_ids<'a>(
    session: &mut Session,
    keys: &BTreeSet<&'a OrderKey>,
) -> Result<BTreeMap<&'a OrderKey, i64>, StoreError> {
    let asked: Vec<Value<'_>> =
        keys.iter().flat_map(|key| [Value::from(&key.owner), Value::from(&key.number)]).collect();
    let mut found = BTreeMap::new();
    for row in session.fetch_rows(&statements::FIND_ORDERS, &asked).await? {
        let key = OrderKey { owner: row.string(1)?, number: row.string(2)? };
        if let Some(key) = keys.get(&key) {
            found.insert(*key, row.int(0)?);
        }
    }
    Ok(found)
}

async fn stored_content(session: &mut Session, order: i64) -> Result<Content, StoreError> {
    let row = session.find(statements::FIND_ORDER_OF_ID, values![order]).await?;
    let row = row.ok_or_else(|| StoreError::damaged(format!("order {order} is gone")))?;
    let mut lines = Vec::new();
    for line in session.fetch(statements::FIND_LINES, values![order]).await? {
        lines.push(ContentLine {
            line_no: line.int(0)?,
            sku: wcs_types::SkuKey { owner: line.string(1)?, code: line.string(2)? },
            description: line.string(3)?,
            ordered: line.int(4)?,
        });
    }
    Ok(Content { customer: row.string(3)?, priority: row.int(4)?, due_at_s: row.int(5)?, lines })
}

/// Stores orders that are not there yet, in few statements. Gives the articles that were offered with them.
async fn insert<'a>(
    session: &mut Session,
    orders: &BTreeMap<i64, &'a Judged<'_>>,
    known: &KnownSkus,
    now_ms: i64,
) -> Result<Vec<(&'a str, &'a str)>, StoreError> {
    let mut owners: BTreeSet<&str> = BTreeSet::new();
    let mut skus: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut barcodes: BTreeSet<[&str; 3]> = BTreeSet::new();
    let (mut order_rows, mut line_rows) = (Vec::new(), Vec::new());
    for (id, judged) in orders {
        let draft = judged.draft;
        owners.insert(&draft.key.owner);
        order_rows.extend_from_slice(values![
            *id,
            &draft.key.owner,
            &draft.key.number,
            &draft.customer,
            i64::from(draft.priority),
            draft.due_at_s.cast_signed(),
            now_ms,
            judged.good.len() as i64,
            judged.ordered(),
        ]);
        for line in &judged.good {
            let (owner, code) = (&line.sku.owner, &line.sku.code);
            owners.insert(owner);
            skus.entry((owner, code)).or_insert(&line.description);
            barcodes.extend(
                line.barcodes.iter().map(|barcode| [owner.as_str(), barcode.as_str(), code.as_str()]),
            );
            line_rows.extend_from_slice(values![
                *id,
                i64::from(line.line_no),
                owner,
                code,
                &line.description,
                i64::from(line.quantity),
            ]);
        }
    }
    let owner_rows: Vec<Value<'_>> = owners.into_iter().map(Value::from).collect();
    let offered = known.unknown_of(skus.into_iter());
    let sku_rows: Vec<Value<'_>> = offered
        .iter()
        .flat_map(|((owner, code), description)| [*owner, *code, *description].map(Value::from))
        .collect();
    let barcode_rows: Vec<Value<'_>> = barcodes.into_iter().flatten().map(Value::from).collect();
    session.execute_rows(&statements::INSERT_OWNERS, &owner_rows).await?;
    session.execute_rows(&statements::INSERT_SKUS, &sku_rows).await?;
    session.execute_rows(&statements::INSERT_BARCODES, &barcode_rows).await?;
    session.execute_rows(&statements::INSERT_ORDERS, &order_rows).await?;
    session.execute_rows(&statements::INSERT_LINES, &line_rows).await?;
    Ok(offered.into_iter().map(|(sku, _)| sku).collect())
}
