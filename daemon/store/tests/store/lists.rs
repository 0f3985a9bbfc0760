//! Lists in pages.

use wcs_store::{BatchFilter, OrderFilter, PageAt, Store};

use crate::databases::{Databases, NOW_MS};
use crate::intake::{key, line, order};

async fn numbers(store: &Store, filter: OrderFilter<'_>, size: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let page = store.orders(filter, PageAt { after, size }).await.unwrap();
        assert!(page.items.len() <= size as usize);
        found.extend(page.items.into_iter().map(|order| order.key.number));
        match page.next {
            Some(next) => after = next,
            None => return found,
        }
    }
}

pub(crate) async fn pages_hold_every_row_once(databases: Databases) {
    let store = databases.main().await;
    let drafts: Vec<_> = (0..25).map(|at| order(&format!("P{at:02}"), vec![line(1, "s1", 1)])).collect();
    store.receive(&drafts, NOW_MS).await.unwrap();
    for at in [3, 20] {
        store.cancel_order(&key(&format!("P{at:02}"))).await.unwrap().unwrap();
    }
    let all: Vec<String> = (0..25).map(|at| format!("P{at:02}")).collect();
    for size in [1, 5, 24, 25, 26] {
        assert_eq!(numbers(&store, OrderFilter::All, size).await, all, "pages of {size}");
    }
    assert_eq!(numbers(&store, OrderFilter::InState("cancel"), 1).await, ["P03", "P20"]);
    assert_eq!(numbers(&store, OrderFilter::InState("wait"), 7).await.len(), 23);
    assert_eq!(numbers(&store, OrderFilter::InState("nonsense"), 7).await.len(), 0);
    let batch = crate::batches::planned(&store, &["Q1", "Q2", "Q3"]).await;
    assert_eq!(numbers(&store, OrderFilter::OfBatch(batch), 2).await, ["Q1", "Q2", "Q3"]);
    let page = PageAt { after: 0, size: 10 };
    let ready = store.batches(BatchFilter::InState("ready"), page).await.unwrap();
    assert_eq!(ready.items.iter().map(|batch| batch.id).collect::<Vec<_>>(), [batch]);
    assert_eq!(store.batches(BatchFilter::All, page).await.unwrap(), ready);
    store.close().await;
}
