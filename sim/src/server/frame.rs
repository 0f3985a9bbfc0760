//! Modbus/TCP frames, sans IO: bytes to requests, answers to bytes. Strict: a wrong protocol number or length
//! means that the two sides no longer agree where frames begin, so the connection is over. A frame that is
//! whole and asks for something impossible gets an exception instead.

use wcs_sessions::exchange::Request;

use crate::world::ReplyBody;

/// Header: transaction, protocol, length, unit.
const HEADER_SIZE: usize = 7;
/// Length field: unit and at least a function, at most a whole Modbus message.
const LENGTH_RANGE: std::ops::RangeInclusive<usize> = 2..=254;
const READ: u8 = 3;
const WRITE: u8 = 16;
const EXCEPTION_BIT: u8 = 0x80;
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_VALUE: u8 = 3;
const READ_MAX: u16 = 125;
const WRITE_MAX: u16 = 123;

/// A whole frame from a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    pub(super) transaction: u16,
    pub(super) unit: u8,
    pub(super) function: u8,
    /// The request, or the exception it earns without the device being asked.
    pub(super) request: Result<Request, u8>,
    /// Bytes it took.
    pub(super) size: usize,
}

/// The stream is out of step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OutOfStep;

/// The first frame of `bytes`; `None` when it is not whole yet.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<Frame>, OutOfStep> {
    let Some(header) = bytes.get(..HEADER_SIZE) else { return Ok(None) };
    let protocol = word(header, 2);
    let length = usize::from(word(header, 4));
    if protocol != 0 || !LENGTH_RANGE.contains(&length) {
        return Err(OutOfStep);
    }
    let size = HEADER_SIZE - 1 + length;
    let Some(body) = bytes.get(HEADER_SIZE..size) else { return Ok(None) };
    let function = body[0];
    let request = request(function, &body[1..]);
    Ok(Some(Frame { transaction: word(header, 0), unit: header[6], function, request, size }))
}

fn request(function: u8, body: &[u8]) -> Result<Request, u8> {
    match function {
        READ => {
            if body.len() != 4 || !(1..=READ_MAX).contains(&word(body, 2)) {
                return Err(ILLEGAL_VALUE);
            }
            Ok(Request::Read { address: word(body, 0), count: word(body, 2) })
        }
        WRITE => {
            let [_, _, _, _, size, values @ ..] = body else { return Err(ILLEGAL_VALUE) };
            let count = word(body, 2);
            let is_whole = usize::from(*size) == values.len() && values.len() == 2 * usize::from(count);
            if !is_whole || !(1..=WRITE_MAX).contains(&count) {
                return Err(ILLEGAL_VALUE);
            }
            let words = values.chunks_exact(2).map(|pair| word(pair, 0)).collect();
            Ok(Request::Write { address: word(body, 0), words })
        }
        _ => Err(ILLEGAL_FUNCTION),
    }
}

/// The bytes of an answer; `None` for silence. An answer that does not fit the request is an error of the
/// device, not of the client.
pub(super) fn encode(frame: &Frame, body: &ReplyBody) -> Option<Vec<u8>> {
    let mut message = vec![frame.function];
    match (body, &frame.request) {
        (ReplyBody::Silence, _) => return None,
        (ReplyBody::Exception(code), _) => message = vec![frame.function | EXCEPTION_BIT, *code],
        (ReplyBody::Registers(words), Ok(Request::Read { count, .. })) => {
            assert!(words.len() == usize::from(*count), "a device gives as many registers as were asked");
            message.push(u8::try_from(2 * words.len()).expect("a read is at most 125 registers"));
            message.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        (ReplyBody::Written, Ok(Request::Write { address, words })) => {
            message.extend(address.to_be_bytes());
            let count = u16::try_from(words.len()).expect("a write is at most 123 registers");
            message.extend(count.to_be_bytes());
        }
        (ReplyBody::Registers(_) | ReplyBody::Written, _) => {
            unreachable!("a device answers a read with registers and a write with written")
        }
    }
    let length = u16::try_from(message.len() + 1).expect("a message is at most 253 bytes");
    let mut bytes = Vec::with_capacity(HEADER_SIZE + message.len());
    bytes.extend(frame.transaction.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(length.to_be_bytes());
    bytes.push(frame.unit);
    bytes.extend(message);
    Some(bytes)
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    fn decoded(hex: &str) -> Frame {
        decode(&bytes(hex)).unwrap().unwrap()
    }

    // The example exchanges of the Modbus application protocol, framed for TCP.
    #[test]
    fn read_of_three_registers() {
        let frame = decoded("15 01 00 00 00 06 FF 03 00 6B 00 03");
        assert_eq!((frame.transaction, frame.unit, frame.size), (0x1501, 0xFF, 12));
        assert_eq!(frame.request, Ok(Request::Read { address: 0x6B, count: 3 }));
        let answer = encode(&frame, &ReplyBody::Registers(vec![0x022B, 0, 0x64])).unwrap();
        assert_eq!(answer, bytes("15 01 00 00 00 09 FF 03 06 02 2B 00 00 00 64"));
    }

    #[test]
    fn write_of_two_registers() {
        let frame = decoded("00 02 00 00 00 0B 01 10 00 01 00 02 04 00 0A 01 02");
        assert_eq!(frame.request, Ok(Request::Write { address: 1, words: vec![0x000A, 0x0102] }));
        let answer = encode(&frame, &ReplyBody::Written).unwrap();
        assert_eq!(answer, bytes("00 02 00 00 00 06 01 10 00 01 00 02"));
        let answer = encode(&frame, &ReplyBody::Exception(2)).unwrap();
        assert_eq!(answer, bytes("00 02 00 00 00 03 01 90 02"));
        assert_eq!(encode(&frame, &ReplyBody::Silence), None);
    }

    #[test]
    fn impossible_requests_earn_an_exception() {
        for (hex, code) in [
            ("00 01 00 00 00 06 01 03 00 00 00 00", 3), // no register
            ("00 01 00 00 00 06 01 03 00 00 00 7E", 3), // 126 registers
            ("00 01 00 00 00 05 01 03 00 00 00", 3),    // cut short
            ("00 01 00 00 00 09 01 10 00 00 00 01 02 00", 3),
            ("00 01 00 00 00 09 01 10 00 00 00 02 02 00 01", 3), // count and size differ
            ("00 01 00 00 00 07 01 10 00 00 00 00 00", 3),
            ("00 01 00 00 00 03 01 10 00", 3),
            ("00 01 00 00 00 06 01 06 00 00 00 01", 1), // a function it does not know
            ("00 01 00 00 00 02 01 83", 1),
        ] {
            let mut frame = bytes(hex);
            let size = frame.len();
            // Lengths in this table are those of the bytes that follow.
            frame[5] = u8::try_from(size - 6).unwrap();
            assert_eq!(decode(&frame).unwrap().unwrap().request, Err(code), "{hex}");
        }
    }

    #[test]
    fn a_stream_out_of_step_is_told_from_one_that_is_not_whole() {
        for hex in [
            "00 01 00 01 00 06 01 03 00 00 00 01",
            "00 01 00 00 00 01 01",
            "00 01 00 00 FF FF 01 03",
            "00 01 00 00 00 FF 01 03",
        ] {
            assert_eq!(decode(&bytes(hex)), Err(OutOfStep), "{hex}");
        }
        let whole = bytes("00 01 00 00 00 06 01 03 00 00 00 01");
        for size in 0..whole.len() {
            assert_eq!(decode(&whole[..size]), Ok(None), "{size} bytes");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some(frame)) = decode(&bytes) {
                prop_assert!(frame.size <= bytes.len());
                prop_assert!(frame.size > HEADER_SIZE);
            }
        }
    }
}
