//! Bodies of records, and what the core makes of inputs nobody foresaw. A record that decodes encodes to one that is
//! the same; an input that decodes is taken by the core, whatever it says, and leaves every invariant as it was.

use postcard::{take_from_bytes, to_allocvec};
use wcs_core::{Core, Step};
use wcs_journal::{decode_record, encode_record};
use wcs_types::{Input, Nanos};

use super::kept_journals::{KeptJournal, kept_journals};
use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Records of one kept journal among the valid inputs.
const RECORDS_EACH: usize = 60;
/// Inputs told to one core.
const INPUTS_MAX: usize = 200;

pub(super) const RECORD: Decoder = Decoder {
    name: "record",
    reads: "bodies of journal records",
    seeds: || {
        let journals = kept_journals();
        let records = journals.iter().flat_map(|journal| spread(&journal.records));
        records.map(encoded).filter(|bytes| bytes.len() <= 2_048).collect()
    },
    words: || vec![vec![0xFF; 9], vec![0xFF, 0xFF, 0xFF, 0xFF, 0x0F], vec![0x80; 10], vec![1, 1], vec![0; 8]],
    size_max: 4_096,
    cases: 4_000,
    answers_min: 6,
    // A length that lies must not be believed before its bytes were seen: postcard takes at most what is there.
    bounds: Bounds { held: 64 * 1024, held_per_byte: 600, allocations: 200, allocations_per_byte: 4 },
    bench: || Box::new(check_record),
};
pub(super) const INPUTS: Decoder = Decoder {
    name: "inputs",
    reads: "inputs of the core, as journals hold them",
    seeds: || {
        let journals = (0_u8..).zip(kept_journals());
        journals.map(|(number, journal)| [vec![number], inputs_of(&journal)].concat()).collect()
    },
    words: || vec![vec![0xFF, 0xFF, 3], vec![0xFF; 4], vec![0], vec![1, 0], vec![2, 0, 0]],
    size_max: 16 * 1024,
    cases: 300,
    answers_min: 6,
    bounds: Bounds { held: 64 << 20, held_per_byte: 4_096, allocations: 60_000, allocations_per_byte: 60 },
    bench: || {
        let journals = kept_journals();
        Box::new(move |input| check_inputs(&journals, input))
    },
};

/// Some of them, from the beginning to the end.
fn spread<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().step_by((all.len() / RECORDS_EACH).max(1))
}

fn encoded(record: &wcs_types::Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

fn inputs_of(journal: &KeptJournal) -> Vec<u8> {
    let records = journal.records.iter().take(INPUTS_MAX);
    let inputs =
        records.map(|record| to_allocvec(&record.input).expect("an input has only types of known length"));
    let mut bytes = Vec::new();
    for input in inputs.take_while(|input| input.len() <= 2_048) {
        if bytes.len() + input.len() > 12 * 1024 {
            break;
        }
        bytes.extend(input);
    }
    bytes
}

fn check_record(bytes: &[u8]) -> Outcome {
    match decode_record(bytes) {
        Ok(record) => match decode_record(&encoded(&record)) {
            Ok(again) if again == record => {
                let text = format!("{:?}", record.input);
                Ok(text[..text.find([' ', '(', '{']).unwrap_or(text.len())].to_owned())
            }
            other => Err(format!("written and read again it is another record: {other:?}")),
        },
        Err(error) => Ok(error.to_string()),
    }
}

fn check_inputs(journals: &[KeptJournal], bytes: &[u8]) -> Outcome {
    let [number, rest @ ..] = bytes else { return Ok("nothing".to_owned()) };
    let journal = &journals[usize::from(*number) % journals.len()];
    let (mut core, mut step, mut rest) = (Core::new(journal.plant.clone()), Step::default(), rest);
    let mut told = 0;
    while told < INPUTS_MAX {
        let Ok((input, behind)) = take_from_bytes::<Input>(rest) else { break };
        rest = behind;
        let now = core.now() + Nanos::from_millis(3);
        core.handle(now, Nanos::from_millis(3), &input, None, &mut step);
        told += 1;
        if let Err(broken) = core.check_invariants() {
            return Err(format!("behind {input:?}: {broken}"));
        }
    }
    let facts: Vec<String> = step.facts.iter().map(|fact| format!("{fact:?}")).collect();
    let last = facts.last().map_or("", |fact| &fact[..fact.find([' ', '(', '{']).unwrap_or(fact.len())]);
    Ok(format!("{} inputs, last {last}", if told > 20 { "many" } else { "few" }))
}
