//! What a plan of a batch is made of: the lines of its orders with the pieces that are still to be sorted, and the
//! barcodes of their articles. Plans are made outside and come back through `assign`.

use std::collections::BTreeMap;

use wcs_types::{OrderKey, SkuKey};

use crate::database::{Row, values};
use crate::error::StoreError;
use crate::statements;
use crate::store::Store;

/// A line of an order in a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineToPlan {
    /// The order.
    pub order: OrderKey,
    /// Its priority.
    pub priority: u8,
    /// Unix seconds by which it is due; 0 for none.
    pub due_at_s: u64,
    /// Number inside the order.
    pub line_no: u32,
    /// The article.
    pub sku: SkuKey,
    /// Pieces to sort; 0 when the line was cancelled.
    pub quantity: u32,
}

impl Store {
    /// Lines of the orders of a batch, by order in the sequence of intake, then by line.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn lines_to_plan(&self, batch: i64) -> Result<Vec<LineToPlan>, StoreError> {
        let mut session = self.database().read().await?;
        let rows = session.fetch(statements::FIND_LINES_TO_PLAN, values![batch]).await?;
        rows.iter().map(line_of).collect()
    }

    /// Lines of these orders, order by order.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn lines_of_orders(&self, orders: &[OrderKey]) -> Result<Vec<LineToPlan>, StoreError> {
        let mut session = self.database().read().await?;
        let mut lines = Vec::new();
        for key in orders {
            let bound = values![&key.owner, &key.number];
            for row in session.fetch(statements::FIND_LINES_OF_ORDER, bound).await? {
                lines.push(line_of(&row)?);
            }
        }
        Ok(lines)
    }

    /// Barcodes of the articles in the orders of a batch, beside their codes.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn barcodes_to_plan(&self, batch: i64) -> Result<BTreeMap<SkuKey, Vec<String>>, StoreError> {
        let mut session = self.database().read().await?;
        let mut barcodes: BTreeMap<SkuKey, Vec<String>> = BTreeMap::new();
        for row in session.fetch(statements::FIND_BARCODES_TO_PLAN, values![batch]).await? {
            let key = SkuKey { owner: row.string(0)?, code: row.string(1)? };
            barcodes.entry(key).or_default().push(row.string(2)?);
        }
        Ok(barcodes)
    }
}

fn line_of(row: &Row) -> Result<LineToPlan, StoreError> {
    Ok(LineToPlan {
        order: OrderKey { owner: row.string(0)?, number: row.string(1)? },
        priority: row.small(2)?,
        due_at_s: row.int(3)?.cast_unsigned(),
        line_no: row.small(4)?,
        sku: SkuKey { owner: row.string(5)?, code: row.string(6)? },
        quantity: row.small(7)?,
    })
}
