//! Sans-IO filter for Modbus/TCP replies. Knows the request that is under way from the bytes that were sent,
//! and lets through only a whole, well-formed reply to exactly that request. Everything else is dropped and
//! counted, or, where the byte stream itself cannot be trusted any more, poisons the connection.

use thiserror::Error;

/// Bytes of the header before unit and PDU.
const PREFIX: usize = 6;
/// Largest value of the length field: unit and a PDU of 253 bytes.
const LENGTH_MAX: u16 = 254;
/// Smallest: unit and function code.
const LENGTH_MIN: u16 = 2;
/// Bytes of a request the filter looks at: header, unit, function, address, quantity.
const REQUEST_SEEN: usize = 12;
const READ_HOLDING: u8 = 3;
const WRITE_MULTIPLE: u8 = 16;
const EXCEPTION_BIT: u8 = 0x80;

/// Why a connection cannot be used any more.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Poison {
    /// A frame of another protocol.
    #[error("frame with protocol id {found}: this is not a modbus device, or the stream is out of step")]
    ProtocolId {
        /// The protocol id.
        found: u16,
    },
    /// A length no frame can have.
    #[error("frame with length {found}: the stream is out of step")]
    Length {
        /// The length field.
        found: u16,
    },
    /// The deadline passed while a request was only partly sent.
    #[error("request only partly sent before its deadline: the device does not take data")]
    PartialSend,
}

/// What was dropped so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// Replies to an earlier request, or to none: late, or sent twice.
    pub stale: u64,
    /// Replies to the request under way with a wrong unit, function, count or echo.
    pub invalid: u64,
}

/// The request that is under way, as it was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Sent {
    transaction: u16,
    unit: u8,
    function: u8,
    address: u16,
    quantity: u16,
}

/// Filter of one connection.
#[derive(Debug, Default)]
pub struct MbapFilter {
    request: Vec<u8>,
    missing: usize,
    outstanding: Option<Sent>,
    received: Vec<u8>,
    dropped: Dropped,
    poison: Option<Poison>,
}

impl MbapFilter {
    /// A filter for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Why the connection cannot be used, if so.
    pub fn poison(&self) -> Option<Poison> {
        self.poison
    }

    /// Makes the connection unusable.
    pub fn set_poison(&mut self, poison: Poison) {
        self.poison.get_or_insert(poison);
    }

    /// Notes bytes of a request that the socket accepted.
    pub fn sent(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.missing == 0 {
                self.request.clear();
                self.missing = PREFIX;
            }
            let count = self.missing.min(bytes.len());
            let (now, later) = bytes.split_at(count);
            self.request.extend_from_slice(now);
            self.missing -= count;
            bytes = later;
            if self.missing == 0 && self.request.len() == PREFIX {
                self.missing = usize::from(word(&self.request, 4));
            }
            if self.missing == 0 {
                self.outstanding = parse_request(&self.request);
            }
        }
    }

    /// True while a request is only partly sent.
    pub fn is_sending(&self) -> bool {
        self.missing > 0
    }

    /// True while a request waits for its reply.
    pub fn is_waiting(&self) -> bool {
        self.outstanding.is_some()
    }

    /// Adds bytes that were received.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole reply to the request under way.
    ///
    /// # Errors
    /// The stream cannot be trusted any more; the connection has to be closed.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Poison> {
        loop {
            if let Some(poison) = self.poison {
                return Err(poison);
            }
            if self.received.len() < PREFIX {
                return Ok(None);
            }
            let (protocol, length) = (word(&self.received, 2), word(&self.received, 4));
            if protocol != 0 {
                self.set_poison(Poison::ProtocolId { found: protocol });
                continue;
            }
            if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
                self.set_poison(Poison::Length { found: length });
                continue;
            }
            let size = PREFIX + usize::from(length);
            if self.received.len() < size {
                return Ok(None);
            }
            let frame: Vec<u8> = self.received.drain(..size).collect();
            match self.outstanding {
                Some(sent) if sent.transaction == word(&frame, 0) => {
                    if answers(&sent, &frame) {
                        self.outstanding = None;
                        return Ok(Some(frame));
                    }
                    self.dropped.invalid += 1;
                }
                _ => self.dropped.stale += 1,
            }
        }
    }

    /// Gives up on the request under way and answers it in the device's place, so that the client above stays
    /// in step: an exception frame that never was on the wire. `None` when no request is under way.
    pub fn give_up(&mut self) -> Option<Vec<u8>> {
        let sent = self.outstanding.take()?;
        let [high, low] = sent.transaction.to_be_bytes();
        let gateway_target_failed = 0x0B;
        Some(vec![high, low, 0, 0, 0, 3, sent.unit, sent.function | EXCEPTION_BIT, gateway_target_failed])
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

fn parse_request(bytes: &[u8]) -> Option<Sent> {
    let seen = bytes.get(..REQUEST_SEEN)?;
    Some(Sent {
        transaction: word(seen, 0),
        unit: seen[6],
        function: seen[7],
        address: word(seen, 8),
        quantity: word(seen, 10),
    })
}

/// True when `frame`, whose transaction is the right one, is a well-formed reply to `sent`.
fn answers(sent: &Sent, frame: &[u8]) -> bool {
    let (unit, pdu) = (frame[PREFIX], &frame[PREFIX + 1..]);
    if unit != sent.unit || pdu[0] & !EXCEPTION_BIT != sent.function {
        return false;
    }
    if pdu[0] & EXCEPTION_BIT != 0 {
        return pdu.len() == 2;
    }
    match sent.function {
        READ_HOLDING => {
            let size = usize::from(sent.quantity) * 2;
            pdu.len() == size + 2 && usize::from(pdu[1]) == size
        }
        WRITE_MULTIPLE => pdu.len() == 5 && word(pdu, 1) == sent.address && word(pdu, 3) == sent.quantity,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Request: read `quantity` registers from 0x10 of unit 1.
    fn request(transaction: u16, quantity: u16) -> Vec<u8> {
        let ([a, b], [c, d]) = (transaction.to_be_bytes(), quantity.to_be_bytes());
        vec![a, b, 0, 0, 0, 6, 1, 3, 0, 0x10, c, d]
    }

    fn reply(transaction: u16, pdu: &[u8]) -> Vec<u8> {
        let [a, b] = transaction.to_be_bytes();
        let mut frame = vec![a, b, 0, 0, 0, pdu.len() as u8 + 1, 1];
        frame.extend_from_slice(pdu);
        frame
    }

    fn waiting(transaction: u16) -> MbapFilter {
        let mut filter = MbapFilter::new();
        filter.sent(&request(transaction, 1));
        filter
    }

    #[test]
    fn only_a_whole_reply_to_the_request_passes() {
        let good = reply(7, &[3, 2, 0, 9]);
        let (stale, invalid) = (Dropped { stale: 1, invalid: 0 }, Dropped { stale: 0, invalid: 1 });
        let table: [(&str, Vec<u8>, bool, Dropped); 10] = [
            ("good", good.clone(), true, Dropped::default()),
            ("exception", reply(7, &[0x83, 2]), true, Dropped::default()),
            ("late", reply(6, &[3, 2, 0, 9]), false, stale),
            ("other function", reply(7, &[4, 2, 0, 9]), false, invalid),
            ("exception of another function", reply(7, &[0x90, 2]), false, invalid),
            ("long exception", reply(7, &[0x83, 2, 0]), false, invalid),
            ("short count", reply(7, &[3, 0]), false, invalid),
            ("long count", reply(7, &[3, 4, 0, 9, 0, 9]), false, invalid),
            ("count that lies", reply(7, &[3, 4, 0, 9]), false, invalid),
            ("half", good[..10].to_vec(), false, Dropped::default()),
        ];
        for (name, bytes, passes, dropped) in table {
            let mut filter = waiting(7);
            filter.feed(&bytes);
            let expected = passes.then_some(bytes);
            assert_eq!(filter.next_frame(), Ok(expected), "{name}");
            assert_eq!(filter.dropped(), dropped, "{name}");
        }
        let mut other_unit = good.clone();
        other_unit[6] = 2;
        let mut filter = waiting(7);
        filter.feed(&other_unit);
        assert_eq!(filter.next_frame(), Ok(None));
        assert_eq!(filter.dropped(), invalid);
    }

    #[test]
    fn write_must_be_echoed_exactly() {
        let sent = [0, 9, 0, 0, 0, 9, 1, 16, 0, 5, 0, 1, 2, 0xAA, 0xBB];
        for (pdu, passes) in [([16, 0, 5, 0, 1], true), ([16, 0, 6, 0, 1], false), ([16, 0, 5, 0, 2], false)]
        {
            let mut filter = MbapFilter::new();
            filter.sent(&sent);
            filter.feed(&reply(9, &pdu));
            assert_eq!(filter.next_frame().unwrap().is_some(), passes);
        }
    }

    #[test]
    fn stream_out_of_step_is_poison_for_good() {
        for (bytes, poison) in [
            ([0, 7, 0, 1, 0, 3], Poison::ProtocolId { found: 1 }),
            ([0, 7, 0, 0, 0xFF, 0xFF], Poison::Length { found: 65_535 }),
            ([0, 7, 0, 0, 0, 255], Poison::Length { found: 255 }),
            ([0, 7, 0, 0, 0, 1], Poison::Length { found: 1 }),
            ([0, 7, 0, 0, 0, 0], Poison::Length { found: 0 }),
        ] {
            let mut filter = waiting(7);
            filter.feed(&bytes);
            assert_eq!(filter.next_frame(), Err(poison));
            filter.feed(&reply(7, &[3, 2, 0, 9]));
            assert_eq!(filter.next_frame(), Err(poison));
        }
    }

    #[test]
    fn second_reply_is_stale() {
        let mut filter = waiting(7);
        filter.feed(&[reply(7, &[3, 2, 0, 9]), reply(7, &[3, 2, 0, 9])].concat());
        assert!(filter.next_frame().unwrap().is_some());
        assert_eq!(filter.next_frame(), Ok(None));
        assert_eq!(filter.dropped().stale, 1);
    }

    #[test]
    fn reply_in_the_devices_place_ends_the_wait() {
        let mut filter = waiting(0x0107);
        assert_eq!(filter.give_up(), Some(vec![1, 7, 0, 0, 0, 3, 1, 0x83, 0x0B]));
        assert_eq!(filter.give_up(), None);
        filter.feed(&reply(0x0107, &[3, 2, 0, 9]));
        assert_eq!(filter.next_frame(), Ok(None));
        assert_eq!(filter.dropped().stale, 1);
    }

    proptest! {
        #[test]
        fn split_anywhere_gives_the_same(cuts in prop::collection::vec(1_usize..9, 1..40)) {
            let (wire, sent) = ([reply(6, &[3, 2, 1, 1]), reply(7, &[3, 2, 0, 9])].concat(), request(7, 1));
            let mut filter = MbapFilter::new();
            let (mut rest, mut out) = (&sent[..], &wire[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                filter.sent(now);
                rest = later;
                prop_assert_eq!(filter.is_sending(), !rest.is_empty());
            }
            let mut frames = Vec::new();
            for cut in cuts.iter().cycle() {
                if out.is_empty() {
                    break;
                }
                let (now, later) = out.split_at((*cut).min(out.len()));
                filter.feed(now);
                out = later;
                frames.extend(filter.next_frame().unwrap());
            }
            prop_assert_eq!(frames, vec![reply(7, &[3, 2, 0, 9])]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(sent in prop::collection::vec(any::<u8>(), 0..64), bytes: Vec<u8>) {
            let mut filter = MbapFilter::new();
            filter.sent(&sent);
            filter.feed(&bytes);
            while let Ok(Some(frame)) = filter.next_frame() {
                prop_assert!(frame.len() <= 260);
            }
        }
    }
}
