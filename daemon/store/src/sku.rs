//! Articles as they are listed. They grow by intake (`intake`); here they are read only.

use std::collections::BTreeMap;

use wcs_types::SkuKey;

use crate::database::values;
use crate::error::StoreError;
use crate::listing::PAGE_SIZE_MAX;
use crate::statements;
use crate::store::Store;

/// An article.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SkuView {
    /// Owner and code.
    pub key: SkuKey,
    /// Its text.
    pub description: String,
    /// Barcodes beside its code.
    pub barcodes: Vec<String>,
}

impl Store {
    /// Articles behind `after` by owner and code, and whether there are more.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn skus(&self, after: &SkuKey, size: u32) -> Result<(Vec<SkuView>, bool), StoreError> {
        let size = size.clamp(1, PAGE_SIZE_MAX) as usize;
        let mut session = self.database().read().await?;
        // One row more tells whether there is another page.
        let bound = values![&after.owner, &after.code, size as i64 + 1];
        let mut skus = Vec::with_capacity(size);
        for row in session.fetch(statements::FIND_SKUS, bound).await? {
            let key = SkuKey { owner: row.string(0)?, code: row.string(1)? };
            skus.push(SkuView { key, description: row.string(2)?, barcodes: Vec::new() });
        }
        let has_more = skus.len() > size;
        skus.truncate(size);
        let Some(last) = skus.last().map(|sku| sku.key.clone()) else { return Ok((skus, false)) };
        let bound = values![&after.owner, &after.code, &last.owner, &last.code];
        let mut barcodes: BTreeMap<SkuKey, Vec<String>> = BTreeMap::new();
        for row in session.fetch(statements::FIND_BARCODES_OF_PAGE, bound).await? {
            let key = SkuKey { owner: row.string(0)?, code: row.string(1)? };
            barcodes.entry(key).or_default().push(row.string(2)?);
        }
        for sku in &mut skus {
            sku.barcodes = barcodes.remove(&sku.key).unwrap_or_default();
        }
        Ok((skus, has_more))
    }
}
