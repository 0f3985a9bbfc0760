//! Idempotency keys whose requests are being carried out by this process. What stands under a key that was answered is
//! the store's; the rule itself is in `idempotency`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The open keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenKeys(Arc<Mutex<BTreeSet<String>>>);

/// The place of one key among the open ones; free again when it is dropped.
pub(crate) struct OpenKey {
    keys: OpenKeys,
    key: String,
}

impl OpenKeys {
    /// Takes the place of `key`; `None` while another request holds it.
    pub(crate) fn open(&self, key: &str) -> Option<OpenKey> {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        is_new.then(|| OpenKey { keys: self.clone(), key: key.to_owned() })
    }
}

impl Drop for OpenKey {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_open_once_and_free_again() {
        let keys = OpenKeys::default();
        let first = keys.open("a").unwrap();
        assert!(keys.open("a").is_none());
        assert!(keys.open("b").is_some());
        drop(first);
        assert!(keys.open("a").is_some());
    }
}
