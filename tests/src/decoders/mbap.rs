//! Frames of Modbus/TCP as they come from a device: the filter in front of the client, the gate around it and the
//! client behind it. Whatever comes, only a reply to the request under way gets through, the same one however the
//! bytes are cut, and the client says what the filter let pass.
//!
//! Input: one byte that says how the bytes are cut, one for the size of the request, the request, what is received.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use wcs_drivers::trace::WireTrace;
use wcs_drivers::{MbapFilter, ModbusClient, Poison};
use wcs_sessions::{Answer, Request};
use wcs_specs::frame::Telegram;
use wcs_specs::{Profile, Vectors};

use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Largest frame of Modbus/TCP.
const FRAME_SIZE_MAX: usize = 260;
/// Bit of the first byte: the stream ends behind what was received; otherwise it falls silent.
const ENDS: u8 = 0x80;

pub(super) const FRAMES: Decoder = Decoder {
    name: "mbap",
    reads: "Modbus/TCP replies: filter, gate and client",
    seeds,
    words: || {
        [
            &[0, 0, 0, 6, 1, 3][..],
            &[0, 0, 0, 5, 1, 3, 2],
            &[0x83, 2],
            &[0x90, 6],
            &[0, 0, 0xFF, 0xFF],
            &[0, 1],
        ]
        .map(<[u8]>::to_vec)
        .to_vec()
    },
    size_max: 1_024,
    cases: 4_000,
    answers_min: 8,
    bounds: Bounds { held: 64 * 1024, held_per_byte: 40, allocations: 300, allocations_per_byte: 4 },
    bench: || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime of one thread can be had");
        Box::new(move |input| check(&runtime, input))
    },
};

fn seeds() -> Vec<Vec<u8>> {
    let profile = Profile::load("wcs-sorter-hs").expect("a profile that is compiled in is sound");
    let vectors = Vectors::load(&profile).expect("vectors that are compiled in are sound");
    let framed = |cut: u8, request: &[u8], replies: &[&[u8]]| {
        let mut input = vec![cut, request.len() as u8];
        input.extend_from_slice(request);
        replies.iter().for_each(|reply| input.extend_from_slice(reply));
        input
    };
    let mut seeds = Vec::new();
    for frame in &vectors.frames {
        seeds.push(framed(0, &frame.request, &[&frame.reply]));
        let mut late = frame.reply.clone();
        late[1] ^= 1;
        seeds.push(framed(ENDS | 3, &frame.request, &[&late, &frame.reply, &frame.reply]));
    }
    seeds
}

/// What the filter makes of a stream.
#[derive(Debug, Eq, PartialEq)]
struct Passed {
    frames: Vec<Vec<u8>>,
    poison: Option<Poison>,
    stale: u64,
    invalid: u64,
}

fn filtered(request: &[u8], received: &[u8], cut: usize) -> Passed {
    let mut filter = MbapFilter::new();
    for piece in request.chunks(cut) {
        filter.sent(piece);
    }
    let mut frames = Vec::new();
    for piece in received.chunks(cut) {
        filter.feed(piece);
        while let Ok(Some(frame)) = filter.next_frame() {
            frames.push(frame);
        }
    }
    let dropped = filter.dropped();
    Passed { frames, poison: filter.poison(), stale: dropped.stale, invalid: dropped.invalid }
}

fn check(runtime: &tokio::runtime::Runtime, input: &[u8]) -> Outcome {
    let [cut, size, rest @ ..] = input else { return Ok("nothing".to_owned()) };
    let (request, received) = rest.split_at(usize::from(*size).min(rest.len()));
    let cut = usize::from(cut & !ENDS) % 16 + 1;
    let ends = input[0] & ENDS != 0;
    let whole = filtered(request, received, usize::MAX);
    let pieces = filtered(request, received, cut);
    if whole != pieces {
        return Err(format!("cut into pieces of {cut} it is another stream: {whole:?} and {pieces:?}"));
    }
    passed_rightly(request, received, &whole)?;
    let said = runtime.block_on(ask(request, received, ends))?;
    Ok(format!("{} passed, {:?}, {said}", whole.frames.len(), whole.poison))
}

/// What got through is a reply to the request, as another reading of the frames has it.
fn passed_rightly(request: &[u8], received: &[u8], passed: &Passed) -> Result<(), String> {
    if passed.frames.len() > 1 {
        return Err(format!("{} replies to one request", passed.frames.len()));
    }
    let Some(frame) = passed.frames.first() else { return Ok(()) };
    if frame.len() > FRAME_SIZE_MAX || !received.windows(frame.len()).any(|part| part == frame.as_slice()) {
        return Err(format!("a frame that never came: {frame:?}"));
    }
    // Requests of ours are well-formed; of one that is not, only the envelope can be held against the reply.
    let is_ours = Telegram::from_frames(request, frame).is_some();
    let is_well_formed = well_formed(request);
    if is_well_formed && !is_ours {
        return Err(format!("{frame:?} does not answer {request:?}"));
    }
    Ok(())
}

/// A request as the client of the product makes them: one whole frame of function 3 or 16.
fn well_formed(request: &[u8]) -> bool {
    let [_, _, 0, 0, _, _, _, function, _, _, high, low, data @ ..] = request else { return false };
    let (size, count) = (u16::from_be_bytes([request[4], request[5]]), u16::from_be_bytes([*high, *low]));
    let is_whole = usize::from(size) == request.len() - 6;
    match (function, data) {
        (3, []) => is_whole && (1..=125).contains(&count),
        (16, [bytes, words @ ..]) => {
            is_whole
                && (1..=123).contains(&count)
                && usize::from(*bytes) == words.len()
                && words.len() == 2 * usize::from(count)
        }
        _ => false,
    }
}

/// A wire that brings what was received, whatever is asked, and keeps what was sent.
#[derive(Debug)]
struct Wire {
    received: Vec<u8>,
    at: usize,
    ends: bool,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.received.len() {
            return if self.ends { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let count = buffer.remaining().min(self.received.len() - self.at);
        buffer.put_slice(&self.received[self.at..self.at + count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Lets the client ask what the request asks, and holds its answer against what the filter passes of the same bytes.
async fn ask(request: &[u8], received: &[u8], ends: bool) -> Outcome {
    let asked = match request.get(6..12) {
        Some([_, 3, a, b, c, d]) => {
            let count = u16::from_be_bytes([*c, *d]).clamp(1, 125);
            Request::Read { address: u16::from_be_bytes([*a, *b]), count }
        }
        Some([_, _, a, b, c, d]) => {
            let count = u16::from_be_bytes([*c, *d]).clamp(1, 123);
            Request::Write { address: u16::from_be_bytes([*a, *b]), words: vec![0x5A5A; usize::from(count)] }
        }
        _ => return Ok("nothing asked".to_owned()),
    };
    let sent = Arc::new(Mutex::new(Vec::new()));
    // The client numbers its requests from the beginning: a reply to another number is made one to this.
    let mut received = received.to_vec();
    if let (Some(number), Some(ours)) = (request.get(..2), received.get_mut(..2))
        && number == ours
    {
        ours.copy_from_slice(&[0, 0]);
    }
    let wire = Wire { received: received.clone(), at: 0, ends, sent: Arc::clone(&sent) };
    let mut client = ModbusClient::attach(wire, WireTrace::default());
    let deadline = Instant::now() + Duration::from_millis(300);
    let answer = client.exchange(request[6], &asked, deadline).await;
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let passed = filtered(&sent, &received, usize::MAX);
    let is_right = match (&answer, passed.frames.first()) {
        (Answer::Registers(words), Some(frame)) => {
            let told: Vec<u16> =
                frame[9..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            *words == told
        }
        (Answer::Written, Some(frame)) => frame[7] == 16,
        (Answer::Exception(code), Some(frame)) => frame[7] & 0x80 != 0 && frame[8] == *code,
        // A code of an exception that the standard does not know: the client may call the stream broken.
        (Answer::Broken, Some(frame)) => frame[7] & 0x80 != 0,
        (Answer::Broken, None) => ends || passed.poison.is_some(),
        (Answer::Silence, None) => !ends,
        _ => false,
    };
    let kind = match &answer {
        Answer::Registers(_) => "registers",
        Answer::Written => "written",
        Answer::Exception(_) => "exception",
        Answer::Silence => "silence",
        Answer::Broken => "broken",
    };
    if is_right { Ok(kind.to_owned()) } else { Err(format!("the client says {answer:?} of {passed:?}")) }
}
