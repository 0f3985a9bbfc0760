//! Articles this process has seen in the store. Most lines of an order name one that is there already: it is not offered to
//! the database again. Only a memory: what is not in it is offered, and the database knows better.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Articles that are remembered. One more, and all are forgotten.
const SKUS_MAX: usize = 200_000;

/// The memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownSkus(Arc<Mutex<Codes>>);

#[derive(Debug, Default)]
struct Codes {
    of_owner: HashMap<String, HashSet<String>>,
    count: usize,
}

impl KnownSkus {
    fn codes(&self) -> MutexGuard<'_, Codes> {
        // Nothing that is half done is wrong here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of `skus` that are not remembered.
    pub(crate) fn unknown_of<'a, T>(
        &self,
        skus: impl Iterator<Item = ((&'a str, &'a str), T)>,
    ) -> Vec<((&'a str, &'a str), T)> {
        let codes = self.codes();
        let is_known =
            |owner: &str, code: &str| codes.of_owner.get(owner).is_some_and(|of| of.contains(code));
        skus.filter(|((owner, code), _)| !is_known(owner, code)).collect()
    }

    /// These are stored, and that is durable.
    pub(crate) fn add<'a>(&self, skus: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut codes = self.codes();
        for (owner, code) in skus {
            if codes.count >= SKUS_MAX {
                *codes = Codes::default();
            }
            let is_new = match codes.of_owner.get_mut(owner) {
                Some(of) => of.insert(code.to_owned()),
                None => {
                    codes.of_owner.insert(owner.to_owned(), HashSet::from([code.to_owned()]));
                    true
                }
            };
            codes.count += usize::from(is_new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_known_until_there_is_too_much() {
        let known = KnownSkus::default();
        let skus = [(("a", "1"), ()), (("b", "1"), ())];
        assert_eq!(known.unknown_of(skus.into_iter()), skus);
        known.clone().add([("a", "1")].into_iter());
        assert_eq!(known.unknown_of(skus.into_iter()), [(("b", "1"), ())]);
        let many: Vec<String> = (0..SKUS_MAX).map(|code| code.to_string()).collect();
        known.add(many.iter().map(|code| ("c", code.as_str())));
        assert_eq!(known.unknown_of(skus.into_iter()), skus);
        assert!(known.codes().count <= SKUS_MAX);
    }
}
