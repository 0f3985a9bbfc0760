//! A bystander at the wire: sees what the PLC keeps and is told, and what of the journal is on disk, and holds the
//! one against the other while the stack runs. It knows nothing the daemon believes about loads; it changes nothing.
//!
//! ```text
//!  events the PLC keeps --gone?--> must be on disk          slots on the wire --> owner obeyed, binding on disk
//!  permit at the PLC    --rises?-> the core has given it    answers to verbs --> one each, record on disk
//! ```
//!
//! What it has to remember for one rule alone stands beside it: `answers`, `replies`, `standstill`, `blame`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wcs_sessions::exchange::Request;
use wcs_types::{
    ChuteId, ChuteKind, Code, DestinationCommand, Epoch, EventBody, Fact, Input, LaneNo, LinkChange,
    MonoTime, Nanos, Plant, Record, Seq, Ticket,
};

use super::answers::{Answers, Sight, Standing};
use super::blame::Blame;
use super::replies::Replies;
use super::standstill::Standstill;
use crate::plc::Plc;
use crate::plc::event::{Event, get32};
use crate::server::{Device, HostedSorter};
use crate::world::{ClientId, PlcReply, Sorter};

/// How long a permit the core has just withdrawn may still be on its way to the PLC.
const PERMIT_ON_THE_WAY_MAX: Nanos = Nanos::from_millis(500);
/// Blocks remembered: more than can wait for one cycle of the PLC.
const BLOCKS_KEPT_MAX: usize = 32;
/// Breaches kept. More: they are counted only.
const BREACHES_KEPT_MAX: usize = 16;

/// What a bystander can insist on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum WatchRule {
    /// The PLC forgets an event only when its record is on disk.
    AckAfterDurable,
    /// A destination reaches the PLC only when the binding of its chute is on disk.
    CommandAfterBinding,
    /// A destination reaches the PLC only from the owner it obeys, under an epoch taken on this connection.
    CommandWhenAttached,
    /// The PLC sees a permit only while the core gives it.
    PermitByCore,
    /// What the PLC obeys is a block of the owner it shows.
    OwnerObeyed,
    /// A load is called late only when the belt has carried it too far.
    LateByTravel,
    /// A load that is open at a new attachment is answered in time.
    AnsweredAgain,
    /// A destination reaches the PLC only when it was commanded since the last attachment.
    CommandFresh,
    /// Every verb has one answer, given when its record is on disk.
    VerbAnswered,
    /// After a safety stop or a start of the PLC nothing moves before a person has reset and started the machine.
    MotionByPerson,
    /// No alarm of the equipment comes of a stall of ours.
    BlameFounded,
}

impl WatchRule {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::AckAfterDurable,
        Self::CommandAfterBinding,
        Self::CommandWhenAttached,
        Self::PermitByCore,
        Self::OwnerObeyed,
        Self::LateByTravel,
        Self::AnsweredAgain,
        Self::CommandFresh,
        Self::VerbAnswered,
        Self::MotionByPerson,
        Self::BlameFounded,
    ];
}

/// A rule that did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// Which.
    pub rule: WatchRule,
    /// When.
    pub at: MonoTime,
    /// What was seen.
    pub what: String,
}

/// An event of the PLC, the same on its side and in the journal: low byte of its epoch, sequence, item, tick.
type EventMark = (u8, u16, u32, u32);

/// What a bystander keeps of an input: its events, whether it tells of a command the PLC refused, and whether of a new
/// attachment.
pub(super) type InputMarks = (Vec<EventMark>, bool, bool);

/// A control block: owner epoch, life word, permit.
type BlockMark = (u16, u16, u16);

/// The bystander.
#[derive(Debug)]
pub struct Watch {
    order_chutes: BTreeMap<LaneNo, ChuteId>,
    /// Events in memory whose record is not on disk.
    unsynced: VecDeque<(Seq, EventMark)>,
    synced: BTreeSet<EventMark>,
    durable: Seq,
    /// Record of the newest binding of each chute.
    bound_in: BTreeMap<ChuteId, Seq>,
    is_permit_given: bool,
    permit_withdrawn_at: MonoTime,
    /// What the PLC kept when last looked at.
    kept: VecDeque<(EventMark, Option<Code>)>,
    plc_epoch: u16,
    evt_lost: u16,
    is_permit_seen: bool,
    client: Option<ClientId>,
    owner_at_connect: u16,
    /// Events the PLC itself gave up: at a reset of its FIFO, or because that was full.
    given_up: Vec<(EventMark, Code)>,
    /// Blocks that were written as an owner, newest last.
    blocks: VecDeque<BlockMark>,
    /// What the PLC obeyed when last looked at.
    obeyed: BlockMark,
    /// Records of commands the PLC refused.
    rejections: VecDeque<Seq>,
    answers: Answers,
    /// Item and lane of every destination the core has given out since the last attachment.
    commanded: BTreeSet<(u32, LaneNo)>,
    replies: Replies,
    standstill: Standstill,
    blame: Blame,
    checked: BTreeMap<WatchRule, u64>,
    breaches: Vec<Breach>,
}

impl Watch {
    pub(super) fn new(plant: &Plant) -> Self {
        let order = plant.chutes.iter().zip(0_u16..).filter(|(chute, _)| chute.kind == ChuteKind::Order);
        let lanes = order.flat_map(|(chute, id)| chute.lanes.iter().map(move |lane| (*lane, ChuteId(id))));
        Self {
            order_chutes: lanes.collect(),
            unsynced: VecDeque::new(),
            synced: BTreeSet::new(),
            durable: Seq::NONE,
            bound_in: BTreeMap::new(),
            is_permit_given: false,
            permit_withdrawn_at: MonoTime::ZERO,
            kept: VecDeque::new(),
            plc_epoch: 0,
            evt_lost: 0,
            is_permit_seen: false,
            client: None,
            owner_at_connect: 0,
            given_up: Vec::new(),
            blocks: VecDeque::new(),
            obeyed: (0, 0, 0),
            rejections: VecDeque::new(),
            answers: Answers::default(),
            commanded: BTreeSet::new(),
            replies: Replies::default(),
            standstill: Standstill::default(),
            blame: Blame::default(),
            checked: BTreeMap::new(),
            breaches: Vec::new(),
        }
    }

    /// How often each rule was held against what happened.
    pub fn checked(&self, rule: WatchRule) -> u64 {
        self.checked.get(&rule).copied().unwrap_or(0)
    }

    /// What did not hold, oldest first; the first few.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// Labels of loads about which the PLC gave up an event that no journal has: nobody can know what became of them.
    pub fn labels_given_up(&self) -> BTreeSet<Code> {
        let unknown = self.given_up.iter().filter(|(mark, _)| !self.synced.contains(mark));
        unknown.map(|(_, label)| label.clone()).collect()
    }

    fn check(&mut self, rule: WatchRule, at: MonoTime, holds: bool, what: impl FnOnce() -> String) {
        *self.checked.entry(rule).or_default() += 1;
        if !holds && self.breaches.len() < BREACHES_KEPT_MAX {
            self.breaches.push(Breach { rule, at, what: what() });
        }
    }

    /// The process is gone: only what its journal held counts from here on.
    pub(super) fn forget_process(&mut self, now: MonoTime) {
        if self.is_permit_given {
            // Its last block may have reached the PLC.
            self.permit_withdrawn_at = now;
        }
        self.unsynced.clear();
        self.synced.clear();
        self.durable = Seq::NONE;
        self.bound_in.clear();
        self.is_permit_given = false;
        self.rejections.clear();
        self.answers.forget_process();
        self.commanded.clear();
        self.replies.forget_process();
        self.blame.forget();
    }

    /// The process is stopped from now on, and goes on at `until`.
    pub(super) fn see_freeze(&mut self, until: MonoTime, standing: Standing) {
        self.blame.begin(until, standing);
    }

    /// True while an alarm could be one that a stall of ours has made.
    pub(super) fn judges_blame(&self) -> bool {
        self.blame.is_open()
    }

    /// Somebody asks a verb, to start the machine perhaps; it stands in this record.
    pub(super) fn see_verb(&mut self, now: MonoTime, ticket: Ticket, seq: Seq, is_start: bool) {
        self.replies.see_verb(ticket, seq);
        if is_start {
            self.standstill.see_start_asked(now);
        }
    }

    /// Somebody is answered.
    pub(super) fn see_reply(&mut self, now: MonoTime, ticket: Ticket) {
        let sight = self.replies.see_reply(ticket, self.durable);
        self.take_sights(now, vec![sight]);
    }

    /// The run is over and everything is on disk: what was asked has been answered.
    pub(super) fn close(&mut self, now: MonoTime) {
        let sights = self.replies.close();
        self.take_sights(now, sights);
    }

    /// The core gives out a destination.
    pub(super) fn see_command(&mut self, command: &DestinationCommand) {
        self.commanded.insert((command.item, command.lane));
    }

    fn take_sights(&mut self, now: MonoTime, sights: Vec<Sight>) {
        for (rule, holds, what) in sights {
            self.check(rule, now, holds, || what);
        }
    }

    /// A record that a new process found in its journal.
    pub(super) fn see_recovered(&mut self, now: MonoTime, record: &Record) {
        self.synced.extend(marks_of(&record.input).0);
        self.durable = record.seq;
        for fact in &record.facts {
            if !matches!(fact, Fact::DecisionLate { .. }) {
                // Core time may run ahead of what the bystander goes by.
                self.see_fact(record.now.earlier(now), record.seq, fact);
            }
        }
    }

    /// An input was taken into a record.
    pub(super) fn see_admitted(&mut self, seq: Seq, (marks, is_rejection, is_attached): InputMarks) {
        if is_attached {
            self.commanded.clear();
        }
        if is_rejection {
            self.rejections.push_back(seq);
        }
        self.unsynced.extend(marks.into_iter().map(|mark| (seq, mark)));
    }

    /// Everything up to `seq` is on disk.
    pub(super) fn see_durable(&mut self, now: MonoTime, seq: Seq) {
        self.durable = seq;
        self.answers.see_durable(now);
        while let Some((_, mark)) = self.unsynced.pop_front_if(|(record, _)| *record <= seq) {
            self.synced.insert(mark);
        }
    }

    pub(super) fn see_fact(&mut self, now: MonoTime, seq: Seq, fact: &Fact) {
        match fact {
            Fact::ClassBound { chute, .. } => {
                self.bound_in.insert(*chute, seq);
            }
            Fact::PermitChanged { is_permitted, .. } => {
                if self.is_permit_given && !is_permitted {
                    self.permit_withdrawn_at = self.permit_withdrawn_at.later(now);
                }
                self.is_permit_given = *is_permitted;
            }
            Fact::AlarmRaised(key) => {
                let sights = self.blame.see_alarm(key.code).into_iter().collect();
                self.take_sights(now, sights);
            }
            Fact::DecisionLate { load } => {
                while self.rejections.pop_front_if(|rejection| *rejection < seq).is_some() {}
                // What the PLC refused was late by its own belt, and may have been so long ago.
                if self.rejections.front() != Some(&seq) {
                    self.answers.see_called_late(*load);
                }
            }
            _ => {}
        }
    }

    /// Looks at the PLC: what it has forgotten since, and whether it sees a permit now.
    pub(super) fn look(&mut self, now: MonoTime, sorter: &Sorter, standing: Standing) {
        let plc = &sorter.plc;
        let mut seen = Vec::new();
        self.answers.look(now, plc, sorter.setup().belt_mm_s, standing, &mut seen);
        self.standstill.look(sorter, &mut seen);
        self.take_sights(now, seen);
        self.look_at_owner(now, plc);
        let is_new_life = plc.epoch != self.plc_epoch;
        let lost = plc.fifo.lost();
        let mut dropped = if is_new_life { 0 } else { lost.saturating_sub(self.evt_lost) };
        (self.plc_epoch, self.evt_lost) = (plc.epoch, lost);
        let front = plc.fifo.held_at(0).map(|event| mark_of(plc, event));
        while let Some((mark, label)) = self.kept.pop_front_if(|(mark, _)| Some(*mark) != front) {
            let is_durable = self.synced.contains(&mark);
            if is_new_life || (dropped > 0 && !is_durable) {
                dropped = dropped.saturating_sub(1);
                self.given_up.extend(label.map(|label| (mark, label)));
            } else {
                self.check(WatchRule::AckAfterDurable, now, is_durable, || {
                    format!("event {} of item {} is acknowledged and in no durable record", mark.1, mark.2)
                });
            }
        }
        for index in self.kept.len()..plc.fifo.held() {
            let event = plc.fifo.held_at(index).expect("counted");
            self.kept.push_back((mark_of(plc, event), event.label.clone()));
        }
        self.look_at_permit(now, plc);
    }

    /// Looks at what stands between daemon and PLC, while that matters.
    pub(super) fn look_at_line(&mut self, now: MonoTime, plc_epoch: u16, is_in_trouble: bool) {
        let sights = self.blame.look(now, plc_epoch, is_in_trouble).into_iter().collect();
        self.take_sights(now, sights);
    }

    fn look_at_owner(&mut self, now: MonoTime, plc: &Plc) {
        let owner = &plc.owner;
        let obeyed = (owner.epoch, owner.wcs_life, owner.permit);
        // Without an owner there is no block: its words are cleared.
        if owner.link_state != plc.tables.words.link_states.waiting && obeyed != self.obeyed {
            self.obeyed = obeyed;
            let is_written = self.blocks.contains(&obeyed);
            self.check(WatchRule::OwnerObeyed, now, is_written, || {
                format!("life word {} and permit {} are not from the owner {}", obeyed.1, obeyed.2, obeyed.0)
            });
        }
    }

    /// A block that is written as an owner.
    pub(super) fn see_block(&mut self, words: &[u16], plc: &Plc) {
        let map = plc.tables.map.control;
        self.blocks.push_back((words[map.wcs_epoch], words[map.wcs_life], words[map.permit]));
        if self.blocks.len() > BLOCKS_KEPT_MAX {
            self.blocks.pop_front();
        }
    }

    fn look_at_permit(&mut self, now: MonoTime, plc: &Plc) {
        let is_permitted = plc.is_permitted();
        if is_permitted && !self.is_permit_seen {
            let is_given =
                self.is_permit_given || now.since(self.permit_withdrawn_at) <= PERMIT_ON_THE_WAY_MAX;
            self.check(WatchRule::PermitByCore, now, is_given, || {
                "the PLC sees a permit the core does not give".into()
            });
        }
        self.is_permit_seen = is_permitted;
    }

    /// A request that reaches the PLC.
    fn see_request(&mut self, now: MonoTime, client: ClientId, request: &Request, sorter: &Sorter) {
        let plc = &sorter.plc;
        if self.client != Some(client) {
            self.client = Some(client);
            self.owner_at_connect = plc.owner.epoch;
        }
        let map = plc.tables.map;
        let Request::Write { address, words } = request else {
            if matches!(request, Request::Read { address, .. } if *address == map.header_block.start) {
                self.answers.see_header_read(now);
            }
            return;
        };
        if *address == map.control_block.start {
            self.see_block(words, plc);
        }
        let ring = plc.tables.map.commands_block;
        if !(ring.start..ring.start.saturating_add(ring.count)).contains(address) {
            return;
        }
        for slot in words.chunks_exact(usize::from(plc.tables.map.command_slot_count)) {
            self.see_slot(now, slot, plc);
        }
    }

    fn see_slot(&mut self, now: MonoTime, slot: &[u16], plc: &Plc) {
        let map = plc.tables.map.command;
        if slot[map.kind] != plc.tables.words.commands.destination {
            return;
        }
        let (item, epoch) = (get32(slot, map.item), slot[map.wcs_epoch]);
        let is_taken_here = Epoch(epoch).is_newer_than(Epoch(self.owner_at_connect));
        let is_obeyed = epoch == plc.owner.epoch && is_taken_here;
        self.check(WatchRule::CommandWhenAttached, now, is_obeyed, || {
            format!("item {item} is commanded by epoch {epoch}, the PLC obeys {}", plc.owner.epoch)
        });
        let is_fresh = self.commanded.contains(&(item, LaneNo(slot[map.lane])));
        self.check(WatchRule::CommandFresh, now, is_fresh, || {
            format!(
                "item {item} is sent to lane {}, which nobody has commanded since the attachment",
                slot[map.lane]
            )
        });
        for lane in [slot[map.lane], slot[map.alternative_1], slot[map.alternative_2]] {
            let Some(chute) = self.order_chutes.get(&LaneNo(lane)).copied() else { continue };
            let bound_in = self.bound_in.get(&chute).copied();
            let is_durable = bound_in.is_some_and(|seq| seq <= self.durable);
            self.check(WatchRule::CommandAfterBinding, now, is_durable, || {
                format!("item {item} is sent to lane {lane} whose binding is not on disk")
            });
        }
    }
}

/// What a bystander keeps of an input.
pub(super) fn marks_of(input: &Input) -> InputMarks {
    let is_attached = matches!(input, Input::Link { change: LinkChange::Attached { .. }, .. });
    let Input::Sorter { event, .. } = input else { return (Vec::new(), false, is_attached) };
    let count = event.seq_last.distance_from(event.seq);
    let mark = |step: u16| (event.plc_epoch.0 as u8, event.seq.plus(step).0, event.item, event.plc_tick_ms);
    ((0..=count).map(mark).collect(), matches!(event.body, EventBody::CommandRejected { .. }), false)
}

fn mark_of(plc: &Plc, event: &Event) -> EventMark {
    let map = &plc.tables.map.event;
    let epoch = (event.words[map.flags] >> 8) as u8;
    (epoch, event.words[map.seq], get32(&event.words, map.item), get32(&event.words, map.plc_tick))
}

/// The sorter with a bystander who reads every request before it is answered.
pub(super) struct Watched<'a> {
    pub(super) hosted: &'a mut HostedSorter,
    pub(super) watch: Option<&'a mut Watch>,
}

impl Device for Watched<'_> {
    fn advance(&mut self, now: MonoTime) {
        self.hosted.advance(now);
    }

    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply {
        if let Some(watch) = &mut self.watch {
            watch.see_request(now, client, request, self.hosted.sorter());
        }
        self.hosted.handle(now, unit, client, request)
    }
}
