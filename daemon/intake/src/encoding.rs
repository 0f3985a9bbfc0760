//! Encodings of order files, and the text of single fields. A field that is not valid in the encoding of its
//! file has no text: nothing is replaced or guessed.

use std::borrow::Cow;

/// How the bytes of a file stand for letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// UTF-8. A byte order mark at the beginning is skipped.
    Utf8,
    /// UTF-8 that begins with a byte order mark.
    Utf8Bom,
    /// Korean Windows code page 949.
    Cp949,
}

impl Encoding {
    /// Every encoding with the word the mapping file uses.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("utf-8", Self::Utf8), ("utf-8-bom", Self::Utf8Bom), ("cp949", Self::Cp949)];

    /// The text of a field; `None` when it is not valid.
    pub(crate) fn text(self, field: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 | Self::Utf8Bom => std::str::from_utf8(field).ok().map(Cow::Borrowed),
            Self::Cp949 => encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(field),
        }
    }

    /// The file without its byte order mark.
    pub(crate) fn body(self, bytes: &[u8]) -> &[u8] {
        match self {
            Self::Utf8 | Self::Utf8Bom => bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
            Self::Cp949 => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp949_covers_more_than_ksx1001() {
        assert_eq!(Encoding::Cp949.text(b"\xB0\xA1").as_deref(), Some("가"));
        assert_eq!(Encoding::Cp949.text(b"\x81\x41").as_deref(), Some("갂"));
        assert_eq!(Encoding::Cp949.text(b"abc\xFF"), None);
        assert_eq!(Encoding::Utf8.text(b"\xB0\xA1"), None);
    }
}
