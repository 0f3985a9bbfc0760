//! Reading numbers and texts out of a register image. A register that is not there reads as 0: images come
//! from outside, and no length of theirs may stop the process.

/// One register.
pub(super) fn word(words: &[u16], at: usize) -> u16 {
    words.get(at).copied().unwrap_or(0)
}

/// Two registers, high word first.
pub(super) fn double(words: &[u16], at: usize) -> u32 {
    (u32::from(word(words, at)) << 16) | u32::from(word(words, at + 1))
}

/// The high and the low word of a number.
pub(super) fn halves(number: u32) -> [u16; 2] {
    [(number >> 16) as u16, (number & 0xFFFF) as u16]
}

/// `length` bytes of text, two per register, high byte first.
pub(super) fn text(words: &[u16], at: usize, length: usize) -> Vec<u8> {
    let bytes = (at..).take(length.div_ceil(2)).flat_map(|index| word(words, index).to_be_bytes());
    bytes.take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_its_high_byte_first() {
        assert_eq!(text(&[0x4142, 0x4300], 0, 3), b"ABC");
        assert_eq!(text(&[0x4142], 0, 4), b"AB\0\0");
        assert_eq!(double(&[1, 2], 0), 0x0001_0002);
        assert_eq!(halves(0x0001_0002), [1, 2]);
    }
}
