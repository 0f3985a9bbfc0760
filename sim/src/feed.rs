//! What the people at the induction put on the belt: the order file as the simulator reads it. This is the
//! *independent* reading: it shares no code with the intake of the daemon, so that an order line lost or
//! invented by one of the two shows up as a difference. It knows labels and quantities, never decisions.

mod made;
mod mapping;
mod reading;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wcs_types::{Assign, Code, Identify};

pub use crate::world::FeedLoad;

pub use made::{MadeOrders, MadeTotals, made_orders};
pub use mapping::{FeedMapping, MappingError};
pub use reading::{FeedError, OrderFile, OrderLine};

/// How an order file is put on the belt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FeedPlan {
    /// What a label says.
    pub identify: Identify,
    /// Whether the file is one group or cut into groups.
    pub assign: Assign,
    /// Orders of one group; the chutes of one batch. At least 1.
    pub chutes: usize,
    /// Seed of the order in which loads come.
    pub seed: u64,
}

/// An order file as groups of loads. Group k+1 comes when every load of group k has a final outcome.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Groups {
    /// The loads, in the order they are put on the belt.
    pub groups: Vec<Vec<FeedLoad>>,
    /// Orders with at least one accepted line.
    pub orders: u64,
    /// Orders of the file without any.
    pub orders_empty: u64,
    /// Accepted lines.
    pub lines_accepted: u64,
    /// Refused lines by reason.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Pieces of all accepted lines.
    pub expected_pieces: u64,
}

impl Groups {
    /// Reads an order file and cuts it into groups.
    ///
    /// # Errors
    /// The file lacks a mapped column or is no table at all.
    pub fn read(bytes: &[u8], mapping: &FeedMapping, plan: FeedPlan) -> Result<Self, FeedError> {
        Ok(Self::of(&OrderFile::read(bytes, mapping)?, plan))
    }

    /// Cuts an order file that was read before.
    pub fn of(file: &OrderFile, plan: FeedPlan) -> Self {
        let mut lots = ChaCha8Rng::seed_from_u64(plan.seed);
        let orders = file.lines_by_order();
        let chutes = plan.chutes.max(1);
        let window = match plan.assign {
            Assign::Volume | Assign::Fixed => chutes,
            Assign::FirstScan => (chutes / 2).max(1),
        };
        let mut groups: Vec<Vec<FeedLoad>> =
            orders.chunks(window).map(|orders| shuffled(orders, plan.identify, &mut lots)).collect();
        if plan.assign == Assign::FirstScan && !groups.is_empty() {
            groups = vec![groups.concat()];
        }
        Self {
            groups,
            orders: orders.len() as u64,
            orders_empty: file.orders_empty(),
            lines_accepted: file.lines.len() as u64,
            refused_by_reason: file.refused_by_reason.clone(),
            expected_pieces: file.lines.iter().map(|line| u64::from(line.quantity)).sum(),
        }
    }

    /// Loads of all groups.
    pub fn load_count(&self) -> u64 {
        self.groups.iter().map(|group| group.len() as u64).sum()
    }

    /// Refused lines of every reason.
    pub fn lines_refused(&self) -> u64 {
        self.refused_by_reason.values().sum()
    }
}

/// The loads of some orders in the order of a lot.
fn shuffled(orders: &[Vec<&OrderLine>], identify: Identify, lots: &mut ChaCha8Rng) -> Vec<FeedLoad> {
    let mut loads = Vec::new();
    for line in orders.iter().flatten() {
        match identify {
            Identify::Lpn => loads.push(labelled(line)),
            Identify::Sku => {
                let piece = piece_of(line);
                loads.extend((0..line.quantity).map(|_| piece.clone()));
            }
        }
    }
    for last in (1..loads.len()).rev() {
        loads.swap(last, below(lots, last + 1));
    }
    loads
}

/// One load with the whole quantity of a line, under a label of its own.
fn labelled(line: &OrderLine) -> FeedLoad {
    FeedLoad {
        label: code(&label_text(&line.order, line.ordinal)),
        order: line.order.clone(),
        sku: line.sku.clone(),
        qty: line.quantity,
    }
}

/// One piece, which carries nothing but the code of its sku; it belongs to no order before it is sorted.
fn piece_of(line: &OrderLine) -> FeedLoad {
    FeedLoad { label: code(&line.sku), order: String::new(), sku: line.sku.clone(), qty: 1 }
}

fn label_text(order: &str, ordinal: u32) -> String {
    format!("{order}/{ordinal}")
}

fn code(text: &str) -> Code {
    Code::from_bytes(text.as_bytes()).expect("rows whose label or sku is too long were refused")
}

/// A number below `bound` by lot.
fn below(lots: &mut ChaCha8Rng, bound: usize) -> usize {
    let product = u128::from(lots.next_u64()) * bound as u128;
    usize::try_from(product >> 64).expect("the upper half is below the bound")
}

#[cfg(test)]
mod tests;
