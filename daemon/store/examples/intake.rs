//! Orders a second: the intake of the store against a bare insert of the same rows, with the same schema, indexes, sync
//! mode and rows in a transaction, in turns. `intake ADDRESS [ORDERS]`; the store at ADDRESS must be empty.
//!
//! The bare insert is what `sqlx` does with one statement for each row, or with the widest text for many.

use std::time::Instant;

use sqlx::{Connection, SqliteConnection};
use wcs_store::{Address, LineDraft, ORDERS_PER_CHUNK_MAX, OrderDraft, Received, Settings, Store};
use wcs_types::{OrderKey, SkuKey};

const LINES: u32 = 4;
const ROUNDS: usize = 5;

fn drafts(round: usize, count: usize) -> Vec<OrderDraft> {
    let draft = |at: usize| OrderDraft {
        key: OrderKey { owner: "-".into(), number: format!("{round}-{at:07}") },
        customer: format!("shop {}", at % 400),
        priority: 3,
        due_at_s: 1_800_000_000,
        lines: (1..=LINES)
            .map(|line_no| LineDraft {
                line_no,
                sku: SkuKey {
                    owner: "-".into(),
                    code: format!("sku{}", (at * 7 + line_no as usize) % 5_000),
                },
                description: "an article of some name".into(),
                quantity: 1 + line_no,
                barcodes: Vec::new(),
            })
            .collect(),
    };
    (0..count).map(draft).collect()
}

/// Rows of the same tables, nothing asked and nothing judged.
async fn insert_bare(path: &str, first_id: i64, drafts: &[OrderDraft]) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect(path).await?;
    sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut connection).await?;
    let mut id = first_id;
    for chunk in drafts.chunks(ORDERS_PER_CHUNK_MAX) {
        let mut session = connection.begin().await?;
        for draft in chunk {
            id += 1;
            sqlx::query(
                "INSERT INTO orders (id, owner, number, customer, priority, due_at_s, received_at, line_count, ordered) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(id)
            .bind(&draft.key.owner)
            .bind(format!("bare {}", draft.key.number))
            .bind(&draft.customer)
            .bind(i64::from(draft.priority))
            .bind(draft.due_at_s.cast_signed())
            .bind(0_i64)
            .bind(i64::from(LINES))
            .bind(14_i64)
            .execute(&mut *session)
            .await?;
            for line in &draft.lines {
                sqlx::query(
                    "INSERT INTO lines (order_id, line_no, sku_owner, sku_code, description, ordered) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(id)
                .bind(i64::from(line.line_no))
                .bind(&line.sku.owner)
                .bind(&line.sku.code)
                .bind(&line.description)
                .bind(i64::from(line.quantity))
                .execute(&mut *session)
                .await?;
            }
        }
        session.commit().await?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: Address = arguments.next().ok_or("which store?")?.parse()?;
    let count: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(&Settings::new(address.clone()), 0).await?;
        for round in 0..ROUNDS {
            let drafts = drafts(round, count);
            let began = Instant::now();
            let answers = store.receive(&drafts, 0).await?;
            let intake = count as f64 / began.elapsed().as_secs_f64();
            assert!(
                answers.iter().all(|answer| matches!(answer, Received::Accepted { is_repeat: false, .. }))
            );
            let Address::Sqlite(path) = &address else {
                println!("intake {intake:.0} orders/s");
                continue;
            };
            let began = Instant::now();
            // Far above the ids of the store.
            insert_bare(&path.display().to_string(), (round as i64 + 1) << 40, &drafts).await?;
            let bare = count as f64 / began.elapsed().as_secs_f64();
            println!("intake {intake:.0} orders/s, bare {bare:.0} orders/s, ratio {:.2}", intake / bare);
        }
        store.close().await;
        Ok(())
    })
}
