//! What happened, as the service tells it: each fact of a durable record as an event with a stable name and plain data.
//! The id of an event is `record.index`, so that a reader who names the last one it has seen misses nothing.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use wcs_types::{AlarmKey, ChuteId, Fact, LastSeen, LineId, LoadKey, OrderKey, Plant, Seq};

use crate::ports::Told;
use crate::words;

/// Place of an event: its record, and its index among the facts of that record.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EventId {
    /// The record.
    pub seq: Seq,
    /// Index in it. [`EventId::END`] stands behind every fact of a record.
    pub index: u32,
}

impl EventId {
    /// Behind every fact of a record.
    pub const END: u32 = u32::MAX;

    /// Behind everything in a record.
    pub fn behind(seq: Seq) -> Self {
        Self { seq, index: Self::END }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq.0, self.index)
    }
}

/// Not an id of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an event id is the number of a record, or record.index")]
pub struct BadEventId;

impl FromStr for EventId {
    type Err = BadEventId;

    /// `record.index`, or `record` alone for the place behind all of it.
    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<u64>().ok()).flatten().ok_or(BadEventId)
        };
        match text.split_once('.') {
            None => Ok(Self::behind(Seq(number(text)?))),
            Some((seq, index)) => {
                let index = u32::try_from(number(index)?).map_err(|_| BadEventId)?;
                Ok(Self { seq: Seq(number(seq)?), index })
            }
        }
    }
}

/// One event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its place.
    pub id: EventId,
    /// Its name.
    pub name: &'static str,
    /// Its data: a JSON object.
    pub data: String,
}

/// The events of a record behind a place, in order.
pub fn events_of(told: &Told, plant: &Plant, after: EventId) -> Vec<Event> {
    let seq = told.record.seq;
    (0_u32..)
        .zip(&told.record.facts)
        .map(|(index, fact)| (EventId { seq, index }, fact))
        .filter(|(id, _)| *id > after)
        .map(|(id, fact)| {
            let (name, mut data) = describe(fact, plant);
            if let Some(object) = data.as_object_mut() {
                object.insert("at".to_owned(), time_text(told.unix_ms).into());
                object.insert("position".to_owned(), seq.0.into());
                if let Fact::AlarmShelved { until, .. } = fact {
                    let until = told.unix_ms + until.since(told.record.now).as_millis();
                    object.insert("until".to_owned(), time_text(until).into());
                }
            }
            Event { id, name, data: data.to_string() }
        })
        .collect()
}

/// A time as text: RFC 3339 in UTC.
pub(crate) fn time_text(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Name of a line; its number where the plant has none.
pub(crate) fn line_name(plant: &Plant, line: LineId) -> String {
    plant.lines.get(usize::from(line.0)).map_or_else(|| line.to_string(), |spec| spec.id.clone())
}

/// Name of a chute; its number where the plant has none.
pub(crate) fn chute_name(plant: &Plant, chute: ChuteId) -> String {
    plant.chutes.get(usize::from(chute.0)).map_or_else(|| chute.to_string(), |spec| spec.id.clone())
}

/// A load as the service names it: `line-epoch-item`, all numbers.
pub fn load_text(key: LoadKey) -> String {
    format!("{}-{}-{}", key.line, key.plc_epoch.0, key.item)
}

/// The load a text names.
pub fn parse_load(text: &str) -> Option<LoadKey> {
    let mut parts = text.split('-').map(|part| {
        let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| part.parse::<u32>().ok()).flatten()
    });
    let (line, epoch, item) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    Some(LoadKey {
        line: LineId(u16::try_from(line).ok()?),
        plc_epoch: wcs_types::Epoch(u16::try_from(epoch).ok()?),
        item,
    })
}

fn order_json(order: &OrderKey) -> Value {
    json!({ "owner": order.owner, "number": order.number })
}

fn alarm_json(key: &AlarmKey, plant: &Plant) -> Value {
    json!({
        "code": key.code.as_str(),
        "priority": key.code.priority().as_str(),
        "line": key.line.map(|line| line_name(plant, line)),
        "chute": key.chute.map(|chute| chute_name(plant, chute)),
        "detail": key.detail,
    })
}

/// Name and data of a fact.
pub(crate) fn describe(fact: &Fact, plant: &Plant) -> (&'static str, Value) {
    match fact {
        Fact::BatchStarted { batch } => ("batch_started", json!({ "batch": batch.0 })),
        Fact::BatchPaused { batch } => ("batch_paused", json!({ "batch": batch.0 })),
        Fact::BatchResumed { batch } => ("batch_resumed", json!({ "batch": batch.0 })),
        Fact::BatchClosing { batch, is_forced } => {
            ("batch_closing", json!({ "batch": batch.0, "is_forced": is_forced }))
        }
        Fact::BatchEnded { batch } => ("batch_ended", json!({ "batch": batch.0 })),
        Fact::PiecesShort { .. } => ("pieces_short", describe_short(fact)),
        Fact::ClassBound { batch, order, chute, is_rebound } => (
            "class_bound",
            json!({ "batch": batch.0, "order": order_json(order), "chute": chute_name(plant, *chute),
                "is_rebound": is_rebound }),
        ),
        Fact::ClassCompleted { batch, order, chute } => (
            "class_completed",
            json!({ "batch": batch.0, "order": order_json(order), "chute": chute_name(plant, *chute) }),
        ),
        Fact::BoxSwapped { chute } => ("box_swapped", json!({ "chute": chute_name(plant, *chute) })),
        Fact::ChuteFreed { chute } => ("chute_freed", json!({ "chute": chute_name(plant, *chute) })),
        Fact::LoadSeen { .. }
        | Fact::LoadRecirculated { .. }
        | Fact::LoadEnded(_)
        | Fact::LoadHandSorted { .. }
        | Fact::DecisionLate { .. }
        | Fact::LateBySelfStall { .. } => describe_load(fact, plant),
        Fact::AlarmRaised(_)
        | Fact::AlarmGone(_)
        | Fact::AlarmAcknowledged { .. }
        | Fact::AlarmShelved { .. }
        | Fact::AlarmUnshelved { .. }
        | Fact::AlarmAssigned { .. }
        | Fact::AlarmCommented { .. }
        | Fact::AlarmForgotten { .. } => describe_alarm(fact, plant),
        Fact::PermitChanged { line, is_permitted } => {
            ("permit_changed", json!({ "line": line_name(plant, *line), "is_permitted": is_permitted }))
        }
        Fact::LineHeld { line } => ("line_held", json!({ "line": line_name(plant, *line) })),
        Fact::LineReleased { line } => ("line_released", json!({ "line": line_name(plant, *line) })),
        Fact::InductionHeld { line, induction } => {
            ("induction_held", json!({ "line": line_name(plant, *line), "induction": induction }))
        }
        Fact::InductionReleased { line, induction } => {
            ("induction_released", json!({ "line": line_name(plant, *line), "induction": induction }))
        }
        Fact::BoxClosed { .. }
        | Fact::BoxBound { .. }
        | Fact::ChuteTakenOut { .. }
        | Fact::ChutePutBack { .. }
        | Fact::JobsAdded { .. }
        | Fact::OrderCancelled { .. }
        | Fact::PiecesCancelled { .. }
        | Fact::StartCancelled { .. } => describe_change(fact, plant),
        Fact::SelfStalled { gap } => ("self_stalled", json!({ "gap_ms": gap.as_millis() })),
        Fact::InputPutAside { digest, line } => (
            "input_put_aside",
            json!({ "digest": digest.to_string(), "line": line.map(|line| line_name(plant, line)) }),
        ),
    }
}

/// What people changed of chutes and batches while they were at work.
fn describe_change(fact: &Fact, plant: &Plant) -> (&'static str, Value) {
    match fact {
        Fact::BoxClosed { chute } => ("box_closed", json!({ "chute": chute_name(plant, *chute) })),
        Fact::BoxBound { chute, code } => {
            ("box_bound", json!({ "chute": chute_name(plant, *chute), "code": code.to_string() }))
        }
        Fact::ChuteTakenOut { chute } => ("chute_taken_out", json!({ "chute": chute_name(plant, *chute) })),
        Fact::ChutePutBack { chute } => ("chute_put_back", json!({ "chute": chute_name(plant, *chute) })),
        Fact::JobsAdded { batch, part, first, count, pieces } => (
            "jobs_added",
            json!({ "batch": batch.0, "part": part, "first_job": first.0, "jobs": count, "pieces": pieces.0 }),
        ),
        Fact::OrderCancelled { batch, order, chute, picked, in_flight, jobs } => (
            "order_cancelled",
            json!({
                "batch": batch.0, "order": order_json(order),
                "chute": chute.map(|chute| chute_name(plant, chute)),
                "picked": picked.0, "in_flight": in_flight.0,
                "cancelled": jobs.iter().map(|(_, pieces)| u64::from(pieces.0)).sum::<u64>(),
            }),
        ),
        Fact::PiecesCancelled { batch, job, pieces } => {
            ("pieces_cancelled", json!({ "batch": batch.0, "job": job.0, "pieces": pieces.0 }))
        }
        Fact::StartCancelled { batch, .. } => ("start_cancelled", json!({ "batch": batch.0 })),
        _ => ("unknown", json!({})),
    }
}

/// What became of an alarm, and what people did with it.
fn describe_alarm(fact: &Fact, plant: &Plant) -> (&'static str, Value) {
    match fact {
        Fact::AlarmRaised(key) => ("alarm_raised", alarm_json(key, plant)),
        Fact::AlarmGone(key) => ("alarm_gone", alarm_json(key, plant)),
        Fact::AlarmAcknowledged { alarm, with, operator } => {
            let with: Vec<u64> = with.iter().map(|alarm| alarm.0).collect();
            ("alarm_acknowledged", json!({ "alarm": alarm.0, "with": with, "operator": operator.0 }))
        }
        Fact::AlarmShelved { alarm, until: _, operator } => {
            ("alarm_shelved", json!({ "alarm": alarm.0, "operator": operator.0 }))
        }
        Fact::AlarmUnshelved { alarm, operator } => {
            ("alarm_unshelved", json!({ "alarm": alarm.0, "operator": operator.map(|operator| operator.0) }))
        }
        Fact::AlarmAssigned { alarm, to, operator } => {
            ("alarm_assigned", json!({ "alarm": alarm.0, "to": to.map(|to| to.0), "operator": operator.0 }))
        }
        Fact::AlarmCommented { alarm, text, operator } => {
            ("alarm_commented", json!({ "alarm": alarm.0, "text": text, "operator": operator.0 }))
        }
        Fact::AlarmForgotten { alarm } => ("alarm_forgotten", json!({ "alarm": alarm.0 })),
        _ => ("unknown", json!({})),
    }
}

fn describe_short(fact: &Fact) -> Value {
    let Fact::PiecesShort { batch, job, order, sku, label, pieces, last_seen, reason } = fact else {
        return json!({});
    };
    let (seen, load, lane) = match last_seen {
        LastSeen::Never => ("never", None, None),
        LastSeen::Scanner(load) => ("scanner", Some(load_text(*load)), None),
        LastSeen::Lane(load, lane) => ("lane", Some(load_text(*load)), Some(lane.0)),
    };
    json!({
        "batch": batch.0, "job": job.0, "order": order_json(order), "sku": sku.code, "sku_owner": sku.owner,
        "label": label.to_string(), "pieces": pieces.0, "reason": reason.as_str(),
        "last_seen": seen, "load": load, "lane": lane,
    })
}

fn describe_load(fact: &Fact, plant: &Plant) -> (&'static str, Value) {
    match fact {
        Fact::LoadSeen { load, label, previous } => (
            "load_seen",
            json!({ "load": load_text(*load), "line": line_name(plant, load.line), "label": label.to_string(),
                "previous": previous.map(load_text) }),
        ),
        Fact::LoadRecirculated { load, reason, turns } => (
            "load_recirculated",
            json!({ "load": load_text(*load), "line": line_name(plant, load.line),
                "reason": reason.as_str(), "turns": turns }),
        ),
        Fact::LoadEnded(end) => (
            "load_ended",
            json!({
                "load": load_text(end.load), "line": line_name(plant, end.load.line),
                "label": end.label.to_string(), "batch": end.job.map(|(batch, _)| batch.0),
                "job": end.job.map(|(_, job)| job.0), "pieces": end.pieces.0,
                "outcome": end.outcome.as_str(), "reason": end.reason.as_str(), "lane": end.lane.0.0,
                "result": end.result.map(words::exit_result),
            }),
        ),
        Fact::LoadHandSorted { load, label, batch, job, pieces, chute } => (
            "load_hand_sorted",
            json!({ "load": load_text(*load), "line": line_name(plant, load.line), "label": label.to_string(),
                "batch": batch.0, "job": job.0, "pieces": pieces.0, "chute": chute_name(plant, *chute) }),
        ),
        Fact::DecisionLate { load } => {
            ("decision_late", json!({ "load": load_text(*load), "line": line_name(plant, load.line) }))
        }
        Fact::LateBySelfStall { load } => {
            ("late_by_self_stall", json!({ "load": load_text(*load), "line": line_name(plant, load.line) }))
        }
        _ => ("unknown", json!({})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = EventId { seq: Seq(120), index: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("120".parse(), Ok(EventId::behind(Seq(120))));
        for bad in
            ["", ".", "1.", ".1", "1.2.3", "-1", "+1", "1.x", "99999999999999999999999", "1.4294967296"]
        {
            assert_eq!(bad.parse::<EventId>(), Err(BadEventId), "{bad}");
        }
    }

    #[test]
    fn a_load_is_read_as_it_is_written() {
        let key = LoadKey { line: LineId(2), plc_epoch: wcs_types::Epoch(7), item: 4_000_000_000 };
        assert_eq!(parse_load(&load_text(key)), Some(key));
        for bad in ["", "1-2", "1-2-3-4", "1--3", "a-1-2", "70000-1-1", "1-70000-1", "+1-1-1"] {
            assert_eq!(parse_load(bad), None, "{bad}");
        }
    }
}
