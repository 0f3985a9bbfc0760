//! Arm "lists": how long a page of each list takes over HTTP at a store of many rows: first pages, pages that follow, and
//! the last ones. The daemon runs beside it with a plant whose PLC is silent.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::filling::fill;
use crate::http_client::HttpClient;
use crate::recording::{figures, histogram, record_micros};
use crate::served::{EngineChoice, Place, Served, Setup};

/// Every list with every filter: the name of its figures, its path. A batch in the middle of all is asked for.
const LISTS: [(&str, &str); 11] = [
    ("orders", "/api/orders"),
    ("orders_wait", "/api/orders?state=wait"),
    ("orders_boxed", "/api/orders?state=boxed"),
    ("orders_cancel", "/api/orders?state=cancel"),
    ("orders_of_batch", "/api/orders?batch=1000"),
    ("batches", "/api/batches"),
    ("batches_ended", "/api/batches?state=ended"),
    ("loads", "/api/loads"),
    ("loads_exception", "/api/loads?outcome=exception"),
    ("loads_of_label", "/api/loads?label=LPN50000"),
    ("exceptions", "/api/exceptions"),
];
/// Clients that ask at once.
const CLIENTS: usize = 4;
/// Pages one client asks of each list.
const PAGES: usize = 250;
/// Pages in a row from one place of a list.
const RUN: usize = 25;
/// Rows of a page.
const LIMIT: usize = 100;

/// Asks for pages at a store of `rows` orders and loads.
pub(crate) fn measure(engine: EngineChoice, rows: u32, folder: &Path) -> Result<Value> {
    let place = Place::empty(engine, folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(&place, rows))?;
    let served = Served::start(folder, &place, &Setup::default())?;
    let mut found = Map::new();
    let (mut worst, mut pages) = (0, 0);
    for (name, path) in LISTS {
        let took: Vec<Result<Histogram<u64>>> = std::thread::scope(|scope| {
            let client = |seed| scope.spawn(move || ask_pages(served.address, path, i64::from(rows), seed));
            let clients: Vec<_> = (0..CLIENTS).map(client).collect();
            clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
        });
        let mut all = histogram();
        for one in took {
            all.add(&one.with_context(|| path)?)?;
        }
        worst = worst.max(all.value_at_quantile(0.99));
        pages += all.len();
        found.insert(name.to_owned(), figures(&all));
    }
    drop(served);
    drop(place);
    std::fs::remove_dir_all(folder)?;
    Ok(json!({ "lists": found, "worst_p99_us": worst, "pages": pages }))
}

/// Walks runs of pages that begin at places spread over the list.
fn ask_pages(address: std::net::SocketAddr, path: &str, last: i64, seed: usize) -> Result<Histogram<u64>> {
    let mut client = HttpClient::connect(address)?;
    let mut took = histogram();
    let first = with(path, &format!("limit={LIMIT}"));
    // Not counted: it opens what the service opens once for each connection, and shows what a cursor looks like.
    let cursor = client.get(&first)?.expect(200)?["next_cursor"].as_str().map(str::to_owned);
    let mut asked = 0;
    while asked < PAGES {
        let mut page = first.clone();
        if let Some((list, _)) = cursor.as_deref().and_then(|cursor| cursor.rsplit_once('.')) {
            // Cursors are opaque to clients. A measurement has to reach the last page of ten thousand.
            let run = (asked / RUN * CLIENTS + seed) as i64;
            let runs = (PAGES / RUN * CLIENTS) as i64;
            page = with(&first, &format!("cursor={list}.{:x}", last / runs * run));
        }
        for _ in 0..RUN {
            let began = std::time::Instant::now();
            let answer = client.get(&page)?;
            record_micros(&mut took, began.elapsed());
            asked += 1;
            let answer = answer.expect(200)?;
            ensure!(answer["items"].is_array(), "no page: {answer}");
            page = match answer["next_cursor"].as_str() {
                Some(next) => with(&first, &format!("cursor={next}")),
                None => first.clone(),
            };
        }
    }
    Ok(took)
}

fn with(path: &str, parameter: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{parameter}")
}
