//! Outputs and facts as one line of text each. Acknowledgements are left out: every event has one, and a test of
//! their own checks them.

use wcs_core::{AlarmView, Core, Step};
use wcs_types::output::OutputKind;
use wcs_types::{AlarmId, AlarmKey, DestinationCommand, Fact, Output, Reply, Seq, SorterCommand};

pub(super) fn step(step: &Step, seq: Seq) -> Vec<String> {
    let facts = step.facts.iter().map(|fact| format!("* {}", fact_text(fact)));
    let outputs = step.outputs.iter().filter_map(|output| Some(format!("-> {}", output_text(output, seq)?)));
    facts.chain(outputs).collect()
}

fn output_text(output: &Output, seq: Seq) -> Option<String> {
    let gate = match output.after {
        Seq::NONE => String::new(),
        after if after == seq => " after this".into(),
        after => format!(" after {}", after.0),
    };
    let text = match &output.what {
        OutputKind::Reply(Reply::Done) => "done".into(),
        OutputKind::Reply(Reply::Refused(refusal)) => format!("refused {refusal:?}"),
        OutputKind::Sorter(SorterCommand::Ack { .. }) => {
            assert_eq!(output.after, seq, "an event is acknowledged only when its own record is durable");
            return None;
        }
        OutputKind::Sorter(SorterCommand::Destination(command)) => destination(command),
        OutputKind::Sorter(SorterCommand::Attach { plc_epoch, owner, evt_ack }) => {
            format!("attach plc={} owner={} ack={}", plc_epoch.0, owner.0, evt_ack.0)
        }
        OutputKind::Sorter(SorterCommand::Stay { .. }) => "stay".into(),
        OutputKind::Sorter(SorterCommand::Cancel { item, .. }) => format!("cancel {item}"),
        OutputKind::Sorter(SorterCommand::Permit(mask)) => permit(*mask),
        OutputKind::Sorter(SorterCommand::CloseLanes(lanes)) => {
            format!("close lanes {:?}", lanes.iter().map(|lane| lane.0).collect::<Vec<_>>())
        }
        OutputKind::Sorter(SorterCommand::Watch { at, .. }) => format!("watch {}", at.0),
        OutputKind::Sorter(SorterCommand::Unit(unit)) => format!("unit {unit:?}"),
    };
    // Every reply waits for its own record: saying so each time would only be noise.
    Some(if matches!(output.what, OutputKind::Reply(_)) { text } else { text + &gate })
}

/// `true`, `false`, or the inductions that may not feed.
fn permit(mask: u16) -> String {
    let held: Vec<u16> = (1..16).filter(|induction| mask & (1 << induction) == 0).collect();
    match (mask & 1 != 0, held.is_empty()) {
        (true, false) => format!("permit true without {held:?}"),
        (is_given, _) => format!("permit {is_given}"),
    }
}

fn destination(command: &DestinationCommand) -> String {
    let lane = match command.lane {
        DestinationCommand::RECIRCULATE => "round".into(),
        DestinationCommand::EXCEPTION => "exception".into(),
        lane => format!("lane {lane}"),
    };
    let round = if command.may_recirculate { "" } else { " final" };
    format!("send {} {lane}{round}", command.item)
}

/// Record and place in it.
pub(super) fn id_text(id: AlarmId) -> String {
    format!("{}.{}", id.seq().0, id.index())
}

fn key_text(key: &AlarmKey) -> String {
    let detail = if key.detail == 0 { String::new() } else { format!(" {}", key.detail) };
    format!("{}{detail}", key.code)
}

/// One line for each alarm that is not normal.
pub(super) fn alarms(core: &Core) -> Vec<String> {
    let line = |alarm: AlarmView| {
        let mut text = format!("= {} {} {}", id_text(alarm.id), key_text(&alarm.key), alarm.state);
        if let Some(head) = alarm.head {
            text += &format!(" under {}", id_text(head));
        }
        if let Some(to) = alarm.assigned {
            text += &format!(", of {to}");
        }
        if alarm.comments != 0 {
            text += &format!(", {} comments", alarm.comments);
        }
        text
    };
    core.listed_alarms().map(line).collect()
}

fn alarm_text(fact: &Fact) -> String {
    match fact {
        Fact::AlarmRaised(key) => format!("alarm {}", key_text(key)),
        Fact::AlarmGone(key) => format!("alarm gone {}", key_text(key)),
        Fact::AlarmAcknowledged { alarm, with, operator } => {
            let with: Vec<String> = with.iter().map(|other| id_text(*other)).collect();
            format!("alarm {} acknowledged by {operator} with [{}]", id_text(*alarm), with.join(" "))
        }
        Fact::AlarmShelved { alarm, operator, .. } => {
            format!("alarm {} shelved by {operator}", id_text(*alarm))
        }
        Fact::AlarmUnshelved { alarm, operator } => {
            let by = operator.map_or("time".to_owned(), |operator| operator.to_string());
            format!("alarm {} off the shelf by {by}", id_text(*alarm))
        }
        Fact::AlarmAssigned { alarm, to, operator } => {
            let to = to.map_or("nobody".to_owned(), |to| to.to_string());
            format!("alarm {} assigned to {to} by {operator}", id_text(*alarm))
        }
        Fact::AlarmCommented { alarm, text, operator } => {
            format!("alarm {} comment by {operator}: {text}", id_text(*alarm))
        }
        Fact::AlarmForgotten { alarm } => format!("alarm {} forgotten", id_text(*alarm)),
        other => panic!("{other:?} is of no alarm"),
    }
}

fn fact_text(fact: &Fact) -> String {
    match fact {
        Fact::BatchStarted { batch } => format!("batch {batch} started"),
        Fact::BatchPaused { batch } => format!("batch {batch} paused"),
        Fact::BatchResumed { batch } => format!("batch {batch} resumed"),
        Fact::BatchClosing { batch, is_forced } => format!("batch {batch} closing forced={is_forced}"),
        Fact::BatchEnded { batch } => format!("batch {batch} ended"),
        Fact::PiecesShort { order, label, pieces, last_seen, reason, .. } => {
            format!("short {} {label} {} pieces {last_seen:?} {reason}", order.number, pieces.0)
        }
        Fact::ClassBound { order, chute, is_rebound, .. } => {
            format!("{} bound to {chute}{}", order.number, if *is_rebound { " again" } else { "" })
        }
        Fact::ClassCompleted { order, chute, .. } => format!("{} complete in {chute}", order.number),
        Fact::BoxSwapped { chute } => format!("box swapped {chute}"),
        Fact::ChuteFreed { chute } => format!("chute {chute} freed"),
        Fact::LoadSeen { load, label, previous } => {
            let previous = previous.map_or(String::new(), |previous| format!(" after {previous}"));
            format!("seen {} {label}{previous}", load.item)
        }
        Fact::LoadRecirculated { load, reason, .. } => format!("round {} {reason}", load.item),
        Fact::LoadEnded(end) => format!(
            "ended {} {} {}/{} lane {} pieces {}",
            end.load, end.label, end.outcome, end.reason, end.lane.0, end.pieces.0
        ),
        Fact::LoadHandSorted { load, label, pieces, chute, .. } => {
            format!("hand sorted {load} {label} {} pieces into {chute}", pieces.0)
        }
        Fact::DecisionLate { load } => format!("late {}", load.item),
        Fact::AlarmRaised(_)
        | Fact::AlarmGone(_)
        | Fact::AlarmAcknowledged { .. }
        | Fact::AlarmShelved { .. }
        | Fact::AlarmUnshelved { .. }
        | Fact::AlarmAssigned { .. }
        | Fact::AlarmCommented { .. }
        | Fact::AlarmForgotten { .. } => alarm_text(fact),
        Fact::PermitChanged { is_permitted, .. } => format!("permitted {is_permitted}"),
        Fact::SelfStalled { gap } => format!("stalled {} ms", gap.as_millis()),
        Fact::InputPutAside { digest, .. } => format!("put aside {digest}"),
        Fact::LineHeld { line } => format!("line {line} held"),
        Fact::LineReleased { line } => format!("line {line} released"),
        Fact::InductionHeld { induction, .. } => format!("induction {induction} held"),
        Fact::InductionReleased { induction, .. } => format!("induction {induction} released"),
        Fact::BoxClosed { chute } => format!("box closed {chute}"),
        Fact::BoxBound { chute, code } => format!("box {code} stands at {chute}"),
        Fact::ChuteTakenOut { chute } => format!("chute {chute} taken out"),
        Fact::ChutePutBack { chute } => format!("chute {chute} put back"),
        Fact::JobsAdded { batch, part, first, count, pieces } => {
            format!("batch {batch} part {part}: {count} jobs from {first}, {} pieces", pieces.0)
        }
        Fact::OrderCancelled { order, chute, picked, in_flight, jobs, .. } => format!(
            "{} cancelled in {}: {} picked, {} in flight, {:?}",
            order.number,
            chute.map_or("no chute".to_owned(), |chute| chute.to_string()),
            picked.0,
            in_flight.0,
            jobs.iter().map(|(job, pieces)| (job.0, pieces.0)).collect::<Vec<_>>()
        ),
        Fact::PiecesCancelled { job, pieces, .. } => format!("job {job}: {} pieces cancelled", pieces.0),
        Fact::StartCancelled { batch, .. } => format!("batch {batch}: start taken back"),
        Fact::LateBySelfStall { load } => format!("late by stall {}", load.item),
    }
}
