//! Table tests of the intake: one file for each refusal and each rule about rows, and what must hold for any
//! bytes.

use proptest::prelude::*;
use wcs_intake::{FileRefusal, Intake, Mapping, plan, read_orders};
use wcs_types::{Assign, Identify, LineId};

const MAPPING: &str = "
[file]
encoding = 'utf-8'
delimiter = ','
[columns]
order = 'Order'
sku = 'Sku'
quantity = 'Qty'
description = 'Text'
customer = 'Customer'
[[refuse]]
reason = 'returned'
column = 'quantity'
rule = 'not_positive'
[[refuse]]
reason = 'no_text'
column = 'Text'
rule = 'blank'
";
const FULL: &str = "line = 'Line'\nowner = 'Owner'\npriority = 'Prio'\ndue_at = 'Due'\n[[refuse]]";
const HEAD: &str = "Order,Sku,Qty,Text,Customer\n";

fn mapping() -> Mapping {
    Mapping::parse(MAPPING, "m.toml").expect("the mapping is sound")
}

fn full_mapping() -> Mapping {
    Mapping::parse(&MAPPING.replacen("[[refuse]]", FULL, 1), "m.toml").expect("the mapping is sound")
}

fn read(rows: &str) -> Intake {
    read_orders(format!("{HEAD}{rows}").as_bytes(), &mapping()).expect("the file has its columns")
}

fn refusals(intake: &Intake) -> Vec<String> {
    let refusals = intake.refusals.iter();
    refusals
        .map(|found| format!("{} {} {} `{}`", found.row, found.reason, found.column, found.text))
        .collect()
}

#[test]
fn each_refusal_names_row_column_and_value() {
    let cases = [
        ("a,s,x,t,c", "2 bad_quantity Qty `x`"),
        ("a,s,1e9,t,c", "2 bad_quantity Qty `1e9`"),
        ("a,s,NaN,t,c", "2 bad_quantity Qty `NaN`"),
        ("a,s,1.5,t,c", "2 bad_quantity Qty `1.5`"),
        ("a,s,1000000,t,c", "2 bad_quantity Qty `1000000`"),
        ("a,s,-1000000,t,c", "2 bad_quantity Qty `-1000000`"),
        ("a,s,,t,c", "2 bad_quantity Qty ``"),
        ("a,s,-1,t,c", "2 returned Qty `-1`"),
        ("a,s,0,,c", "2 returned Qty `0`"),
        ("a,s,1, ,c", "2 no_text Text ` `"),
        (" ,s,1,t,c", "2 blank_order Order ` `"),
        ("a,,1,t,c", "2 blank_sku Sku ``"),
        ("a,s,1,t", "2 wrong_field_count  ``"),
        ("a,s,1,t,c,d", "2 wrong_field_count  ``"),
    ];
    for (row, expected) in cases {
        let intake = read(row);
        assert_eq!(refusals(&intake), [expected], "{row}");
        assert_eq!((intake.rows, intake.orders.len()), (1, 0), "{row}");
    }
}

#[test]
fn rows_need_their_mapped_fields_and_codes_count_exactly() {
    let text = format!("{}a, s,1,t,c\na,s,1,t,c,\n a,s,1,t,c,x,,\n", HEAD.replace('\n', ",More\n"));
    let intake = read_orders(text.as_bytes(), &mapping()).unwrap();
    assert!(intake.refusals.is_empty(), "{intake:?}");
    let keys: Vec<&str> = intake.orders.iter().map(|order| order.key.number.as_str()).collect();
    assert_eq!(keys, ["a", " a"]);
    assert_eq!(intake.orders[0].lines[0].sku.code, " s");
}

#[test]
fn field_of_64_kib_is_taken_and_one_byte_more_is_refused() {
    let row = |size: usize| read(&format!("a,s,1,{},c\na,s,2,t,c", "x".repeat(size)));
    assert!(row(65_536).refusals.is_empty());
    let intake = row(65_537);
    assert_eq!(refusals(&intake), [format!("2 field_too_long Text `{}`", "x".repeat(64))]);
    assert_eq!(intake.orders[0].lines[0].line_no, 2);
}

#[test]
fn bad_encoding_refuses_the_row_alone() {
    let bytes = [HEAD.as_bytes(), b"a,s,1,\xB0\xA1,c\na,s,2,t,c\n"].concat();
    let intake = read_orders(&bytes, &mapping()).unwrap();
    assert_eq!(refusals(&intake), ["2 bad_encoding Text `\\xB0\\xA1`"]);
    assert_eq!((intake.orders[0].lines[0].line_no, intake.pieces()), (2, 2));
    let korean = Mapping::parse(&MAPPING.replace("utf-8", "cp949"), "m.toml").unwrap();
    let intake = read_orders(&bytes, &korean).unwrap();
    assert_eq!(intake.orders[0].lines[0].description, "가");
}

#[test]
fn byte_order_mark_is_skipped() {
    let bytes = [b"\xEF\xBB\xBF", HEAD.as_bytes(), b"a,s,1,t,c"].concat();
    for encoding in ["utf-8", "utf-8-bom"] {
        let mapping = Mapping::parse(&MAPPING.replace("utf-8", encoding), "m.toml").unwrap();
        assert_eq!(read_orders(&bytes, &mapping).unwrap().pieces(), 1);
    }
}

#[test]
fn ordinals_count_every_row_of_the_order_and_equal_rows_stay_apart() {
    let intake = read("a,s,1,t,c\nb,s,1,t,c\na,s,-1,t,c\na,s,1,t,c\na,s,1,t,c");
    let lines: Vec<(u32, u64)> = intake.orders[0].lines.iter().map(|line| (line.line_no, line.row)).collect();
    assert_eq!(lines, [(1, 2), (3, 5), (4, 6)]);
    assert_eq!(intake.orders[1].lines[0].line_no, 1);
}

#[test]
fn orders_stand_by_their_first_accepted_row_and_empty_ones_apart() {
    let intake = read("z,s,-1,t,c\ny,s,-1,t,c\nb,s,1,t,c\nz,s,1,t,c\na,s,1,t,c\nx,s,0,t,c");
    let numbers: Vec<&str> = intake.orders.iter().map(|order| order.key.number.as_str()).collect();
    assert_eq!(numbers, ["b", "z", "a"]);
    let empty: Vec<&str> = intake.empty_orders.iter().map(|key| key.number.as_str()).collect();
    assert_eq!(empty, ["y", "x"]);
}

#[test]
fn explicit_line_numbers_must_be_unique_among_accepted_lines() {
    let head = "Order,Sku,Qty,Text,Customer,Line,Owner,Prio,Due\n";
    let rows = "a,s,-1,t,c,7,,,\na,s,1,t,c,7,,9,1970-01-01T00:01:00Z\na,s,2,t,c,7,,,\na,s,2,t,c,7,w,,\n\
        a,s,1,t,c,x,,,\na,s,1,t,c,8,,256,\na,s,1,t,c,8,,,tomorrow\na,s,1,t,c,0,,,\n";
    let intake = read_orders(format!("{head}{rows}").as_bytes(), &full_mapping()).unwrap();
    assert_eq!(
        refusals(&intake),
        [
            "2 returned Qty `-1`",
            "4 duplicate_line Line `7`",
            "6 bad_line Line `x`",
            "7 bad_priority Prio `256`",
            "8 bad_due_at Due `tomorrow`",
            "9 bad_line Line `0`",
        ]
    );
    let [first, second] = &intake.orders[..] else { panic!("{:?}", intake.orders) };
    assert_eq!((first.key.owner.as_str(), first.priority, first.due_at), ("-", 9, 60));
    assert_eq!((second.key.owner.as_str(), second.lines[0].sku.owner.as_str()), ("w", "w"));
}

#[test]
fn labels_and_skus_must_fit_a_scanner_event() {
    let intake =
        read(&format!("{},s,1,t,c\n{},s,1,t,c\na,{},1,t,c", "o".repeat(62), "o".repeat(63), "s".repeat(65)));
    let reasons: Vec<&str> = intake.refusals.iter().map(|found| found.reason.as_str()).collect();
    assert_eq!((reasons.len(), intake.orders.len()), (2, 1));
    assert_eq!(reasons, ["code_too_long", "code_too_long"]);
}

#[test]
fn file_without_its_columns_is_refused_by_name() {
    let refused = |text: &str| read_orders(text.as_bytes(), &mapping()).unwrap_err();
    assert_eq!(refused(""), FileRefusal::Empty);
    assert_eq!(refused("\n\n"), FileRefusal::Empty);
    assert_eq!(
        refused("Order,Sku,Quantity,Text,Customer\n").to_string(),
        "column Qty is missing; the first line has Order, Sku, Quantity, Text, Customer"
    );
    assert_eq!(
        refused(&HEAD.replace("Text", "Qty")).to_string(),
        "column Text is missing; the first line has Order, Sku, Qty, Qty, Customer"
    );
    assert_eq!(refused(&HEAD.replace("\n", ",Qty\n")), FileRefusal::DoubleColumn { column: "Qty".into() });
    assert_eq!(
        read_orders(b"\xFF\xFE,a\n", &mapping()).unwrap_err(),
        FileRefusal::HeaderEncoding { encoding: "utf-8" }
    );
}

#[test]
fn wrong_delimiter_is_named() {
    for (delimiter, name) in [(";", "a semicolon"), ("\t", "a tab"), ("|", "a pipe")] {
        let text = format!("{HEAD}a,s,1,t,c\n").replace(',', delimiter);
        let message = read_orders(text.as_bytes(), &mapping()).unwrap_err().to_string();
        assert!(message.contains("column Order, Sku, Qty, Text, Customer is missing"), "{message}");
        assert!(message.contains(&format!("when {name} is the delimiter")), "{message}");
    }
}

#[test]
fn quote_that_does_not_end_refuses_the_file() {
    let text = format!("{HEAD}a,s,1,t,c\nb,s,1,\"t,c\nd,s,1,t,c\n");
    assert_eq!(read_orders(text.as_bytes(), &mapping()), Err(FileRefusal::UnclosedQuote { row: 3 }));
    let closed = format!("{HEAD}a,s,1,\"t\nu\",c\nd,s,1,t,c");
    let intake = read_orders(closed.as_bytes(), &mapping()).unwrap();
    assert_eq!((intake.orders[0].lines[0].description.as_str(), intake.orders[1].lines[0].row), ("t\nu", 4));
}

#[test]
fn rows_are_counted_as_an_editor_counts_lines() {
    let rows = |intake: &Intake| -> Vec<u64> {
        let mut rows: Vec<u64> =
            intake.orders.iter().flat_map(|order| &order.lines).map(|line| line.row).collect();
        rows.extend(intake.refusals.iter().map(|refusal| refusal.row));
        rows
    };
    // Line 2, an empty one, 4 with an end inside quotes, 6, and 7 that is refused.
    let text = format!("{HEAD}a,s,1,t,c\n\na,s,2,\"t\nu\",c\na,s,3,t,c\na,s,-1,t,c\n");
    for end in ["\n", "\r\n", "\r"] {
        let intake = read_orders(text.replace('\n', end).as_bytes(), &mapping()).unwrap();
        assert_eq!(rows(&intake), [2, 4, 6, 7], "{end:?}");
    }
    let mixed = text.replacen('\n', "\r", 1).replacen("\n\n", "\r\n\r", 1);
    assert_eq!(rows(&read_orders(mixed.as_bytes(), &mapping()).unwrap()), [2, 4, 6, 7]);
}

#[test]
fn a_row_that_looks_like_the_end_is_a_row() {
    let intake = read("a,s,1,t,c\n\x01end of file\x01\nb,s,2,t,c\n\x01end of file\x01");
    let refused = ["3 wrong_field_count  ``", "5 wrong_field_count  ``"];
    assert_eq!((refusals(&intake), intake.pieces()), (refused.map(str::to_owned).to_vec(), 3));
}

#[test]
fn more_pieces_than_can_be_counted_refuse_the_file() {
    let text = format!("{HEAD}{}", "a,s,999999,t,c\n".repeat(4_295));
    assert_eq!(
        read_orders(text.as_bytes(), &mapping()),
        Err(FileRefusal::TooManyPieces { pieces: 4_294_995_705, most: 4_294_967_295 })
    );
}

#[test]
fn volume_cuts_groups_and_first_scan_does_not() {
    let rows: String = (0..5).map(|order| format!("o{order},s,2,t,c\no{order},s,3,t,c\n")).collect();
    let intake = read(&rows);
    let batches = plan(&intake, 2, Assign::Volume, Identify::Lpn, LineId(4));
    let shape: Vec<(u32, usize, u16)> = batches
        .iter()
        .map(|planned| (planned.spec.batch.0, planned.jobs.len(), planned.spec.chute_limit))
        .collect();
    assert_eq!(shape, [(1, 4, 2), (2, 4, 2), (3, 2, 2)]);
    assert_eq!(batches[2].jobs[1].codes[0].as_bytes(), b"o4/2");
    assert_eq!(batches[2].spec.line, LineId(4));
    let batches = plan(&intake, 2, Assign::FirstScan, Identify::Sku, LineId(0));
    assert_eq!((batches.len(), batches[0].jobs.len()), (1, 5));
    assert_eq!((batches[0].jobs[0].quantity.0, batches[0].jobs[0].codes[0].as_bytes()), (5, &b"s"[..]));
    assert!(plan(&Intake::default(), 0, Assign::FirstScan, Identify::Lpn, LineId(0)).is_empty());
}

#[test]
fn merged_jobs_stay_below_the_limit_of_a_line() {
    let intake = read("a,s,999999,t,c\na,s,1,t,c\na,s,2,t,c");
    let batches = plan(&intake, 1, Assign::Volume, Identify::Sku, LineId(0));
    let quantities: Vec<u32> = batches[0].jobs.iter().map(|job| job.quantity.0).collect();
    assert_eq!(quantities, [999_999, 3]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_nothing_gets_lost(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for text in [bytes.clone(), [HEAD.as_bytes(), &bytes].concat()] {
            if let Ok(intake) = read_orders(&text, &mapping()) {
                prop_assert_eq!(intake.rows, intake.lines_accepted() + intake.refusals.len() as u64);
            }
        }
    }

    #[test]
    fn plans_keep_every_piece(rows in prop::collection::vec((0_u8..6, 0_u8..4, -2_i32..9), 0..60), chutes in 0_usize..5, volume in any::<bool>(), lpn in any::<bool>()) {
        let text: String = rows.iter().map(|(order, sku, quantity)| format!("o{order},s{sku},{quantity},t,c\n")).collect();
        let intake = read(&text);
        let assign = if volume { Assign::Volume } else { Assign::FirstScan };
        let identify = if lpn { Identify::Lpn } else { Identify::Sku };
        let batches = plan(&intake, chutes, assign, identify, LineId(0));
        let planned: u64 = batches.iter().flat_map(|batch| &batch.jobs).map(|job| u64::from(job.quantity.0)).sum();
        let expected: i32 = rows.iter().map(|(_, _, quantity)| *quantity.max(&0)).sum();
        prop_assert_eq!(planned, u64::try_from(expected).unwrap());
        for batch in &batches {
            let mut keys: Vec<_> = batch.jobs.iter().map(|job| (&job.order, &job.codes)).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), batch.jobs.len());
        }
    }
}
