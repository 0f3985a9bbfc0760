//! From orders to batches of labelled jobs: which orders are sorted together, and what a load of a job is
//! recognised by. The simulator cuts files alike by code of its own.

use std::collections::BTreeMap;

use wcs_types::limits::{CODE_SIZE_MAX, CODES_PER_JOB_MAX, PIECES_PER_LINE_MAX};
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, Code, Identify, JobSpec, LineId, OrderKey, Pieces, SkuKey,
};

use crate::intake::{Intake, OrderIntake};

/// A batch with its jobs, ready to be staged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedBatch {
    /// What the batch is.
    pub spec: BatchSpec,
    /// Its jobs, by order, then by line.
    pub jobs: Vec<JobSpec>,
}

/// Cuts orders into batches, numbered from 1, for the `chutes` lowest order chutes of `line` (at least 1).
///
/// Orders stand in the order of their first accepted row. With [`Assign::Volume`] every `chutes` of them are a
/// batch; with [`Assign::FirstScan`] all of them are one. With [`Identify::Lpn`] a job is a line, recognised by
/// the label `order/line_no`; with [`Identify::Sku`] lines of the same sku in an order are one job, recognised by
/// the sku.
pub fn plan(
    intake: &Intake,
    chutes: usize,
    assign: Assign,
    identify: Identify,
    line: LineId,
) -> Vec<PlannedBatch> {
    let chutes = chutes.max(1);
    let orders_per_batch = match assign {
        Assign::Volume | Assign::Fixed => chutes,
        Assign::FirstScan => intake.orders.len().max(1),
    };
    let batches = intake.orders.chunks(orders_per_batch);
    (1..)
        .zip(batches)
        .map(|(number, orders)| {
            let spec = BatchSpec {
                batch: BatchId(number),
                line,
                kind: BatchKind::Sort,
                identify,
                assign,
                chute_limit: u16::try_from(chutes).unwrap_or(u16::MAX),
            };
            let jobs = orders.iter().flat_map(|order| {
                jobs_of(&OrderToPlan::of(order), identify)
                    .expect("the intake refuses codes that are too long")
            });
            let jobs = jobs.collect();
            PlannedBatch { spec, jobs }
        })
        .collect()
}

/// A line of an order as a plan needs it.
#[derive(Clone, Copy, Debug)]
pub struct LineToPlan<'a> {
    /// Number inside the order.
    pub line_no: u32,
    /// The article.
    pub sku: &'a SkuKey,
    /// Pieces to sort; at least 1.
    pub quantity: Pieces,
    /// Barcodes of the article beside its code, as many as a job can have.
    pub barcodes: &'a [String],
}

/// An order as a plan needs it.
#[derive(Clone, Debug)]
pub struct OrderToPlan<'a> {
    /// Owner and number.
    pub key: &'a OrderKey,
    /// Larger goes first.
    pub priority: u8,
    /// Unix seconds, 0 for none.
    pub due_at: u64,
    /// Its lines, in the order of its jobs.
    pub lines: Vec<LineToPlan<'a>>,
}

/// A label or article of an order is longer than a scanner event can carry.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line_no} of order {} has a label or article longer than {CODE_SIZE_MAX} bytes", order.number)]
pub struct CodeTooLong {
    /// The order.
    pub order: OrderKey,
    /// Its line.
    pub line_no: u32,
}

impl<'a> OrderToPlan<'a> {
    fn of(order: &'a OrderIntake) -> Self {
        let line = |line: &'a crate::intake::LineIntake| LineToPlan {
            line_no: line.line_no,
            sku: &line.sku,
            quantity: line.quantity,
            barcodes: &[],
        };
        let unplanned = usize::from(is_on(Mutation::LineUnplanned) && order.lines.len() > 1);
        let lines = order.lines[..order.lines.len() - unplanned].iter().map(line).collect();
        Self { key: &order.key, priority: order.priority, due_at: order.due_at, lines }
    }
}

/// The jobs of one order.
///
/// With [`Identify::Lpn`] a job is a line, recognised by the label `order/line_no`; with [`Identify::Sku`] lines of the
/// same sku are one job, recognised by the code of the sku and its barcodes.
///
/// # Errors
/// A code cannot be scanned.
pub fn jobs_of(order: &OrderToPlan<'_>, identify: Identify) -> Result<Vec<JobSpec>, CodeTooLong> {
    match identify {
        Identify::Lpn => order.lines.iter().map(|line| label_job(order, line)).collect(),
        Identify::Sku => sku_jobs(order),
    }
}

/// Label of a load that carries a whole order line.
pub(crate) fn label_of(order: &OrderKey, line_no: u32) -> String {
    format!("{}/{line_no}", order.number)
}

fn code_of(text: &str, order: &OrderToPlan<'_>, line_no: u32) -> Result<Code, CodeTooLong> {
    Code::from_bytes(text.as_bytes()).ok_or_else(|| CodeTooLong { order: order.key.clone(), line_no })
}

fn job(order: &OrderToPlan<'_>, line: &LineToPlan<'_>, codes: Vec<Code>) -> JobSpec {
    JobSpec {
        order: order.key.clone(),
        line_no: line.line_no,
        sku: line.sku.clone(),
        quantity: line.quantity,
        codes,
        priority: order.priority,
        due_at: order.due_at,
    }
}

fn label_job(order: &OrderToPlan<'_>, line: &LineToPlan<'_>) -> Result<JobSpec, CodeTooLong> {
    let label = code_of(&label_of(order.key, line.line_no), order, line.line_no)?;
    Ok(job(order, line, vec![label]))
}

fn sku_jobs(order: &OrderToPlan<'_>) -> Result<Vec<JobSpec>, CodeTooLong> {
    let mut jobs: Vec<JobSpec> = Vec::new();
    let mut open: BTreeMap<&SkuKey, usize> = BTreeMap::new();
    for line in &order.lines {
        let joined = open.get(line.sku).and_then(|place| {
            let sum = jobs[*place].quantity.0 + line.quantity.0;
            // A job holds no more pieces than a line may: sums stay small enough for every count there is.
            (sum <= PIECES_PER_LINE_MAX).then_some((*place, sum))
        });
        if let Some((place, sum)) = joined {
            jobs[place].quantity = Pieces(sum);
            continue;
        }
        let mut codes = vec![code_of(&line.sku.code, order, line.line_no)?];
        for barcode in line.barcodes.iter().filter(|barcode| **barcode != line.sku.code) {
            if codes.len() < CODES_PER_JOB_MAX {
                codes.push(code_of(barcode, order, line.line_no)?);
            }
        }
        open.insert(line.sku, jobs.len());
        jobs.push(job(order, line, codes));
    }
    Ok(jobs)
}
