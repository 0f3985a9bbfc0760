//! From orders to batches of labelled jobs: which orders are sorted together, and what a load of a job is
//! recognised by. The simulator cuts files alike by code of its own.

use std::collections::BTreeMap;

use wcs_types::limits::PIECES_PER_LINE_MAX;
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
            let jobs = match identify {
                Identify::Lpn => orders.iter().flat_map(label_jobs).collect(),
                Identify::Sku => orders.iter().flat_map(sku_jobs).collect(),
            };
            PlannedBatch { spec, jobs }
        })
        .collect()
}

/// Label of a load that carries a whole order line.
pub(crate) fn label_of(order: &OrderKey, line_no: u32) -> String {
    format!("{}/{line_no}", order.number)
}

fn code_of(text: &str) -> Code {
    Code::from_bytes(text.as_bytes()).expect("the intake refuses codes that are too long")
}

fn label_jobs(order: &OrderIntake) -> Vec<JobSpec> {
    let jobs = order.lines.iter().map(|line| JobSpec {
        order: order.key.clone(),
        line_no: line.line_no,
        sku: line.sku.clone(),
        quantity: line.quantity,
        codes: vec![code_of(&label_of(&order.key, line.line_no))],
        priority: order.priority,
        due_at: order.due_at,
    });
    jobs.collect()
}

fn sku_jobs(order: &OrderIntake) -> Vec<JobSpec> {
    let mut jobs: Vec<JobSpec> = Vec::new();
    let mut open: BTreeMap<&SkuKey, usize> = BTreeMap::new();
    for line in &order.lines {
        let joined = open.get(&line.sku).and_then(|place| {
            let sum = jobs[*place].quantity.0 + line.quantity.0;
            // A job holds no more pieces than a line may: sums stay small enough for every count there is.
            (sum <= PIECES_PER_LINE_MAX).then_some((*place, sum))
        });
        if let Some((place, sum)) = joined {
            jobs[place].quantity = Pieces(sum);
            continue;
        }
        open.insert(&line.sku, jobs.len());
        jobs.push(JobSpec {
            order: order.key.clone(),
            line_no: line.line_no,
            sku: line.sku.clone(),
            quantity: line.quantity,
            codes: vec![code_of(&line.sku.code)],
            priority: order.priority,
            due_at: order.due_at,
        });
    }
    jobs
}
