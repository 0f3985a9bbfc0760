//! Shifts are closed once, and what was written down then stays.

use wcs_store::{OpenCounts, PageAt, Projector, ShiftClose, Store};
use wcs_types::{BatchId, Fact, JobId, LastSeen, OrderKey, Pieces, Reason, SkuKey, StartToken};

use crate::databases::{Databases, NOW_MS};
use crate::intake::key;
use crate::story::Journal;

const ALL: PageAt = PageAt { after: 0, size: 500 };

fn close(day: &str, shift: &str, loads: i64) -> ShiftClose {
    ShiftClose {
        business_day: day.to_owned(),
        shift: shift.to_owned(),
        starts_at: NOW_MS - 8 * 3_600_000,
        ends_at: NOW_MS,
        closed_at: NOW_MS,
        closed_by: 7,
        position: 12,
        open: OpenCounts { loads, orders: 2, missing_pieces: 3, alarms: 4 },
        report: format!("{{\"loads\":{loads}}}"),
    }
}

pub(crate) async fn a_shift_is_closed_once(databases: Databases) {
    let store = databases.main().await;
    assert_eq!(store.last_shift_position().await.unwrap(), 0);
    let first = close("2026-11-25", "early", 1);
    let (view, is_new) = store.close_shift(&first).await.unwrap();
    assert!(is_new);
    assert_eq!(view.close, first);
    // Again, with other figures: the first answer stays.
    let (again, is_new) = store.close_shift(&close("2026-11-25", "early", 99)).await.unwrap();
    assert!(!is_new);
    assert_eq!(again, view);
    let others = [("2026-11-25", "late"), ("2026-11-26", "early")];
    for (day, shift) in others {
        assert!(store.close_shift(&ShiftClose { position: 40, ..close(day, shift, 2) }).await.unwrap().1);
    }
    assert_eq!(store.last_shift_position().await.unwrap(), 40);
    assert_eq!(store.shift_close("2026-11-25", "early").await.unwrap(), Some(view));
    assert_eq!(store.shift_close("2026-11-25", "night").await.unwrap(), None);
    let listed = store.shift_closes(ALL).await.unwrap();
    let shown: Vec<(i64, &str)> =
        listed.items.iter().map(|view| (view.id, view.close.shift.as_str())).collect();
    assert_eq!(shown, [(1, "early"), (2, "late"), (3, "early")]);
    let page = store.shift_closes(PageAt { after: 1, size: 1 }).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].id, page.next), (1, 2, Some(2)));
    store.close().await;
}

pub(crate) async fn two_that_close_at_once_get_one_answer(databases: Databases) {
    let store = databases.main().await;
    let (one, two) = (close("2026-11-25", "early", 1), close("2026-11-25", "early", 2));
    let (one, two) = tokio::join!(store.close_shift(&one), store.close_shift(&two));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.0, two.0);
    assert_ne!(one.1, two.1, "one of them is the first");
    assert_eq!(store.shift_closes(ALL).await.unwrap().items.len(), 1);
    store.close().await;
}

fn short(batch: BatchId, order: &OrderKey, pieces: u32) -> Fact {
    Fact::PiecesShort {
        batch,
        job: JobId(0),
        order: order.clone(),
        sku: SkuKey { owner: "-".into(), code: "s1".into() },
        label: crate::batches::jobs_of(&[&order.number])[0].codes[0].clone(),
        pieces: Pieces(pieces),
        last_seen: LastSeen::Never,
        reason: Reason::BatchClosed,
    }
}

async fn started(store: &Store, order: &str, token: u64) -> BatchId {
    let batch = crate::batches::planned(store, &[order]).await;
    store.begin_start(batch, StartToken(token)).await.unwrap().spec.batch
}

pub(crate) async fn missing_pieces_are_those_of_batches_that_ended_since(databases: Databases) {
    let store = databases.main().await;
    let (one, two) = (started(&store, "A", 1).await, started(&store, "B", 2).await);
    assert_eq!(store.count_orders("wait").await.unwrap(), 2);
    let journal = Journal::new();
    journal.append(vec![
        vec![Fact::BatchStarted { batch: one }],
        vec![Fact::BatchStarted { batch: two }],
        vec![short(one, &key("A"), 3), Fact::BatchEnded { batch: one }],
    ]);
    let mut projector =
        Projector::open(store.clone(), journal.storage(), journal.genesis(), journal.end()).await.unwrap();
    projector.catch_up(journal.end()).await.unwrap();
    let (sum, jobs) = store.missing_since(0, 10).await.unwrap();
    assert_eq!((sum, jobs.len()), (3, 1));
    assert_eq!((jobs[0].result.order.number.as_str(), jobs[0].result.short), ("A", 3));
    // Both still have pieces to come.
    assert_eq!(store.count_orders("picking").await.unwrap(), 2);
    let end = journal.end().0 as i64;
    assert_eq!(store.missing_since(end, 10).await.unwrap(), (0, Vec::new()));
    journal.append(vec![vec![short(two, &key("B"), 4), Fact::BatchEnded { batch: two }]]);
    projector.catch_up(journal.end()).await.unwrap();
    let (sum, jobs) = store.missing_since(end, 10).await.unwrap();
    assert_eq!((sum, jobs[0].result.order.number.as_str()), (4, "B"));
    let (sum, jobs) = store.missing_since(0, 1).await.unwrap();
    assert_eq!((sum, jobs.len()), (7, 1));
    // What was cancelled will not come: nobody misses it.
    let three = started(&store, "C", 3).await;
    let gone = Fact::PiecesCancelled { batch: three, job: JobId(0), pieces: Pieces(4) };
    journal.append(vec![
        vec![Fact::BatchStarted { batch: three }],
        vec![gone, Fact::BatchEnded { batch: three }],
    ]);
    projector.catch_up(journal.end()).await.unwrap();
    assert_eq!(store.order(&key("C")).await.unwrap().unwrap().0.quantities.short, 4);
    assert_eq!(store.missing_since(0, 10).await.unwrap().0, 7);
    store.close().await;
}
