//! Order files, in UTF-8 and in code page 949. The intake of the daemon and the reading of the simulator share no code:
//! on any file they must take the same lines and refuse the same rows for the same reasons, or the intake must refuse
//! the file as a whole. What is planned has every piece that was read.

use std::collections::BTreeMap;

use wcs_intake::{Encoding, FileRefusal, Intake, Mapping, plan, read_orders};
use wcs_sim::feed::{FeedMapping, OrderFile};
use wcs_types::{Assign, Identify, LineId};

use super::words_of;
use crate::fuzzing::{Bounds, Decoder, Outcome};

const MAPPING: &str = "\
[file]\nencoding = 'utf-8'\ndelimiter = ','
[columns]\norder = 'Order'\nsku = 'Sku'\nquantity = 'Qty'\ndescription = 'Text'\ncustomer = 'Customer'
line = 'Line'\nowner = 'Owner'\npriority = 'Prio'\ndue_at = 'Due'
[[refuse]]\nreason = 'returned'\ncolumn = 'quantity'\nrule = 'not_positive'
[[refuse]]\nreason = 'no_text'\ncolumn = 'Text'\nrule = 'blank'
[[refuse]]\nreason = 'no_goods'\ncolumn = 'sku'\nrule = { not_matching = '^\\w{1,70}$' }
";
const FILE: &str = "\
Order,Sku,Qty,Text,Customer,Line,Owner,Prio,Due\n\
a,s1,3,빨간 상자,서울,1,,,\n\
a,s2,2,\"text, quoted \"\"twice\"\"\",c,2,,9,1970-01-01T00:01:00Z\n\
b,s1,-1,t,c,1,w,255,60\n\
a,s1,1,\"two\nlines\",c,7,,,\n\
c,s3,999999,t,c,1,-,0,\n\
c,,1,t,c,2,,,\n\
c,s4,1, ,c,3,,,\r\n\
c,s5,1,t,c,3,,x,\n\
d,s6,1,t,c\n";
const MARKS: [&str; 14] = [
    "\"",
    "\"\"",
    ",",
    ";",
    "\n",
    "\r\n",
    "\u{FEFF}",
    "2026-01-31T18:00:00+09:00",
    "-1",
    "1000000",
    " ",
    "\t",
    "\u{1}end of file\u{1}",
    "\n\u{1}end of file\u{1}\n",
];
const BOUNDS: Bounds =
    Bounds { held: 512 * 1024, held_per_byte: 400, allocations: 2_000, allocations_per_byte: 40 };

pub(super) const UTF8: Decoder = Decoder {
    name: "orders",
    reads: "order files in UTF-8, read twice",
    seeds: || vec![FILE.as_bytes().to_vec(), ["\u{FEFF}", FILE].concat().into_bytes()],
    words: || words_of(FILE, &MARKS),
    size_max: 4_096,
    cases: 1_500,
    answers_min: 15,
    bounds: BOUNDS,
    bench: || {
        let readings = Readings::of("utf-8");
        Box::new(move |input| readings.check(input))
    },
};
pub(super) const CP949: Decoder = Decoder {
    name: "orders-cp949",
    reads: "order files in code page 949, read twice",
    // The Korean words of the file in that code page; everything else is ASCII.
    seeds: || vec![in_cp949()],
    words: || {
        [words_of("Order,Qty", &MARKS), vec![b"\xB0\xA1".to_vec(), b"\x81\x41".to_vec(), vec![0xFF]]].concat()
    },
    size_max: 4_096,
    cases: 1_500,
    answers_min: 15,
    bounds: BOUNDS,
    bench: || {
        let readings = Readings::of("cp949");
        Box::new(move |input| readings.check(input))
    },
};

fn in_cp949() -> Vec<u8> {
    let korean: [(&str, &[u8]); 2] =
        [("빨간 상자", b"\xBB\xA1\xB0\xA3 \xBB\xF3\xC0\xDA"), ("서울", b"\xBC\xAD\xBF\xEF")];
    let mut bytes = FILE.as_bytes().to_vec();
    for (text, coded) in korean {
        let at = bytes.windows(text.len()).position(|part| part == text.as_bytes());
        let at = at.expect("the file has its Korean words once");
        bytes.splice(at..at + text.len(), coded.iter().copied());
    }
    bytes
}

struct Readings {
    intake: Mapping,
    feed: FeedMapping,
}

impl Readings {
    fn of(encoding: &str) -> Self {
        let text = MAPPING.replace("utf-8", encoding);
        let intake = Mapping::parse(&text, "m.toml").expect("the mapping is sound");
        assert_eq!(intake.encoding == Encoding::Cp949, encoding == "cp949", "the mapping names the encoding");
        let readings = Self { intake, feed: FeedMapping::parse(&text).expect("the mapping is sound") };
        // `regex` has a search of its own for each length of a cell, and each takes its memory, two megabytes in all, when
        // it is first wanted and keeps it with the pattern of the mapping, however many files follow: no cost of a file.
        for length in 1..=128 {
            let cell = "3".repeat(length);
            let file = format!("Order,Sku,Qty,Text,Customer,Line,Owner,Prio,Due\na,{cell},3,t,c,,,,\n");
            let answer = readings.check(file.as_bytes());
            let is_refused = answer.is_ok_and(|answer| answer.contains("no_goods"));
            assert_eq!(is_refused, length > 70, "the pattern refuses a long cell");
        }
        readings
    }

    fn check(&self, bytes: &[u8]) -> Outcome {
        let other = OrderFile::read(bytes, &self.feed);
        match read_orders(bytes, &self.intake) {
            Ok(intake) => {
                let other = other.map_err(|error| format!("only the intake takes it: {error}"))?;
                whole(&intake)?;
                same(&intake, &other)?;
                planned(&intake)?;
                let reasons: Vec<&str> = intake.refused_by_reason().into_keys().collect();
                Ok(format!("{} orders, refused {}", intake.orders.len().min(3), reasons.join(" ")))
            }
            // What only the intake asks of a file: it must end, name each column once, and be countable.
            Err(
                refusal @ (FileRefusal::UnclosedQuote { .. }
                | FileRefusal::DoubleColumn { .. }
                | FileRefusal::HeaderEncoding { .. }
                | FileRefusal::TooManyPieces { .. }),
            ) => Ok(refusal.to_string()),
            Err(refusal) if other.is_err() => Ok(refusal.to_string()),
            Err(refusal) => Err(format!("only the intake refuses it: {refusal}")),
        }
    }
}

/// No row gets lost, and every refusal names its place.
fn whole(intake: &Intake) -> Result<(), String> {
    if intake.rows != intake.lines_accepted() + intake.refusals.len() as u64 {
        return Err(format!(
            "{} rows, {} taken, {} refused",
            intake.rows,
            intake.lines_accepted(),
            intake.refusals.len()
        ));
    }
    for refusal in &intake.refusals {
        if refusal.row < 2 || refusal.reason.is_empty() || refusal.text.chars().count() > 64 {
            return Err(format!("a refusal without its place: {refusal:?}"));
        }
    }
    Ok(())
}

fn same(intake: &Intake, other: &OrderFile) -> Result<(), String> {
    let mut ours: Vec<(&str, &str, u32, &str, u32)> = Vec::new();
    for order in &intake.orders {
        for line in &order.lines {
            let key = &order.key;
            ours.push((&key.owner, &key.number, line.line_no, &line.sku.code, line.quantity.0));
        }
    }
    let mut theirs: Vec<(&str, &str, u32, &str, u32)> = other
        .lines
        .iter()
        .map(|line| {
            (line.owner.as_str(), line.order.as_str(), line.ordinal, line.sku.as_str(), line.quantity)
        })
        .collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    if ours != theirs {
        return Err(format!("two readings of the lines: {ours:?} and {theirs:?}"));
    }
    let reasons: BTreeMap<&str, u64> =
        other.refused_by_reason.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    if intake.refused_by_reason() != reasons {
        return Err(format!(
            "two readings of the refusals: {:?} and {reasons:?}",
            intake.refused_by_reason()
        ));
    }
    Ok(())
}

/// Every piece that was read is in a job, whatever way the file is cut.
fn planned(intake: &Intake) -> Result<(), String> {
    for (assign, identify) in [(Assign::Volume, Identify::Lpn), (Assign::FirstScan, Identify::Sku)] {
        let batches = plan(intake, 2, assign, identify, LineId(0));
        let pieces: u64 =
            batches.iter().flat_map(|batch| &batch.jobs).map(|job| u64::from(job.quantity.0)).sum();
        if pieces != intake.pieces() {
            return Err(format!("{} pieces read, {pieces} planned by {assign:?}", intake.pieces()));
        }
    }
    Ok(())
}
