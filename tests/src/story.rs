//! The story a trace tells, kept from the outside: which records were written into which file, which of them a sync
//! has covered and a directory sync has given a lasting name, and what the PLC was told to forget. It knows the format
//! of the journal from its specification and asks nobody in the daemon.
//!
//! A record is durable when its frame was written before a sync of its file began, that sync succeeded, and the name
//! of the file was covered by a directory sync in the same way.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use wcs_journal::decode_record;
use wcs_specs::SorterMap;
use wcs_types::{EventSeq, Input, Record, Seq};

use crate::syscalls::{Call, What};

const UNFINISHED: &str = ".tmp";
const FRAME_HEADER_SIZE: usize = 64;
/// Bytes of a Modbus/TCP frame before its function.
const MBAP_SIZE: usize = 7;
const WRITE_REGISTERS: u8 = 16;

/// Records of one frame.
#[derive(Clone, Debug)]
struct Frame {
    last: Seq,
    /// The event behind the last one in it.
    next_event: Option<EventSeq>,
    is_durable: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    frames: Vec<Frame>,
    is_name_durable: bool,
    has_failed: bool,
}

/// What is known at one moment.
#[derive(Clone, Debug)]
pub struct Story {
    control_start: u16,
    ack_offset: usize,
    files: BTreeMap<String, File>,
    /// Syncs under way: line at which they began, and what was there then.
    syncs: Vec<(usize, BTreeMap<String, usize>)>,
    records: Vec<Record>,
    durable: Seq,
    durable_event: Option<EventSeq>,
    /// What the first control block named while no event was in the journal.
    base: Option<EventSeq>,
    acknowledged: Option<EventSeq>,
    advances: usize,
    problems: Vec<String>,
}

impl Story {
    /// A story that begins with an empty directory.
    pub fn new(map: &SorterMap) -> Self {
        Self {
            control_start: map.control_block.start,
            ack_offset: map.control.evt_ack,
            files: BTreeMap::new(),
            syncs: Vec::new(),
            records: Vec::new(),
            durable: Seq::NONE,
            durable_event: None,
            base: None,
            acknowledged: None,
            advances: 0,
            problems: Vec::new(),
        }
    }

    /// Every record written so far, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Last record that is durable.
    pub fn durable(&self) -> Seq {
        self.durable
    }

    /// First event the PLC was not told to forget.
    pub fn acknowledged(&self) -> Option<EventSeq> {
        self.acknowledged
    }

    /// How often the acknowledgement moved on.
    pub fn advances(&self) -> usize {
        self.advances
    }

    /// What was done that must not be done.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Goes through the calls of one process. `before` is shown what is known right before the directory changes
    /// next, with the call that changes it, and once more at the end.
    ///
    /// # Errors
    /// Bytes that are not those of a journal, or whatever `before` finds.
    pub fn tell(
        &mut self,
        calls: &[Call],
        before: &mut dyn FnMut(&Self, Option<&Call>) -> Result<()>,
    ) -> Result<()> {
        // A sync takes effect when it comes back, everything else as soon as it was asked for.
        let mut moments: Vec<(usize, bool, &Call)> = Vec::new();
        for call in calls {
            moments.push((call.begun, false, call));
            moments.extend(call.ended.map(|ended| (ended, true, call)));
        }
        moments.sort_by_key(|(line, is_end, _)| (*line, *is_end));
        for (_, is_end, call) in moments {
            let is_sync = matches!(call.what, What::Sync { .. } | What::SyncDirectory);
            if is_end == is_sync && !matches!(call.what, What::Send { .. }) {
                before(self, Some(call))?;
            }
            if is_end { self.end(call) } else { self.begin(call)? }
        }
        self.syncs.clear();
        before(self, None)
    }

    fn begin(&mut self, call: &Call) -> Result<()> {
        match &call.what {
            What::Write { file, bytes, .. } => {
                self.touch(file, call, "written to");
                let frames = self.read_frames(bytes)?;
                // Whether the bytes are all there is known when the call comes back.
                if call.is_ok {
                    self.files.entry(file.clone()).or_default().frames.extend(frames);
                }
            }
            What::Sync { file } => {
                self.touch(file, call, "synced");
                let count = self.files.get(file).map_or(0, |file| file.frames.len());
                self.syncs.push((call.begun, BTreeMap::from([(file.clone(), count)])));
            }
            What::SyncDirectory => {
                self.syncs.push((call.begun, self.files.keys().map(|name| (name.clone(), 0)).collect()));
            }
            What::Send { bytes } => self.read_frames_of_modbus(bytes, call),
            What::Create { .. } | What::Rename { .. } | What::Remove { .. } => {}
        }
        Ok(())
    }

    fn end(&mut self, call: &Call) {
        match &call.what {
            What::Create { file } if call.is_ok => drop(self.files.insert(file.clone(), File::default())),
            What::Remove { file } if call.is_ok => drop(self.files.remove(file)),
            What::Rename { from, to } if call.is_ok => {
                let file = self.files.remove(from).unwrap_or_default();
                self.files.insert(to.clone(), File { is_name_durable: false, ..file });
            }
            What::Sync { file } => {
                let seen = self.seen_by(call);
                let Some(state) = self.files.get_mut(file) else { return };
                let count = seen.get(file).copied().unwrap_or(0);
                state.frames.iter_mut().take(count).for_each(|frame| frame.is_durable |= call.is_ok);
                state.has_failed |= !call.is_ok;
                self.settle();
            }
            What::SyncDirectory => {
                let seen = self.seen_by(call);
                for (name, file) in &mut self.files {
                    file.is_name_durable |= call.is_ok && seen.contains_key(name);
                }
                self.settle();
            }
            _ => {}
        }
    }

    fn seen_by(&mut self, call: &Call) -> BTreeMap<String, usize> {
        let at = self.syncs.iter().position(|(begun, _)| *begun == call.begun);
        at.map(|at| self.syncs.remove(at).1).unwrap_or_default()
    }

    /// A file is done with when an operation on it has failed.
    fn touch(&mut self, file: &str, call: &Call, how: &str) {
        if self.files.get(file).is_some_and(|state| state.has_failed) {
            self.problems.push(format!("line {}: {file} is {how} after a sync of it failed", call.begun));
        }
        if matches!(call.what, What::Write { .. }) && !call.is_ok && call.ended.is_some() {
            self.files.entry(file.to_owned()).or_default().has_failed = true;
        }
    }

    fn settle(&mut self) {
        for (name, file) in &self.files {
            if name.ends_with(UNFINISHED) || !file.is_name_durable {
                continue;
            }
            for frame in file.frames.iter().filter(|frame| frame.is_durable) {
                self.durable = self.durable.max(frame.last);
                if let Some(next) = frame.next_event {
                    let is_later = self.durable_event.is_none_or(|known| next.is_newer_than(known));
                    self.durable_event = if is_later { Some(next) } else { self.durable_event };
                }
            }
        }
    }

    /// The frames in the bytes of one write; their records are what the journal goes on with.
    fn read_frames(&mut self, bytes: &[u8]) -> Result<Vec<Frame>> {
        let start = if bytes.starts_with(b"WCSJOURN") { number(bytes, 12)? } else { 0 };
        let mut at = start;
        let mut frames = Vec::new();
        while bytes.get(at..).is_some_and(|rest| rest.starts_with(b"WCSBATCH")) {
            let (size, count) = (number(bytes, at + 16)?, number(bytes, at + 20)?);
            let body = bytes.get(at + FRAME_HEADER_SIZE..).and_then(|body| body.get(..size));
            let mut body = body.context("a frame that was not written whole")?;
            let mut frame = Frame { last: Seq::NONE, next_event: None, is_durable: false };
            for _ in 0..count {
                let size = number(body, 0)?;
                let record = decode_record(body.get(4..4 + size).context("a record of a frame")?)?;
                body = &body[4 + size..];
                frame.last = record.seq;
                if let Input::Sorter { event, .. } = &record.input {
                    self.check_base(event.seq);
                    frame.next_event = Some(event.seq_last.plus(1));
                }
                self.records.truncate(usize::try_from(record.seq.0)? - 1);
                self.records.push(record);
            }
            at += FRAME_HEADER_SIZE + size.next_multiple_of(8);
            frames.push(frame);
        }
        Ok(frames)
    }

    /// What was named before there was any event must not have covered one.
    fn check_base(&mut self, event: EventSeq) {
        let is_first = self.durable_event.is_none() && self.acknowledged == self.base;
        if is_first && self.base.is_some_and(|base| base.is_newer_than(event)) {
            self.problems.push(format!("event {} was acknowledged before it was read", event.0));
        }
    }

    fn read_frames_of_modbus(&mut self, mut bytes: &[u8], call: &Call) {
        while let Some(header) = bytes.get(..MBAP_SIZE) {
            let size = MBAP_SIZE - 1 + usize::from(u16::from_be_bytes([header[4], header[5]]));
            let Some(frame) = bytes.get(MBAP_SIZE..size) else { return };
            bytes = &bytes[size..];
            if let [WRITE_REGISTERS, high, low, _, _, _, words @ ..] = frame {
                self.see_write(u16::from_be_bytes([*high, *low]), words, call);
            }
        }
    }

    fn see_write(&mut self, address: u16, words: &[u8], call: &Call) {
        let Some(before) = address.checked_sub(self.control_start).map(usize::from) else { return };
        let Some(at) = self.ack_offset.checked_sub(before) else { return };
        let Some(&[high, low]) = words.get(2 * at..2 * at + 2) else { return };
        let ack = EventSeq(u16::from_be_bytes([high, low]));
        let base = *self.base.get_or_insert(ack);
        let covered = self.durable_event.unwrap_or(base);
        if ack.is_newer_than(covered) {
            self.problems.push(format!(
                "line {}: events before {} are acknowledged, on disk are those before {}",
                call.begun, ack.0, covered.0
            ));
        }
        match self.acknowledged {
            Some(known) if !ack.is_newer_than(known) => {}
            known => {
                self.advances += usize::from(known.is_some());
                self.acknowledged = Some(ack);
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Result<usize> {
    let field = bytes.get(at..at + 4).context("a field of four bytes")?;
    Ok(u32::from_le_bytes(field.try_into()?) as usize)
}

#[cfg(test)]
mod tests {
    use wcs_journal::{Batch, Context, MemoryStorage, Options, open};
    use wcs_specs::Profile;
    use wcs_types::plant::BlockBases;
    use wcs_types::sorter::{EventBody, SorterEvent};
    use wcs_types::{BeltMm, Epoch, LineId, MonoTime, Nanos, StateHash};

    use super::*;

    const SEGMENT: &str = "segment-00000001.wcsj";
    const UNFINISHED_SEGMENT: &str = "segment-00000001.wcsj.tmp";

    fn map() -> SorterMap {
        SorterMap::resolve(&Profile::load("wcs-sorter-hs").unwrap(), &BlockBases::default()).unwrap()
    }

    fn record(seq: u64) -> Record {
        let event = EventSeq(seq as u16);
        let event = SorterEvent {
            plc_epoch: Epoch(1),
            fifo_epoch: Epoch(1),
            seq: event,
            seq_last: event,
            item: 1,
            station: 0,
            plc_tick_ms: 0,
            belt: BeltMm(0),
            body: EventBody::Checkpoint { checkpoint: 1, deviation_mm: 0 },
        };
        let input = Input::Sorter { line: LineId(0), event };
        let (decisions, facts) = (Vec::new(), Vec::new());
        Record {
            seq: Seq(seq),
            now: MonoTime(seq),
            gap: Nanos(0),
            input,
            decisions,
            facts,
            hash: StateHash(0),
        }
    }

    /// Bytes of a segment that was founded empty, and those of two batches behind it: events 1 and 2, event 3.
    fn pieces() -> [(u64, Vec<u8>); 3] {
        let storage = MemoryStorage::new();
        let mut writer = open(storage.clone(), Context::default(), Options::default()).unwrap().writer;
        let mut ends = vec![0, number(&storage.bytes(SEGMENT).unwrap(), 12).unwrap()];
        for seqs in [vec![1, 2], vec![3]] {
            let mut batch = Batch::new();
            seqs.into_iter().for_each(|seq| batch.push(&record(seq)));
            writer.append(&batch).unwrap();
            writer.sync().unwrap();
            let start = *ends.last().unwrap();
            let size = number(&storage.bytes(SEGMENT).unwrap(), start + 16).unwrap();
            ends.push(start + FRAME_HEADER_SIZE + size.next_multiple_of(8));
        }
        let bytes = storage.bytes(SEGMENT).unwrap();
        [0, 1, 2].map(|at| (ends[at] as u64, bytes[ends[at]..ends[at + 1]].to_vec()))
    }

    fn write(file: &str, (offset, bytes): (u64, Vec<u8>)) -> What {
        What::Write { file: file.into(), offset, bytes }
    }

    fn sync() -> What {
        What::Sync { file: SEGMENT.into() }
    }

    /// A control block with this acknowledgement.
    fn ack(next: u16) -> What {
        let map = map();
        let mut bytes = vec![0, 1, 0, 0, 0, 0, 1, WRITE_REGISTERS];
        bytes.extend_from_slice(&map.control_block.start.to_be_bytes());
        bytes.extend_from_slice(&map.control_count.to_be_bytes());
        bytes.push((2 * map.control_count) as u8);
        let mut words = vec![0; usize::from(map.control_count)];
        words[map.control.evt_ack] = next;
        bytes.extend(words.into_iter().flat_map(u16::to_be_bytes));
        bytes[5] = (bytes.len() - 6) as u8;
        What::Send { bytes }
    }

    /// The calls of a good daemon, one after the other.
    fn good() -> Vec<What> {
        let [founding, first, second] = pieces();
        vec![
            What::Create { file: UNFINISHED_SEGMENT.into() },
            write(UNFINISHED_SEGMENT, founding),
            What::Sync { file: UNFINISHED_SEGMENT.into() },
            What::Rename { from: UNFINISHED_SEGMENT.into(), to: SEGMENT.into() },
            What::SyncDirectory,
            ack(1),
            write(SEGMENT, first),
            sync(),
            ack(3),
            write(SEGMENT, second),
            sync(),
            ack(4),
        ]
    }

    fn told(calls: &[Call]) -> Story {
        let mut story = Story::new(&map());
        story.tell(calls, &mut |_, _| Ok(())).unwrap();
        story
    }

    fn in_order(whats: Vec<What>) -> Vec<Call> {
        let call = |(line, what)| Call { begun: line, ended: Some(line), is_ok: true, what };
        whats.into_iter().enumerate().map(call).collect()
    }

    #[test]
    fn good_order_is_without_a_problem() {
        let story = told(&in_order(good()));
        assert_eq!(story.problems(), [""; 0]);
        assert_eq!((story.durable(), story.acknowledged()), (Seq(3), Some(EventSeq(4))));
        assert_eq!((story.advances(), story.records().len()), (2, 3));
    }

    #[test]
    fn acknowledgement_before_its_sync_is_found() {
        for (sync, ack) in [(7, 8), (10, 11)] {
            let mut whats = good();
            whats.swap(sync, ack);
            let story = told(&in_order(whats));
            assert_eq!(story.problems().len(), 1, "{:?}", story.problems());
            assert!(story.problems()[0].contains("are acknowledged, on disk are"), "{:?}", story.problems());
        }
    }

    #[test]
    fn acknowledgement_while_its_sync_is_under_way_is_found() {
        let mut calls = in_order(good());
        calls[7].ended = Some(8);
        calls[8].begun = 8;
        calls.iter_mut().skip(9).for_each(|call| {
            call.begun += 1;
            call.ended = Some(call.begun);
        });
        calls[7].ended = Some(9);
        assert_eq!(told(&calls).problems().len(), 1);
    }

    #[test]
    fn name_without_a_directory_sync_is_found() {
        let mut whats = good();
        whats.remove(4);
        assert_eq!(
            told(&in_order(whats)).problems().len(),
            2,
            "neither acknowledgement rests on a lasting name"
        );
        let mut early = good();
        early.swap(3, 4);
        assert_eq!(told(&in_order(early)).problems().len(), 2, "it came before the rename");
    }

    #[test]
    fn write_behind_the_begin_of_a_sync_is_not_covered_by_it() {
        let mut whats = good();
        whats.swap(9, 10);
        assert_eq!(told(&in_order(whats)).problems().len(), 1);
    }

    #[test]
    fn file_that_is_synced_again_after_a_failure_is_found() {
        let mut calls = in_order(good());
        calls[7].is_ok = false;
        let problems = told(&calls).problems().join("\n");
        assert!(problems.contains("is written to after a sync of it failed"), "{problems}");
        assert!(problems.contains("is synced after a sync of it failed"), "{problems}");
        assert!(problems.contains("line 8: events before 3 are acknowledged"), "{problems}");
    }
}
