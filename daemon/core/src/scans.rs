//! A scan: the load is found or made, what the scan says is kept, and a destination is decided, unless the link
//! is still draining (then the decision waits for the end of the backlog) or the event is too old to answer.

use wcs_types::mutation::{Mutation, is_on, is_poison};
use wcs_types::{AlarmCode, Code, Destination, Fact, LoadKey, Reason, ScanEvent, SorterCommand, SorterEvent};

use crate::control::{Core, Turn, load_hash};
use crate::rows::{LinkPhase, LoadBelief, LoadRow};

impl Core {
    pub(crate) fn on_scan(
        &mut self,
        turn: &mut Turn<'_>,
        key: LoadKey,
        event: &SorterEvent,
        scan: &ScanEvent,
    ) {
        let is_poison = scan.codes.iter().any(|code| is_poison(code.as_bytes()));
        assert!(!is_poison, "a mutation breaks the core at the scan of this label");
        if let Some(ended) = self.ended.find(key)
            && self.ended.row(ended).has_left()
        {
            self.fault_device(turn, key);
            return;
        }
        let Some(id) = self.meet_scan(turn, key, event, scan) else { return };
        if self.line(key.line).phase == LinkPhase::Ready {
            self.decide(turn, id, &scan.codes);
        }
    }

    /// Finds or makes the load of a scan and keeps what it says; `None` when the scan is never answered.
    pub(crate) fn meet_scan(
        &mut self,
        turn: &mut Turn<'_>,
        key: LoadKey,
        event: &SorterEvent,
        scan: &ScanEvent,
    ) -> Option<u32> {
        let id = match self.find_load(key) {
            Some(id) => {
                self.keep_scan(id, event, scan);
                id
            }
            None => self.make_load(turn, key, event, scan),
        };
        let is_earlier = scan.is_retained || key.plc_epoch != self.line(key.line).plc_epoch;
        if is_earlier || self.loads.get(id).belief == LoadBelief::Uncertain {
            // Kept over a restart of the PLC: filed under its own life, never answered. Nor is a number in doubt that
            // comes again because the PLC counts its lives anew: what is on the belt now may be another piece, and the
            // lane of the one before would be wrong for it.
            self.doubt_load(id);
            self.watch_uncertain(turn, key.line, event.belt);
            return None;
        }
        self.watch_load(turn, id);
        Some(id)
    }

    fn keep_scan(&mut self, id: u32, event: &SorterEvent, scan: &ScanEvent) {
        let mark = self.silence_mark(self.loads.get(id).key.line, event.belt);
        let label = self.label_of(&scan.codes);
        self.loads.edit(id, |load| {
            // An item that was kept over a restart of the PLC stays in doubt until it leaves.
            if load.belief != LoadBelief::Uncertain {
                load.belief = LoadBelief::Waiting;
            }
            // A label once read stays: a later pass may read nothing.
            if !label.is_empty() && load.job.is_none() {
                load.label = label;
            }
            load.read = scan.read;
            load.scan_seq = event.seq_last;
            load.point = scan.point;
            load.decide_by = scan.decide_by;
            load.turns = scan.turns;
            load.mark = mark;
        });
    }

    fn make_load(&mut self, turn: &mut Turn<'_>, key: LoadKey, event: &SorterEvent, scan: &ScanEvent) -> u32 {
        self.make_room(turn, key);
        if let Some(ended) = self.ended.find(key) {
            // Not gone after all: this item goes on, and nothing else can turn up in its place.
            self.ended.edit(ended, |row| row.is_replaced = true);
        }
        let label = self.label_of(&scan.codes);
        let previous = self.supersede(turn, key, &label);
        turn.out.fact(Fact::LoadSeen { load: key, label: label.clone(), previous });
        if is_on(Mutation::SeenTwice) {
            turn.out.fact(Fact::LoadSeen { load: key, label: label.clone(), previous });
        }
        let load = LoadRow {
            key,
            belief: LoadBelief::Waiting,
            label,
            read: scan.read,
            job: None,
            destination: Destination::Unanswered,
            reason: Reason::Late,
            scan_seq: event.seq_last,
            point: scan.point,
            decide_by: scan.decide_by,
            turns: scan.turns,
            generation: 0,
            mark: self.silence_mark(key.line, event.belt),
        };
        self.insert_load(load)
    }

    pub(crate) fn insert_load(&mut self, load: LoadRow) -> u32 {
        let key = load.key;
        let id = self.loads.insert(load);
        self.load_index.insert(load_hash(key), id);
        id
    }

    /// The codes a waiting load was scanned with are gone by the time it is decided; its label stands for them.
    pub(crate) fn decide_waiting(&mut self, turn: &mut Turn<'_>, id: u32) {
        let label: Code = self.loads.get(id).label.clone();
        self.decide(turn, id, core::slice::from_ref(&label));
    }

    fn fault_device(&mut self, turn: &mut Turn<'_>, key: LoadKey) {
        self.set_line_alarm(turn, AlarmCode::DeviceFaulted, key.line, true);
        let plc_epoch = self.line(key.line).plc_epoch;
        turn.out.command(key.line, wcs_types::Seq::NONE, 0, SorterCommand::Stay { plc_epoch });
        self.leave_ready(turn, key.line, LinkPhase::Faulted);
    }
}
