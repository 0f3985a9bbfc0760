//! Every decoder against spoilt inputs: the kept ones and those of fixed seeds, so that a change of the code is met by the
//! same inputs. What was tried stands in one line for each decoder; a failure names the line that has it again. `cargo xtask
//! fuzz` runs the same for longer with fresh seeds.
//!
//! `WCS_FUZZ_DECODER`, `WCS_FUZZ_SEED`, `WCS_FUZZ_CASES`, `WCS_FUZZ_SECONDS` and `WCS_FUZZ_INPUT` are its way to say
//! what is wanted.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::time::{Duration, Instant};

use wcs_tests::decoders::decoder;
use wcs_tests::fuzzing::{Campaign, Decoder, Summary, campaign, check_one};

/// Seeds of every run. The same ones, so that what passed once passes again: new ones are for the campaigns that look for
/// something (`cargo xtask fuzz`, the acceptance line), not for the run that decides whether a change is sound.
const SEEDS: [u64; 3] = [1, 2, 3];

macro_rules! decoders {
    ($($test:ident: $name:literal,)+) => {
        $(#[test]
        fn $test() {
            try_decoder($name);
        })+

        #[test]
        fn every_decoder_has_a_test() {
            let named = [$($name),+];
            let wanted = asked::<String>("WCS_FUZZ_DECODER");
            assert!(wanted.is_none_or(|name| named.contains(&name.as_str())), "the decoders are {named:?}");
            for decoder in &wcs_tests::decoders::DECODERS {
                assert!(named.contains(&decoder.name), "{} is in no test", decoder.name);
            }
        }
    };
}

decoders! {
    frames_of_modbus_hold: "mbap",
    registers_of_a_device_hold: "registers",
    slots_of_events_hold: "slots",
    order_files_hold: "orders",
    order_files_in_cp949_hold: "orders-cp949",
    mappings_hold: "mapping",
    plant_files_hold: "plant",
    site_files_hold: "site",
    profiles_hold: "profile",
    vectors_hold: "vectors",
    fault_files_hold: "faults",
    ledgers_hold: "ledger",
    records_hold: "record",
    inputs_of_the_core_hold: "inputs",
    segments_of_a_journal_hold: "segments",
    checkpoints_hold: "checkpoint",
    requests_hold: "http",
}

fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`")))
}

/// Past the capture of the test program: what was tried is wanted in the log of every run.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
}

fn try_decoder(name: &str) {
    if asked::<String>("WCS_FUZZ_DECODER").is_some_and(|wanted| wanted != name) {
        return;
    }
    let decoder = decoder(name).unwrap();
    if let Some(path) = asked::<String>("WCS_FUZZ_INPUT") {
        return try_input(decoder, &path);
    }
    if let Some(seconds) = asked::<u64>("WCS_FUZZ_SECONDS") {
        return try_for(decoder, Duration::from_secs(seconds));
    }
    let cases = asked("WCS_FUZZ_CASES").unwrap_or(decoder.cases);
    let given = asked("WCS_FUZZ_SEED");
    let mut summary = Summary::default();
    let seeds = given.map_or_else(|| SEEDS.to_vec(), |seed| vec![seed]);
    for seed in &seeds {
        summary.add(tried(decoder, Campaign { seed: *seed, cases }));
    }
    tell(decoder, &format!("seeds {seeds:?}"), &summary);
    let is_whole = cases >= decoder.cases && given.is_none();
    assert!(
        !is_whole || summary.answers.len() >= decoder.answers_min,
        "{name}: only {} kinds of answers, {} are to be reached: {:#?}",
        summary.answers.len(),
        decoder.answers_min,
        summary.answers
    );
}

fn tried(decoder: &Decoder, plan: Campaign) -> Summary {
    campaign(decoder, plan).unwrap_or_else(|finding| {
        let text = finding.to_string();
        say(&format!("FOUND {text}"));
        panic!("{text}")
    })
}

fn tell(decoder: &Decoder, seeds: &str, summary: &Summary) {
    let Summary { cases, answers, held_max, allocations_max } = summary;
    say(&format!(
        "decoder {:<12} {cases:>8} inputs, {:>4} kinds of answers, at most {held_max} bytes held and {allocations_max} allocations; {seeds}",
        decoder.name,
        answers.len()
    ));
    if std::env::var_os("WCS_FUZZ_ANSWERS").is_some() {
        say(&format!("{answers:#?}"));
    }
}

fn try_input(decoder: &Decoder, path: &str) {
    let input = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let summary = check_one(decoder, &input).unwrap_or_else(|why| panic!("{}: {why}", decoder.name));
    tell(decoder, path, &summary);
    say(&format!("  {:?}", summary.answers));
}

/// Fresh seeds, one after the other, until the time is over.
fn try_for(decoder: &Decoder, span: Duration) {
    let until = Instant::now() + span;
    let (mut summary, mut seeds) = (Summary::default(), 0);
    while Instant::now() < until {
        summary.add(tried(decoder, Campaign { seed: fresh_seed(), cases: decoder.cases }));
        seeds += 1;
    }
    tell(decoder, &format!("{seeds} fresh seeds"), &summary);
}

/// A number no run had before: from the randomness the standard library seeds its maps with.
fn fresh_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() >> 32
}
