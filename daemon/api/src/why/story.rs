//! Adds up the records of a load, in order, to its time line and its passes.

use serde_json::{Value, json};
use wcs_types::{
    Candidate, Decision, Destination, EventBody, EventSeq, Fact, Input, LaneNo, LinkChange, LoadKey,
    MonoTime, Plant, Refusal, Rejected, SorterEvent,
};

use super::views::{
    ActuationView, BindingView, ChosenView, ExitView, OutcomeView, Pass, RejectedView, ScanView,
    TimelineEntry,
};
use super::{Evidence, concerns, is_route_of, load_of, rules};
use crate::event::{chute_name, describe, time_text};
use crate::ports::Told;
use crate::words;

/// What was told so far.
pub(super) struct Story<'a> {
    pub(super) key: LoadKey,
    pub(super) plant: &'a Plant,
    pub(super) start: Option<MonoTime>,
    pub(super) timeline: Vec<TimelineEntry>,
    pub(super) passes: Vec<Pass>,
    pub(super) outcome: Option<OutcomeView>,
    /// Last useful instant of the newest scan.
    pub(super) decide_by: MonoTime,
    /// Scan event each pass began with; `None` where none was told.
    pub(super) scans: Vec<Option<EventSeq>>,
    /// Pass that the record at hand tells of.
    pub(super) at: usize,
}

impl Story<'_> {
    pub(super) fn add(&mut self, told: &Told) {
        if !concerns(told, self.key) {
            return;
        }
        self.at = self.passes.len().saturating_sub(1);
        match &told.record.input {
            Input::Sorter { event, .. } if event.item == self.key.item => self.add_event(told, event),
            Input::Refused { refusal, .. } => {
                let word = match refusal {
                    Refusal::Late(_) => "late",
                    Refusal::QueueFull(_) => "queue_full",
                    Refusal::NotReady(_) => "not_ready",
                };
                self.note(told, "refused", json!({ "why": word }));
                let (Refusal::Late(command) | Refusal::QueueFull(command) | Refusal::NotReady(command)) =
                    refusal;
                // The link may say so only after the load was scanned again.
                let answered = self.scans.iter().rposition(|scan| *scan == Some(command.answers));
                self.at = answered.unwrap_or(self.at);
                self.actuate(told, "not_written", Some(word.to_owned()));
                if let Refusal::Late(command) = refusal {
                    // The link judges by the travel of the belt, which may be ahead of the instant the scan gave.
                    let (now, decide_by) = (told.record.now, command.decide_by);
                    let late_ms = (now >= decide_by).then(|| now.since(decide_by).as_millis());
                    self.pass().deadline.get_or_insert_default().late_ms = late_ms;
                }
            }
            _ => {}
        }
        for decision in &told.record.decisions {
            self.add_decision(told, decision);
        }
        let key = self.key;
        for fact in told.record.facts.iter().filter(|fact| load_of(fact) == Some(key)) {
            let (name, data) = describe(fact, self.plant);
            self.note(told, name, data);
            self.add_fact(told, fact);
        }
    }

    fn note(&mut self, told: &Told, kind: &'static str, data: Value) {
        let start = self.start.unwrap_or(told.record.now);
        self.timeline.push(TimelineEntry {
            position: told.record.seq.0,
            at: time_text(told.unix_ms),
            after_ms: told.record.now.since(start).as_millis(),
            kind,
            data,
        });
    }

    fn add_event(&mut self, told: &Told, event: &SorterEvent) {
        match &event.body {
            EventBody::Scan(scan) => {
                let view = ScanView {
                    position: told.record.seq.0,
                    station: event.station,
                    read: words::read(scan.read),
                    codes: scan.codes.iter().map(ToString::to_string).collect(),
                    turns: scan.turns,
                };
                let data = json!({ "station": view.station, "read": view.read, "codes": view.codes,
                    "turns": view.turns, "length_mm": scan.length.map(|length| length.0),
                    "weight_g": scan.weight.map(|weight| weight.0) });
                self.note(told, "scan", data);
                self.decide_by = scan.decide_by;
                self.begin_pass(Some(event.seq_last), Pass { scan: Some(view), ..Pass::default() });
            }
            EventBody::Exit { requested, actual, result, since_scan_ms, .. } => {
                let view = ExitView {
                    position: told.record.seq.0,
                    requested: requested.0,
                    lane: actual.0,
                    result: words::exit_result(*result),
                    since_scan_ms: *since_scan_ms,
                };
                let data = json!({ "requested": view.requested, "lane": view.lane, "result": view.result,
                    "since_scan_ms": view.since_scan_ms });
                self.note(told, "exit", data);
                self.judge_command(told, *requested);
                self.pass().exit = Some(view);
            }
            EventBody::Checkpoint { checkpoint, deviation_mm } => {
                let data = json!({ "checkpoint": checkpoint, "deviation_mm": deviation_mm });
                self.note(told, "checkpoint", data);
            }
            EventBody::CommandRejected { code, .. } => {
                let word = words::reject(*code);
                self.note(told, "rejected", json!({ "code": word }));
                // It does not say of which destination: of the last that was sent.
                let sent = self.passes.iter().rposition(|pass| pass.actuation.is_some());
                self.at = sent.unwrap_or(self.at);
                self.actuate(told, "refused", Some(word.to_owned()));
            }
            _ => {}
        }
    }

    /// What the exit says about the destination that was sent.
    fn judge_command(&mut self, told: &Told, requested: LaneNo) {
        let pass = self.pass();
        let Some(chosen) = pass.chosen.as_ref().filter(|chosen| chosen.destination != "unanswered") else {
            return;
        };
        let is_other = chosen.destination == "chute" && chosen.lane.is_some_and(|lane| lane != requested.0);
        let state = match requested {
            LaneNo::NONE => "not_applied",
            _ if is_other => "other_applied",
            _ => "applied",
        };
        // What was refused on its way was not applied: why stands there already.
        let is_told = pass.actuation.as_ref().is_some_and(|told| told.cause.is_some());
        if !(is_told && state == "not_applied") {
            self.actuate(told, state, None);
        }
    }

    fn actuate(&mut self, told: &Told, state: &'static str, cause: Option<String>) {
        let position = told.record.seq.0;
        let actuation = &mut self.pass().actuation;
        let waited_for = actuation.as_ref().and_then(|before| before.waited_for);
        *actuation = Some(ActuationView { state, position, waited_for, cause });
    }

    fn begin_pass(&mut self, scan: Option<EventSeq>, pass: Pass) {
        self.at = self.passes.len();
        self.passes.push(pass);
        self.scans.push(scan);
    }

    /// The pass that the record at hand tells of; made when no scan was told.
    fn pass(&mut self) -> &mut Pass {
        if self.passes.is_empty() {
            self.begin_pass(None, Pass::default());
        }
        &mut self.passes[self.at]
    }

    fn add_decision(&mut self, told: &Told, decision: &Decision) {
        let (destination, reason, rejected) = match decision {
            Decision::Route { load, destination, reason, rejected } if *load == self.key => {
                (*destination, *reason, rejected)
            }
            // A chute that was looked for in the record that routes the load was looked for because of it.
            Decision::Bind { rejected, .. }
                if told.record.decisions.iter().any(|other| is_route_of(other, self.key)) =>
            {
                let views: Vec<RejectedView> = rejected.iter().map(|row| self.rejected(row)).collect();
                self.pass().rejected.extend(views);
                return;
            }
            Decision::Route { .. } | Decision::Bind { .. } => return,
        };
        let chosen = self.chosen(told, destination, reason.as_str());
        let views: Vec<RejectedView> = rejected.iter().map(|row| self.rejected(row)).collect();
        let data = json!({ "chosen": &chosen, "rejected": &views });
        self.note(told, "decision", data);
        let (now, decide_by) = (told.record.now.0, self.decide_by);
        // While the belt stands there is no last useful instant; zero says that it had passed before the scan was read.
        let slack_ms = (decide_by != MonoTime::NEVER && decide_by != MonoTime::ZERO)
            .then(|| (i128::from(decide_by.0) - i128::from(now)).div_euclid(1_000_000))
            .and_then(|ms| i64::try_from(ms).ok());
        let is_bound_now = told.record.facts.iter().any(|fact| is_binding_of(fact, destination));
        let sent = (destination != Destination::Unanswered).then(|| ActuationView {
            state: "sent",
            position: told.record.seq.0,
            waited_for: is_bound_now.then_some(told.record.seq.0),
            cause: None,
        });
        let pass = self.pass();
        pass.rejected.extend(views);
        pass.chosen = Some(chosen);
        pass.rule = Some(rules::of(destination, reason, is_bound_now));
        pass.actuation = sent;
        pass.deadline.get_or_insert_default().slack_ms = slack_ms;
    }

    fn rejected(&self, row: &Rejected) -> RejectedView {
        let (mut view, reason) = (
            RejectedView { kind: "lane", core_id: None, job: None, chute: None, lane: None, reason: "" },
            row.reason.as_str(),
        );
        match row.candidate {
            Candidate::Job { batch, job } => {
                (view.kind, view.core_id, view.job) = ("job", Some(batch.0), Some(job.0));
            }
            Candidate::Chute(chute) => {
                (view.kind, view.chute) = ("chute", Some(chute_name(self.plant, chute)));
            }
            Candidate::Lane(lane) => view.lane = Some(lane.0),
        }
        RejectedView { reason, ..view }
    }

    fn chosen(&self, told: &Told, destination: Destination, reason: &'static str) -> ChosenView {
        let mut view = ChosenView {
            position: told.record.seq.0,
            destination: "unanswered",
            reason,
            core_id: None,
            job: None,
            order: None,
            chute: None,
            lane: None,
            alternatives: Vec::new(),
        };
        match destination {
            Destination::Chute { batch, job, chute, lane, alternatives } => {
                view.destination = "chute";
                view.core_id = Some(batch.0);
                view.job = Some(job.0);
                view.chute = Some(chute_name(self.plant, chute));
                view.lane = Some(lane.0);
                let others = alternatives.iter().filter(|lane| **lane != LaneNo::NONE);
                view.alternatives = others.map(|lane| lane.0).collect();
            }
            Destination::Recirculate => view.destination = "recirculate",
            Destination::Overflow { lane } => {
                view.destination = "overflow";
                view.lane = Some(lane.0);
            }
            Destination::Exception => view.destination = "exception",
            Destination::Unanswered => {}
        }
        view
    }

    fn add_fact(&mut self, told: &Told, fact: &Fact) {
        let position = told.record.seq.0;
        match fact {
            Fact::LoadEnded(end) => {
                self.outcome = Some(OutcomeView {
                    position,
                    outcome: end.outcome.as_str(),
                    reason: end.reason.as_str(),
                    lane: end.lane.0.0,
                    chute: None,
                    judged_by: judged_by(&told.record.input, self.key),
                    before: None,
                });
            }
            Fact::LoadHandSorted { chute, .. } => {
                let (lane, before) = self.outcome.as_ref().map_or((0, None), |outcome| {
                    (outcome.lane, Some(format!("{}, {}", outcome.outcome, outcome.reason)))
                });
                self.outcome = Some(OutcomeView {
                    position,
                    outcome: wcs_types::Outcome::HandSorted.as_str(),
                    reason: wcs_types::Reason::ByHand.as_str(),
                    lane,
                    chute: Some(chute_name(self.plant, *chute)),
                    judged_by: "person",
                    before,
                });
            }
            // Seen again after silence: it goes on.
            Fact::LoadSeen { .. } => self.outcome = None,
            Fact::DecisionLate { .. } => self.pass().deadline.get_or_insert_default().is_late = true,
            Fact::LateBySelfStall { .. } => {
                self.pass().deadline.get_or_insert_default().is_late_by_self_stall = true;
            }
            _ => {}
        }
    }

    /// Says which record bound the chute each pass was sent to: the last before the decision.
    pub(super) fn bind(&mut self, records: &[Told]) {
        for pass in &mut self.passes {
            let Some(chosen) = &mut pass.chosen else { continue };
            let bound =
                records.iter().rev().filter(|told| told.record.seq.0 <= chosen.position).find_map(|told| {
                    told.record.facts.iter().find_map(|fact| match fact {
                        Fact::ClassBound { order, chute, .. }
                            if chosen.chute.as_deref() == Some(&chute_name(self.plant, *chute)) =>
                        {
                            Some((told, order))
                        }
                        _ => None,
                    })
                });
            let Some((told, order)) = bound else { continue };
            let decided = records.iter().find(|decided| decided.record.seq.0 == chosen.position);
            let before_ms =
                decided.map_or(0, |decided| decided.record.now.since(told.record.now).as_millis());
            chosen.order.get_or_insert_with(|| order.number.clone());
            pass.binding = Some(BindingView {
                position: told.record.seq.0,
                at: time_text(told.unix_ms),
                before_ms,
                owner: order.owner.clone(),
                order: order.number.clone(),
                chute: chosen.chute.clone().unwrap_or_default(),
            });
        }
    }

    /// Puts down how the lanes in question were when each pass was decided.
    pub(super) fn set_lanes(&mut self, evidence: &Evidence) {
        for pass in &mut self.passes {
            let Some(chosen) = &pass.chosen else { continue };
            pass.lanes = evidence.lanes_at(wcs_types::Seq(chosen.position));
        }
    }
}

fn is_binding_of(fact: &Fact, destination: Destination) -> bool {
    let (Fact::ClassBound { chute, .. }, Destination::Chute { chute: to, .. }) = (fact, destination) else {
        return false;
    };
    *chute == to
}

/// What the end of a load was judged by.
fn judged_by(input: &Input, key: LoadKey) -> &'static str {
    match input {
        Input::Sorter { event, .. } if event.item == key.item && event.plc_epoch == key.plc_epoch => {
            "exit_report"
        }
        Input::Sorter { .. } => "next_scan",
        Input::Link { change: LinkChange::Travelled { .. }, .. } => "travel",
        Input::Link { .. } => "controller",
        Input::Verb { .. } => "person",
        Input::Quarantined(_) => "put_aside",
        Input::Timeout | Input::Refused { .. } | Input::Storage(_) => "travel",
    }
}

#[cfg(test)]
mod tests {
    use wcs_types::{BeltMm, Epoch, Read, Reason, ScanEvent};

    use super::super::{explain, gather};
    use super::*;
    use crate::fixture::{self, code, key};

    #[test]
    fn a_point_that_passed_before_the_scan_was_read_is_late_by_no_number() {
        let scan = ScanEvent {
            read: Read::Good,
            codes: [code("600/1")].into_iter().collect(),
            turns: 0,
            point: BeltMm(2_000),
            decide_by: MonoTime::ZERO,
            is_retained: true,
            length: None,
            weight: None,
        };
        let event = SorterEvent {
            plc_epoch: Epoch(1),
            fifo_epoch: Epoch(1),
            seq: EventSeq(1),
            seq_last: EventSeq(1),
            item: 7,
            station: 1,
            plc_tick_ms: 0,
            belt: BeltMm(9_000),
            body: EventBody::Scan(scan),
        };
        let route = Decision::Route {
            load: key(7),
            destination: Destination::Unanswered,
            reason: Reason::Late,
            rejected: Default::default(),
        };
        let seen = Fact::LoadSeen { load: key(7), label: code("600/1"), previous: None };
        let mut told = fixture::Story::new();
        told.push(
            Input::Sorter { line: key(7).line, event },
            vec![route],
            vec![seen, Fact::DecisionLate { load: key(7) }],
        );
        let plant = fixture::plant();
        let evidence = gather(told.records().as_ref(), &plant, key(7)).unwrap().unwrap();
        let (_, why) = explain(key(7), &evidence, &plant);
        let deadline = why.passes[0].deadline.as_ref().unwrap();
        assert_eq!((deadline.slack_ms, deadline.is_late), (None, true));
        let said: Vec<&str> = why.sentences.iter().map(|said| said.en.as_str()).collect();
        assert!(
            said.contains(&"Otherwise: had the scan been told earlier, it would have been answered in time."),
            "{said:?}"
        );
        assert!(!why.text.en.contains(" ms "), "{said:?}");
    }
}
