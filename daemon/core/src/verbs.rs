//! Verbs: what people and other systems ask. Each is checked whole before anything changes and gets exactly one
//! reply, which leaves when the record that holds the verb is durable.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::output::OutputKind;
use wcs_types::{
    ChuteId, ChuteKind, Code, Fact, LineId, OperatorId, Outcome, Output, Reply, Seq, SorterCommand, Target,
    Ticket, Verb, VerbRefusal,
};

use crate::control::{Core, Turn};
use crate::rows::ChuteLife;

impl Core {
    pub(crate) fn on_verb(&mut self, turn: &mut Turn<'_>, operator: OperatorId, ticket: Ticket, verb: &Verb) {
        let result = match verb {
            Verb::Stage { spec, part, jobs } => self.stage(spec, *part, jobs),
            Verb::Start { batch, token, parts, content_hash } => {
                self.start(turn, *batch, *token, *parts, *content_hash)
            }
            Verb::Pause { batch } => self.pause(turn, *batch),
            Verb::Resume { batch } => self.resume(turn, *batch),
            Verb::Close { batch, is_forced } => self.close(turn, *batch, *is_forced),
            Verb::HandSort { line, label, chute } => self.hand_sort(turn, *line, label, *chute),
            Verb::ConfirmEmpty { chute } => self.confirm_empty(turn, *chute),
            Verb::Line { line, command } => {
                if self.has_line(*line) {
                    turn.out.command(*line, Seq::NONE, 0, SorterCommand::Unit(*command));
                    Ok(())
                } else {
                    Err(VerbRefusal::UnknownLine)
                }
            }
            Verb::Hold { line } => self.hold_line(turn, *line, true),
            Verb::Release { line } => self.hold_line(turn, *line, false),
            Verb::HoldInduction { line, induction } => self.hold_induction(turn, *line, *induction, true),
            Verb::ReleaseInduction { line, induction } => self.hold_induction(turn, *line, *induction, false),
            Verb::CloseBox { chute } => self.close_box(turn, *chute),
            Verb::BindBox { chute, code } => self.bind_box(turn, *chute, code),
            Verb::CloseChute { chute } => self.take_out(turn, *chute, true),
            Verb::OpenChute { chute } => self.take_out(turn, *chute, false),
            Verb::Unstage { batch } => self.unstage(*batch),
            Verb::Add { batch, part, jobs } => self.add(turn, *batch, *part, jobs),
            Verb::CancelOrder { batch, order } => self.cancel_order(turn, *batch, order),
            Verb::CancelStart { batch } => self.cancel_start(turn, *batch),
            Verb::StageTable { batch, part, pairs } => self.stage_table(*batch, *part, pairs),
            Verb::AcknowledgeAlarm { .. }
            | Verb::ShelveAlarm { .. }
            | Verb::UnshelveAlarm { .. }
            | Verb::AssignAlarm { .. }
            | Verb::CommentAlarm { .. } => self.on_alarm_verb(turn, operator, verb),
        };
        let reply = match result {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        };
        let after = if is_on(Mutation::ReplyBeforeDurable) { Seq::NONE } else { self.seq };
        let what = OutputKind::Reply(reply);
        let answer = Output { target: Target::Asker(ticket), generation: 0, after, what };
        if is_on(Mutation::ReplyTwice) {
            turn.out.outputs.push(answer.clone());
        }
        turn.out.outputs.push(answer);
    }

    fn confirm_empty(&mut self, turn: &mut Turn<'_>, chute: ChuteId) -> Result<(), VerbRefusal> {
        if usize::from(chute.0) >= self.plant.chutes.len() {
            return Err(VerbRefusal::UnknownChute);
        }
        let row = self.chute(chute);
        if row.is_box_closed {
            self.swap_box(turn, chute);
            return Ok(());
        }
        let waits = matches!(row.life, ChuteLife::Closing | ChuteLife::Blocked) && row.in_flight == 0;
        if !waits {
            return Err(VerbRefusal::NotClosing);
        }
        self.free_chute(turn, chute);
        Ok(())
    }

    fn hand_sort(
        &mut self,
        turn: &mut Turn<'_>,
        line: LineId,
        label: &Code,
        chute: ChuteId,
    ) -> Result<(), VerbRefusal> {
        if !self.has_line(line) {
            return Err(VerbRefusal::UnknownLine);
        }
        let is_order_chute = self
            .plant
            .chutes
            .get(usize::from(chute.0))
            .is_some_and(|spec| spec.line == line && spec.kind == ChuteKind::Order);
        if !is_order_chute {
            return Err(VerbRefusal::UnknownChute);
        }
        // A load that could not be read has no label here: the person read it.
        let ended = self.ended.find_unsorted(line, label).filter(|ended| {
            let row = self.ended.row(*ended);
            row.outcome.may_be_hand_sorted() && !row.is_replaced
        });
        let was_unread = ended.is_none();
        let ended = ended.or_else(|| self.ended.find_unlabelled(line)).ok_or(VerbRefusal::UnknownLabel)?;
        let job = self.job_in_chute(line, label, chute)?;
        let load = self.ended.row(ended).key;
        self.ended.edit(ended, |row| {
            row.is_replaced = true;
            row.outcome = Outcome::HandSorted;
        });
        let pieces = self.jobs.edit(job, |row| {
            row.done += row.portion;
            row.portion
        });
        let (batch, name) = self.job_name(job);
        turn.out.fact(Fact::LoadHandSorted { load, label: label.clone(), batch, job: name, pieces, chute });
        self.credit(turn, job);
        if was_unread {
            // Its label is seen again at last: what it was before a restart of the PLC is no load any more.
            self.supersede(turn, load, label);
        }
        Ok(())
    }

    /// What a screen shows for a label: the chute its next missing piece belongs to, if the class has one.
    pub fn chute_for_label(&self, line: LineId, label: &Code) -> Option<ChuteId> {
        self.codes
            .jobs(label)
            .map(|job| self.jobs.get(job))
            .filter(|row| row.has_room() && self.batches.get(row.batch).spec.line == line)
            .find_map(|row| self.classes.get(row.class).chute)
    }

    /// The job of this label that has room and whose class has this chute.
    fn job_in_chute(&self, line: LineId, label: &Code, chute: ChuteId) -> Result<u32, VerbRefusal> {
        let mut refusal = VerbRefusal::UnknownLabel;
        for job in self.codes.jobs(label) {
            let row = self.jobs.get(job);
            if self.batches.get(row.batch).spec.line != line {
                continue;
            }
            if self.classes.get(row.class).chute != Some(chute) {
                refusal = VerbRefusal::WrongChute;
            } else if row.has_room() {
                return Ok(job);
            } else if self.classes.get(row.class).is_cancelled {
                refusal = VerbRefusal::OrderCancelled;
            }
        }
        Err(refusal)
    }
}
