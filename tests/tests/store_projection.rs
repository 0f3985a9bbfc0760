//! The store beside a real run: orders taken in, batches started from it, and the journal of the shipped binary
//! projected. What it shows equals an independent sum over the same journal, and a rebuild from a copy of its file
//! equals it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_intake::{Mapping, PlannedBatch, plan, read_orders};
use wcs_journal::{FileStorage, Reader, recover};
use wcs_sim::report::Tally;
use wcs_specs::load_plant;
use wcs_store::{
    Address, BatchDraft, LineDraft, LoadFilter, OrderDraft, PageAt, Projector, Received, Settings, Store,
};
use wcs_tests::child::Child;
use wcs_tests::orders;
use wcs_tests::plant::demo_plant;
use wcs_tests::program::{root, wcs};
use wcs_types::{Assign, Identify, LineId, OrderKey, Outcome, Seq, StartToken};

const LIMIT: Duration = Duration::from_secs(100);
const CHUTES: usize = 20;
/// Any instant will do: the store is told what time it is.
const NOW_MS: i64 = 1_800_000_000_000;

#[test]
fn a_shift_by_label_is_what_its_journal_adds_up_to() -> Result<()> {
    let arguments = ["--identify", "lpn", "--assign", "volume"];
    check_shift(Identify::Lpn, Assign::Volume, &arguments, "no-read")
}

#[test]
fn a_shift_by_sku_is_what_its_journal_adds_up_to() -> Result<()> {
    let arguments = ["--identify", "sku", "--assign", "first_scan"];
    check_shift(Identify::Sku, Assign::FirstScan, &arguments, "lost")
}

fn check_shift(identify: Identify, assign: Assign, how: &[&str], faults: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 17, 50)?;
    let faults = root().join(format!("sim/faults/{faults}.toml")).display().to_string();
    let mut arguments =
        vec!["demo", "--virtual", "--orders", "orders.csv", "--chutes", "20", "--data", "data"];
    arguments.extend(["--faults", &faults]);
    arguments.extend(how);
    Child::run(wcs(folder.path(), &arguments)?, LIMIT)?.expect_code(0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(check_store(folder.path(), identify, assign))
}

async fn check_store(folder: &Path, identify: Identify, assign: Assign) -> Result<()> {
    let settings = |name: &str| Settings::patient(Address::Sqlite(folder.join(name)));
    let store = Store::open(&settings("store.db"), NOW_MS).await?;
    let batches = fill(&store, folder, identify, assign).await?;
    store.close().await;
    fs::copy(folder.join("store.db"), folder.join("copy.db"))?;

    let store = Store::open(&settings("store.db"), NOW_MS).await?;
    let storage = FileStorage::open_read_only(&folder.join("data").join("journal"))?;
    let found = recover(&storage)?;
    let end = found.last_seq;
    let mut projector = Projector::open(store.clone(), storage.clone(), found.genesis, end).await?;
    ensure!(projector.catch_up(end).await? == end.0, "every record was applied");
    ensure!(projector.advance(end, 1).await?.homeless == 0, "the store holds what the journal names");

    let mut tally = Tally::default();
    let plant = load_plant(&demo_plant()?, "plant.toml").map_err(|problems| anyhow::anyhow!("{problems}"))?;
    for entry in Reader::open(&storage, Seq(1), end)? {
        tally.add(&plant, &entry?.record);
    }
    check_loads(&store, &tally).await?;
    check_orders(&store, &tally, &batches).await?;

    let copy = Store::open(&settings("copy.db"), NOW_MS).await?;
    ensure!(!store.journal_differences(&copy).await?.is_empty(), "the copy knows nothing of the shift");
    copy.rebuild(storage, found.genesis, end).await?;
    let differences = store.journal_differences(&copy).await?;
    ensure!(differences.is_empty(), "{differences:?}");
    copy.close().await;
    store.close().await;
    Ok(())
}

/// Takes the order file in and starts its batches, as the demo has done from the file alone.
async fn fill(store: &Store, folder: &Path, identify: Identify, assign: Assign) -> Result<Vec<PlannedBatch>> {
    let mapping = Mapping::parse(Mapping::retail_text(), "the retail mapping")?;
    let intake = read_orders(&fs::read(folder.join("orders.csv"))?, &mapping)?;
    let drafts: Vec<OrderDraft> = intake
        .orders
        .iter()
        .map(|order| OrderDraft {
            key: order.key.clone(),
            customer: order.customer.clone(),
            priority: order.priority,
            due_at_s: order.due_at,
            lines: order
                .lines
                .iter()
                .map(|line| LineDraft {
                    line_no: line.line_no,
                    sku: line.sku.clone(),
                    description: line.description.clone(),
                    quantity: line.quantity.0,
                    barcodes: Vec::new(),
                })
                .collect(),
        })
        .collect();
    let answers = store.receive(&drafts, NOW_MS).await?;
    for (answer, draft) in answers.iter().zip(&drafts) {
        let whole = draft.lines.len() as u32;
        ensure!(
            matches!(answer, Received::Accepted { lines, is_repeat: false, .. } if *lines == whole),
            "{answer:?}"
        );
    }
    let batches = plan(&intake, CHUTES, assign, identify, LineId(0));
    for planned in &batches {
        let spec = planned.spec;
        let draft = BatchDraft {
            reference: Some(format!("wave {}", spec.batch)),
            line: spec.line.0,
            kind: spec.kind,
            identify: spec.identify,
            assign: spec.assign,
            chute_limit: spec.chute_limit,
        };
        let batch = store.make_batch(&draft, NOW_MS).await?.batch;
        let mut members: Vec<OrderKey> = planned.jobs.iter().map(|job| job.order.clone()).collect();
        members.dedup();
        store.add_orders(batch, &members).await?;
        store.finish_receiving(batch).await?;
        store.assign(batch, &planned.jobs).await?;
        let starting = store.begin_start(batch, StartToken(7)).await?;
        ensure!(starting.spec == spec, "{starting:?} is not {spec:?}");
        let mut jobs = Vec::new();
        for part in 0..starting.parts {
            jobs.extend(store.part(batch, part).await?);
        }
        ensure!(jobs == planned.jobs, "the jobs of batch {batch} are read back as they were planned");
    }
    Ok(batches)
}

async fn check_loads(store: &Store, tally: &Tally) -> Result<()> {
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    for load in tally.loads.values() {
        *told.entry(load.outcome().map_or("", |(outcome, _)| outcome.as_str())).or_default() += 1;
    }
    let mut shown: BTreeMap<String, u64> = BTreeMap::new();
    let (mut after, mut loads) = (0, 0);
    loop {
        let page = store.loads(LoadFilter::All, PageAt { after, size: 500 }).await?;
        for load in &page.items {
            loads += 1;
            ensure!(load.id == loads, "loads are numbered without a gap: {load:?}");
            *shown.entry(load.outcome.clone().unwrap_or_default()).or_default() += 1;
        }
        let Some(next) = page.next else { break };
        after = next;
    }
    let told: BTreeMap<String, u64> =
        told.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
    ensure!(shown == told, "{shown:?} is not {told:?}");
    ensure!(shown.get("sorted").is_some_and(|count| *count > 100), "{shown:?}");
    ensure!(shown.len() > 1, "the faults of the run left other outcomes: {shown:?}");
    Ok(())
}

async fn check_orders(store: &Store, tally: &Tally, batches: &[PlannedBatch]) -> Result<()> {
    let mut picked: BTreeMap<&OrderKey, i64> = BTreeMap::new();
    let order_of = |batch: u32, job: u32| {
        let plan = batches.iter().find(|planned| planned.spec.batch.0 == batch);
        plan.and_then(|planned| planned.jobs.get(job as usize)).map(|job| &job.order)
    };
    for load in tally.loads.values() {
        let Some(end) = &load.end else { continue };
        if let (Outcome::Sorted, Some((batch, job))) = (end.outcome, end.job)
            && let Some(order) = order_of(batch.0, job.0)
        {
            *picked.entry(order).or_default() += i64::from(end.pieces.0);
        }
    }
    let mut short: BTreeMap<&str, i64> = BTreeMap::new();
    for missing in &tally.shorts {
        *short.entry(&missing.order).or_default() += i64::from(missing.pieces);
    }
    let (mut by_hand, mut missing) = (0, 0);
    for planned in batches {
        let mut orders: Vec<&OrderKey> = planned.jobs.iter().map(|job| &job.order).collect();
        orders.dedup();
        for key in orders {
            let (order, lines) = store.order(key).await?.expect("it was stored");
            let q = order.quantities;
            ensure!(q.picked + q.cancelled == q.ordered && q.assigned == q.ordered, "{order:?}");
            ensure!(["picked", "boxed", "cancel"].contains(&order.state.as_str()), "{order:?}");
            let sums = lines.iter().fold((0, 0, 0), |sum, line| {
                let q = line.quantities;
                (sum.0 + q.picked, sum.1 + q.boxed, sum.2 + q.short)
            });
            ensure!(sums == (q.picked, q.boxed, q.short), "{order:?} {lines:?}");
            by_hand += q.picked - picked.get(key).copied().unwrap_or_default();
            missing += q.short;
            ensure!(q.short == short.get(key.number.as_str()).copied().unwrap_or_default(), "{order:?}");
        }
    }
    let hand: i64 = tally
        .loads
        .values()
        .filter_map(|load| load.hand.as_ref())
        .map(|(_, pieces)| i64::from(pieces.0))
        .sum();
    ensure!(by_hand == hand, "{by_hand} pieces by hand, {hand} told; {missing} missing");
    Ok(())
}
