//! Tests of the independent reading: the counted totals of the real days (or of a made file of the same
//! shape), refusals, grouping and labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

const RETAIL: &str = r#"
[file]
encoding = "utf-8"
delimiter = ","
[columns]
order = "InvoiceNo"
sku = "StockCode"
quantity = "Quantity"
description = "Description"
customer = "CustomerID"
[[refuse]]
reason = "quantity_not_positive"
column = "quantity"
rule = "not_positive"
[[refuse]]
reason = "not_merchandise"
column = "sku"
rule = { not_matching = '^\d{5}[A-Za-z]{0,2}$' }
[[refuse]]
reason = "blank_description"
column = "description"
rule = "blank"
"#;

fn retail() -> FeedMapping {
    FeedMapping::parse(RETAIL).unwrap()
}

fn plan(identify: Identify, assign: Assign, chutes: usize) -> FeedPlan {
    FeedPlan { identify, assign, chutes, seed: 1 }
}

fn real_day(name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/orders");
    let folders = [std::env::var_os("WCS_ORDERS").map(PathBuf::from), Some(beside)];
    folders.into_iter().flatten().find_map(|folder| std::fs::read(folder.join(name)).ok())
}

fn reasons(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[test]
fn the_real_days_give_the_counted_totals() {
    let table = [
        ("2011-12-05.csv", [5_284, 29, 16, 2, 129, 43_826, 22]),
        ("2010-12-01.csv", [3_064, 27, 8, 9, 127, 26_909, 16]),
    ];
    for (name, [accepted, quantity, merchandise, blank, orders, pieces, empty]) in table {
        let Some(bytes) = real_day(name) else {
            println!("real days: not run");
            return;
        };
        let groups = Groups::read(&bytes, &retail(), plan(Identify::Lpn, Assign::Volume, 60)).unwrap();
        assert_eq!(groups.lines_accepted, accepted, "{name}");
        assert_eq!(
            groups.refused_by_reason,
            reasons(&[
                ("blank_description", blank),
                ("not_merchandise", merchandise),
                ("quantity_not_positive", quantity)
            ])
        );
        assert_eq!((groups.orders, groups.orders_empty), (orders, empty));
        assert_eq!((groups.expected_pieces, groups.groups.len()), (pieces, 3));
        assert_eq!(groups.load_count(), accepted, "one load for each line");
        let pieces_only = Groups::read(&bytes, &retail(), plan(Identify::Sku, Assign::Volume, 60)).unwrap();
        assert_eq!(pieces_only.load_count(), pieces);
    }
}

#[test]
fn a_made_file_gives_the_totals_its_maker_counted() {
    let made = made_orders(7, 130);
    let file = OrderFile::read(made.csv.as_bytes(), &retail()).unwrap();
    let groups = Groups::of(&file, plan(Identify::Lpn, Assign::Volume, 60));
    assert_eq!(file.rows, made.totals.rows);
    assert_eq!(groups.lines_accepted, made.totals.lines_accepted);
    assert_eq!(groups.refused_by_reason, made.totals.refused_by_reason);
    assert_eq!((groups.orders, groups.orders_empty), (made.totals.orders, made.totals.orders_empty));
    assert_eq!(groups.expected_pieces, made.totals.pieces);
    assert_eq!(made.totals.orders, 130);
    assert_eq!(made.totals.refused_by_reason.len(), 3, "every kind of refusal occurs");
    assert!(made.totals.orders_empty > 5);
    assert_eq!(made, made_orders(7, 130));
    assert_ne!(made.csv, made_orders(8, 130).csv);
}

/// Reads rows `order,sku,quantity,description` under the retail rules.
fn rows(text: &str) -> OrderFile {
    let csv: String = text
        .lines()
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            format!("{},{},{},{},d,1,c,UK\n", cells[0], cells[1], cells[3], cells[2])
        })
        .collect();
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    OrderFile::read(format!("{header}{csv}").as_bytes(), &retail()).unwrap()
}

#[test]
fn the_first_reason_in_file_order_counts() {
    let file = rows("1,POST,-1, \n1,POST,1, \n1,12345,1, \n1,12345,0,x");
    let expected = [("blank_description", 1), ("not_merchandise", 1), ("quantity_not_positive", 2)];
    assert_eq!(file.refused_by_reason, reasons(&expected));
    assert_eq!(file.orders_empty(), 1);
}

#[test]
fn quantities_that_are_no_whole_numbers_are_refused() {
    let file =
        rows("1,12345,1e9,x\n1,12345,NaN,x\n1,12345,1.5,x\n1,12345,1000000,x\n1,12345,,x\n1,12345,+1,x");
    assert_eq!(file.refused_by_reason, reasons(&[("bad_quantity", 6)]));
    let file = rows("1,12345,999999,x\n1,12345,-1000000,x");
    assert_eq!(file.refused_by_reason, reasons(&[("bad_quantity", 1)]));
    assert_eq!(file.lines[0].quantity, 999_999);
}

#[test]
fn ordinals_count_every_row_of_an_order_and_identical_rows_are_separate_lines() {
    let file = rows("1,12345,2,x\n2,12345,2,x\n1,POST,2,x\n1,12345,2,x");
    let found: Vec<(&str, u32)> = file.lines.iter().map(|line| (line.order.as_str(), line.ordinal)).collect();
    assert_eq!(found, [("1", 1), ("2", 1), ("1", 3)]);
    let groups = Groups::of(&file, plan(Identify::Lpn, Assign::Volume, 60));
    let mut labels: Vec<String> = groups.groups[0].iter().map(|load| load.label.to_string()).collect();
    labels.sort();
    assert_eq!(labels, ["1/1", "1/3", "2/1"]);
}

#[test]
fn explicit_line_numbers_are_taken_and_doubles_refused() {
    let text =
        RETAIL.replace("[[refuse]]\nreason = \"quantity", "line = \"Line\"\n[[refuse]]\nreason = \"quantity");
    let mapping = FeedMapping::parse(&text).unwrap();
    let csv = "InvoiceNo,StockCode,Quantity,Description,CustomerID,Line\n1,12345,1,x,c,7\n1,12345,1,x,c,7\n\
               2,12345,1,x,c,7\n1,12345,1,x,c,zero\n";
    let file = OrderFile::read(csv.as_bytes(), &mapping).unwrap();
    assert_eq!(file.lines.iter().map(|line| line.ordinal).collect::<Vec<_>>(), [7, 7]);
    assert_eq!(file.refused_by_reason, reasons(&[("bad_line", 1), ("duplicate_line", 1)]));
}

#[test]
fn bad_bytes_and_overlong_cells_refuse_their_row_only() {
    let mut csv =
        b"InvoiceNo,StockCode,Quantity,Description,CustomerID\n1,12345,1,\xFF\xFE,c\n1,12345,2,x,c\n"
            .to_vec();
    csv.extend_from_slice(format!("1,12345,3,{},c\n", "y".repeat(65_537)).as_bytes());
    let file = OrderFile::read(&csv, &retail()).unwrap();
    assert_eq!(file.refused_by_reason, reasons(&[("bad_encoding", 1), ("field_too_long", 1)]));
    assert_eq!(file.lines.iter().map(|line| line.quantity).sum::<u32>(), 2);
}

#[test]
fn korean_and_marked_files_are_read() {
    let mapping = FeedMapping::parse(&RETAIL.replace("utf-8", "cp949")).unwrap();
    let csv = b"InvoiceNo,StockCode,Quantity,Description,CustomerID\n1,12345,4,\xC7\xD1\xB1\xDB,c\n";
    assert_eq!(OrderFile::read(csv, &mapping).unwrap().lines[0].quantity, 4);
    let mapping = FeedMapping::parse(&RETAIL.replace("utf-8", "utf-8-bom")).unwrap();
    let csv = b"\xEF\xBB\xBFInvoiceNo,StockCode,Quantity,Description,CustomerID\n1,12345,4,x,c\n";
    assert_eq!(OrderFile::read(csv, &mapping).unwrap().lines.len(), 1);
}

#[test]
fn a_missing_column_is_named() {
    let error = OrderFile::read(b"InvoiceNo;StockCode;Quantity\n", &retail()).unwrap_err();
    assert_eq!(error.to_string(), "the order file has no column `InvoiceNo`");
    assert!(OrderFile::read(b"", &retail()).is_err());
}

#[test]
fn rules_may_name_a_column_of_the_file() {
    let by_header =
        FeedMapping::parse(&RETAIL.replace("column = \"sku\"", "column = \"StockCode\"")).unwrap();
    let made = made_orders(2, 30);
    let read = |mapping| OrderFile::read(made.csv.as_bytes(), mapping).unwrap();
    assert_eq!(read(&by_header), read(&retail()));
    let unknown = FeedMapping::parse(&RETAIL.replace("column = \"sku\"", "column = \"Weight\"")).unwrap();
    let error = OrderFile::read(made.csv.as_bytes(), &unknown).unwrap_err();
    assert_eq!(error.to_string(), "the order file has no column `Weight`");
}

#[test]
fn the_shipped_mapping_reads_like_the_one_of_these_tests() {
    let shipped = FeedMapping::parse(include_str!("../../../configs/mappings/retail.toml")).unwrap();
    let made = made_orders(4, 60);
    let read = |mapping| OrderFile::read(made.csv.as_bytes(), mapping).unwrap();
    assert_eq!(read(&shipped), read(&retail()));
}

#[test]
fn mappings_that_cannot_be_meant_are_refused() {
    for (from, to) in [
        ("rule = \"blank\"", "rule = \"empty\""),
        ("rule = {", "rule = { blank = 1,"),
        ("^\\d{5}", "^(\\d{5}"),
        ("delimiter = \",\"", "delimiter = \",,\""),
        ("encoding = \"utf-8\"", "encoding = \"latin-1\""),
        ("[columns]", "[columns]\nweight = \"x\""),
    ] {
        let text = RETAIL.replacen(from, to, 1);
        assert_ne!(text, RETAIL, "{from}");
        assert!(FeedMapping::parse(&text).is_err(), "{to}");
    }
}

#[test]
fn volume_cuts_groups_and_first_scan_keeps_one_with_windows() {
    let text: String = (1..=7).map(|order| format!("{order},12345,1,x\n{order},12346,2,x\n")).collect();
    let file = rows(&text);
    let volume = Groups::of(&file, plan(Identify::Lpn, Assign::Volume, 3));
    let orders = |group: &[FeedLoad]| {
        group.iter().map(|load| load.order.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    let sets: Vec<_> = volume.groups.iter().map(|group| orders(group)).collect();
    assert_eq!(volume.groups.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 2]);
    assert!(sets[0].contains("1") && sets[0].contains("3") && sets[1].contains("4") && sets[2].contains("7"));
    let first_scan = Groups::of(&file, plan(Identify::Lpn, Assign::FirstScan, 4));
    assert_eq!(first_scan.groups.len(), 1);
    for (window, loads) in first_scan.groups[0].chunks(4).enumerate() {
        let allowed = [2 * window + 1, 2 * window + 2].map(|order| order.to_string());
        assert!(loads.iter().all(|load| allowed.contains(&load.order)), "window {window}");
    }
}

#[test]
fn pieces_carry_their_sku_and_no_order() {
    let file = rows("1,12345,3,x\n2,12346,1,x");
    let groups = Groups::of(&file, plan(Identify::Sku, Assign::Volume, 60));
    let mut labels: Vec<String> = groups.groups[0].iter().map(|load| load.label.to_string()).collect();
    labels.sort();
    assert_eq!(labels, ["12345", "12345", "12345", "12346"]);
    assert!(groups.groups[0].iter().all(|load| load.qty == 1 && load.order.is_empty()));
}

#[test]
fn the_seed_decides_the_sequence_and_nothing_else() {
    let made = made_orders(3, 20);
    let file = OrderFile::read(made.csv.as_bytes(), &retail()).unwrap();
    let groups = |seed| {
        let plan = FeedPlan { identify: Identify::Lpn, assign: Assign::Volume, chutes: 60, seed };
        Groups::of(&file, plan)
    };
    assert_eq!(groups(5), groups(5));
    assert_ne!(groups(5).groups, groups(6).groups);
    let sorted = |seed| {
        let mut labels: Vec<Code> = groups(seed).groups.concat().into_iter().map(|load| load.label).collect();
        labels.sort();
        labels
    };
    assert_eq!(sorted(5), sorted(6));
}

#[test]
fn labels_and_codes_no_scanner_can_read_are_refused() {
    let file = rows(&format!("{},12345,1,x\n{},12345,1,x", "9".repeat(62), "9".repeat(63)));
    assert_eq!(file.refused_by_reason, reasons(&[("code_too_long", 1)]));
    assert_eq!(file.lines[0].order.len(), 62);
}

#[test]
fn rows_that_name_nothing_or_end_early_are_refused() {
    let file = rows(" ,12345,1,x\n1, ,1,x");
    assert_eq!(file.refused_by_reason, reasons(&[("blank_order", 1), ("blank_sku", 1)]));
    let csv = b"InvoiceNo,StockCode,Quantity,Description,CustomerID\n1,12345,1,x\n1,12345,1,x,c,more\n1,12345,1,x,c,\n";
    let file = OrderFile::read(csv, &retail()).unwrap();
    assert_eq!(file.refused_by_reason, reasons(&[("wrong_field_count", 2)]));
    assert_eq!(file.lines[0].ordinal, 3, "refused rows have their place in the order");
}

#[test]
fn priorities_and_due_times_are_checked() {
    let extra = "customer = \"CustomerID\"\npriority = \"Priority\"\ndue_at = \"Due\"\nowner = \"Owner\"";
    let mapping = FeedMapping::parse(&RETAIL.replace("customer = \"CustomerID\"", extra)).unwrap();
    let row = |priority: &str, due: &str| {
        let head = "InvoiceNo,StockCode,Quantity,Description,CustomerID,Priority,Due,Owner";
        let csv = format!("{head}\n1,12345,1,x,c,{priority},{due},acme\n");
        let file = OrderFile::read(csv.as_bytes(), &mapping).unwrap();
        assert!(file.lines.iter().all(|line| line.owner == "acme"));
        file.refused_by_reason.into_keys().next()
    };
    for (priority, due) in [("", ""), ("255", "1323075600"), (" 0 ", "2026-01-31T18:00:00+09:00")] {
        assert_eq!(row(priority, due), None, "{priority} {due}");
    }
    assert_eq!(row("256", "").as_deref(), Some("bad_priority"));
    assert_eq!(row("-1", "").as_deref(), Some("bad_priority"));
    assert_eq!(row("1", "tomorrow").as_deref(), Some("bad_due_at"));
    assert_eq!(row("1", "2026-01-31 18:00").as_deref(), Some("bad_due_at"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut csv = b"InvoiceNo,StockCode,Quantity,Description,CustomerID\n".to_vec();
        csv.extend(bytes);
        if let Ok(file) = OrderFile::read(&csv, &retail()) {
            let refused: u64 = file.refused_by_reason.values().sum();
            prop_assert_eq!(file.rows, file.lines.len() as u64 + refused);
        }
    }

    /// Two readings by two people: what one accepts the other accepts, under the same label.
    #[test]
    fn both_readings_of_a_file_agree(
        table in prop::collection::vec(
            (
                prop::sample::select(vec!["1", "2", " ", "C3", "\"4\"", "\u{ac00}"]),
                prop::sample::select(vec!["12345", "12345A", "POST", "", "123456"]),
                prop::sample::select(vec!["1", "-1", "0", "007", "1e3", " 5 ", "1000000", "+1"]),
                prop::sample::select(vec!["x", "", " ", "\"a,b\"", "\"two\nlines\""]),
                prop::sample::select(vec![",c", "", ",c,,", ",c,d"]),
            ),
            0..20,
        ),
        is_first_scan in any::<bool>(),
        chutes in 1_usize..4,
    ) {
        let mut csv = "InvoiceNo,StockCode,Quantity,Description,CustomerID\n".to_owned();
        for (order, sku, quantity, description, rest) in table {
            csv.push_str(&format!("{order},{sku},{quantity},{description}{rest}\n"));
        }
        let assign = if is_first_scan { Assign::FirstScan } else { Assign::Volume };
        let groups = Groups::read(csv.as_bytes(), &retail(), plan(Identify::Lpn, assign, chutes)).unwrap();
        let intake = wcs_intake::read_orders(csv.as_bytes(), &wcs_intake::Mapping::retail()).unwrap();
        let refused = intake.refused_by_reason().into_iter().map(|(reason, count)| (reason.to_owned(), count));
        prop_assert_eq!(&groups.refused_by_reason, &refused.collect::<BTreeMap<String, u64>>());
        prop_assert_eq!(groups.orders_empty, intake.empty_orders.len() as u64);
        let batches =
            wcs_intake::plan(&intake, chutes, assign, Identify::Lpn, wcs_types::LineId(0));
        prop_assert_eq!(groups.groups.len(), batches.len());
        for (group, batch) in groups.groups.iter().zip(&batches) {
            let mut fed: Vec<(Code, u32)> = group.iter().map(|load| (load.label.clone(), load.qty)).collect();
            let mut planned: Vec<(Code, u32)> =
                batch.jobs.iter().map(|job| (job.codes[0].clone(), job.quantity.0)).collect();
            fed.sort();
            planned.sort();
            prop_assert_eq!(fed, planned);
        }
    }
}
