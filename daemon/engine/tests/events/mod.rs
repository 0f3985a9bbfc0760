//! What the sorter of the engine's tests says: three lanes, of which the second is for unread loads and the third for
//! exceptions.

use wcs_types::{
    BeltMm, ChuteKind, Code, Epoch, EventBody, EventSeq, Input, LaneNo, LaneSet, LineId, LinkChange,
    MachineState, Millimeters, MonoTime, PlcHello, Read, ScanEvent, SorterEvent,
};

const LINE: LineId = LineId(0);

/// What its three lanes are for.
pub(crate) const KINDS: [ChuteKind; 3] = [ChuteKind::Order, ChuteKind::NoRead, ChuteKind::Exception];

pub(crate) fn link(change: LinkChange) -> Input {
    Input::Link { line: LINE, change }
}

pub(crate) fn met(belt: u32) -> Input {
    let mut ready = LaneSet::new();
    (1..=3).for_each(|lane| ready.set(LaneNo(lane), true));
    link(LinkChange::Met(PlcHello {
        plc_epoch: Epoch(1),
        owner_epoch: Epoch(0),
        evt_ack_echo: EventSeq(10),
        evt_head: EventSeq(10),
        evt_lost: 0,
        is_fifo_retentive: false,
        max_recirc: 1,
        lane_noread: LaneNo(2),
        lane_exception: LaneNo(3),
        lane_overflow: [LaneNo::NONE; 2],
        loop_mm: Millimeters(100_000),
        path_mm: Millimeters(60_000),
        belt: BeltMm(belt),
        state: MachineState::EXECUTE,
        safety: 1,
        ready,
        full: LaneSet::new(),
        fault: LaneSet::new(),
    }))
}

/// The scan of a label as event `seq`; read at `moment`, which changes what does not belong to the event.
pub(crate) fn scan(seq: u16, label: &[u8], moment: u32) -> Input {
    let mut codes = heapless::Vec::new();
    codes.push(Code::from_bytes(label).unwrap()).unwrap();
    let scan = ScanEvent {
        read: Read::Good,
        codes,
        turns: 0,
        point: BeltMm(20_000 + moment),
        decide_by: MonoTime(u64::MAX / 2 + u64::from(moment)),
        is_retained: false,
        length: None,
        weight: None,
    };
    let event = SorterEvent {
        plc_epoch: Epoch(1),
        fifo_epoch: Epoch(1),
        seq: EventSeq(seq),
        seq_last: EventSeq(seq),
        item: u32::from(seq),
        station: 1,
        plc_tick_ms: moment,
        belt: BeltMm(moment),
        body: EventBody::Scan(scan),
    };
    Input::Sorter { line: LINE, event }
}
