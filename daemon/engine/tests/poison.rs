//! Inputs that break the core, and turns that come late. A process ends at a poison input, twice; the third puts it
//! aside, and the journal replays in a core that still has the bug. A stall is told to the core even if nothing waited.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod events;
mod plant;

use events::{KINDS, link, met, scan};
use plant::plant;
use wcs_core::{Core, Step};
use wcs_engine::{Admission, Boot, CRASHES_MAX, Engine, PoisonList, Replay, boot};
use wcs_journal::{Batch, MemoryStorage, Options, Reader, Room, Writer};
use wcs_types::limits::POISONS_KEPT_MAX;
use wcs_types::output::OutputKind;
use wcs_types::{
    AlarmCode, BatchId, BeltMm, CORE_VERSION, Destination, Epoch, EventBody, EventSeq, Fact, Input, LaneNo,
    LinkChange, MonoTime, Nanos, OperatorId, Record, Reply, Seq, SorterCommand, StorageState, Suspect,
    Ticket, Verb, VerbRefusal,
};

const POISON: &[u8] = b"BAD/1";

fn pause(ticket: u64) -> Input {
    Input::Verb { operator: OperatorId(1), ticket: Ticket(ticket), verb: Verb::Pause { batch: BatchId(9) } }
}

/// A core with a bug: scans of one label, pauses, bad weather of the disk, and meeting a PLC at a certain place.
fn broken(core: &mut Core, now: MonoTime, gap: Nanos, input: &Input, step: &mut Step) {
    let is_bad = match input {
        Input::Sorter { event, .. } => match &event.body {
            EventBody::Scan(scan) => scan.codes.iter().any(|code| code.as_bytes() == POISON),
            _ => false,
        },
        Input::Verb { verb, .. } => matches!(verb, Verb::Pause { .. }),
        Input::Storage(state) => *state == StorageState::Failed,
        Input::Link { change: LinkChange::Met(hello), .. } => hello.belt.0 >= 1_000,
        _ => false,
    };
    assert!(!is_bad, "every load\n  in flight was counted");
    core.handle(now, gap, input, None, step);
}

/// The same, but putting aside is broken as well unless it is bare.
fn more_broken(core: &mut Core, now: MonoTime, gap: Nanos, input: &Input, step: &mut Step) {
    let is_bad = matches!(input, Input::Quarantined(put) if !put.is_bare);
    assert!(!is_bad, "putting aside breaks, too");
    broken(core, now, gap, input, step);
}

fn start(storage: &MemoryStorage, poisons: PoisonList) -> (Engine, Writer<MemoryStorage>) {
    let room = Room { segment_size: 1 << 20, reserve_size: 1 << 16 };
    let options = Options { room, genesis: 1, trusted: Seq::NONE };
    let Boot { mut engine, writer, .. } =
        boot(storage.clone(), plant(&KINDS), options, |_| MonoTime::ZERO, |_| ()).unwrap();
    engine.set_stepper(broken);
    engine.set_poisons(poisons);
    (engine, writer)
}

fn commit(engine: &mut Engine, writer: &mut Writer<MemoryStorage>) {
    let mut batch = Batch::new();
    if engine.take_batch(0, &mut batch) {
        writer.append(&batch).unwrap();
        engine.handle_durable(writer.sync().unwrap());
    }
}

fn take(engine: &mut Engine, input: Input) {
    assert!(matches!(engine.admit(input), Admission::Taken(_)), "taken");
}

/// The line is up, with everything on disk.
fn attach(engine: &mut Engine, writer: &mut Writer<MemoryStorage>) {
    engine.begin_turn(engine.core().now());
    take(engine, met(0));
    take(engine, link(LinkChange::Attached { owner: Epoch(1) }));
    take(engine, link(LinkChange::Drained { belt: BeltMm(0) }));
    commit(engine, writer);
    while engine.poll_output().is_some() {}
}

fn commands(engine: &mut Engine) -> Vec<SorterCommand> {
    let outputs = std::iter::from_fn(|| engine.poll_output());
    outputs
        .filter_map(|output| match output.what {
            OutputKind::Sorter(command) => Some(command),
            OutputKind::Reply(_) => None,
        })
        .collect()
}

fn records(storage: &MemoryStorage, last: Seq) -> Vec<Record> {
    Reader::open(storage, Seq(1), last).unwrap().map(|entry| entry.unwrap().record).collect()
}

/// Lets processes end at `input` and gives the list of the last.
fn crash(storage: &MemoryStorage, times: u32, input: impl Fn(u32) -> Input) -> PoisonList {
    let mut poisons = PoisonList::default();
    for time in 1..=times {
        let (mut engine, mut writer) = start(storage, poisons);
        attach(&mut engine, &mut writer);
        assert!(matches!(engine.admit(input(time)), Admission::Broken), "time {time}");
        assert!(matches!(engine.admit(scan(50, b"A/1", 0)), Admission::Broken), "nothing is taken any more");
        let (list, poison) = engine.poison().unwrap();
        assert_eq!((poison.crashes, poison.invariant.as_str()), (time, "every load in flight was counted"));
        poisons = list.clone();
        storage.crash(u64::from(time));
    }
    poisons
}

#[test]
fn poison_scan_ends_two_processes_and_costs_one_load() {
    let storage = MemoryStorage::new();
    let poisons = crash(&storage, CRASHES_MAX, |time| scan(10, POISON, time));
    let (mut engine, mut writer) = start(&storage, poisons);
    attach(&mut engine, &mut writer);
    take(&mut engine, scan(10, POISON, 77));
    take(&mut engine, scan(11, b"A/1", 78));
    let sent = commands(&mut engine);
    let destination = |item| {
        sent.iter().find_map(|command| match command {
            SorterCommand::Destination(command) if command.item == item => Some(command.lane),
            _ => None,
        })
    };
    assert_eq!(destination(10), Some(wcs_types::DestinationCommand::EXCEPTION));
    assert!(destination(11).is_some(), "the line runs on");
    assert!(
        !sent.iter().any(|command| matches!(command, SorterCommand::Ack { .. })),
        "not before it is durable"
    );
    commit(&mut engine, &mut writer);
    let acknowledged = commands(&mut engine);
    let ack = SorterCommand::Ack { plc_epoch: Epoch(1), next: EventSeq(11) };
    assert!(acknowledged.contains(&ack), "{acknowledged:?}");
    let records = records(&storage, engine.last_seq());
    let put: Vec<&Record> =
        records.iter().filter(|record| matches!(record.input, Input::Quarantined(_))).collect();
    let [record] = put.as_slice() else { panic!("one record: {put:?}") };
    let Input::Quarantined(put) = &record.input else { unreachable!("filtered") };
    assert!(matches!(&put.suspect, Suspect::Sorter { event, .. } if event.seq == EventSeq(10)));
    assert!(record.facts.iter().any(|fact| matches!(
        fact, Fact::AlarmRaised(key) if key.code == AlarmCode::Quarantined
    )));
    assert!(matches!(
        &record.decisions[..],
        [wcs_types::Decision::Route { destination: Destination::Exception, .. }]
    ));
    // A core that still has the bug never meets the input again.
    let mut replay = Replay::new(plant(&KINDS), CORE_VERSION);
    for record in &records {
        replay.follow(record).unwrap();
    }
    assert_eq!(replay.core().state_hash(), engine.core().state_hash());
}

#[test]
fn label_put_on_the_belt_again_ends_no_process() {
    let storage = MemoryStorage::new();
    let poisons = crash(&storage, CRASHES_MAX, |time| scan(10, POISON, time));
    let (mut engine, mut writer) = start(&storage, poisons);
    attach(&mut engine, &mut writer);
    take(&mut engine, scan(10, POISON, 1));
    let exit = EventBody::Exit {
        requested: LaneNo(3),
        actual: LaneNo(3),
        result: wcs_types::ExitResult::FirstChoice,
        detail: 0,
        turns: 0,
        applied: None,
        since_scan_ms: 0,
    };
    let Input::Sorter { line, mut event } = scan(11, POISON, 2) else { unreachable!("a scan is an event") };
    (event.item, event.body) = (10, exit);
    take(&mut engine, Input::Sorter { line, event });
    take(&mut engine, scan(12, POISON, 3));
    assert!(engine.poison().is_none());
}

#[test]
fn putting_aside_that_breaks_is_done_bare_the_next_time() {
    let storage = MemoryStorage::new();
    let mut poisons = crash(&storage, CRASHES_MAX, |time| scan(10, POISON, time));
    let (mut engine, mut writer) = start(&storage, poisons);
    engine.set_stepper(more_broken);
    attach(&mut engine, &mut writer);
    assert!(matches!(engine.admit(scan(10, POISON, 0)), Admission::Broken));
    poisons = engine.poison().unwrap().0.clone();
    storage.crash(9);
    let (mut engine, mut writer) = start(&storage, poisons);
    engine.set_stepper(more_broken);
    attach(&mut engine, &mut writer);
    take(&mut engine, scan(10, POISON, 0));
    take(&mut engine, scan(11, b"A/1", 0));
    commit(&mut engine, &mut writer);
    assert!(commands(&mut engine).contains(&SorterCommand::Ack { plc_epoch: Epoch(1), next: EventSeq(12) }));
}

#[test]
fn poison_verb_is_refused_whoever_asks_again() {
    let storage = MemoryStorage::new();
    let poisons = crash(&storage, CRASHES_MAX, |time| pause(u64::from(time)));
    let (mut engine, mut writer) = start(&storage, poisons);
    attach(&mut engine, &mut writer);
    for ticket in [70, 71] {
        take(&mut engine, pause(ticket));
    }
    commit(&mut engine, &mut writer);
    let replies: Vec<OutputKind> = std::iter::from_fn(|| engine.poll_output()).map(|out| out.what).collect();
    let [OutputKind::Reply(first), OutputKind::Reply(second)] = replies.as_slice() else {
        panic!("two replies: {replies:?}")
    };
    assert!(matches!(first, Reply::Refused(VerbRefusal::Quarantined { .. })), "{first:?}");
    assert_eq!(first, second);
}

#[test]
fn poison_meeting_takes_the_line_down_and_not_the_process() {
    let storage = MemoryStorage::new();
    let poisons = crash(&storage, CRASHES_MAX, |time| met(1_000 + time));
    let (mut engine, _writer) = start(&storage, poisons);
    engine.begin_turn(MonoTime::ZERO);
    for belt in [2_000, 3_000] {
        take(&mut engine, met(belt));
        assert_eq!(commands(&mut engine), [SorterCommand::Stay { plc_epoch: Epoch(1) }]);
    }
}

#[test]
fn state_of_the_journal_is_never_put_aside() {
    let storage = MemoryStorage::new();
    let mut poisons = PoisonList::default();
    for time in 1..=4 {
        let (mut engine, _writer) = start(&storage, poisons);
        engine.handle_write_failed();
        engine.begin_turn(MonoTime(1));
        let (list, poison) = engine.poison().unwrap();
        assert_eq!((poison.crashes, poison.what.as_str()), (time, "state of the journal: Failed"));
        poisons = list.clone();
        storage.crash(u64::from(time));
    }
}

#[test]
fn other_events_are_counted_apart_and_the_list_is_bounded() {
    let storage = MemoryStorage::new();
    let mut poisons = PoisonList::default();
    for seq in 0..u16::try_from(POISONS_KEPT_MAX).unwrap() + 3 {
        let (mut engine, _writer) = start(&storage, poisons);
        assert!(matches!(engine.admit(scan(seq, POISON, 0)), Admission::Broken));
        let (list, poison) = engine.poison().unwrap();
        assert_eq!(poison.crashes, 1, "event {seq}");
        poisons = list.clone();
    }
    assert_eq!(poisons.entries().len(), POISONS_KEPT_MAX);
    assert!(poisons.entries()[0].what.contains("event 3 of PLC life 1"), "{:?}", poisons.entries()[0]);
}

#[test]
fn digest_of_an_input_is_fixed() {
    let storage = MemoryStorage::new();
    let digest = |input: Input| {
        let (mut engine, _writer) = start(&storage, PoisonList::default());
        assert!(matches!(engine.admit(input), Admission::Broken));
        engine.poison().unwrap().1.digest.to_string()
    };
    // Golden: files of processes before this build name inputs by them.
    assert_eq!(digest(scan(10, POISON, 1)), "06dfadb995dcc736");
    assert_eq!(digest(scan(10, POISON, 9)), digest(scan(10, POISON, 1)), "where it was read does not matter");
    assert_eq!(digest(pause(3)), "454e2d358f5bd3b5");
    assert_eq!(digest(met(1_000)), digest(met(5_000)));
}

#[test]
fn stall_is_told_to_the_core_even_if_nothing_waited() {
    let storage = MemoryStorage::new();
    let (mut engine, mut writer) = start(&storage, PoisonList::default());
    let second = |seconds: u64| MonoTime::ZERO + Nanos::from_secs(seconds);
    engine.begin_turn(second(1));
    let mut facts = Vec::new();
    engine.drain_facts(&mut facts);
    facts.clear();
    engine.begin_turn(second(1) + Nanos::from_millis(500));
    engine.drain_facts(&mut facts);
    assert_eq!(facts, [], "half a second is no stall");
    engine.begin_turn(second(4));
    engine.drain_facts(&mut facts);
    let gap = Nanos::from_millis(2_500);
    assert!(facts.iter().any(|(_, fact)| *fact == Fact::SelfStalled { gap }), "{facts:?}");
    commit(&mut engine, &mut writer);
    let told = records(&storage, engine.last_seq());
    assert_eq!(told.iter().filter(|record| record.gap == gap).count(), 1);
}
