//! One record as bytes: a kind byte, a version byte, a postcard body. The encoding of a record that was ever
//! written must stay readable, so the enums inside are append-only and golden bytes are kept in the tests.

use postcard::ser_flavors::Flavor;
use wcs_types::Record;

/// Kind byte of a turn's record, the only kind there is yet.
pub const KIND_RECORD: u8 = 1;
/// Version byte of the body of a [`KIND_RECORD`].
pub const VERSION_RECORD: u8 = 1;

/// Bytes that are not a record of this software.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than kind and version.
    #[error("{size} bytes are too few for a record")]
    TooShort {
        /// Bytes given.
        size: usize,
    },
    /// A kind this version does not know.
    #[error("unknown kind {kind}")]
    UnknownKind {
        /// Kind byte.
        kind: u8,
    },
    /// A version of the kind this version does not know.
    #[error("unknown version {version} of kind {kind}")]
    UnknownVersion {
        /// Kind byte.
        kind: u8,
        /// Version byte.
        version: u8,
    },
    /// The body does not hold what its kind and version say.
    #[error("body does not decode: {0}")]
    Body(String),
    /// Bytes are left behind the body.
    #[error("{size} bytes too many")]
    TrailingBytes {
        /// How many.
        size: usize,
    },
}

/// Appends to a vector without taking it over, so that one buffer serves all records.
struct AppendTo<'a>(&'a mut Vec<u8>);

impl Flavor for AppendTo<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends the bytes of a record.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(&[KIND_RECORD, VERSION_RECORD]);
    postcard::serialize_with_flavor(record, AppendTo(out))
        .expect("a record holds only types of known length, and a vector takes every byte");
}

/// Reads a record back.
///
/// # Errors
/// The bytes are not one whole record of a known kind and version.
pub fn decode_record(bytes: &[u8]) -> Result<Record, DecodeError> {
    let [kind, version, body @ ..] = bytes else {
        return Err(DecodeError::TooShort { size: bytes.len() });
    };
    if *kind != KIND_RECORD {
        return Err(DecodeError::UnknownKind { kind: *kind });
    }
    if *version != VERSION_RECORD {
        return Err(DecodeError::UnknownVersion { kind: *kind, version: *version });
    }
    let (record, rest) =
        postcard::take_from_bytes::<Record>(body).map_err(|error| DecodeError::Body(error.to_string()))?;
    if rest.is_empty() { Ok(record) } else { Err(DecodeError::TrailingBytes { size: rest.len() }) }
}
