//! The two real trading days through the sample mapping, against totals counted by hand elsewhere. Where the files
//! are not at hand, a made file of the same shape takes their place, with totals counted while it is made.

use std::path::{Path, PathBuf};

use wcs_intake::{Intake, Mapping, plan, read_orders};
use wcs_types::{Assign, Identify, LineId};

#[derive(Debug, Default, Eq, PartialEq)]
struct Totals {
    rows: u64,
    lines: u64,
    quantity: u64,
    merchandise: u64,
    blank: u64,
    orders: usize,
    pieces: u64,
    empty: usize,
}

impl Totals {
    fn of(intake: &Intake) -> Self {
        let counts = intake.refused_by_reason();
        let count = |reason: &str| counts.get(reason).copied().unwrap_or(0);
        assert!(counts.keys().all(|reason| REASONS.contains(reason)), "{counts:?}");
        Self {
            rows: intake.rows,
            lines: intake.lines_accepted(),
            quantity: count(REASONS[0]),
            merchandise: count(REASONS[1]),
            blank: count(REASONS[2]),
            orders: intake.orders.len(),
            pieces: intake.pieces(),
            empty: intake.empty_orders.len(),
        }
    }
}

const REASONS: [&str; 3] = ["quantity_not_positive", "not_merchandise", "blank_description"];
const DAYS: [(&str, Totals); 2] = [
    (
        "2011-12-05.csv",
        Totals {
            rows: 5_331,
            lines: 5_284,
            quantity: 29,
            merchandise: 16,
            blank: 2,
            orders: 129,
            pieces: 43_826,
            empty: 22,
        },
    ),
    (
        "2010-12-01.csv",
        Totals {
            rows: 3_108,
            lines: 3_064,
            quantity: 27,
            merchandise: 8,
            blank: 9,
            orders: 127,
            pieces: 26_909,
            empty: 16,
        },
    ),
];

/// Where the real days are: `$WCS_ORDERS`, else beside the workspace.
fn orders_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("WCS_ORDERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/orders"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

/// A file of the shape of the real days, the same for the same seed, and its totals.
fn made_day(seed: u64, orders: usize) -> (String, Totals) {
    let mut state = seed;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut text =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_owned();
    let mut totals = Totals::default();
    for order in 0..orders {
        let is_return = next(10) == 0;
        let prefix = if is_return { "C" } else { "" };
        let mut accepted = 0;
        for _ in 0..1 + next(40) {
            let quantity = 1 + next(48);
            let sku = format!("{}{}", 20_000 + next(900), ["", "A", "BL"][next(3) as usize]);
            let (sku, description, quantity) = match next(40) {
                _ if is_return => (sku, "\"RETURNED, \"\"AS NEW\"\"\"", -(quantity as i64)),
                0 => (["POST", "DOT", "M", "C2"][next(4) as usize].to_owned(), "POSTAGE", quantity as i64),
                1 => (sku, "", quantity as i64),
                _ => (sku, "\"LANTERN, WHITE\"", quantity as i64),
            };
            let invoice = 580_000 + order;
            text += &format!(
                "{prefix}{invoice},{sku},{description},{quantity},2011-12-05 08:38:00,1.79,,Utopia\n"
            );
            totals.rows += 1;
            if quantity < 1 {
                totals.quantity += 1;
            } else if description == "POSTAGE" {
                totals.merchandise += 1;
            } else if description.is_empty() {
                totals.blank += 1;
            } else {
                accepted += 1;
                totals.pieces += quantity as u64;
            }
        }
        totals.lines += accepted;
        totals.orders += usize::from(accepted > 0);
        totals.empty += usize::from(accepted == 0);
    }
    (text, totals)
}

#[test]
fn real_days_give_the_table() {
    let mapping = Mapping::retail();
    let Some(folder) = orders_folder() else {
        let (text, totals) = made_day(20_111_205, 150);
        assert_eq!(Totals::of(&read_orders(text.as_bytes(), &mapping).unwrap()), totals);
        println!("real days: not run");
        return;
    };
    for (file, totals) in DAYS {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let intake = read_orders(&bytes, &mapping).unwrap();
        assert_eq!(Totals::of(&intake), totals, "{file}");
        assert_eq!(plan(&intake, 60, Assign::Volume, Identify::Lpn, LineId(0)).len(), 3, "{file}");
    }
    println!("real days: run");
}

#[test]
fn made_days_give_their_totals() {
    for seed in 0..20 {
        let (text, totals) = made_day(seed, 60);
        assert!(totals.merchandise > 0 && totals.blank > 0 && totals.quantity > 0, "{totals:?}");
        assert_eq!(
            Totals::of(&read_orders(text.as_bytes(), &Mapping::retail()).unwrap()),
            totals,
            "seed {seed}"
        );
    }
}

#[test]
fn a_hundred_thousand_lines_import() {
    let (text, totals) = made_day(7, 5_200);
    assert!(totals.rows > 100_000, "{totals:?}");
    assert_eq!(Totals::of(&read_orders(text.as_bytes(), &Mapping::retail()).unwrap()), totals);
}
