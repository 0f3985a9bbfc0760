//! Order intake: an order file and the mapping that explains its columns become orders with lines, and a
//! refusal with its reason for every row that cannot be one. Then the cut into batches with labelled jobs.
//! Knows no database, no network and no control core; opens no file: bytes and texts come in.
//!
//! ```text
//! bytes + Mapping --read_orders--> Intake (orders, refusals, empty orders) --plan--> batches of jobs
//!                      |
//!                      +--> FileRefusal: nothing of the file is taken
//! ```
#![forbid(unsafe_code)]

mod encoding;
mod intake;
mod mapping;
mod plan;
mod refusal;
mod rows;

pub use encoding::Encoding;
pub use intake::{Intake, LineIntake, OrderIntake, read_orders};
pub use mapping::{Columns, Mapping, MappingProblem, MappingProblems, RefusalRule, Rule};
pub use plan::{CodeTooLong, LineToPlan, OrderToPlan, PlannedBatch, jobs_of, plan};
pub use refusal::{FileRefusal, LineRefusal, builtin};
pub use rows::OWNER_DEFAULT;
