//! What people and the API read: lists in pages, each page found through an index from a cursor, and single rows.
//! What is running now comes from memory built from facts, not from here.

use wcs_types::{LoadKey, OrderKey};

use crate::database::{Row, Value, values};
use crate::error::StoreError;
use crate::statements;
use crate::store::Store;

/// Rows of one page. More are not given.
pub const PAGE_SIZE_MAX: u32 = 500;

/// A piece of a list: what comes behind `after`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PageAt {
    /// Cursor of the page before; 0 for the first page (-1 where things are numbered from 0).
    pub after: i64,
    /// Rows wanted; at most [`PAGE_SIZE_MAX`].
    pub size: u32,
}

/// One page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Cursor of the next page; `None` when this was the last.
    pub next: Option<i64>,
}

/// Which orders.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderFilter<'a> {
    /// All.
    All,
    /// Those in a reporting state.
    InState(&'a str),
    /// Those of a batch.
    OfBatch(i64),
}

/// Which batches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BatchFilter<'a> {
    /// All.
    All,
    /// Those in a state.
    InState(&'a str),
}

/// Which loads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoadFilter<'a> {
    /// All.
    All,
    /// Those that ended so.
    OfOutcome(&'a str),
    /// All attempts of a label.
    OfLabel(&'a str),
}

/// An order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderView {
    /// Its id: the cursor of lists.
    pub id: i64,
    /// Owner and number.
    pub key: OrderKey,
    /// Customer.
    pub customer: String,
    /// Larger goes first.
    pub priority: i64,
    /// Unix seconds; 0 for none.
    pub due_at_s: i64,
    /// Milliseconds since 1970.
    pub received_at: i64,
    /// How many lines.
    pub line_count: i64,
    /// Pieces.
    pub quantities: Quantities,
    /// `wait`, `picking`, `picked`, `boxed` or `cancel`.
    pub state: String,
    /// Batch it is in.
    pub batch: Option<i64>,
}

/// Pieces of an order or a line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quantities {
    /// Ordered.
    pub ordered: i64,
    /// In jobs of batches.
    pub assigned: i64,
    /// Cancelled by the host, or missing at the end of the batch.
    pub cancelled: i64,
    /// Of these, missing at the end of the batch, or cancelled while it ran.
    pub short: i64,
    /// In a chute.
    pub picked: i64,
    /// In a box that was closed.
    pub boxed: i64,
}

/// A line of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineView {
    /// Number inside the order.
    pub line_no: i64,
    /// Owner of the article.
    pub sku_owner: String,
    /// Code of the article.
    pub sku_code: String,
    /// Its text.
    pub description: String,
    /// Pieces.
    pub quantities: Quantities,
}

/// A batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchView {
    /// Its id.
    pub id: i64,
    /// Its id in the journal, once a start was asked for.
    pub core_id: Option<i64>,
    /// Name with whoever made it.
    pub reference: Option<String>,
    /// Its line.
    pub line: i64,
    /// How loads are identified.
    pub identify: String,
    /// How classes get chutes.
    pub assign: String,
    /// How many order chutes it may use; 0 for all.
    pub chute_limit: i64,
    /// Where it is in its life.
    pub state: String,
    /// Batch its orders went to.
    pub merged_into: Option<i64>,
    /// Pieces of its jobs.
    pub planned: i64,
    /// Pieces in chutes.
    pub picked: i64,
    /// Pieces in closed boxes.
    pub boxed: i64,
    /// Pieces missing at its end.
    pub short: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Core time of its start.
    pub started_ns: Option<i64>,
    /// Core time of its end.
    pub ended_ns: Option<i64>,
}

/// A job of a batch and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResultView {
    /// Number inside the batch.
    pub job: i64,
    /// Order.
    pub order: OrderKey,
    /// First line it fills.
    pub line_no: i64,
    /// Owner of the article.
    pub sku_owner: String,
    /// Code of the article.
    pub sku_code: String,
    /// First code of its loads.
    pub label: String,
    /// Pieces planned.
    pub planned: i64,
    /// Pieces in a chute.
    pub picked: i64,
    /// Pieces in closed boxes.
    pub boxed: i64,
    /// Pieces missing at the end of the batch.
    pub short: i64,
    /// Why they are missing.
    pub short_reason: Option<String>,
    /// Where they were seen last.
    pub last_seen: Option<String>,
}

/// A load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadView {
    /// Its id.
    pub id: i64,
    /// Line, life of the PLC and item, as `line/epoch/item`.
    pub key: String,
    /// Its label; empty when it had none.
    pub label: String,
    /// The attempt of the same label before it.
    pub previous: Option<i64>,
    /// Record in which it was first seen.
    pub seen_seq: i64,
    /// Rounds.
    pub turns: i64,
    /// Decisions that came too late.
    pub late: i64,
    /// Batch in the journal, and job.
    pub job: Option<(i64, i64)>,
    /// Pieces.
    pub pieces: i64,
    /// Where it ended; `None` while it is on the belt.
    pub outcome: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Lane it left at; 0 for none.
    pub lane: Option<i64>,
    /// What the PLC reported.
    pub result: Option<String>,
    /// Record in which it ended.
    pub ended_seq: Option<i64>,
    /// Box it lies in.
    pub box_id: Option<i64>,
}

/// A load that waits for a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExceptionView {
    /// The load.
    pub load: i64,
    /// Its label; empty when it had none.
    pub label: String,
    /// Where it ended.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Lane it lies at.
    pub lane: i64,
    /// Record in which it ended there.
    pub opened_seq: i64,
}

/// A box.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoxView {
    /// Its id.
    pub id: i64,
    /// Chute it stands or stood at.
    pub chute: i64,
    /// Batch in the journal.
    pub core_batch: i64,
    /// Order whose pieces are in it.
    pub order: OrderKey,
    /// Loads in it.
    pub loads: i64,
    /// Pieces in it.
    pub pieces: i64,
    /// What people call it, where somebody said.
    pub code: Option<String>,
    /// Record in which its first piece came.
    pub opened_seq: i64,
    /// Record in which it was taken away.
    pub closed_seq: Option<i64>,
}

/// A chute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChuteView {
    /// Its id: index in the plant.
    pub chute: i64,
    /// Its line.
    pub line: i64,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: String,
    /// Batch in the journal and order it is bound to.
    pub bound_to: Option<(i64, OrderKey)>,
}

impl Store {
    /// Orders, oldest first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn orders(&self, filter: OrderFilter<'_>, at: PageAt) -> Result<Page<OrderView>, StoreError> {
        match filter {
            OrderFilter::All => self.page(statements::LIST_ORDERS, None, at, order_view, |o| o.id).await,
            OrderFilter::InState(state) => {
                self.page(
                    statements::ORDERS_IN_STATE.text(self.engine()),
                    Some(state.into()),
                    at,
                    order_view,
                    |o| o.id,
                )
                .await
            }
            OrderFilter::OfBatch(batch) => {
                self.page(statements::LIST_ORDERS_OF_BATCH, Some(batch.into()), at, order_view, |o| o.id)
                    .await
            }
        }
    }

    /// One order with its lines.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn order(&self, key: &OrderKey) -> Result<Option<(OrderView, Vec<LineView>)>, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_ORDER, values![&key.owner, &key.number]).await?;
        let Some(row) = row else { return Ok(None) };
        let order = order_view(&row)?;
        let lines = session.fetch(statements::FIND_LINES, values![order.id]).await?;
        let lines = lines.iter().map(line_view).collect::<Result<_, _>>()?;
        Ok(Some((order, lines)))
    }

    /// Batches, oldest first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn batches(&self, filter: BatchFilter<'_>, at: PageAt) -> Result<Page<BatchView>, StoreError> {
        match filter {
            BatchFilter::All => self.page(statements::LIST_BATCHES, None, at, batch_view, |b| b.id).await,
            BatchFilter::InState(state) => {
                self.page(
                    statements::BATCHES_IN_STATE.text(self.engine()),
                    Some(state.into()),
                    at,
                    batch_view,
                    |b| b.id,
                )
                .await
            }
        }
    }

    /// One batch.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn batch(&self, batch: i64) -> Result<Option<BatchView>, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_BATCH, values![batch]).await?;
        row.as_ref().map(batch_view).transpose()
    }

    /// The batch with this reference.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn batch_of_reference(&self, reference: &str) -> Result<Option<BatchView>, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_BATCH_OF_REFERENCE, values![reference]).await?;
        row.as_ref().map(batch_view).transpose()
    }

    /// Jobs of a batch and what became of them. Jobs are numbered from 0: the first page is after -1.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn results(&self, batch: i64, at: PageAt) -> Result<Page<ResultView>, StoreError> {
        self.page(statements::LIST_RESULTS, Some(batch.into()), at, result_view, |r| r.job).await
    }

    /// Jobs of a batch that are not all in a chute, and what is known of the pieces; the first page is after -1.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn missing(&self, batch: i64, at: PageAt) -> Result<Page<ResultView>, StoreError> {
        self.page(statements::FIND_MISSING, Some(batch.into()), at, result_view, |r| r.job).await
    }

    /// Loads, in the order in which they were first seen.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn loads(&self, filter: LoadFilter<'_>, at: PageAt) -> Result<Page<LoadView>, StoreError> {
        match filter {
            LoadFilter::All => self.page(statements::LIST_LOADS, None, at, load_view, |l| l.id).await,
            LoadFilter::OfOutcome(outcome) => {
                self.page(
                    statements::LOADS_OF_OUTCOME.text(self.engine()),
                    Some(outcome.into()),
                    at,
                    load_view,
                    |l| l.id,
                )
                .await
            }
            LoadFilter::OfLabel(label) => {
                self.page(
                    statements::LOADS_OF_LABEL.text(self.engine()),
                    Some(label.into()),
                    at,
                    load_view,
                    |l| l.id,
                )
                .await
            }
        }
    }

    /// Loads of jobs of an order, in the order in which they were first seen; at most `most`.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn loads_of_order(&self, order: i64, most: u32) -> Result<Vec<LoadView>, StoreError> {
        let mut session = self.database().read().await?;
        let rows = session.fetch(statements::LOADS_OF_ORDER, values![order, i64::from(most)]).await?;
        rows.iter().map(load_view).collect()
    }

    /// One load.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn load(&self, key: LoadKey) -> Result<Option<LoadView>, StoreError> {
        let key = values![i64::from(key.line.0), i64::from(key.plc_epoch.0), i64::from(key.item)];
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_LOAD_OF_KEY, key).await?;
        row.as_ref().map(load_view).transpose()
    }

    /// Loads that wait for a person.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn exceptions(&self, at: PageAt) -> Result<Page<ExceptionView>, StoreError> {
        self.page(statements::LIST_EXCEPTIONS, None, at, exception_view, |e| e.load).await
    }

    /// Boxes, oldest first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn boxes(&self, at: PageAt) -> Result<Page<BoxView>, StoreError> {
        self.page(statements::LIST_BOXES, None, at, box_view, |b| b.id).await
    }

    /// Chutes and what they are bound to. Chutes are numbered from 0: the first page is after -1.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn chutes(&self, at: PageAt) -> Result<Page<ChuteView>, StoreError> {
        self.page(statements::LIST_CHUTES, None, at, chute_view, |c| c.chute).await
    }

    /// Barcodes of an article, beside its code.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn barcodes(&self, owner: &str, code: &str) -> Result<Vec<String>, StoreError> {
        let mut session = self.database().read().await?;
        let rows = session.fetch(statements::FIND_BARCODES, values![owner, code]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    pub(crate) async fn page<T>(
        &self,
        sql: &'static str,
        filter: Option<Value<'_>>,
        at: PageAt,
        view: fn(&Row) -> Result<T, StoreError>,
        cursor: fn(&T) -> i64,
    ) -> Result<Page<T>, StoreError> {
        let size = at.size.clamp(1, PAGE_SIZE_MAX) as usize;
        // One row more tells whether there is another page.
        let bounds = [Value::Int(at.after), Value::Int(size as i64 + 1)];
        let bound: Vec<Value<'_>> = filter.into_iter().chain(bounds).collect();
        let rows = self.database().read().await?.fetch(sql, &bound).await?;
        let mut items = rows.iter().map(view).collect::<Result<Vec<T>, _>>()?;
        let has_more = items.len() > size;
        items.truncate(size);
        let next = items.last().map(cursor).filter(|_| has_more);
        Ok(Page { items, next })
    }
}

fn order_view(row: &Row) -> Result<OrderView, StoreError> {
    Ok(OrderView {
        id: row.int(0)?,
        key: OrderKey { owner: row.string(1)?, number: row.string(2)? },
        customer: row.string(3)?,
        priority: row.int(4)?,
        due_at_s: row.int(5)?,
        received_at: row.int(6)?,
        line_count: row.int(7)?,
        quantities: quantities(row, 8)?,
        state: row.string(14)?,
        batch: row.maybe_int(15)?,
    })
}

/// Six columns from `first`: ordered, assigned, cancelled, short, picked, boxed.
fn quantities(row: &Row, first: usize) -> Result<Quantities, StoreError> {
    let (cancelled, short) = (row.int(first + 2)?, row.int(first + 3)?);
    Ok(Quantities {
        ordered: row.int(first)?,
        assigned: row.int(first + 1)?,
        cancelled: cancelled + short,
        short,
        picked: row.int(first + 4)?,
        boxed: row.int(first + 5)?,
    })
}

fn line_view(row: &Row) -> Result<LineView, StoreError> {
    Ok(LineView {
        line_no: row.int(0)?,
        sku_owner: row.string(1)?,
        sku_code: row.string(2)?,
        description: row.string(3)?,
        quantities: quantities(row, 4)?,
    })
}

fn batch_view(row: &Row) -> Result<BatchView, StoreError> {
    Ok(BatchView {
        id: row.int(0)?,
        core_id: row.maybe_int(1)?,
        reference: row.maybe_string(2)?,
        line: row.int(3)?,
        identify: row.string(5)?,
        assign: row.string(6)?,
        chute_limit: row.int(7)?,
        state: row.maybe_text(9)?.unwrap_or(row.text(8)?).to_owned(),
        merged_into: row.maybe_int(23)?,
        planned: row.int(13)?,
        created_at: row.int(14)?,
        started_ns: row.maybe_int(17)?,
        ended_ns: row.maybe_int(19)?,
        picked: row.int(20)?,
        boxed: row.int(21)?,
        short: row.int(22)?,
    })
}

pub(crate) fn result_view(row: &Row) -> Result<ResultView, StoreError> {
    Ok(ResultView {
        job: row.int(0)?,
        order: OrderKey { owner: row.string(1)?, number: row.string(2)? },
        line_no: row.int(3)?,
        sku_owner: row.string(4)?,
        sku_code: row.string(5)?,
        label: row.string(6)?,
        planned: row.int(7)?,
        picked: row.int(8)?,
        boxed: row.int(9)?,
        short: row.int(10)?,
        short_reason: row.maybe_string(11)?,
        last_seen: row.maybe_string(12)?,
    })
}

fn load_view(row: &Row) -> Result<LoadView, StoreError> {
    Ok(LoadView {
        id: row.int(0)?,
        key: format!("{}/{}/{}", row.int(1)?, row.int(2)?, row.int(3)?),
        label: row.string(4)?,
        previous: row.maybe_int(5)?,
        seen_seq: row.int(6)?,
        turns: row.int(8)?,
        late: row.int(9)?,
        job: row.maybe_int(10)?.zip(row.maybe_int(11)?),
        pieces: row.int(12)?,
        outcome: row.maybe_string(13)?,
        reason: row.maybe_string(14)?,
        lane: row.maybe_int(15)?,
        result: row.maybe_string(16)?,
        ended_seq: row.maybe_int(17)?,
        box_id: row.maybe_int(20)?,
    })
}

fn exception_view(row: &Row) -> Result<ExceptionView, StoreError> {
    Ok(ExceptionView {
        load: row.int(0)?,
        label: row.string(1)?,
        outcome: row.string(2)?,
        reason: row.string(3)?,
        lane: row.int(4)?,
        opened_seq: row.int(5)?,
    })
}

fn box_view(row: &Row) -> Result<BoxView, StoreError> {
    Ok(BoxView {
        id: row.int(0)?,
        chute: row.int(1)?,
        core_batch: row.int(2)?,
        order: OrderKey { owner: row.string(3)?, number: row.string(4)? },
        loads: row.int(5)?,
        pieces: row.int(6)?,
        opened_seq: row.int(7)?,
        closed_seq: row.maybe_int(8)?,
        code: row.maybe_string(9)?,
    })
}

fn chute_view(row: &Row) -> Result<ChuteView, StoreError> {
    let class = match (row.maybe_int(4)?, row.maybe_string(5)?, row.maybe_string(6)?) {
        (Some(batch), Some(owner), Some(number)) => Some((batch, OrderKey { owner, number })),
        _ => None,
    };
    Ok(ChuteView {
        chute: row.int(0)?,
        line: row.int(1)?,
        name: row.string(2)?,
        kind: row.string(3)?,
        bound_to: class,
    })
}
