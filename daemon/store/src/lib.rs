//! The store: orders, batches and master data in SQL, and what the journal says about them.
//!
//! This page is the specification. It knows the shared language and reads journals; it knows no core, no devices and no
//! HTTP. One text of SQL (`statements`) serves SQLite and PostgreSQL.
//!
//! # Constraints
//! 1. What a call answered is durable: SQLite runs in WAL with synchronous FULL, PostgreSQL with synchronous commit.
//! 2. A request is carried out whole or not at all. A list of orders is cut into chunks of
//!    [`ORDERS_PER_CHUNK_MAX`], each whole by itself.
//! 3. The same request again is the same answer and changes nothing: orders by owner and number, batches by reference,
//!    starts by token, other requests by an idempotency token.
//! 4. **One writer per column.** Columns marked "journal" in the migrations are written by the [`Projector`] alone, all
//!    others by the calls of [`Store`] alone.
//! 5. Each fact is applied exactly once: the position moves in the transaction that applies it.
//! 6. Journal-owned columns depend on the journal and on what is frozen at a start, on nothing else: [`Store::rebuild`]
//!    from a copy and the whole journal gives the same.
//! 7. No call waits for ever. A database that is down, locked or full is [`StoreError::Unavailable`] with the time after
//!    which to ask again; lines do not depend on it.
//!
//! # Tables
//! | table | key | owner | holds |
//! |---|---|---|---|
//! | `migrations` | number | store | steps of the schema that were applied, each with its checksum |
//! | `counters` | name | store | next id of orders, batches, and batches in the journal |
//! | `owners`, `skus`, `barcodes` | names | store | master data, grown by intake; a sku has any number of barcodes |
//! | `chutes` | index in the plant | store | names of chutes |
//! | `orders` | id; owner + number | store; `run_state`, `picked`, `boxed`, `short` journal | orders and their pieces |
//! | `lines` | order, line number | store; `picked`, `boxed`, `short` journal | lines and their pieces |
//! | `idempotency` | token | store | answers to requests |
//! | `batches` | id; `core_id`; reference | store; `run_state` to `short` journal | batches |
//! | `batch_members` | batch, order | store | which orders a batch has; an order is in one batch at most |
//! | `jobs` | batch, job | store; `picked` to `last_seen` journal | the plan, as the core gets it |
//! | `job_lines` | batch, job, line | store | which lines of its order a job fills, with how many pieces |
//! | `shift_closes` | id; business day + shift | store | shifts that were closed, and what was open at that moment |
//! | `batch_tables` | batch, place | store | chutes of classes that were fixed beforehand |
//! | `added_parts` | batch, part | store | jobs added to a batch that runs, until the core has answered and after |
//! | `projection` | one row | journal | which journal, how far, and the counters of loads and boxes |
//! | `loads` | id; line + PLC epoch + item | journal | every load with its one current outcome and reason |
//! | `bindings` | chute | journal | class of each chute |
//! | `boxes` | id; one open per chute | journal | boxes, from their first piece to their removal |
//! | `standing_boxes` | chute | journal | what people call the box that stands there |
//! | `exceptions` | load | journal | loads a person has to deal with, open and closed |
//!
//! # From the journal's ids to the store's
//! | journal | store |
//! |---|---|
//! | `BatchId` | `batches.core_id`, drawn when a start is first asked for. Another plan draws another: the core keeps what was staged under an id, and would refuse other parts. |
//! | `JobId` | `jobs.job` of that batch: both number the jobs in the order of the plan |
//! | `OrderKey` | `orders.owner`, `orders.number` |
//! | `LoadKey` | `loads.line`, `loads.plc_epoch`, `loads.item`; `loads.id` counts loads in the order of the journal |
//! | `ChuteId` | `chutes.chute` |
//!
//! Facts about a batch the store does not hold (staged by a script, or lost with a backup) change loads, boxes and
//! bindings, and are counted in `projection.homeless`.
//!
//! # States
//! Of a batch: `receiving, waiting, ready, starting` and `cancelled, merged` are the store's (`state`), `running, paused,
//! closing, ended` the journal's (`run_state`); where there is a `run_state`, it is what is shown. Of an order: `wait`
//! and `cancel` are the store's (`intake_state`), `picking, picked, boxed, cancel` the journal's. An order is `picked`
//! when every piece that will come is in a chute, `boxed` when it is in a box that was taken away, `cancel` when none
//! will come.
//!
//! # Transactions
//! | call | one transaction |
//! |---|---|
//! | [`Store::receive`] | up to [`ORDERS_PER_CHUNK_MAX`] orders with their lines and master data |
//! | [`Store::cancel_order`] | the order, its membership, and the plan of its batch where it had one |
//! | [`Store::make_batch`], [`Store::add_orders`], [`Store::assign`], ... | the whole change of the batch |
//! | [`Store::begin_start`] | content, id, token and state `starting` |
//! | [`Store::begin_addition`] | members, jobs and parts that are being added to a batch that runs |
//! | [`Projector::advance`] | up to [`RECORDS_PER_CHUNK_MAX`] records and the position |
//!
//! Changes of orders and batches first touch the counter of orders: on PostgreSQL its row lock orders them, on SQLite
//! the write lock of the transaction does.
//!
//! # Failures, case by case
//! | case | is |
//! |---|---|
//! | locked, down, full, out of connections | [`StoreError::Unavailable`]; nothing was changed |
//! | commit whose answer was lost | the caller asks again (constraint 3); the projector reads its position |
//! | crash between store and core at a start | [`Store::starting`] names the batch at boot; token and parts are asked again |
//! | crash between store and core at an addition | [`Store::adding`] names the batch at boot; its parts are asked again |
//! | journal shorter than the position | [`ProjectError::BeyondJournal`]: acknowledged records are missing |
//! | another journal | [`ProjectError::ForeignJournal`] |
//! | two projectors | [`ProjectError::Doubled`]: the position had moved |
//! | newer or changed migration | [`MigrationError`], before anything else is done |
//! | a value this program never writes | [`StoreError::Damaged`] |
#![forbid(unsafe_code)]

mod addition;
mod batch;
mod checking;
mod database;
mod error;
mod facts;
mod idempotency;
mod intake;
mod known;
mod listing;
mod migration;
mod order;
mod planning;
mod projection;
mod projector;
mod rebuild;
mod shift;
mod sku;
mod starting;
pub mod statements;
mod store;
mod words;

pub use addition::{Adding, PartToAdd};
pub use batch::{BatchDraft, BatchError, BatchRefusal, Made, MemberFault, PlanFault};
pub use database::{Address, BadAddress, Connections, Engine};
pub use error::StoreError;
pub use idempotency::Claim;
pub use intake::{CancelRefusal, Cancelled, ORDERS_PER_CHUNK_MAX, Received};
pub use listing::{
    BatchFilter, BatchView, BoxView, ChuteView, ExceptionView, LineView, LoadFilter, LoadView, OrderFilter,
    OrderView, PAGE_SIZE_MAX, Page, PageAt, Quantities, ResultView,
};
pub use migration::{MIGRATIONS, Migration, MigrationError};
pub use order::{
    BARCODES_PER_LINE_MAX, DESCRIPTION_SIZE_MAX, Difference, LINES_PER_ORDER_MAX, LineDraft, LineFault,
    LineRefusal, NAME_SIZE_MAX, OrderDraft, OrderRefusal,
};
pub use planning::LineToPlan;
pub use projector::{Progress, ProjectError, Projector, RECORDS_PER_CHUNK_MAX};
pub use shift::{MissingView, OpenCounts, ShiftClose, ShiftCloseView};
pub use sku::SkuView;
pub use starting::Starting;
pub use store::{Settings, Store};
