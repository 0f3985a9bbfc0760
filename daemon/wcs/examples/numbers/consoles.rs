//! The load generator: readers that poll lists, as consoles do, and a host that sends an order every so often. Everything
//! has its due time, and what is late counts as long as it is late: a service that stalls is not asked less.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::http_client::HttpClient;
use crate::recording::{figures, histogram, record_micros};

/// Readers.
const READERS: usize = 20;
/// How often each asks for a page.
const POLL: Duration = Duration::from_millis(500);
/// Orders an hour.
const ORDERS_PER_HOUR: u32 = 10_000;
const LINES: usize = 4;
/// What readers look at, in turn.
const LISTS: [&str; 8] = [
    "/api/orders",
    "/api/orders?state=wait",
    "/api/batches",
    "/api/loads",
    "/api/loads?outcome=sorted",
    "/api/exceptions",
    "/api/lines",
    "/api/chutes",
];

/// What the load generator saw.
pub(crate) struct Seen {
    lists_us: Histogram<u64>,
    orders_us: Histogram<u64>,
    all_us: Histogram<u64>,
    /// Answers that were no success.
    refused: u64,
}

impl Seen {
    fn new() -> Self {
        Self { lists_us: histogram(), orders_us: histogram(), all_us: histogram(), refused: 0 }
    }

    /// The figures of a run.
    pub(crate) fn figures(&self) -> Value {
        json!({
            "lists_us": figures(&self.lists_us),
            "orders_us": figures(&self.orders_us),
            "all_us": figures(&self.all_us),
            "refused": self.refused,
        })
    }
}

/// Asks the server at `address` for `span`.
pub(crate) fn ask(address: SocketAddr, span: Duration) -> Result<Seen> {
    let began = Instant::now();
    let results: Vec<Result<Seen>> = std::thread::scope(|scope| {
        let readers = (0..READERS).map(|reader| scope.spawn(move || read(address, began, span, reader)));
        let mut threads: Vec<_> = readers.collect();
        threads.push(scope.spawn(move || send(address, began, span)));
        threads.into_iter().map(|thread| thread.join().expect("a reader does not panic")).collect()
    });
    let mut all = Seen::new();
    for seen in results {
        let seen = seen?;
        all.lists_us.add(&seen.lists_us)?;
        all.orders_us.add(&seen.orders_us)?;
        all.refused += seen.refused;
    }
    all.all_us.add(&all.lists_us)?;
    all.all_us.add(&all.orders_us)?;
    Ok(all)
}

/// Due times from `began` + `first` on, every `period`, until `span` is over.
fn due_times(
    began: Instant,
    first: Duration,
    period: Duration,
    span: Duration,
) -> impl Iterator<Item = Instant> {
    (0_u32..).map(move |turn| first + period * turn).take_while(move |at| *at < span).map(move |at| {
        let due = began + at;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    })
}

fn read(address: SocketAddr, began: Instant, span: Duration, reader: usize) -> Result<Seen> {
    let mut client = HttpClient::connect(address)?;
    let mut seen = Seen::new();
    let first = POLL * u32::try_from(reader)? / u32::try_from(READERS)?;
    for (turn, due) in due_times(began, first, POLL, span).enumerate() {
        let answer = client.get(LISTS[(reader + turn) % LISTS.len()])?;
        record_micros(&mut seen.lists_us, due.elapsed());
        seen.refused += u64::from(answer.status != 200);
    }
    Ok(seen)
}

fn send(address: SocketAddr, began: Instant, span: Duration) -> Result<Seen> {
    let mut client = HttpClient::connect(address)?;
    let mut seen = Seen::new();
    let period = Duration::from_secs(3_600) / ORDERS_PER_HOUR;
    for (turn, due) in due_times(began, period, period, span).enumerate() {
        let lines: Vec<Value> = (0..LINES)
            .map(|line| json!({ "sku": format!("sku{}", (turn * 7 + line) % 5_000), "quantity": 2 }))
            .collect();
        let order = json!({ "number": format!("C{turn:07}"), "customer": "shop 7", "lines": lines });
        let answer = client.post("/api/orders", json!({ "orders": [order] }).to_string().as_bytes())?;
        record_micros(&mut seen.orders_us, due.elapsed());
        seen.refused += u64::from(answer.status != 200);
    }
    Ok(seen)
}
