//! The engine over a faulty disk: what was acknowledged survives, what was not durable was never acknowledged, a
//! journal of another version is followed with its decisions imposed, and a changed record is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod plant;

use plant::plant;
use wcs_engine::{Admission, Boot, BootError, Divergence, Engine, Replay, boot};
use wcs_journal::{Batch, MemoryStorage, Options, Reader, Room, Writer};
use wcs_types::batch::batch_content;
use wcs_types::limits::RECORDS_PENDING_MAX;
use wcs_types::output::OutputKind;
use wcs_types::{
    AlarmCode, AlarmKey, Assign, BatchId, BatchKind, BatchSpec, CORE_VERSION, ChuteId, ChuteKind, Code,
    Decision, Epoch, Fact, Identify, Input, JobSpec, LineId, LinkChange, MonoTime, Nanos, OperatorId,
    OrderKey, Pieces, Plant, Record, Seq, SkuKey, StartToken, Target, Ticket, Verb,
};

const KINDS: [ChuteKind; 4] = [ChuteKind::Order, ChuteKind::Order, ChuteKind::NoRead, ChuteKind::Exception];

fn jobs() -> Vec<JobSpec> {
    let job = |order: &str, label: &str, quantity| JobSpec {
        order: OrderKey { owner: "-".into(), number: order.into() },
        line_no: 1,
        sku: SkuKey { owner: "-".into(), code: "S".into() },
        quantity: Pieces(quantity),
        codes: vec![Code::from_bytes(label.as_bytes()).unwrap()],
        priority: 0,
        due_at: 0,
    };
    vec![job("A", "A/1", 3), job("B", "B/1", 5)]
}

fn verbs() -> Vec<Input> {
    let spec = BatchSpec {
        batch: BatchId(1),
        line: LineId(0),
        kind: BatchKind::Sort,
        identify: Identify::Lpn,
        assign: Assign::Volume,
        chute_limit: 0,
    };
    let start = Verb::Start {
        batch: BatchId(1),
        token: StartToken(7),
        parts: 1,
        content_hash: batch_content(&spec, &jobs()),
    };
    [Verb::Stage { spec, part: 0, jobs: jobs() }, start, Verb::Pause { batch: BatchId(1) }]
        .into_iter()
        .zip(1..)
        .map(|(verb, ticket)| Input::Verb { operator: OperatorId(1), ticket: Ticket(ticket), verb })
        .collect()
}

fn start(storage: &MemoryStorage, plant: Plant) -> Result<Boot<MemoryStorage>, BootError> {
    let room = Room { segment_size: 1 << 20, reserve_size: 1 << 16 };
    let options = Options { room, genesis: 1, trusted: Seq::NONE };
    boot(storage.clone(), plant, options, |_| MonoTime::ZERO, |_| ())
}

/// Writes what the engine has made and says it is durable.
fn commit(engine: &mut Engine, writer: &mut Writer<MemoryStorage>) {
    let mut batch = Batch::new();
    if engine.take_batch(0, &mut batch) {
        writer.append(&batch).unwrap();
        engine.handle_durable(writer.sync().unwrap());
    }
}

fn replies(engine: &mut Engine) -> Vec<u64> {
    std::iter::from_fn(|| engine.poll_output())
        .filter_map(|output| match (output.target, output.what) {
            (Target::Asker(ticket), OutputKind::Reply(_)) => Some(ticket.0),
            _ => None,
        })
        .collect()
}

fn records(storage: &MemoryStorage, last: Seq) -> Vec<Record> {
    Reader::open(storage, Seq(1), last).unwrap().map(|entry| entry.unwrap().record).collect()
}

#[test]
fn reply_waits_until_its_record_is_durable() {
    let storage = MemoryStorage::new();
    let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
    engine.begin_turn(MonoTime(1));
    for verb in verbs() {
        assert!(matches!(engine.admit(verb), Admission::Taken(_)));
    }
    assert_eq!(replies(&mut engine), [0_u64; 0]);
    commit(&mut engine, &mut writer);
    assert_eq!(replies(&mut engine), [1, 2, 3]);
}

#[test]
fn process_goes_on_where_its_disk_was() {
    let storage = MemoryStorage::new();
    let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
    engine.begin_turn(MonoTime(1));
    let mut verbs = verbs().into_iter();
    for verb in verbs.by_ref().take(2) {
        assert!(matches!(engine.admit(verb), Admission::Taken(_)));
    }
    commit(&mut engine, &mut writer);
    let durable = (engine.last_seq(), engine.core().plant_digest());
    // The pause is never written: after the crash nobody knows of it, and nobody was told of it.
    assert!(matches!(engine.admit(verbs.next().unwrap()), Admission::Taken(_)));
    assert_eq!(replies(&mut engine), [1, 2]);
    storage.crash(3);
    let again = start(&storage, plant(&KINDS)).unwrap();
    assert_eq!(again.recovered.last_seq, durable.0);
    assert_eq!(again.engine.core().plant_digest(), durable.1);
    again.engine.core().check_invariants().unwrap();
}

#[test]
fn process_that_was_fenced_off_leaves_its_lines_to_the_next() {
    let storage = MemoryStorage::new();
    let fenced = AlarmKey { code: AlarmCode::FencedOff, line: Some(LineId(0)), chute: None, detail: 0 };
    let mut facts = Vec::new();
    for life in 0..2 {
        let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
        engine.drain_facts(&mut facts);
        let told: Vec<&Fact> = facts.iter().map(|(_, fact)| fact).collect();
        // The first words of a process say so, each time.
        assert_eq!(told.contains(&&Fact::AlarmGone(fenced)), life == 1, "{told:?}");
        assert!(!engine.core().alarms().any(|key| *key == fenced));
        engine.begin_turn(engine.core().now() + Nanos(1));
        let change = LinkChange::Fenced { owner: Epoch(9) };
        assert!(matches!(engine.admit(Input::Link { line: LineId(0), change }), Admission::Taken(_)));
        facts.clear();
        engine.drain_facts(&mut facts);
        assert!(matches!(facts.as_slice(), [(_, Fact::AlarmRaised(key)), ..] if *key == fenced), "{facts:?}");
        facts.clear();
        commit(&mut engine, &mut writer);
        storage.kill();
    }
}

#[test]
fn journal_that_falls_behind_stops_the_feed_and_then_the_inputs() {
    let storage = MemoryStorage::new();
    let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
    let ask = |ticket| Input::Verb {
        operator: OperatorId(1),
        ticket: Ticket(ticket),
        verb: Verb::Pause { batch: BatchId(9) },
    };
    let mut states = Vec::new();
    let mut facts = Vec::new();
    let mut refused = None;
    for ticket in 0.. {
        engine.begin_turn(MonoTime(ticket + 1));
        if let Admission::Full(input) = engine.admit(ask(ticket)) {
            refused = Some((engine.pending_count(), *input, ticket));
            break;
        }
        engine.drain_facts(&mut facts);
        states.extend(facts.drain(..).map(|(_, fact)| (engine.pending_count(), fact)));
    }
    let (pending, input, ticket) = refused.unwrap();
    assert_eq!(input, ask(ticket), "a refused input comes back as it was");
    assert!(pending <= RECORDS_PENDING_MAX);
    let [(behind, Fact::AlarmRaised(alarm))] = states.as_slice() else { panic!("one alarm: {states:?}") };
    assert_eq!(alarm.code, AlarmCode::JournalStalled);
    assert!(
        (RECORDS_PENDING_MAX / 2..RECORDS_PENDING_MAX / 2 + 4).contains(behind),
        "raised at half, not at {behind}"
    );
    commit(&mut engine, &mut writer);
    engine.begin_turn(MonoTime(ticket + 2));
    engine.drain_facts(&mut facts);
    assert!(matches!(facts.as_slice(), [(_, Fact::AlarmGone(_))]), "caught up: {facts:?}");
    assert!(matches!(engine.admit(input), Admission::Taken(_)));
}

#[test]
fn another_plant_is_refused() {
    let storage = MemoryStorage::new();
    let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
    commit(&mut engine, &mut writer);
    let mut other = plant(&KINDS);
    other.chutes[0].kind = ChuteKind::Overflow;
    storage.crash(1);
    let refused = start(&storage, other).err().unwrap();
    assert!(matches!(refused, BootError::OtherPlant), "{refused}");
}

#[test]
fn changed_decision_is_found_and_imposed_on_another_version() {
    let storage = MemoryStorage::new();
    let Boot { mut engine, mut writer, .. } = start(&storage, plant(&KINDS)).unwrap();
    engine.begin_turn(MonoTime(1));
    for verb in verbs() {
        assert!(matches!(engine.admit(verb), Admission::Taken(_)));
    }
    commit(&mut engine, &mut writer);
    let mut records = records(&storage, engine.last_seq());
    let place = records.iter().position(|record| !record.decisions.is_empty()).unwrap();
    for (decision, chute) in records[place].decisions.iter_mut().zip([1, 0]) {
        if let Decision::Bind { chute: bound, .. } = decision {
            *bound = Some(ChuteId(chute));
        }
    }
    let mut same = Replay::new(plant(&KINDS), CORE_VERSION);
    let diverged = records.iter().find_map(|record| same.follow(record).err()).unwrap();
    assert!(matches!(diverged, Divergence::Decision { seq, .. } if seq == records[place].seq), "{diverged}");
    let mut older = Replay::new(plant(&KINDS), CORE_VERSION - 1);
    for record in &records {
        older.follow(record).unwrap();
    }
    assert_eq!(older.differences().len(), 2, "both classes would have had the other chute");
    older.core().check_invariants().unwrap();
    assert_ne!(older.core().plant_digest(), engine.core().plant_digest(), "the recorded chutes were adopted");
}
