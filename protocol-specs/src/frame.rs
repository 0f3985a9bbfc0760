//! Modbus/TCP frames of the two functions the profiles use (3 reads, 16 writes holding registers), built and
//! taken apart for vectors and tests. Not the codec of the links.

/// One request and its reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Telegram {
    /// Transaction number of request and reply.
    pub transaction: u16,
    /// Modbus unit.
    pub unit: u8,
    /// 3 or 16.
    pub function: u8,
    /// First register.
    pub address: u16,
    /// Registers.
    pub count: u16,
    /// Registers read or written; none in a read that was refused.
    pub words: Vec<u16>,
    /// Exception code of the reply, where it refuses.
    pub exception: Option<u8>,
}

const READ: u8 = 3;
const WRITE: u8 = 16;
const EXCEPTION_BIT: u8 = 0x80;

impl Telegram {
    /// Bytes of the request; `None` for another function or more registers than a frame carries.
    pub fn request(&self) -> Option<Vec<u8>> {
        let mut body = vec![self.function];
        body.extend(self.address.to_be_bytes());
        body.extend(self.count.to_be_bytes());
        match self.function {
            READ if (1..=125).contains(&self.count) => {}
            WRITE if (1..=123).contains(&self.count) && self.words.len() == usize::from(self.count) => {
                body.push(u8::try_from(self.count * 2).ok()?);
                body.extend(self.words.iter().flat_map(|word| word.to_be_bytes()));
            }
            _ => return None,
        }
        Some(self.enveloped(&body))
    }

    /// Bytes of the reply; `None` for another function or words that are not as many as asked.
    pub fn reply(&self) -> Option<Vec<u8>> {
        let body = match (self.exception, self.function) {
            (Some(code), _) => vec![self.function | EXCEPTION_BIT, code],
            (None, READ) if self.words.len() == usize::from(self.count) => {
                let mut body = vec![READ, u8::try_from(self.count * 2).ok()?];
                body.extend(self.words.iter().flat_map(|word| word.to_be_bytes()));
                body
            }
            (None, WRITE) => {
                let mut body = vec![WRITE];
                body.extend(self.address.to_be_bytes());
                body.extend(self.count.to_be_bytes());
                body
            }
            _ => return None,
        };
        Some(self.enveloped(&body))
    }

    fn enveloped(&self, body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(body.len() + 1).expect("a body has at most 253 bytes");
        let mut frame = self.transaction.to_be_bytes().to_vec();
        frame.extend([0, 0]);
        frame.extend(size.to_be_bytes());
        frame.push(self.unit);
        frame.extend(body);
        frame
    }

    /// What a request and its reply say; `None` when they are not well-formed or do not belong together.
    pub fn from_frames(request: &[u8], reply: &[u8]) -> Option<Self> {
        let (transaction, unit, asked) = opened(request)?;
        let (transaction_again, unit_again, answered) = opened(reply)?;
        let [function, a, b, c, d, data @ ..] = asked else { return None };
        let mut telegram = Self {
            transaction,
            unit,
            function: *function,
            address: u16::from_be_bytes([*a, *b]),
            count: u16::from_be_bytes([*c, *d]),
            words: Vec::new(),
            exception: None,
        };
        if let [size, data @ ..] = data
            && *function == WRITE
        {
            telegram.words = words_of(*size, data)?;
        }
        match answered {
            [refused, code] if *refused == *function | EXCEPTION_BIT => telegram.exception = Some(*code),
            [READ, size, data @ ..] => telegram.words = words_of(*size, data)?,
            _ => {}
        }
        let belongs = transaction == transaction_again && unit == unit_again;
        let is_same = telegram.request()? == request && telegram.reply()? == reply;
        (belongs && is_same).then_some(telegram)
    }
}

fn words_of(size: u8, data: &[u8]) -> Option<Vec<u16>> {
    let is_whole = usize::from(size) == data.len() && data.len().is_multiple_of(2);
    is_whole.then(|| data.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
}

fn opened(frame: &[u8]) -> Option<(u16, u8, &[u8])> {
    let [t, u, 0, 0, high, low, unit, body @ ..] = frame else { return None };
    let size = usize::from(u16::from_be_bytes([*high, *low]));
    (size == body.len() + 1 && !body.is_empty()).then(|| (u16::from_be_bytes([*t, *u]), *unit, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn telegrams_survive_their_frames(
            transaction in any::<u16>(), unit in any::<u8>(), address in any::<u16>(), is_read in any::<bool>(),
            words in prop::collection::vec(any::<u16>(), 1..124), exception in prop::option::of(1_u8..12),
        ) {
            let count = words.len() as u16;
            let function = if is_read { READ } else { WRITE };
            let words = if is_read && exception.is_some() { Vec::new() } else { words };
            let telegram = Telegram { transaction, unit, function, address, count, words, exception };
            let (request, reply) = (telegram.request().unwrap(), telegram.reply().unwrap());
            prop_assert_eq!(Telegram::from_frames(&request, &reply), Some(telegram));
        }

        #[test]
        fn arbitrary_bytes_never_panic(request in prop::collection::vec(any::<u8>(), 0..40), reply in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(telegram) = Telegram::from_frames(&request, &reply) {
                prop_assert_eq!(telegram.request(), Some(request));
            }
        }
    }
}
