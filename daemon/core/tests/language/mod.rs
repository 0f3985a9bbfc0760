//! The scenario language: commands to inputs, outputs and facts to text. Knows the shape of the test plant; decides
//! nothing about what is right.

mod render;

use wcs_core::{Core, Step};
use wcs_types::batch::{batch_content, chain_content, table_content};
use wcs_types::limits::JOBS_PER_PART_MAX;
use wcs_types::plant::{BlockBases, Transport};
use wcs_types::{
    AlarmId, Assign, BatchId, BatchKind, BatchSpec, BeltMm, ChuteId, ChuteKind, ChuteSpec, Code, DeviceFault,
    Epoch, EventBody, EventSeq, ExitResult, Identify, Input, InputDigest, JobSpec, LaneNo, LaneSet,
    LaneState, LineId, LineKind, LineSpec, LinkChange, LinkId, LinkSpec, MachineState, Millimeters, MonoTime,
    Nanos, OfflineReason, OperatorId, OrderKey, Pieces, Plant, PlcHello, Quarantined, Read, Record,
    ScanEvent, Seq, SkuKey, SorterEvent, StartToken, StorageState, Suspect, Ticket, Verb,
};

const LINE: LineId = LineId(0);
/// Time between two inputs.
const TURN: Nanos = Nanos::from_millis(1);

/// A core on a test plant: lanes 1 to 4 order, 5 overflow, 6 no-read, 7 exception; a 100 m loop, 60 m path.
pub(crate) struct Stage {
    core: Core,
    fresh: Core,
    inputs: Vec<(MonoTime, Nanos, Input)>,
    step: Step,
    now: MonoTime,
    /// Time since the turn before that the next input is told of.
    gap: Nanos,
    epoch: Epoch,
    seq: EventSeq,
    belt: BeltMm,
    ticket: u64,
    jobs: std::collections::BTreeMap<u32, (BatchSpec, Vec<JobSpec>)>,
    tables: std::collections::BTreeMap<u32, Vec<Vec<(OrderKey, ChuteId)>>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            core: Core::new(plant()),
            fresh: Core::new(plant()),
            inputs: Vec::new(),
            step: Step::default(),
            now: MonoTime::ZERO,
            gap: TURN,
            epoch: Epoch(1),
            seq: EventSeq(65_530),
            belt: BeltMm(1_000),
            ticket: 0,
            jobs: Default::default(),
            tables: Default::default(),
        }
    }

    pub(crate) fn run(&mut self, command: &str) -> Vec<String> {
        self.run_each(command, true)
    }

    /// The same without a look at the invariants after each of very many inputs.
    pub(crate) fn run_unchecked(&mut self, command: &str) -> Vec<String> {
        self.run_each(command, false)
    }

    fn run_each(&mut self, command: &str, is_checked: bool) -> Vec<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        if words == ["alarms"] {
            return render::alarms(&self.core);
        }
        let mut answers = Vec::new();
        for input in self.inputs_of(&words) {
            self.now += TURN;
            answers.extend(self.note_put_aside(&input));
            let gap = std::mem::replace(&mut self.gap, TURN);
            self.core.handle(self.now, gap, &input, None, &mut self.step);
            self.inputs.push((self.now, gap, input));
            let broken = if is_checked { self.core.check_invariants().err() } else { None };
            assert!(broken.is_none(), "after `{command}`: {broken:?}");
            answers.extend(render::step(&self.step, self.core.seq()));
        }
        answers
    }

    /// The same inputs give the same state, and a snapshot restores to it.
    pub(crate) fn check_end(mut self) {
        for (now, gap, input) in &self.inputs {
            self.fresh.handle(*now, *gap, input, None, &mut self.step);
        }
        assert_eq!(self.fresh.state_hash(), self.core.state_hash(), "replay comes to the same state");
        assert_eq!(self.fresh.plant_digest(), self.core.plant_digest());
        let restored = Core::restore(self.core.snapshot()).expect("a snapshot of a sound core");
        assert_eq!(restored.state_hash(), self.core.state_hash());
        restored.check_invariants().expect("a restored core is sound");
    }

    /// The journal of what was run, as a daemon would have written it, and the plant it was written for.
    pub(crate) fn journal(mut self) -> (Plant, Vec<Record>) {
        let records = self.inputs.into_iter().map(|(now, gap, input)| {
            self.fresh.handle(now, gap, &input, None, &mut self.step);
            Record {
                seq: self.fresh.seq(),
                now,
                gap,
                input,
                decisions: self.step.decisions.clone(),
                facts: self.step.facts.clone(),
                hash: self.fresh.state_hash(),
            }
        });
        (plant(), records.collect())
    }

    fn inputs_of(&mut self, words: &[&str]) -> Vec<Input> {
        match words {
            ["meet", rest @ ..] => vec![self.meet(rest)],
            ["up", rest @ ..] => {
                let met = self.meet(rest);
                vec![met, self.link(LinkChange::Attached { owner: Epoch(1) }), self.drained()]
            }
            ["attached"] => vec![self.link(LinkChange::Attached { owner: Epoch(1) })],
            ["drained"] => vec![self.drained()],
            ["offline"] => vec![self.link(LinkChange::Offline(OfflineReason::Closed))],
            ["link", "ends"] => vec![self.link(LinkChange::Offline(OfflineReason::Stopped))],
            // What every process says of a line first.
            ["new", "process"] => vec![self.link(LinkChange::Offline(OfflineReason::NewProcess))],
            ["fenced", owner] => {
                vec![self.link(LinkChange::Fenced { owner: Epoch(owner.parse().unwrap()) })]
            }
            ["plc", "restart", rest @ ..] => {
                // `as N`: a PLC that has forgotten how often it started.
                let forgot = rest.strip_prefix(&["as"]).map(|life| Epoch(life[0].parse().unwrap()));
                self.epoch = forgot.unwrap_or(self.epoch.next());
                self.seq = EventSeq(1);
                self.belt = BeltMm(0);
                vec![self.link(LinkChange::Offline(OfflineReason::PlcRestarted))]
            }
            ["wait", seconds] => {
                self.now += Nanos::from_secs(seconds.parse().unwrap());
                vec![Input::Timeout]
            }
            // This process does not come to its turn for so long; what waits is taken in the turn after it.
            ["gap", millis] => {
                self.gap = Nanos::from_millis(millis.parse().unwrap());
                self.now += self.gap;
                vec![Input::Timeout]
            }
            ["gap", millis, "then", rest @ ..] => {
                // Seen before the gap, taken behind it.
                let inputs = self.inputs_of(rest);
                self.gap = Nanos::from_millis(millis.parse().unwrap());
                self.now += self.gap;
                inputs
            }
            // The engine puts the input aside instead of giving it to the core; `bare`: for the second time.
            ["aside", "bare", rest @ ..] => self.aside(rest, true),
            ["aside", rest @ ..] => self.aside(rest, false),
            ["travel", mm] => {
                self.belt = self.belt.ahead(Millimeters(mm.parse().unwrap()));
                vec![self.link(LinkChange::Travelled { plc_epoch: self.epoch, belt: self.belt })]
            }
            ["scan", item, rest @ ..] => {
                let body = self.scan(rest);
                vec![self.event(item, body)]
            }
            ["exit", item, lane, result, rest @ ..] => {
                let body = exit(lane, result, rest);
                vec![self.event(item, body)]
            }
            ["lane", lane, state] => {
                let (old, new) = (LaneState::Ready, lane_state(state));
                let lane = LaneNo(lane.parse().unwrap());
                vec![self.event("0", EventBody::Lane { lane, old, new, fill_percent: None })]
            }
            _ => self.trouble(words),
        }
    }

    /// What machine, link and disk tell that raises alarms.
    fn trouble(&mut self, words: &[&str]) -> Vec<Input> {
        match words {
            // The machine's own alarm of this number.
            ["machine-alarm", code, is_raised] => {
                vec![self.machine_alarm(code.parse().unwrap(), is_raised == &"on")]
            }
            // All of these numbers come, one after the other.
            ["machine-alarms", first, last] => {
                let (first, last): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
                (first..=last).map(|code| self.machine_alarm(code, true)).collect()
            }
            ["machine", "safety"] => vec![self.machine_state(MachineState::STOPPED, 3)],
            // A person resets it at the machine.
            ["machine", "reset"] => vec![self.machine_state(MachineState::IDLE, 1)],
            ["machine", "runs"] => vec![self.machine_state(MachineState::EXECUTE, 0)],
            ["dropped", count] => {
                vec![self.link(LinkChange::EventsLost { evt_lost: count.parse().unwrap() })]
            }
            ["faulted"] => vec![self.link(LinkChange::Faulted(DeviceFault::WrongMagic { found: 0 }))],
            ["storage", state] => vec![Input::Storage(match *state {
                "good" => StorageState::Good,
                _ => StorageState::Behind,
            })],
            _ => self.verb(words),
        }
    }

    fn aside(&mut self, words: &[&str], is_bare: bool) -> Vec<Input> {
        let put = |input| {
            let suspect = match input {
                Input::Sorter { line, event } => Suspect::Sorter { line, event },
                Input::Link { line, change } => Suspect::Link { line, change },
                Input::Verb { operator, ticket, verb } => Suspect::Verb { operator, ticket, verb },
                Input::Timeout => Suspect::Timeout,
                other => panic!("{other:?} is not put aside"),
            };
            let digest = InputDigest(0xD1);
            let invariant = "every load in flight was counted".to_owned();
            Input::Quarantined(Box::new(Quarantined { digest, invariant, is_bare, suspect }))
        };
        self.inputs_of(words).into_iter().map(put).collect()
    }

    /// What the engine asks before it gives a scan to the core.
    fn note_put_aside(&self, input: &Input) -> Option<String> {
        let Input::Sorter { line, event } = input else { return None };
        self.core.was_put_aside(*line, event).then(|| "(was put aside before)".into())
    }

    fn link(&self, change: LinkChange) -> Input {
        Input::Link { line: LINE, change }
    }

    fn drained(&self) -> Input {
        self.link(LinkChange::Drained { belt: self.belt })
    }

    /// `meet [echo=N] [head=N] [lost=N] [owner=N]`: a PLC that holds `echo` as acknowledged.
    fn meet(&self, options: &[&str]) -> Input {
        let number = |key: &str, default: u16| {
            let found = options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
            found.map_or(default, |text| text.parse().unwrap())
        };
        let mut ready = LaneSet::new();
        for lane in 1..=7 {
            ready.set(LaneNo(lane), true);
        }
        self.link(LinkChange::Met(PlcHello {
            plc_epoch: self.epoch,
            owner_epoch: Epoch(number("owner", 4)),
            evt_ack_echo: EventSeq(number("echo", self.seq.0)),
            evt_head: EventSeq(number("head", self.seq.0)),
            evt_lost: number("lost", 0),
            is_fifo_retentive: false,
            max_recirc: 1,
            lane_noread: LaneNo(6),
            lane_exception: LaneNo(7),
            lane_overflow: [LaneNo(5), LaneNo::NONE],
            loop_mm: Millimeters(100_000),
            path_mm: Millimeters(60_000),
            belt: self.belt,
            state: MachineState::EXECUTE,
            safety: 1,
            ready,
            full: LaneSet::new(),
            fault: LaneSet::new(),
        }))
    }

    fn event(&mut self, item: &str, body: EventBody) -> Input {
        let seq = self.seq;
        self.seq = seq.next();
        self.belt = self.belt.ahead(Millimeters(500));
        let event = SorterEvent {
            plc_epoch: self.epoch,
            fifo_epoch: self.epoch,
            seq,
            seq_last: seq,
            item: item.parse().unwrap(),
            station: 1,
            plc_tick_ms: 0,
            belt: self.belt,
            body,
        };
        Input::Sorter { line: LINE, event }
    }

    fn machine_alarm(&mut self, code: u16, is_raised: bool) -> Input {
        self.event("0", EventBody::Alarm { code, is_raised, severity: 2, place: 0 })
    }

    fn machine_state(&mut self, new: MachineState, cause: u16) -> Input {
        self.event("0", EventBody::State { old: MachineState::EXECUTE, new, cause })
    }

    /// `scan ITEM CODE... [turns=N] [late|passed]`; `-` instead of a code is a no-read.
    fn scan(&self, words: &[&str]) -> EventBody {
        let mut scan = ScanEvent {
            read: Read::Good,
            codes: heapless::Vec::new(),
            turns: 0,
            point: self.belt.ahead(Millimeters(20_000)),
            decide_by: self.now + Nanos::from_secs(5),
            is_retained: false,
            length: None,
            weight: None,
        };
        for word in words {
            if let Some(turns) = word.strip_prefix("turns=") {
                scan.turns = turns.parse().unwrap();
            } else if *word == "late" {
                scan.decide_by = MonoTime(self.now.0);
            } else if *word == "passed" {
                // Its point had passed before it could be read.
                (scan.decide_by, scan.point) = (MonoTime::ZERO, self.belt);
            } else if *word == "-" {
                scan.read = Read::NoRead;
            } else {
                scan.codes.push(Code::from_bytes(word.as_bytes()).unwrap()).unwrap();
            }
        }
        EventBody::Scan(scan)
    }

    fn verb(&mut self, words: &[&str]) -> Vec<Input> {
        let batch_of = |text: &str| BatchId(text.parse().unwrap());
        let chute_of = |text: &str| ChuteId(text.parse().unwrap());
        let verb = match words {
            ["stage", batch, identify, assign, jobs @ ..] => {
                return self.stage(batch, identify, assign, jobs);
            }
            ["start", batch] => self.start(batch, 1),
            ["start", batch, token] => self.start(batch, token.parse().unwrap()),
            ["pause", batch] => Verb::Pause { batch: batch_of(batch) },
            ["resume", batch] => Verb::Resume { batch: batch_of(batch) },
            ["close", batch] => Verb::Close { batch: batch_of(batch), is_forced: false },
            ["close", batch, "forced"] => Verb::Close { batch: batch_of(batch), is_forced: true },
            ["hand-sort", label, chute] => Verb::HandSort {
                line: LINE,
                label: Code::from_bytes(label.as_bytes()).unwrap(),
                chute: ChuteId(chute.parse().unwrap()),
            },
            ["confirm-empty", chute] => Verb::ConfirmEmpty { chute: chute_of(chute) },
            ["unstage", batch] => Verb::Unstage { batch: batch_of(batch) },
            ["add", batch, part, jobs @ ..] => Verb::Add {
                batch: batch_of(batch),
                part: part.parse().unwrap(),
                jobs: jobs.iter().zip(1..).map(|(text, line_no)| job(text, line_no)).collect(),
            },
            ["cancel-order", batch, order] => {
                Verb::CancelOrder { batch: batch_of(batch), order: order_key(order) }
            }
            ["cancel-start", batch] => Verb::CancelStart { batch: batch_of(batch) },
            ["stage-table", batch, part, pairs @ ..] => return self.stage_table(batch, part, pairs),
            ["hold"] => Verb::Hold { line: LINE },
            ["release"] => Verb::Release { line: LINE },
            ["hold", "line", line] => Verb::Hold { line: LineId(line.parse().unwrap()) },
            ["hold", "induction", number] => {
                Verb::HoldInduction { line: LINE, induction: number.parse().unwrap() }
            }
            ["release", "induction", number] => {
                Verb::ReleaseInduction { line: LINE, induction: number.parse().unwrap() }
            }
            ["close-box", chute] => Verb::CloseBox { chute: chute_of(chute) },
            ["bind-box", chute, code @ ..] => {
                let code = Code::from_bytes(code.first().map_or(&[], |code| code.as_bytes())).unwrap();
                Verb::BindBox { chute: chute_of(chute), code }
            }
            ["close-chute", chute] => Verb::CloseChute { chute: chute_of(chute) },
            ["open-chute", chute] => Verb::OpenChute { chute: chute_of(chute) },
            ["ack", alarm] => Verb::AcknowledgeAlarm { alarm: alarm_of(alarm) },
            ["shelve", alarm, seconds] => {
                Verb::ShelveAlarm { alarm: alarm_of(alarm), span: Nanos::from_secs(seconds.parse().unwrap()) }
            }
            ["unshelve", alarm] => Verb::UnshelveAlarm { alarm: alarm_of(alarm) },
            ["assign", alarm, to @ ..] => Verb::AssignAlarm {
                alarm: alarm_of(alarm),
                to: to.first().map(|to| OperatorId(to.parse().unwrap())),
            },
            // `comment ALARM WORD [TIMES]`
            ["comment", alarm, text, times @ ..] => Verb::CommentAlarm {
                alarm: alarm_of(alarm),
                text: text.repeat(times.first().map_or(1, |times| times.parse().unwrap())),
            },
            other => panic!("unknown command {other:?}"),
        };
        vec![self.asked(verb)]
    }

    fn asked(&mut self, verb: Verb) -> Input {
        self.ticket += 1;
        Input::Verb { operator: OperatorId(1), ticket: Ticket(self.ticket), verb }
    }

    /// `stage BATCH lpn|sku volume|first_scan [limit=CHUTES] CODE=ORDER:QTY[:PRIORITY] ...`
    fn stage(&mut self, batch: &str, identify: &str, assign: &str, jobs: &[&str]) -> Vec<Input> {
        let limit = jobs.first().and_then(|word| word.strip_prefix("limit="));
        let jobs = if limit.is_some() { &jobs[1..] } else { jobs };
        let spec = BatchSpec {
            batch: BatchId(batch.parse().unwrap()),
            line: LINE,
            kind: BatchKind::Sort,
            identify: if identify == "sku" { Identify::Sku } else { Identify::Lpn },
            assign: match assign {
                "volume" => Assign::Volume,
                "fixed" => Assign::Fixed,
                _ => Assign::FirstScan,
            },
            chute_limit: limit.map_or(0, |limit| limit.parse().unwrap()),
        };
        let jobs: Vec<JobSpec> = jobs.iter().zip(1..).map(|(text, line_no)| job(text, line_no)).collect();
        let verbs: Vec<Verb> = jobs
            .chunks(JOBS_PER_PART_MAX)
            .zip(0..)
            .map(|(jobs, part)| Verb::Stage { spec, part, jobs: jobs.to_vec() })
            .collect();
        self.jobs.insert(spec.batch.0, (spec, jobs));
        self.tables.remove(&spec.batch.0);
        verbs.into_iter().map(|verb| self.asked(verb)).collect()
    }

    /// `stage-table BATCH PART ORDER=CHUTE ...`
    fn stage_table(&mut self, batch: &str, part: &str, pairs: &[&str]) -> Vec<Input> {
        let batch = BatchId(batch.parse().unwrap());
        let pair = |text: &&str| {
            let (order, chute) = text.split_once('=').unwrap();
            (order_key(order), ChuteId(chute.parse().unwrap()))
        };
        let pairs: Vec<_> = pairs.iter().map(pair).collect();
        let part: u16 = part.parse().unwrap();
        let parts = self.tables.entry(batch.0).or_default();
        if parts.len() == usize::from(part) {
            parts.push(pairs.clone());
        }
        vec![self.asked(Verb::StageTable { batch, part, pairs })]
    }

    fn start(&self, batch: &str, token: u64) -> Verb {
        let id: u32 = batch.parse().unwrap();
        let content = self.jobs.get(&id).map_or(0, |(spec, jobs)| {
            let parts = self.tables.get(&id).into_iter().flatten();
            parts.fold(batch_content(spec, jobs), |content, part| chain_content(content, table_content(part)))
        });
        Verb::Start { batch: BatchId(id), token: StartToken(token), parts: 1, content_hash: content }
    }
}

/// An alarm as `render` writes it: record and place in it.
fn alarm_of(text: &str) -> AlarmId {
    let (seq, index) = text.split_once('.').unwrap();
    AlarmId::new(Seq(seq.parse().unwrap()), index.parse().unwrap())
}

fn order_key(number: &str) -> OrderKey {
    OrderKey { owner: "-".into(), number: number.to_owned() }
}

fn job(text: &str, line_no: u32) -> JobSpec {
    let (code, rest) = text.split_once('=').unwrap();
    let mut parts = rest.split(':');
    let order = parts.next().unwrap().to_owned();
    let quantity = Pieces(parts.next().unwrap().parse().unwrap());
    let priority = parts.next().map_or(0, |text| text.parse().unwrap());
    JobSpec {
        order: order_key(&order),
        line_no,
        sku: SkuKey { owner: "-".into(), code: code.to_owned() },
        quantity,
        codes: code.split(',').map(|code| Code::from_bytes(code.as_bytes()).unwrap()).collect(),
        priority,
        due_at: 0,
    }
}

fn exit(lane: &str, result: &str, rest: &[&str]) -> EventBody {
    let result = match result {
        "first" => ExitResult::FirstChoice,
        "alternative" => ExitResult::Alternative,
        "missed" => ExitResult::Missed,
        "full" => ExitResult::LaneFull,
        "fault" => ExitResult::LaneFault,
        "lost" => ExitResult::Lost,
        "round" => ExitResult::Recirculated,
        "late" => ExitResult::Late,
        "noread" => ExitResult::NoRead,
        "invalid" => ExitResult::InvalidDestination,
        "removed" => ExitResult::Removed,
        "gap" => ExitResult::Gap,
        "unexpected" => ExitResult::Unexpected,
        "purged" => ExitResult::Purged,
        "other" => ExitResult::OtherExit,
        unknown => panic!("unknown exit result {unknown}"),
    };
    EventBody::Exit {
        requested: LaneNo::NONE,
        actual: LaneNo(lane.parse().unwrap()),
        result,
        detail: rest.first().map_or(0, |detail| detail.parse().unwrap()),
        turns: 0,
        applied: None,
        since_scan_ms: 0,
    }
}

fn lane_state(text: &str) -> LaneState {
    match text {
        "ready" => LaneState::Ready,
        "full" => LaneState::Full,
        "fault" => LaneState::Fault,
        "closed" => LaneState::Closed,
        unknown => panic!("unknown lane state {unknown}"),
    }
}

fn plant() -> Plant {
    let chute = |lane: u16, kind| {
        let mut lanes = heapless::Vec::new();
        lanes.push(LaneNo(lane)).unwrap();
        ChuteSpec { id: format!("C{lane}"), line: LINE, kind, lanes }
    };
    let mut chutes: Vec<ChuteSpec> = (1..=4).map(|lane| chute(lane, ChuteKind::Order)).collect();
    chutes.push(chute(5, ChuteKind::Overflow));
    chutes.push(chute(6, ChuteKind::NoRead));
    chutes.push(chute(7, ChuteKind::Exception));
    Plant {
        id: "test".into(),
        time_zone: "UTC".into(),
        day_start_minute: 0,
        links: vec![LinkSpec {
            id: "plc1".into(),
            endpoint: "127.0.0.1:502".into(),
            transport: Transport::ModbusTcp,
        }],
        lines: vec![LineSpec {
            id: "sorter1".into(),
            kind: LineKind::Sorter,
            profile: "wcs-sorter-hs".into(),
            link: LinkId(0),
            unit_id: 1,
            lane_max: LaneNo(7),
            blocks: BlockBases::default(),
        }],
        chutes,
    }
}
