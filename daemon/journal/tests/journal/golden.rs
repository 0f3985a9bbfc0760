//! Bytes that were written once and must stay readable, and must stay what is written. A change here is a new
//! version of the format or of the record, not a new hex string.

use wcs_journal::{Batch, Context, MemoryStorage, Options, decode_record, encode_record, open};
use wcs_types::{
    ActualLane, AlarmCode, AlarmKey, BatchId, BeltMm, Candidate, ChuteId, Code, Decision, Destination, Epoch,
    EventBody, EventSeq, ExitResult, Fact, Input, JobId, LaneNo, LineId, LoadEnd, LoadKey, Millimeters,
    MonoTime, Nanos, Outcome, Pieces, Read, Reason, Record, Rejected, ScanEvent, Seq, SorterEvent, StateHash,
};

use crate::sample::{frames, record, segment};

/// A record with a decision, facts and a scan in it.
pub(crate) fn rich_record() -> Record {
    let load = LoadKey { line: LineId(1), plc_epoch: Epoch(300), item: 70_000 };
    let label = Code::from_bytes(b"536365/1").unwrap();
    let codes = [label.clone()].into_iter().collect();
    let scan = ScanEvent {
        read: Read::Good,
        codes,
        turns: 2,
        point: BeltMm(123_456),
        decide_by: MonoTime(9_000_000_000),
        is_retained: false,
        length: Some(Millimeters(400)),
        weight: None,
    };
    let event = SorterEvent {
        plc_epoch: Epoch(300),
        fifo_epoch: Epoch(300),
        seq: EventSeq(65_535),
        seq_last: EventSeq(0),
        item: 70_000,
        station: 1,
        plc_tick_ms: 1_000_000,
        belt: BeltMm(100_000),
        body: EventBody::Scan(scan),
    };
    let rejected = Rejected { candidate: Candidate::Lane(LaneNo(7)), reason: Reason::LaneFull };
    let destination = Destination::Chute {
        batch: BatchId(5),
        job: JobId(6),
        chute: ChuteId(7),
        lane: LaneNo(8),
        alternatives: [LaneNo(9), LaneNo(0)],
    };
    let rejected = [rejected].into_iter().collect();
    let end = LoadEnd {
        load,
        label,
        job: Some((BatchId(5), JobId(6))),
        pieces: Pieces(12),
        outcome: Outcome::Sorted,
        reason: Reason::FirstChoice,
        lane: ActualLane(LaneNo(8)),
        result: Some(ExitResult::FirstChoice),
    };
    let alarm = AlarmKey { code: AlarmCode::LinkDown, line: Some(LineId(1)), chute: None, detail: 0 };
    Record {
        seq: Seq(1_000),
        now: MonoTime(8_000_000_000),
        gap: Nanos(10_000_000),
        input: Input::Sorter { line: LineId(1), event },
        decisions: vec![Decision::Route { load, destination, reason: Reason::FirstChoice, rejected }],
        facts: vec![Fact::LoadEnded(end), Fact::AlarmRaised(alarm)],
        hash: StateHash(0x0123_4567_89AB_CDEF),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect()
}

#[test]
fn record_bytes_are_golden() {
    let mut bytes = Vec::new();
    encode_record(&rich_record(), &mut bytes);
    assert_eq!(hex(&bytes), include_str!("golden_record.hex"));
    assert_eq!(decode_record(&bytes), Ok(rich_record()));
}

#[test]
fn segment_and_frame_bytes_are_golden() {
    let storage = MemoryStorage::new();
    let context = Context { core_version: 7, plant: b"plant".to_vec(), limits: b"li".to_vec() };
    let options = Options { genesis: 0x1122_3344_5566_7788, ..crate::sample::OPTIONS };
    let mut writer = open(storage.clone(), context, options).unwrap().writer;
    let mut batch = Batch::new();
    batch.push(&record(1, 1));
    batch.push(&record(2, 0));
    batch.set_wall(1_700_000_000_123);
    writer.append(&batch).unwrap();
    writer.sync().unwrap();
    let bytes = storage.bytes(&segment(1)).unwrap();
    let (offset, size) = frames(&bytes)[0];
    assert_eq!(hex(&bytes[..offset]), include_str!("golden_header.hex"));
    assert_eq!(hex(&bytes[offset..offset + size]), include_str!("golden_frame.hex"));
    writer.seal().unwrap();
    let bytes = storage.bytes(&segment(2)).unwrap();
    assert_eq!(hex(&bytes), include_str!("golden_seal.hex"));
}
