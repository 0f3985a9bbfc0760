//! What the service needs of the process it runs in: somebody to ask verbs of, the records behind what happened, and
//! figures for metrics. The binary implements these; tests have their own.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use wcs_types::{Fact, OperatorId, Record, Reply, Seq, Verb};

use crate::why::keys::{Key, keys_of};

/// A verb that was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The answer of the core.
    pub reply: Reply,
    /// The record of the verb. It is durable.
    pub position: Seq,
    /// What came of it in that record.
    pub facts: Vec<Fact>,
}

/// Why a verb has no answer. It may have been carried out all the same, except where it says otherwise.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AskError {
    /// Not taken: too many verbs wait, or the journal has no room.
    #[error("the control core has no room for more requests; ask again in {} s", .retry_after.as_secs())]
    Busy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// Taken, but its record did not become durable in time. The same verb may be asked again.
    #[error("the request was taken, and its record is not on disk after {} ms", .waited.as_millis())]
    NotDurable {
        /// How long was waited.
        waited: Duration,
    },
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// An answer to come.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Asked, AskError>> + Send + 'a>>;

/// Somebody to ask verbs of.
pub trait Control: Send + Sync + 'static {
    /// Asks a verb. Resolves when its record is durable, or with a reason why there is no answer; never waits for
    /// ever.
    fn ask(&self, operator: OperatorId, verb: Verb) -> Asking<'_>;
}

/// A record and when it came about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// The record.
    pub record: Record,
}

/// Records could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the journal cannot be read at record {at}: {cause}", at = at.0)]
pub struct RecordsError {
    /// From where it was read.
    pub at: Seq,
    /// What the journal said.
    pub cause: String,
}

/// Records were not found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FindError {
    /// Too many records are not in the index yet to look at each of them.
    #[error("records {from} to {through} are not indexed yet: ask again in a minute", from = from.0, through = through.0)]
    Behind {
        /// The first of them.
        from: Seq,
        /// The last of them.
        through: Seq,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// What is looked for among the records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sought {
    /// A number of [`crate::why::keys`].
    pub key: u64,
    /// Up to this record.
    pub through: Seq,
    /// Only the last of them is wanted.
    pub is_last_only: bool,
}

impl Sought {
    /// Every record of a key.
    pub fn all(key: Key<'_>) -> Self {
        Self { key: key.number(), through: Seq(u64::MAX), is_last_only: false }
    }

    /// The last record of a key up to a record.
    pub fn last(key: Key<'_>, through: Seq) -> Self {
        Self { key: key.number(), through, is_last_only: true }
    }
}

/// What has happened: durable records, from the beginning of the journal. Calls block on the disk.
pub trait Records: Send + Sync + 'static {
    /// Last durable record.
    fn durable(&self) -> Seq;

    /// Shows durable records from `from` on, in order, until `visit` returns false or there are no more.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn read(&self, from: Seq, visit: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError>;

    /// Durable records that are found by a key, ascending. One that tells of something else may be among them. Without
    /// an index every record is looked at.
    ///
    /// # Errors
    /// The journal cannot be read, or too much of it is not indexed yet.
    fn find(&self, sought: &Sought) -> Result<Vec<Seq>, FindError> {
        let (mut found, mut keys) = (Vec::new(), Vec::new());
        self.read(Seq(1), &mut |told| {
            if told.record.seq > sought.through {
                return false;
            }
            keys_of(&told.record, &mut keys);
            if keys.contains(&sought.key) {
                if sought.is_last_only {
                    found.clear();
                }
                found.push(told.record.seq);
            }
            true
        })?;
        Ok(found)
    }

    /// Shows these records; they ascend.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn read_these(&self, seqs: &[Seq], visit: &mut dyn FnMut(&Told)) -> Result<(), RecordsError> {
        for seq in seqs {
            self.read(*seq, &mut |told| {
                if told.record.seq == *seq {
                    visit(told);
                }
                false
            })?;
        }
        Ok(())
    }
}

/// Figures of the process that are not made here.
pub trait Figures: Send + Sync + 'static {
    /// Adds its figures to what `/metrics` shows.
    fn collect(&self, metrics: &mut dyn Gauges);
}

/// Where figures are put down. Names and labels follow the conventions of Prometheus.
pub trait Gauges {
    /// Something that only grows.
    fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    );
    /// Something that goes up and down.
    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)], value: f64);
    /// A distribution in seconds: for each bound how many were at most that, then count and sum.
    fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        buckets: &[(f64, u64)],
        count: u64,
        sum: f64,
    );
}
