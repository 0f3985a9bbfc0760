//! The projector: what the journal says is what the store shows, however often it was interrupted.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wcs_journal::MemoryStorage;
use wcs_store::{
    BoxView, ExceptionView, LoadFilter, OrderFilter, PageAt, ProjectError, Projector, Store, StoreError,
};
use wcs_types::{
    BatchId, ChuteId, Fact, Identify, JobId, JobSpec, LastSeen, LineId, LoadKey, Pieces, Reason, Seq, SkuKey,
    StartToken,
};

use crate::batches::{draft, job};
use crate::databases::{Databases, NOW_MS};
use crate::intake::{key, line, order};
use crate::runtime;
use crate::story::{Journal, Lines, Story};

const ORDERS: usize = 12;

/// A batch that is starting, of some orders with lines of its seed; its id in the journal and its jobs.
async fn starting(store: &Store, prefix: &str) -> (i64, BatchId, Vec<JobSpec>) {
    let (mut drafts, mut jobs) = (Vec::new(), Vec::new());
    for at in 0..ORDERS {
        let number = format!("{prefix}{at}");
        let lines: Vec<_> =
            (1..=3 + at as u32 % 3).map(|no| line(no, &format!("s{no}"), 1 + no % 4)).collect();
        jobs.extend(lines.iter().map(|line| job(&key(&number), line.line_no, &line.sku.code, line.quantity)));
        drafts.push(order(&number, lines));
    }
    store.receive(&drafts, NOW_MS).await.unwrap();
    let orders: Vec<_> = drafts.into_iter().map(|draft| draft.key).collect();
    let batch = store.make_batch(&draft(Identify::Lpn), NOW_MS).await.unwrap().batch;
    store.add_orders(batch, &orders).await.unwrap();
    store.finish_receiving(batch).await.unwrap();
    store.assign(batch, &jobs).await.unwrap();
    let core = store.begin_start(batch, StartToken(9)).await.unwrap().spec.batch;
    (batch, core, jobs)
}

async fn projector(store: &Store, journal: &Journal) -> Projector<MemoryStorage> {
    Projector::open(store.clone(), journal.storage(), journal.genesis(), journal.end()).await.unwrap()
}

const ALL: PageAt = PageAt { after: 0, size: 500 };

/// What the store shows of the lines of all orders, and that orders, jobs and batch add up to it.
async fn lines_shown(store: &Store, batch: i64) -> Lines {
    let mut shown = Lines::new();
    let mut sum = (0, 0, 0);
    for order in store.orders(OrderFilter::OfBatch(batch), ALL).await.unwrap().items {
        let loads = store.loads_of_order(order.id, 500).await.unwrap();
        let is_in_order = loads.is_sorted_by_key(|load| load.id);
        let sorted: i64 = loads
            .iter()
            .filter(|load| matches!(load.outcome.as_deref(), Some("sorted" | "hand_sorted")))
            .map(|load| load.pieces)
            .sum();
        assert!(is_in_order && sorted >= order.quantities.picked.min(1), "{order:?} {loads:?}");
        let (view, lines) = store.order(&order.key).await.unwrap().unwrap();
        let mut of_order = (0, 0, 0);
        for line in lines {
            let q = line.quantities;
            assert!(q.boxed <= q.picked && q.picked + q.cancelled <= q.ordered, "{line:?}");
            of_order = (of_order.0 + q.picked, of_order.1 + q.boxed, of_order.2 + q.short);
            shown.insert((order.key.clone(), line.line_no as u32), (q.picked, q.boxed, q.short));
        }
        let q = view.quantities;
        assert_eq!((q.picked, q.boxed, q.short), of_order, "{view:?}");
        let due = q.ordered - q.cancelled;
        let state = match () {
            () if due == 0 => "cancel",
            () if q.boxed == due => "boxed",
            () if q.picked == due => "picked",
            () => "picking",
        };
        assert_eq!(view.state, state, "{view:?}");
        sum = (sum.0 + q.picked, sum.1 + q.boxed, sum.2 + q.short);
    }
    let view = store.batch(batch).await.unwrap().unwrap();
    assert_eq!((view.picked, view.boxed, view.short), sum);
    let results = store.results(batch, PageAt { after: -1, size: 500 }).await.unwrap().items;
    let jobs =
        results.iter().fold((0, 0, 0), |sum, job| (sum.0 + job.picked, sum.1 + job.boxed, sum.2 + job.short));
    assert_eq!(jobs, sum);
    assert!(
        results.iter().all(|job| (job.short > 0) == (job.short_reason.as_deref() == Some("batch_closed")))
    );
    shown
}

async fn outcomes_shown(store: &Store) -> BTreeMap<String, i64> {
    let mut shown = BTreeMap::new();
    for load in store.loads(LoadFilter::All, ALL).await.unwrap().items {
        *shown.entry(load.outcome.expect("every load of a shift has ended")).or_default() += 1;
    }
    shown
}

async fn closed_boxes(store: &Store) -> Vec<BoxView> {
    let boxes = store.boxes(ALL).await.unwrap().items;
    boxes.into_iter().filter(|one| one.closed_seq.is_some()).collect()
}

async fn assert_as_told(store: &Store, batch: i64, story: &Story) {
    assert_eq!(lines_shown(store, batch).await, story.lines);
    let told: BTreeMap<String, i64> =
        story.outcomes.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect();
    assert_eq!(outcomes_shown(store).await, told);
    let waiting: Vec<ExceptionView> = store.exceptions(ALL).await.unwrap().items;
    assert_eq!(waiting.len() as i64, story.waiting);
    assert_eq!(closed_boxes(store).await.len() as i64, story.boxes_closed);
    assert_eq!(store.batch(batch).await.unwrap().unwrap().state, "ended");
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}

pub(crate) async fn a_shift_is_projected_as_it_happened(databases: Databases) {
    let store = databases.main().await;
    let (batch, core, jobs) = starting(&store, "O").await;
    let story = Story::of(7, core, &jobs);
    let journal = Journal::new();
    journal.append(story.records.clone());
    let mut projector = projector(&store, &journal).await;
    let waits = store.wait_for(journal.end().0, std::time::Duration::from_millis(1)).await;
    assert!(!waits, "nothing was read yet");
    assert_eq!(projector.catch_up(journal.end()).await.unwrap(), journal.end().0);
    assert!(store.wait_for(journal.end().0, std::time::Duration::ZERO).await);
    assert_as_told(&store, batch, &story).await;
    // Nothing of it was a fact about something else, and all pieces in boxes are pieces of loads.
    assert_eq!(projector.advance(journal.end(), 1).await.unwrap().homeless, 0);
    let key = LoadKey { line: LineId(0), plc_epoch: wcs_types::Epoch(3), item: 1 };
    let load = store.load(key).await.unwrap().unwrap();
    assert_eq!((load.key.as_str(), load.job), ("0/3/1", Some((i64::from(core.0), 0))));
    assert!(!store.loads(LoadFilter::OfLabel(&load.label), ALL).await.unwrap().items.is_empty());
    store.close().await;
}

pub(crate) async fn a_rebuild_equals_the_live_store(databases: Databases) {
    let store = databases.main().await;
    let (_, core, jobs) = starting(&store, "O").await;
    let journal = Journal::new();
    journal.append(Story::of(21, core, &jobs).records);
    projector(&store, &journal).await.catch_up(journal.end()).await.unwrap();
    // A store with the same orders and batches, as a copy taken before the shift would be, but with a wrong memory.
    let copy = databases.other("copy").await;
    let (_, same, _) = starting(&copy, "O").await;
    assert_eq!(core, same);
    let wrong = Journal::new();
    wrong.append(Story::of(22, core, &jobs).records);
    projector(&copy, &wrong).await.catch_up(wrong.end()).await.unwrap();
    let differences = store.journal_differences(&copy).await.unwrap();
    assert!(differences.len() > 3, "two shifts are not the same: {differences:?}");
    copy.rebuild(journal.storage(), journal.genesis(), journal.end()).await.unwrap();
    assert_eq!(store.journal_differences(&copy).await.unwrap(), Vec::<String>::new());
    copy.close().await;
    store.close().await;
}

pub(crate) async fn a_missing_piece_that_turns_up_is_not_missing(databases: Databases) {
    let store = databases.main().await;
    let batch = crate::batches::planned(&store, &["A"]).await;
    let core = store.begin_start(batch, StartToken(1)).await.unwrap().spec.batch;
    let (order, chute) = (key("A"), ChuteId(5));
    let load = LoadKey { line: LineId(0), plc_epoch: wcs_types::Epoch(1), item: 9 };
    let label = crate::batches::jobs_of(&["A"])[0].codes[0].clone();
    let short = Fact::PiecesShort {
        batch: core,
        job: JobId(0),
        order: order.clone(),
        sku: SkuKey { owner: "-".into(), code: "s1".into() },
        label: label.clone(),
        pieces: Pieces(4),
        last_seen: LastSeen::Scanner(load),
        reason: Reason::NoChute,
    };
    let journal = Journal::new();
    journal.append(vec![
        vec![Fact::BatchStarted { batch: core }],
        vec![Fact::ClassBound { batch: core, order, chute, is_rebound: false }],
        vec![short, Fact::BatchEnded { batch: core }],
    ]);
    let mut projector = projector(&store, &journal).await;
    projector.catch_up(journal.end()).await.unwrap();
    let view = store.order(&key("A")).await.unwrap().unwrap().0;
    assert_eq!((view.state.as_str(), view.quantities.short), ("cancel", 4));
    let found = Fact::LoadHandSorted { load, label, batch: core, job: JobId(0), pieces: Pieces(4), chute };
    journal.append(vec![vec![found], vec![Fact::BoxSwapped { chute }, Fact::ChuteFreed { chute }]]);
    projector.catch_up(journal.end()).await.unwrap();
    let view = store.order(&key("A")).await.unwrap().unwrap().0;
    assert_eq!((view.state.as_str(), view.quantities.short, view.quantities.boxed), ("boxed", 0, 4));
    store.close().await;
}

pub(crate) async fn store_and_journal_must_belong_together(databases: Databases) {
    let store = databases.main().await;
    let journal = Journal::new();
    journal.append(vec![vec![Fact::BatchStarted { batch: BatchId(1) }], Vec::new(), Vec::new()]);
    projector(&store, &journal).await.catch_up(journal.end()).await.unwrap();
    let open =
        async |genesis, end| Projector::open(store.clone(), journal.storage(), genesis, end).await.err();
    let (found, other) = (journal.genesis(), journal.genesis() + 1);
    let foreign = ProjectError::ForeignJournal { found, journal: other };
    assert_eq!(open(other, journal.end()).await, Some(foreign));
    let beyond = ProjectError::BeyondJournal { position: 3, durable: 2 };
    assert_eq!(open(found, Seq(2)).await, Some(beyond));
    assert_eq!(open(found, journal.end()).await, None);
    store.close().await;
}

pub(crate) async fn a_second_projector_is_noticed(databases: Databases) {
    let store = databases.main().await;
    let journal = Journal::new();
    let (_, core, jobs) = starting(&store, "O").await;
    journal.append(Story::of(3, core, &jobs).records);
    let (mut one, mut two) = (projector(&store, &journal).await, projector(&store, &journal).await);
    one.advance(journal.end(), 5).await.unwrap();
    // The second begins where the store is, so it takes over; the first then finds the position moved.
    let taken = two.advance(journal.end(), 3).await.unwrap();
    assert_eq!((taken.records, taken.position), (3, Seq(8)));
    assert_eq!(one.advance(journal.end(), 5).await, Err(ProjectError::Doubled));
    two.catch_up(journal.end()).await.unwrap();
    assert_eq!(one.advance(journal.end(), 5).await.unwrap().records, 0);
    store.close().await;
}

pub(crate) async fn a_chunk_that_fails_half_way_is_applied_once(databases: Databases) {
    let store = databases.main().await;
    let (batch, core, jobs) = starting(&store, "O").await;
    let story = Story::of(5, core, &jobs);
    let journal = Journal::new();
    journal.append(story.records.clone());
    let mut projector = projector(&store, &journal).await;
    projector.advance(journal.end(), 2).await.unwrap();
    // The rest of this segment is read already, the next one is not.
    journal.storage().fail_reads(1);
    let failed = projector.advance(journal.end(), 500).await;
    assert!(matches!(failed, Err(ProjectError::Journal(_))), "{failed:?}");
    assert_eq!((projector.position(), store.position()), (Seq(2), 2));
    assert_eq!(projector.catch_up(journal.end()).await.unwrap(), journal.end().0 - 2);
    assert_as_told(&store, batch, &story).await;
    store.close().await;
}

/// What happens to the projector between two chunks.
#[derive(Clone, Debug)]
enum Break {
    /// Nothing.
    None,
    /// Its process ends and another opens the store.
    Restart,
    /// The journal cannot be read for a moment, somewhere inside the chunk.
    ReadFails,
}

fn breaks() -> impl Strategy<Value = Vec<(usize, Break)>> {
    let one = prop_oneof![Just(Break::None), Just(Break::Restart), Just(Break::ReadFails)];
    proptest::collection::vec((1_usize..40, one), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn an_interrupted_projection_equals_one_pass(seed in any::<u64>(), breaks in breaks()) {
        runtime().block_on(async {
            let databases = Databases::sqlite();
            let whole = databases.main().await;
            let mut pieces = databases.other("pieces").await;
            let (batch, core, jobs) = starting(&whole, "O").await;
            starting(&pieces, "O").await;
            let story = Story::of(seed, core, &jobs);
            let journal = Journal::new();
            journal.append(story.records.clone());
            projector(&whole, &journal).await.catch_up(journal.end()).await.unwrap();
            assert_as_told(&whole, batch, &story).await;
            let mut projecting = projector(&pieces, &journal).await;
            for (records, what) in breaks.iter().cycle() {
                if projecting.position() == journal.end() {
                    break;
                }
                match what {
                    Break::None => {}
                    Break::Restart => {
                        pieces.close().await;
                        pieces = Store::open(&databases.settings("pieces"), NOW_MS).await.unwrap();
                        projecting = projector(&pieces, &journal).await;
                    }
                    Break::ReadFails => {
                        journal.storage().fail_reads(1);
                        let failed = projecting.advance(journal.end(), 500).await;
                        assert!(matches!(failed, Err(ProjectError::Journal(_)) | Ok(_)));
                        journal.storage().fail_reads(0);
                    }
                }
                projecting.advance(journal.end(), *records).await.unwrap();
            }
            let differences: Result<Vec<String>, StoreError> = whole.journal_differences(&pieces).await;
            assert_eq!(differences, Ok(Vec::new()));
            pieces.close().await;
            whole.close().await;
        });
    }
}
