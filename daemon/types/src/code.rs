//! A code as it was scanned: a bounded byte string, usually ASCII. Codes compare exactly.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::CODE_SIZE_MAX;

/// The bytes of one label or barcode.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Code(heapless::Vec<u8, CODE_SIZE_MAX>);

impl Code {
    /// A code of these bytes; `None` when there are more than [`CODE_SIZE_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        heapless::Vec::from_slice(bytes).ok().map(Self)
    }

    /// Adds bytes that continue the code; false (and nothing added) when they do not fit.
    #[must_use]
    pub fn try_extend(&mut self, bytes: &[u8]) -> bool {
        self.0.extend_from_slice(bytes).is_ok()
    }

    /// The bytes as scanned.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when nothing was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Code {
    /// Printable ASCII as it is, everything else as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            if (0x20..0x7F).contains(byte) {
                write!(f, "{}", char::from(*byte))?;
            } else {
                write!(f, "\\x{byte:02X}")?;
            }
        }
        Ok(())
    }
}
