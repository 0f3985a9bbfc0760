//! What the bystander at the wire saw, rule by rule.

use super::Finding;
use crate::prove::evidence::Evidence;
use crate::stack::WatchRule;

pub(super) fn ack_after_durable(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::AckAfterDurable)
}

pub(super) fn command_after_binding(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::CommandAfterBinding)
}

pub(super) fn command_when_attached(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::CommandWhenAttached)
}

pub(super) fn permit_by_core(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::PermitByCore)
}

pub(super) fn owner_obeyed(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::OwnerObeyed)
}

pub(super) fn late_by_travel(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::LateByTravel)
}

pub(super) fn answered_again(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::AnsweredAgain)
}

pub(super) fn command_fresh(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::CommandFresh)
}

pub(super) fn motion_by_person(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::MotionByPerson)
}

pub(super) fn blame_founded(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::BlameFounded)
}

pub(super) fn verb_answered(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::VerbAnswered)
}

pub(super) fn events(evidence: &Evidence) -> Finding {
    let broken = (evidence.evt_lost != 0).then(|| format!("{} events dropped", evidence.evt_lost));
    Finding::of(1, broken)
}

fn watched(evidence: &Evidence, rule: WatchRule) -> Finding {
    let Some(seen) = &evidence.watched else { return Finding::none() };
    let breach = seen.breaches.iter().find(|breach| breach.rule == rule);
    let broken = breach.map(|breach| format!("at {} ms: {}", breach.at.0 / 1_000_000, breach.what));
    Finding::of(seen.checked.get(&rule).copied().unwrap_or(0), broken)
}
