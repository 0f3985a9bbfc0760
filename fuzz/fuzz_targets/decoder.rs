//! One target for all decoders: `WCS_FUZZ_DECODER` names the one. What is demanded is the same as in the tests; a broken
//! promise is a crash. Valid and kept inputs are the first of the corpus.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use wcs_tests::decoders::decoder;
use wcs_tests::fuzzing::{Decoder, Tester, kept_inputs};

fn chosen() -> &'static Decoder {
    let name = std::env::var("WCS_FUZZ_DECODER").expect("WCS_FUZZ_DECODER names the decoder");
    decoder(&name).unwrap_or_else(|| panic!("there is no decoder `{name}`"))
}

thread_local! {
    static TESTER: RefCell<Option<Tester<'static>>> = const { RefCell::new(None) };
}

/// libFuzzer begins with what it finds in the folder of its corpus.
fn lay_out_corpus() {
    let Some(folder) = std::env::var_os("WCS_FUZZ_CORPUS") else { return };
    let decoder = chosen();
    let inputs = (decoder.seeds)().into_iter().chain(kept_inputs(decoder.name));
    for (number, input) in inputs.enumerate() {
        let path = std::path::Path::new(&folder).join(format!("valid-{number}"));
        std::fs::write(&path, input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fuzz_target!(init: lay_out_corpus(), |input: &[u8]| {
    TESTER.with_borrow_mut(|tester| {
        let tester = tester.get_or_insert_with(|| Tester::new(chosen()));
        if let Err(why) = tester.try_one(input) {
            panic!("{why}");
        }
    });
});
