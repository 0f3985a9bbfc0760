//! Ledgers of a simulator, ours or another one's: lines of JSON. What is taken is written and read again the same.

use wcs_sim::ledger::{Ledger, LedgerWriter};

use crate::fuzzing::{Bounds, Decoder, Outcome};

pub(super) const LEDGER: Decoder = Decoder {
    name: "ledger",
    reads: "ledgers of a simulator",
    seeds: || vec![LINES.as_bytes().to_vec()],
    words: || {
        super::words_of(
            LINES,
            &["{", "}", "\"", ":", ",", "\n", "null", "\\u0000", "\\ud800", "1e400", "-0", "[[[["],
        )
    },
    size_max: 4_096,
    cases: 2_000,
    answers_min: 30,
    bounds: Bounds { held: 64 * 1024, held_per_byte: 60, allocations: 1_000, allocations_per_byte: 4 },
    bench: || Box::new(check),
};
const LINES: &str = "\
{\"label\":\"a/1\",\"order\":\"a\",\"sku\":\"s\",\"qty\":2,\"plc_epoch\":1,\"item\":7,\"attempt\":1,\"event\":\"inducted\",\"lane\":0,\"result\":0,\"at_ms\":12,\"load\":1}
{\"label\":\"a/1\",\"order\":\"a\",\"sku\":\"s\",\"qty\":2,\"plc_epoch\":1,\"item\":7,\"attempt\":1,\"event\":\"exit\",\"lane\":3,\"result\":1,\"at_ms\":99}
";

fn check(bytes: &[u8]) -> Outcome {
    let ledger = match Ledger::parse(bytes) {
        Ok(ledger) => ledger,
        Err(error) => {
            let last = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            let is_there = (1..=last).contains(&error.line);
            return if is_there {
                Ok(error.source.to_string())
            } else {
                Err(format!("{error}, and {last} lines"))
            };
        }
    };
    let mut written = Vec::new();
    let mut writer = LedgerWriter::new(&mut written);
    for event in &ledger.events {
        writer.write(event).map_err(|error| format!("what was read cannot be written: {error}"))?;
    }
    match Ledger::parse(&written) {
        Ok(again) if again.events == ledger.events && again.torn_line.is_none() => {
            Ok(format!("{} events, torn: {}", ledger.events.len(), ledger.torn_line.is_some()))
        }
        other => Err(format!("written and read again it is another ledger: {other:?}")),
    }
}
