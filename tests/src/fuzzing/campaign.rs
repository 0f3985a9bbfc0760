//! One campaign: a decoder, a seed, a number of inputs. The same three give the same inputs in the same order on
//! every machine.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dice::Dice;
use super::finding::{Finding, Trail};
use super::mutation::{Material, mutated};
use super::{Checking, Decoder};

/// Inputs that are kept at most. More: new kinds of answers are counted and not kept.
const POOL_MAX: usize = 2_048;
/// Letters of an answer that make its kind.
const KIND_LETTERS_MAX: usize = 120;
/// Tries to make a finding smaller.
const SHRINKS_MAX: usize = 2_000;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// Seed of all chance.
    pub seed: u64,
    /// Inputs beside the valid and the kept ones.
    pub cases: u32,
}

/// What a campaign without a finding came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Inputs that were tried.
    pub cases: u64,
    /// Kinds of answers.
    pub answers: BTreeSet<String>,
    /// Most bytes held at once.
    pub held_max: u64,
    /// Most allocations.
    pub allocations_max: u64,
}

impl Summary {
    /// Adds what another campaign came to.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.answers.extend(other.answers);
        self.held_max = self.held_max.max(other.held_max);
        self.allocations_max = self.allocations_max.max(other.allocations_max);
    }
}

/// Runs a campaign; valid and kept inputs come first, and must hold like every other.
///
/// # Errors
/// The first input that broke something, as small as it could be made.
pub fn campaign(decoder: &Decoder, plan: Campaign) -> Result<Summary, Box<Finding>> {
    let mut running = Tester::new(decoder);
    let mut pool = (decoder.seeds)();
    pool.extend(super::kept_inputs(decoder.name));
    let words = (decoder.words)();
    for input in &pool {
        running.try_one(input).map_err(|why| running.finding(input, &why, plan))?;
    }
    let mut dice = Dice::new(plan.seed);
    for _ in 0..plan.cases {
        let material = Material { pool: &pool, words: &words, size_max: decoder.size_max };
        let input = mutated(&mut dice, &material);
        let is_new = running.try_one(&input).map_err(|why| running.finding(&input, &why, plan))?;
        if is_new && pool.len() < POOL_MAX {
            pool.push(input);
        }
    }
    Ok(running.summary)
}

/// Tries a single input on a bench of its own.
///
/// # Errors
/// What it broke.
pub fn check_one(decoder: &Decoder, input: &[u8]) -> Result<Summary, String> {
    let mut running = Tester::new(decoder);
    running.try_one(input)?;
    Ok(running.summary)
}

/// A decoder on its bench, and what its inputs came to so far.
pub struct Tester<'a> {
    decoder: &'a Decoder,
    check: Checking,
    trail: Trail,
    summary: Summary,
}

impl<'a> Tester<'a> {
    /// A new bench of this decoder.
    pub fn new(decoder: &'a Decoder) -> Self {
        let (check, trail) = ((decoder.bench)(), Trail::of(decoder.name));
        Self { decoder, check, trail, summary: Summary::default() }
    }

    /// Tries an input; true when its kind of answer is new.
    ///
    /// # Errors
    /// What it broke.
    pub fn try_one(&mut self, input: &[u8]) -> Result<bool, String> {
        // Whatever ends the process (memory, stack, a loop without end) leaves the input behind.
        self.trail.leave(input);
        self.summary.cases += 1;
        let mut came = None;
        let check = &mut self.check;
        let cost = allocation_counter::measure(|| {
            came = catch_unwind(AssertUnwindSafe(|| check(input))).ok();
        });
        let answer = came.ok_or("it panics; the message stands above")??;
        let bounds = &self.decoder.bounds;
        self.summary.held_max = self.summary.held_max.max(cost.bytes_max);
        self.summary.allocations_max = self.summary.allocations_max.max(cost.count_total);
        let (held, allocations) = (bounds.held_max(input.len()), bounds.allocations_max(input.len()));
        if cost.bytes_max > held {
            return Err(format!("it holds {} bytes at once, {held} are allowed", cost.bytes_max));
        }
        if cost.count_total > allocations {
            return Err(format!("it allocates {} times, {allocations} are allowed", cost.count_total));
        }
        Ok(self.summary.answers.insert(kind_of(&answer)))
    }

    /// Makes a finding of an input that broke something: as small as it still breaks it on a bench of its own.
    fn finding(&self, input: &[u8], why: &str, plan: Campaign) -> Box<Finding> {
        let breaks = |input: &[u8]| check_one(self.decoder, input).err();
        let mut finding = Finding {
            decoder: self.decoder.name,
            input: input.to_vec(),
            why: why.to_owned(),
            seed: plan.seed,
            cases: plan.cases,
            stands_alone: false,
        };
        if let Some(why) = breaks(input) {
            finding.why = why;
            finding.stands_alone = true;
            finding.input = shrunk(input, |input| breaks(input).is_some());
            finding.why = breaks(&finding.input).unwrap_or(finding.why);
        }
        Box::new(finding)
    }
}

/// Leaves out pieces, large ones first, as long as the rest still breaks.
fn shrunk(input: &[u8], breaks: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut small = input.to_vec();
    let mut tries = 0;
    let mut piece = small.len() / 2;
    while piece > 0 && tries < SHRINKS_MAX {
        let mut at = 0;
        while at < small.len() && tries < SHRINKS_MAX {
            let end = (at + piece).min(small.len());
            let without = [&small[..at], &small[end..]].concat();
            tries += 1;
            if breaks(&without) {
                small = without;
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    small
}

/// The kind of an answer: without its numbers and without what it quotes.
fn kind_of(answer: &str) -> String {
    let mut kind = String::new();
    let mut is_quoted = false;
    for letter in answer.chars() {
        match letter {
            '`' | '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '0'..='9' if kind.ends_with('#') => {}
            '0'..='9' => kind.push('#'),
            other => kind.push(other),
        }
        if kind.len() >= KIND_LETTERS_MAX {
            break;
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{Bounds, Outcome};

    type Check = fn(&[u8]) -> Outcome;

    fn bench(check: Check) -> Decoder {
        static CHECKS: std::sync::Mutex<Vec<Check>> = std::sync::Mutex::new(Vec::new());
        CHECKS.lock().unwrap().push(check);
        Decoder {
            name: "engine",
            reads: "nothing",
            seeds: || vec![b"a good input".to_vec()],
            words: || vec![b"bad".to_vec()],
            size_max: 64,
            cases: 0,
            answers_min: 1,
            bounds: Bounds { held: 4_096, held_per_byte: 8, allocations: 64, allocations_per_byte: 0 },
            bench: || {
                let check = *CHECKS.lock().unwrap().last().unwrap();
                Box::new(check)
            },
        }
    }

    fn found(check: Check) -> Box<Finding> {
        campaign(&bench(check), Campaign { seed: 1, cases: 20_000 }).unwrap_err()
    }

    /// One test, because its checks share the place their bench is taken from.
    #[test]
    fn what_is_broken_is_found_and_made_small() {
        let finding = found(|input| {
            assert!(!input.windows(3).any(|word| word == b"bad"), "planted");
            Ok(String::new())
        });
        assert_eq!((finding.input.as_slice(), finding.stands_alone), (&b"bad"[..], true));
        assert!(finding.why.contains("panics"), "{}", finding.why);

        let finding =
            found(|input| if input.len() > 20 { Err("long".to_owned()) } else { Ok(String::new()) });
        assert_eq!((finding.input.len(), finding.why.as_str()), (21, "long"));

        let finding = found(|input| {
            let held = vec![0_u8; if input.contains(&b'!') { 1 << 20 } else { 1 }];
            Ok(format!("{} bytes", held.len()))
        });
        assert!(finding.why.contains("bytes at once"), "{}", finding.why);

        let finding = found(|input| {
            let words: Vec<String> =
                (0..if input.is_empty() { 100 } else { 1 }).map(|n| format!("{n}")).collect();
            Ok(words.concat())
        });
        assert!(finding.why.contains("allocates"), "{}", finding.why);

        let answers = |seed| {
            let decoder = bench(|input| {
                Ok(format!(
                    "{} of `{input:?}`",
                    char::from(input.first().map_or(b'-', |byte| byte % 26 + b'a'))
                ))
            });
            campaign(&decoder, Campaign { seed, cases: 500 }).unwrap().answers
        };
        assert_eq!(answers(7), answers(7), "a seed is all that is needed");
        assert!(answers(7).len() > 10);
    }
}
