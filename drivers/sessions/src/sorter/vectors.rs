//! The profile's worked images, decoded and encoded by this session. They were computed by a program that
//! shares no code with it.

use wcs_specs::{Profile, SorterMap, SorterWords, Vectors};
use wcs_types::plant::BlockBases;
use wcs_types::{
    BeltMm, CommandSeq, DestinationCommand, Epoch, EventBody, EventSeq, ExitResult, Grams, LaneNo, LaneSet,
    LaneState, LineId, Millimeters, MonoTime, Nanos, Read, RejectCode, SorterEvent, UnitCommand,
};

use super::config::SorterConfig;
use super::control::{Addressing, Control, Pointers};
use super::header::Header;
use super::ring::{Queued, Ring, RingCommand};
use super::scan::{Assembly, Pace};
use super::slot::{Lives, Slot};
use super::statics::Statics;
use super::travel::BeltReading;

const PLC_EPOCH: Epoch = Epoch(4_711);

struct Golden {
    vectors: Vectors,
    config: SorterConfig,
}

impl Golden {
    fn load() -> Self {
        let profile = Profile::load("wcs-sorter-hs").unwrap();
        let map = SorterMap::resolve(&profile, &BlockBases::default()).unwrap();
        let words = SorterWords::resolve(&profile).unwrap();
        let mut config = SorterConfig::new(LineId(0), 1, map, words, LaneNo(64), 0xBEEF);
        config.utc_at_zero_ms = 1_323_075_600_250;
        Self { vectors: Vectors::load(&profile).unwrap(), config }
    }

    fn words(&self, name: &str) -> &[u16] {
        &self.vectors.image(name).unwrap().words
    }

    fn slot(&self, name: &str, seq: u16) -> Slot<'_> {
        let lives = Lives::new(PLC_EPOCH, false, None);
        Slot::decode(&self.config.map, &self.config.words, lives, EventSeq(seq), self.words(name)).unwrap()
    }

    fn body(&self, name: &str, seq: u16) -> EventBody {
        self.slot(name, seq).body(&self.config.map, &self.config.words)
    }

    fn scan(&self, parts: &[(&str, u16)]) -> SorterEvent {
        let (map, words) = (&self.config.map, &self.config.words);
        let reading = BeltReading { belt: BeltMm(7_201_640), speed_mm_s: 2_000, sent_at: MonoTime::ZERO };
        let pace = Pace { reading, margin: Nanos::ZERO };
        let lives = Lives::new(PLC_EPOCH, false, None);
        let mut slots = parts.iter().map(|(name, seq)| self.slot(name, *seq));
        let mut scan = Assembly::begin(map, words, lives, &slots.next().unwrap(), pace);
        for slot in slots {
            assert!(scan.is_open());
            assert!(scan.extend(map, words, &slot));
        }
        assert!(!scan.is_open());
        scan.finish()
    }
}

#[test]
fn header_and_static_block_are_read() {
    let golden = Golden::load();
    let header = Header::decode(&golden.config.map, golden.words("header of a running sorter")).unwrap();
    assert_eq!((header.plc_epoch, header.plc_life, header.wcs_life_echo), (PLC_EPOCH, 321, 318));
    assert_eq!((header.link_state, header.owner_epoch), (1, Epoch(12)));
    let pointers = (header.evt_head, header.evt_taken_echo, header.evt_ack_echo);
    assert_eq!(pointers, (EventSeq(65_534), EventSeq(65_533), EventSeq(65_530)));
    assert_eq!((header.cmd_tail, header.rej_seq, header.rej_code), (CommandSeq(41), 40, 1));
    assert_eq!((header.rej_count, header.belt, header.speed_mm_s), (2, BeltMm(7_200_456), 2_000));
    assert_eq!((header.lane_gen, header.state.0, header.safety, header.status), (9, 6, 1, 3));
    let statics = Statics::decode(&golden.config, golden.words("static block of the demo sorter")).unwrap();
    assert_eq!((statics.lane_count, statics.max_recirc), (64, 3));
}

#[test]
fn scans_are_read() {
    let golden = Golden::load();
    let event = golden.scan(&[("SCAN with one code", 65_530)]);
    assert_eq!((event.item, event.station, event.plc_tick_ms), (70_001, 1, 3_600_000));
    let EventBody::Scan(scan) = event.body else { panic!("a scan") };
    assert_eq!((scan.read, scan.codes[0].as_bytes()), (Read::Good, &b"580538/1"[..]));
    assert_eq!((scan.point, scan.turns), (BeltMm(7_220_200), 0));
    assert_eq!((scan.length, scan.weight), (Some(Millimeters(400)), Some(Grams(70_000))));
    let left_mm = 7_220_200 - 7_201_640;
    assert_eq!(scan.decide_by, MonoTime::ZERO + Nanos::from_micros(left_mm * 500));

    let EventBody::Scan(scan) = golden.scan(&[("SCAN without a code, second turn", 65_531)]).body else {
        panic!("a scan")
    };
    assert_eq!((scan.read, scan.codes.len(), scan.turns, scan.length), (Read::NoRead, 0, 1, None));

    let event = golden.scan(&[
        ("SCAN whose text goes on and that has a second code", 65_534),
        ("SCAN_MORE: rest of the first code", 65_535),
        ("SCAN_MORE: second code, last", 0),
    ]);
    assert_eq!((event.seq, event.seq_last), (EventSeq(65_534), EventSeq(0)));
    let EventBody::Scan(scan) = event.body else { panic!("a scan") };
    assert_eq!(scan.read, Read::Good);
    assert_eq!(scan.codes[0].as_bytes(), b"(00)340123450000000018(01)04012345678901(10)LOT");
    assert_eq!(scan.codes[1].as_bytes(), b"22423-A");
}

#[test]
fn other_events_are_read() {
    let golden = Golden::load();
    let seq_of = |name: &str| golden.words(name)[golden.config.map.event.seq];
    let body = |name: &str| golden.body(name, seq_of(name));
    let exit = EventBody::Exit {
        requested: LaneNo(12),
        actual: LaneNo(12),
        result: ExitResult::FirstChoice,
        detail: 0,
        turns: 0,
        applied: Some(CommandSeq(41)),
        since_scan_ms: 16_000,
    };
    assert_eq!(body("EXIT at the first choice"), exit);
    assert!(matches!(
        body("EXIT recirculated because the lane was full"),
        EventBody::Exit { requested: LaneNo(5), result: ExitResult::Recirculated, detail: 4, turns: 1, .. }
    ));
    assert!(matches!(body("LANE full"), EventBody::Lane { new: LaneState::Full, .. }));
    assert!(matches!(body("CHECKPOINT 12 mm early"), EventBody::Checkpoint { deviation_mm: -12, .. }));
    assert!(matches!(body("ALARM raised"), EventBody::Alarm { is_raised: true, .. }));
    assert!(matches!(body("STATE execute to held by an operator"), EventBody::State { cause: 1, .. }));
    assert!(matches!(body("CMD_REJECT late"), EventBody::CommandRejected { code: RejectCode::Late, .. }));
}

#[test]
fn control_blocks_are_written_as_computed() {
    let golden = Golden::load();
    let mut config = golden.config.clone();
    let mut control = Control::new();
    let now = MonoTime::ZERO;
    let address = |owner| Addressing { owner: Epoch(owner), plc_epoch: PLC_EPOCH };
    let pointers = |taken, ack, head| Pointers {
        taken: EventSeq(taken),
        ack: EventSeq(ack),
        cmd_head: CommandSeq(head),
    };

    let mut closing = LaneSet::new();
    closing.set(LaneNo(5), true);
    closing.set(LaneNo(32), true);
    control.set_closing(closing);
    config.owner_tag = 0x1234;
    let (block, words) = control.make(now, &config, address(13), 1, (pointers(65_530, 65_530, 0), 0));
    assert_eq!(words, golden.words("first block of a new owner, with lane closing"));
    control.acknowledge(block);

    config.owner_tag = 0xBEEF;
    assert!(control.push_unit(UnitCommand::Start));
    let (_, words) = control.make(now, &config, address(12), 319, (pointers(65_534, 65_531, 43), 3));
    assert_eq!(words, golden.words("control block with permit"));
}

#[test]
fn commands_are_written_as_computed() {
    let golden = Golden::load();
    let mut ring = Ring::new();
    ring.attach(64, CommandSeq(41));
    let destination = |item, lane, alternatives, may_recirculate, answers| {
        RingCommand::Destination(DestinationCommand {
            plc_epoch: PLC_EPOCH,
            item,
            lane,
            alternatives,
            may_recirculate,
            answers: EventSeq(answers),
            decide_by: MonoTime::NEVER,
            point: BeltMm(u32::from(answers)),
        })
    };
    for command in [
        destination(70_001, LaneNo(12), [LaneNo(13), LaneNo(14)], true, 65_530),
        destination(70_002, DestinationCommand::RECIRCULATE, [LaneNo(0); 2], false, 65_531),
        RingCommand::Cancel { item: 70_003 },
    ] {
        ring.push(Queued { command, generation: 0, shown_at: None }).unwrap();
    }
    let left = |command: &DestinationCommand| {
        Nanos::from_millis(if command.answers == EventSeq(65_530) { 9_000 } else { 8_990 })
    };
    let tables = (&golden.config.map, &golden.config.words);
    let (first, words) = ring.stage(tables, ring.writable(10), Epoch(12), left);
    assert_eq!(first, 41);
    let names = ["DEST to lane 12 with alternatives", "DEST to recirculate", "CANCEL"];
    let expected: Vec<u16> = names.iter().flat_map(|name| golden.words(name)).copied().collect();
    assert_eq!(words, expected);
}
