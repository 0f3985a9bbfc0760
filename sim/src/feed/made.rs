//! Orders of our own for demos and for tests where the real days are not at hand: a file of the same shape as
//! the retail sample (cancelled invoices with negative quantities, codes that are no merchandise, blank
//! descriptions, one sku twice in an order). What is written is counted while it is written, which makes the
//! totals independent of every reader.

use std::collections::BTreeMap;
use std::fmt::Write;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::below;

/// A made order file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MadeOrders {
    /// The file, as CSV with the header of the retail sample.
    pub csv: String,
    /// What is in it.
    pub totals: MadeTotals,
}

/// Totals of a made file, counted by the one that made it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MadeTotals {
    /// Rows without the header.
    pub rows: u64,
    /// Lines the sample mapping must accept.
    pub lines_accepted: u64,
    /// Lines it must refuse, by reason.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Orders with an accepted line.
    pub orders: u64,
    /// Orders without.
    pub orders_empty: u64,
    /// Pieces of the accepted lines.
    pub pieces: u64,
}

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const SKU_COUNT: usize = 1_400;
const FIRST_INVOICE: u64 = 600_000;
const NOT_MERCHANDISE: [&str; 7] = ["POST", "DOT", "M", "D", "C2", "CRUK", "AMAZONFEE"];
const WORDS: [&str; 12] = [
    "WHITE",
    "RED",
    "VINTAGE",
    "HEART",
    "LANTERN",
    "MUG",
    "CAKE",
    "TIN",
    "BAG",
    "CLOCK",
    "GLASS",
    "\"\"LOVE\"\"",
];

/// Writes `order_count` orders with at least one accepted line, and cancelled ones among them. The same seed
/// gives the same bytes.
pub fn made_orders(seed: u64, order_count: u32) -> MadeOrders {
    let mut maker = Maker {
        lots: ChaCha8Rng::seed_from_u64(seed),
        made: MadeOrders { csv: HEADER.to_owned(), totals: MadeTotals::default() },
        invoice: FIRST_INVOICE,
    };
    for _ in 0..order_count {
        if maker.draw(8) == 0 {
            maker.cancelled_order();
        }
        maker.order();
    }
    maker.made
}

struct Maker {
    lots: ChaCha8Rng,
    made: MadeOrders,
    invoice: u64,
}

impl Maker {
    fn draw(&mut self, bound: usize) -> usize {
        below(&mut self.lots, bound)
    }

    /// An order of one to about eighty lines, most of them short.
    fn order(&mut self) {
        self.invoice += 1;
        let invoice = self.invoice.to_string();
        let most = 1 + self.draw(80);
        let lines = 1 + self.draw(most);
        let mut last_sku = self.sku();
        for line in 0..lines {
            // The first line is always good, so that the order is not empty.
            match if line == 0 { usize::MAX } else { self.draw(150) } {
                0 => self.refused(&invoice, &last_sku, "-1", "quantity_not_positive"),
                1 => {
                    let code = NOT_MERCHANDISE[self.draw(NOT_MERCHANDISE.len())];
                    self.refused(&invoice, code, "1", "not_merchandise");
                }
                2 => self.refused(&invoice, &last_sku, "3", "blank_description"),
                lot => {
                    // One sku may stand twice in an order, sometimes with the same quantity.
                    if lot >= 10 {
                        last_sku = self.sku();
                    }
                    let quantity = self.quantity();
                    self.accepted(&invoice, &last_sku, quantity);
                }
            }
        }
        self.made.totals.orders += 1;
    }

    /// A cancelled invoice: only returns.
    fn cancelled_order(&mut self) {
        self.invoice += 1;
        let invoice = format!("C{}", self.invoice);
        for _ in 0..=self.draw(3) {
            let sku = self.sku();
            let quantity = format!("-{}", self.quantity());
            self.refused(&invoice, &sku, &quantity, "quantity_not_positive");
        }
        self.made.totals.orders_empty += 1;
    }

    fn sku(&mut self) -> String {
        let number = 10_000 + 53 * self.draw(SKU_COUNT);
        let letter = ["", "", "", "A", "B", "BL"][self.draw(6)];
        format!("{number}{letter}")
    }

    fn quantity(&mut self) -> u32 {
        let most = [2, 6, 12, 24][self.draw(4)];
        let quantity = 1 + self.draw(most);
        u32::try_from(quantity).expect("a made quantity is small")
    }

    fn accepted(&mut self, invoice: &str, sku: &str, quantity: u32) {
        let words = [WORDS[self.draw(WORDS.len())], WORDS[self.draw(WORDS.len())]];
        self.row(invoice, sku, &words.join(", "), &quantity.to_string());
        self.made.totals.lines_accepted += 1;
        self.made.totals.pieces += u64::from(quantity);
    }

    fn refused(&mut self, invoice: &str, sku: &str, quantity: &str, reason: &str) {
        let description = if reason == "blank_description" { " " } else { "RETURNED" };
        self.row(invoice, sku, description, quantity);
        *self.made.totals.refused_by_reason.entry(reason.to_owned()).or_default() += 1;
    }

    fn row(&mut self, invoice: &str, sku: &str, description: &str, quantity: &str) {
        let customer = if self.draw(5) == 0 { "" } else { "17850.0" };
        let minute = self.made.totals.rows % 60;
        writeln!(
            self.made.csv,
            "{invoice},{sku},\"{description}\",{quantity},2011-12-05 09:{minute:02}:00,2.55,{customer},United Kingdom"
        )
        .expect("a text takes every row");
        self.made.totals.rows += 1;
    }
}
