//! Order files of the tests: made ones of a chosen size, and the real days where they are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wcs_sim::feed::{MadeTotals, made_orders};

use crate::program::root;

/// The two real days.
pub const DAYS: [&str; 2] = ["2010-12-01.csv", "2011-12-05.csv"];

/// Folder of the real days, when they are there: `$WCS_ORDERS`, else beside the workspace.
pub fn real_days() -> Option<PathBuf> {
    let named = env::var_os("WCS_ORDERS").map(PathBuf::from);
    let beside = root().parent().map(|parent| parent.join("shared").join("data").join("orders"));
    [named, beside].into_iter().flatten().find(|folder| DAYS.iter().all(|day| folder.join(day).is_file()))
}

/// Writes an order file of `order_count` made orders to `path` and gives what is in it, counted by its maker.
///
/// # Errors
/// It cannot be written.
pub fn write_made(path: &Path, seed: u64, order_count: u32) -> Result<MadeTotals> {
    let made = made_orders(seed, order_count);
    fs::write(path, made.csv)?;
    Ok(made.totals)
}

/// Writes an order file of `orders` orders of `lines` lines, numbered from `first`; gives the numbers.
///
/// # Errors
/// It cannot be written.
pub fn write_even(path: &Path, first: u32, orders: u32, lines: u32) -> Result<Vec<String>> {
    let mut csv = String::from("InvoiceNo,StockCode,Description,Quantity,CustomerID\n");
    let numbers: Vec<String> = (first..first + orders).map(|number| number.to_string()).collect();
    for (order, number) in (0..).zip(&numbers) {
        for line in 0..lines {
            let (sku, quantity) = (10_000 + (order * 7 + line) % 80_000, 1 + (order + line) % 5);
            csv.push_str(&format!("{number},{sku},MUG,{quantity},501\n"));
        }
    }
    fs::write(path, csv)?;
    Ok(numbers)
}
