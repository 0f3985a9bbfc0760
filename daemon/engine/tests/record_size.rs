//! No record grows beyond what every reader takes: a part that is too large is refused before it is one, missing pieces
//! are listed and silent loads ended in several records, and a process that goes down in the middle goes on with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod events;
mod plant;

use events::{KINDS, link, met, scan};
use plant::plant;
use wcs_engine::{Admission, Boot, Engine, boot};
use wcs_journal::{Batch, MemoryStorage, Options, Reader, Room, Writer, encode_record};
use wcs_types::batch::batch_content;
use wcs_types::limits::{CODES_PER_JOB_MAX, JOBS_PER_PART_MAX, LISTED_PER_RECORD_MAX, RECORD_SIZE_MAX};
use wcs_types::output::OutputKind;
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, BeltMm, Code, Epoch, Fact, Identify, Input, JobSpec, LineId,
    LinkChange, MonoTime, OperatorId, OrderKey, Outcome, Pieces, Record, Reply, Seq, SkuKey, StartToken,
    Target, Ticket, Verb, VerbRefusal,
};

const LINE: LineId = LineId(0);
const BATCH: BatchId = BatchId(1);

fn spec() -> BatchSpec {
    BatchSpec {
        batch: BATCH,
        line: LINE,
        kind: BatchKind::Sort,
        identify: Identify::Lpn,
        assign: Assign::Volume,
        chute_limit: 0,
    }
}

fn job(number: usize, codes: usize) -> JobSpec {
    let text = |code: usize| format!("{number:030}/{code:030}");
    JobSpec {
        order: OrderKey { owner: "-".into(), number: "A".into() },
        line_no: number as u32 + 1,
        sku: SkuKey { owner: "-".into(), code: "S".into() },
        quantity: Pieces(1),
        codes: (0..codes).map(|code| Code::from_bytes(text(code).as_bytes()).unwrap()).collect(),
        priority: 0,
        due_at: 0,
    }
}

fn ask(engine: &mut Engine, ticket: u64, verb: Verb) -> Admission {
    engine.admit(Input::Verb { operator: OperatorId(1), ticket: Ticket(ticket), verb })
}

fn take(engine: &mut Engine, input: Input) {
    assert!(matches!(engine.admit(input), Admission::Taken(_)));
}

fn start(storage: &MemoryStorage) -> (Engine, Writer<MemoryStorage>) {
    let room = Room { segment_size: 1 << 24, reserve_size: 1 << 16 };
    let options = Options { room, genesis: 1, trusted: Seq::NONE };
    let Boot { mut engine, writer, .. } =
        boot(storage.clone(), plant(&KINDS), options, |_| MonoTime::ZERO, |_| ()).unwrap();
    engine.begin_turn(engine.core().now());
    (engine, writer)
}

fn commit(engine: &mut Engine, writer: &mut Writer<MemoryStorage>) {
    let mut batch = Batch::new();
    if engine.take_batch(0, &mut batch) {
        writer.append(&batch).unwrap();
        engine.handle_durable(writer.sync().unwrap());
    }
}

/// Every record of the journal; none is too large.
fn records(storage: &MemoryStorage, last: Seq) -> Vec<Record> {
    let records: Vec<Record> =
        Reader::open(storage, Seq(1), last).unwrap().map(|entry| entry.unwrap().record).collect();
    for record in &records {
        let mut bytes = Vec::new();
        encode_record(record, &mut bytes);
        assert!(bytes.len() <= RECORD_SIZE_MAX, "record {} has {} bytes", record.seq.0, bytes.len());
    }
    records
}

fn count(record: &Record, is_meant: impl Fn(&Fact) -> bool) -> usize {
    record.facts.iter().filter(|fact| is_meant(fact)).count()
}

#[test]
fn part_that_is_too_large_is_refused_and_not_recorded() {
    let storage = MemoryStorage::new();
    let (mut engine, _writer) = start(&storage);
    let last = engine.last_seq();
    let jobs: Vec<JobSpec> = (0..JOBS_PER_PART_MAX).map(|number| job(number, CODES_PER_JOB_MAX)).collect();
    let admission = ask(&mut engine, 7, Verb::Stage { spec: spec(), part: 0, jobs: jobs.clone() });
    assert_eq!((admission, engine.last_seq()), (Admission::TooLarge, last));
    let reply = engine.poll_output().unwrap();
    assert_eq!(reply.target, Target::Asker(Ticket(7)));
    assert_eq!(reply.what, OutputKind::Reply(Reply::Refused(VerbRefusal::TooMany)));
    let small = Verb::Stage { spec: spec(), part: 0, jobs: jobs[..64].to_vec() };
    assert!(matches!(ask(&mut engine, 8, small), Admission::Taken(_)), "a smaller part of them is taken");
}

#[test]
fn missing_pieces_are_listed_in_parts_even_over_a_crash() {
    const JOBS: usize = 3 * LISTED_PER_RECORD_MAX + 40;
    let storage = MemoryStorage::new();
    let (mut engine, mut writer) = start(&storage);
    let jobs: Vec<JobSpec> = (0..JOBS).map(|number| job(number, 1)).collect();
    let mut parts = 0;
    for part in jobs.chunks(JOBS_PER_PART_MAX) {
        let verb = Verb::Stage { spec: spec(), part: parts, jobs: part.to_vec() };
        assert!(matches!(ask(&mut engine, u64::from(parts) + 1, verb), Admission::Taken(_)));
        parts += 1;
    }
    let (token, content_hash) = (StartToken(1), batch_content(&spec(), &jobs));
    let begin = Verb::Start { batch: BATCH, token, parts, content_hash };
    assert!(matches!(ask(&mut engine, 50, begin), Admission::Taken(_)));
    assert!(matches!(
        ask(&mut engine, 51, Verb::Close { batch: BATCH, is_forced: true }),
        Admission::Taken(_)
    ));
    engine.begin_turn(engine.core().now());
    commit(&mut engine, &mut writer);
    storage.crash(1);
    let (mut engine, mut writer) = start(&storage);
    for _ in 0..4 {
        engine.begin_turn(engine.core().now());
    }
    commit(&mut engine, &mut writer);
    let records = records(&storage, engine.last_seq());
    let listed: Vec<usize> =
        records.iter().map(|record| count(record, |fact| matches!(fact, Fact::PiecesShort { .. }))).collect();
    assert_eq!(listed.iter().sum::<usize>(), JOBS, "every job once");
    assert_eq!(listed.iter().max(), Some(&LISTED_PER_RECORD_MAX));
    let ended = |fact: &Fact| matches!(fact, Fact::BatchEnded { .. });
    let ends: Vec<usize> = (0..records.len()).filter(|at| count(&records[*at], ended) == 1).collect();
    assert_eq!(
        ends,
        [listed.iter().rposition(|count| *count > 0).unwrap()],
        "it ends with the last of the list"
    );
    let now = engine.core().now();
    assert!(engine.next_timeout().is_none_or(|at| at > now), "nothing is left to list");
    engine.core().check_invariants().unwrap();
}

#[test]
fn silent_loads_are_ended_in_parts() {
    const LOADS: u16 = LISTED_PER_RECORD_MAX as u16 + 100;
    let storage = MemoryStorage::new();
    let (mut engine, mut writer) = start(&storage);
    take(&mut engine, met(0));
    take(&mut engine, link(LinkChange::Attached { owner: Epoch(1) }));
    take(&mut engine, link(LinkChange::Drained { belt: BeltMm(0) }));
    for seq in 0..LOADS {
        take(&mut engine, scan(10 + seq, format!("{seq}").as_bytes(), 1));
    }
    let far = BeltMm(500_000);
    for _ in 0..2 {
        take(&mut engine, link(LinkChange::Travelled { plc_epoch: Epoch(1), belt: far }));
    }
    commit(&mut engine, &mut writer);
    let lost = |fact: &Fact| matches!(fact, Fact::LoadEnded(end) if end.outcome == Outcome::Lost);
    let records = records(&storage, engine.last_seq());
    let ended: Vec<usize> =
        records.iter().map(|record| count(record, lost)).filter(|count| *count > 0).collect();
    assert_eq!(ended, [LISTED_PER_RECORD_MAX, 100]);
    engine.core().check_invariants().unwrap();
}
