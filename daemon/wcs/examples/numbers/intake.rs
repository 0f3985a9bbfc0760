//! Orders a second. Arm "intake": bulk requests over HTTP to the shipped binary, durable when they are answered. Arm "bare":
//! the same rows inserted into the same schema with its indexes, at the same sync mode and with as many rows in a
//! transaction, nothing asked and nothing judged: once with a prepared statement for each row, once with as many rows
//! in a statement as the store takes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use wcs_store::{Address, ORDERS_PER_CHUNK_MAX};

use crate::http_client::HttpClient;
use crate::served::{EngineChoice, Place, Served, Setup};

/// Lines of an order.
const LINES: usize = 4;
/// Requests under way at once.
const CLIENTS: usize = 2;
/// Rows of one statement of the wide bare insert: that of the widest text of the store.
const WIDE: usize = 64;

/// One line of an order as its row.
struct Line {
    sku: String,
    quantity: i64,
}

fn lines(order: usize) -> Vec<Line> {
    (1..=LINES)
        .map(|line| Line { sku: format!("sku{}", (order * 7 + line) % 5_000), quantity: 1 + line as i64 })
        .collect()
}

const DESCRIPTION: &str = "an article of some name";

/// Orders over HTTP.
pub(crate) fn measure_served(engine: EngineChoice, orders: usize, folder: &Path) -> Result<Value> {
    let place = Place::empty(engine, folder)?;
    let served = Served::start(folder, &place, &Setup::default())?;
    let chunks: Vec<usize> = (0..orders).step_by(ORDERS_PER_CHUNK_MAX).collect();
    // A request is as many orders as the store takes in one transaction.
    let bodies: Vec<Vec<u8>> =
        chunks.iter().map(|first| body(*first, (*first + ORDERS_PER_CHUNK_MAX).min(orders))).collect();
    let warm = body(orders, orders + 1);
    let mut clients =
        (0..CLIENTS).map(|_| HttpClient::connect(served.address)).collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        client.post("/api/orders", &warm)?.expect(200)?;
    }
    let began = Instant::now();
    let sent: Vec<Result<()>> = std::thread::scope(|scope| {
        let send = |(at, client): (usize, HttpClient)| {
            let own = bodies.iter().skip(at).step_by(CLIENTS);
            scope.spawn(move || send_all(client, own))
        };
        let threads: Vec<_> = clients.into_iter().enumerate().map(send).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    let took = began.elapsed().as_secs_f64();
    sent.into_iter().collect::<Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stored = runtime.block_on(count(&place))?;
    ensure!(stored == orders as i64 + 1, "{stored} orders are stored, {orders} and one were sent");
    drop(served);
    drop(place);
    std::fs::remove_dir_all(folder)?;
    Ok(json!({ "orders_per_second": orders as f64 / took, "orders": orders }))
}

fn send_all<'a>(mut client: HttpClient, bodies: impl Iterator<Item = &'a Vec<u8>>) -> Result<()> {
    for body in bodies {
        client.post("/api/orders", body)?.expect(200)?;
    }
    Ok(())
}

/// A request of the orders from `first` to before `end`.
fn body(first: usize, end: usize) -> Vec<u8> {
    let order = |at: usize| {
        let lines: Vec<Value> = lines(at)
            .into_iter()
            .map(|line| json!({ "sku": line.sku, "description": DESCRIPTION, "quantity": line.quantity }))
            .collect();
        json!({
            "number": format!("N{at:07}"),
            "customer": format!("shop {}", at % 400),
            "priority": 3,
            "due_at": "2027-01-15T08:00:00Z",
            "lines": lines,
        })
    };
    json!({ "orders": (first..end).map(order).collect::<Vec<_>>() }).to_string().into_bytes()
}

async fn count(place: &Place) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM orders";
    Ok(match place.address() {
        Address::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(&path.display().to_string()).await?;
            sqlx::query_scalar(sql).fetch_one(&mut connection).await?
        }
        Address::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await?;
            sqlx::query_scalar(sql).fetch_one(&mut connection).await?
        }
    })
}

/// The bare inserts.
pub(crate) fn measure_bare(engine: EngineChoice, orders: usize, folder: &Path) -> Result<Value> {
    let mut rates = [0.0; 2];
    for (rate, rows) in rates.iter_mut().zip([1, WIDE]) {
        let place = Place::empty(engine, folder)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let took = runtime.block_on(async {
            place.open().await?.close().await;
            insert_bare(&place, orders, rows).await
        })?;
        *rate = orders as f64 / took;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(json!({ "row_by_row": rates[0], "wide": rates[1], "best": rates[0].max(rates[1]) }))
}

/// `$1, ...` for `rows` rows of values.
fn insert_text(table: &str, columns: &[&str], rows: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns.len()).map(|column| format!("${}", row * columns.len() + column)).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), values.join(", "))
}

const ORDER_COLUMNS: [&str; 9] =
    ["id", "owner", "number", "customer", "priority", "due_at_s", "received_at", "line_count", "ordered"];
const LINE_COLUMNS: [&str; 6] = ["order_id", "line_no", "sku_owner", "sku_code", "description", "ordered"];

/// Inserts on a connection of one engine.
macro_rules! insert_on {
    ($connection:expr, $orders:expr, $rows:expr) => {{
        let mut connection = $connection;
        let ids: Vec<usize> = (1..=$orders).collect();
        // Prepared before the clock runs is only what a pool would have prepared, too: nothing.
        let texts: Vec<(String, String)> = (0..=$rows)
            .map(|rows| {
                (insert_text("orders", &ORDER_COLUMNS, rows), insert_text("lines", &LINE_COLUMNS, rows))
            })
            .collect();
        let began = Instant::now();
        for chunk in ids.chunks(ORDERS_PER_CHUNK_MAX) {
            let mut session = connection.begin().await?;
            for part in chunk.chunks($rows) {
                let mut query = sqlx::query(AssertSqlSafe(texts[part.len()].0.clone()));
                for id in part {
                    query = query
                        .bind(*id as i64)
                        .bind("-")
                        .bind(format!("N{id:07}"))
                        .bind(format!("shop {}", id % 400))
                        .bind(3_i64)
                        .bind(1_800_000_000_i64)
                        .bind(0_i64)
                        .bind(LINES as i64)
                        .bind(14_i64);
                }
                query.execute(&mut *session).await?;
            }
            let all: Vec<(usize, usize, Line)> = chunk
                .iter()
                .flat_map(|id| lines(*id).into_iter().enumerate().map(|(at, line)| (*id, at + 1, line)))
                .collect();
            for part in all.chunks($rows) {
                let mut query = sqlx::query(AssertSqlSafe(texts[part.len()].1.clone()));
                for (id, line_no, line) in part {
                    query = query
                        .bind(*id as i64)
                        .bind(*line_no as i64)
                        .bind("-")
                        .bind(line.sku.clone())
                        .bind(DESCRIPTION)
                        .bind(line.quantity);
                }
                query.execute(&mut *session).await?;
            }
            session.commit().await?;
        }
        began.elapsed().as_secs_f64()
    }};
}

/// Seconds it took.
async fn insert_bare(place: &Place, orders: usize, rows: usize) -> Result<f64> {
    Ok(match place.address() {
        Address::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(&path.display().to_string()).await?;
            sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut connection).await?;
            insert_on!(connection, orders, rows)
        }
        Address::Postgres(url) => {
            let connection = PgConnection::connect(&url).await.context("the bare insert")?;
            insert_on!(connection, orders, rows)
        }
    })
}
