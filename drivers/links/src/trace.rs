//! The last frames of a link, kept in memory and written to the log when something goes wrong.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Instant;

/// Frames kept; the oldest goes first.
const FRAMES_MAX: usize = 256;

/// Way of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// To the device.
    Out,
    /// From the device, as received: not necessarily one whole frame.
    In,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    way: Way,
    bytes: Vec<u8>,
}

/// Ring of the last frames.
#[derive(Debug, Default)]
pub struct WireTrace {
    entries: VecDeque<Entry>,
}

impl WireTrace {
    /// Keeps a frame.
    pub fn record(&mut self, way: Way, bytes: &[u8]) {
        let mut kept = if self.entries.len() < FRAMES_MAX {
            Vec::with_capacity(bytes.len())
        } else {
            self.entries.pop_front().map(|entry| entry.bytes).unwrap_or_default()
        };
        kept.clear();
        kept.extend_from_slice(bytes);
        self.entries.push_back(Entry { at: Instant::now(), way, bytes: kept });
    }

    /// Frames kept now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when no frame is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the frames to the log, oldest first, and forgets them.
    pub fn dump(&mut self, link: &str, why: &str) {
        if self.entries.is_empty() {
            return;
        }
        tracing::warn!(link, why, frames = self.entries.len(), "link in trouble, wire trace at level debug");
        let end = Instant::now();
        for entry in self.entries.drain(..) {
            if tracing::enabled!(tracing::Level::DEBUG) {
                let before_us = end.duration_since(entry.at).as_micros() as u64;
                tracing::debug!(link, before_us, way = ?entry.way, bytes = %hex(&entry.bytes), "frame");
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_frame_makes_room() {
        let mut trace = WireTrace::default();
        for index in 0..300_u16 {
            trace.record(Way::Out, &index.to_be_bytes());
        }
        assert_eq!(trace.len(), 256);
        assert_eq!(trace.entries[0].bytes, 44_u16.to_be_bytes());
        assert_eq!(hex(&[0, 0xAF]), "00af");
        trace.dump("plc1", "test");
        assert!(trace.is_empty());
    }
}
