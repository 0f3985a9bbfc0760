//! The chain from scan to outcome as sentences, in English and Korean. Each step that stands in a record of the load says
//! how long after the first of them it came; what the decision rests on says when it was reported.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ActuationView, BindingView, ChosenView, DeadlineView, ExitView, LaneView, OtherwiseView, OutcomeView,
    Pass, RejectedView, ScanView, TimelineEntry,
};

/// One sentence in both languages.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
pub struct Sentence {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Sentence {
    pub(super) fn new(en: impl Into<String>, ko: impl Into<String>) -> Self {
        Self { en: en.into(), ko: ko.into() }
    }

    pub(super) fn joined(sentences: &[Self]) -> Self {
        let join = |pick: fn(&Self) -> &str| sentences.iter().map(pick).collect::<Vec<_>>().join(" ");
        Self { en: join(|sentence| &sentence.en), ko: join(|sentence| &sentence.ko) }
    }
}

/// The sentences of a load.
pub(super) fn of(
    passes: &[Pass],
    outcome: Option<&OutcomeView>,
    otherwise: &[OtherwiseView],
    timeline: &[TimelineEntry],
    line: &str,
) -> Vec<Sentence> {
    let mut said = Said { timeline, sentences: Vec::new() };
    for pass in passes {
        said.pass(pass, line);
    }
    match outcome {
        Some(outcome) => said.at(outcome.position, ended(outcome)),
        None => said.sentences.push(Sentence::new("It is on the belt.", "벨트 위에 있습니다.")),
    }
    said.sentences.extend(otherwise.iter().map(|row| {
        Sentence::new(format!("Otherwise: {}.", row.text.en), format!("달랐다면: {}.", row.text.ko))
    }));
    said.sentences
}

struct Said<'a> {
    timeline: &'a [TimelineEntry],
    sentences: Vec<Sentence>,
}

impl Said<'_> {
    /// A step that stands in a record of the load, with its time.
    fn at(&mut self, position: u64, sentence: Sentence) {
        let entry = self.timeline.iter().find(|entry| entry.position == position);
        self.sentences.push(match entry.map(|entry| (entry.after_ms / 1_000, entry.after_ms % 1_000)) {
            Some((s, ms)) => Sentence::new(
                format!("+{s}.{ms:03} s: {}", sentence.en),
                format!("+{s}.{ms:03}초: {}", sentence.ko),
            ),
            None => sentence,
        });
    }

    fn pass(&mut self, pass: &Pass, line: &str) {
        if let Some(scan) = &pass.scan {
            self.at(scan.position, scanned(scan, line));
        }
        if let Some(chosen) = &pass.chosen {
            self.sentences.push(passed_over(&pass.rejected));
            if let Some(rule) = &pass.rule {
                self.sentences.push(Sentence::new(
                    format!("Rule {}: {}.", rule.name, rule.text.en),
                    format!("규칙 {}: {}.", rule.name, rule.text.ko),
                ));
            }
            self.sentences.extend(pass.binding.as_ref().map(bound));
            self.sentences.push(lanes(&pass.lanes));
            self.at(chosen.position, decided(chosen, pass.deadline.as_ref()));
        }
        if let Some(record) = pass.actuation.as_ref().and_then(|actuation| actuation.waited_for) {
            self.sentences.push(Sentence::new(
                format!("The destination was not to leave before record {record} was on disk."),
                format!("목적지는 {record}번 기록이 디스크에 저장되기 전에는 나갈 수 없었습니다."),
            ));
        }
        self.lateness(pass);
        let taken = pass.actuation.as_ref().map(|told| (told.position, taken(told, pass.deadline.as_ref())));
        let left = pass.exit.as_ref().map(|told| (told.position, left(told)));
        // What became of the destination may be told only after the load had passed.
        let mut steps: Vec<_> = taken.into_iter().chain(left).collect();
        steps.sort_by_key(|(position, _)| *position);
        for (position, sentence) in steps {
            self.at(position, sentence);
        }
    }

    /// That an answer was late, where neither the decision nor what became of the destination says it already.
    fn lateness(&mut self, pass: &Pass) {
        let Some(deadline) = pass.deadline.as_ref().filter(|deadline| deadline.is_late) else { return };
        let is_unanswered = pass.chosen.as_ref().is_some_and(|chosen| chosen.destination == "unanswered");
        let cause = pass.actuation.as_ref().and_then(|actuation| actuation.cause.as_deref());
        if deadline.is_late_by_self_stall || !(is_unanswered || cause == Some("late")) {
            let told = pass.actuation.as_ref().map(|actuation| actuation.position);
            let decided = pass.chosen.as_ref().map(|chosen| chosen.position);
            match told.or(decided) {
                Some(position) => self.at(position, late(deadline)),
                None => self.sentences.push(late(deadline)),
            }
        }
    }
}

fn bound(binding: &BindingView) -> Sentence {
    let BindingView { position, before_ms, order, chute, .. } = binding;
    Sentence::new(
        format!("Chute {chute} was bound to order {order} in record {position}, {}.", before(*before_ms).en),
        format!(
            "{chute} 슈트는 기록 {position}에서 주문 {order}에 배정되었습니다, {}.",
            before(*before_ms).ko
        ),
    )
}

/// How long before a decision what it rests on came about.
fn before(ms: u64) -> Sentence {
    match (ms / 1_000, ms % 1_000) {
        (0, 0) => Sentence::new("at the same time", "같은 시각"),
        (s, ms) => Sentence::new(format!("{s}.{ms:03} s before"), format!("{s}.{ms:03}초 전")),
    }
}

fn lanes(lanes: &[LaneView]) -> Sentence {
    if lanes.is_empty() {
        return Sentence::new("No lane was in question.", "검토된 레인은 없었습니다.");
    }
    let list = |lane_word: &str, word: &str, when: fn(Sentence) -> String| {
        let rows = lanes.iter().map(|row| {
            let LaneView { lane, state, position, before_ms, .. } = row;
            format!("{lane_word} {lane} {state} ({word} {position}, {})", when(before(*before_ms)))
        });
        rows.collect::<Vec<_>>().join(", ")
    };
    Sentence::new(
        format!("Lanes as they were reported last: {}.", list("lane", "record", |when| when.en)),
        format!("마지막으로 보고된 레인 상태: {}.", list("레인", "기록", |when| when.ko)),
    )
}

fn late(deadline: &DeadlineView) -> Sentence {
    if deadline.is_late_by_self_stall {
        return Sentence::new(
            "The answer came too late because the control program stood still.",
            "제어 프로그램이 멈춰 있어 응답이 늦었습니다.",
        );
    }
    Sentence::new("The answer came too late to be applied.", "응답이 늦어 적용되지 않았습니다.")
}

/// What became of the destination on its way to the machine.
fn taken(actuation: &ActuationView, deadline: Option<&DeadlineView>) -> Sentence {
    let cause = actuation.cause.as_deref().unwrap_or("-");
    let position = actuation.position;
    let (en, ko) = match actuation.state {
        "applied" => (
            format!("By then the machine had taken the destination, as record {position} tells."),
            format!("기록 {position}에 따르면 그때까지 장비가 목적지를 받았습니다."),
        ),
        "other_applied" => (
            format!("The machine acted on another destination, as record {position} tells."),
            format!("기록 {position}에 따르면 장비가 다른 목적지로 동작했습니다."),
        ),
        "not_applied" => (
            format!("The machine had no destination for it when it passed, as record {position} tells."),
            format!("기록 {position}에 따르면 통과할 때 장비에 목적지가 없었습니다."),
        ),
        "refused" => (
            format!("The machine refused the destination ({cause}), record {position}."),
            format!("장비가 목적지를 거부했습니다 ({cause}), 기록 {position}."),
        ),
        "not_written" => {
            let (en, ko) = match deadline.and_then(|deadline| deadline.late_ms) {
                Some(ms) => {
                    (format!(", {ms} ms after it was too late"), format!("에 마감 {ms} ms 후 보고됨"))
                }
                None => (String::new(), String::new()),
            };
            (
                format!("The destination was not written ({cause}), as record {position} tells{en}."),
                format!("목적지를 장비에 전송하지 못했습니다 ({cause}), 기록 {position}{ko}."),
            )
        }
        _ => (
            "Nothing tells yet whether the machine took the destination.".to_owned(),
            "장비가 목적지를 받았는지 아직 알 수 없습니다.".to_owned(),
        ),
    };
    Sentence::new(en, ko)
}

fn scanned(scan: &ScanView, line: &str) -> Sentence {
    let codes = if scan.codes.is_empty() { "-".to_owned() } else { scan.codes.join(", ") };
    let (en_turn, ko_turn) = match scan.turns {
        0 => (String::new(), String::new()),
        1 => (", after 1 round".to_owned(), ", 1바퀴 후".to_owned()),
        turns => (format!(", after {turns} rounds"), format!(", {turns}바퀴 후")),
    };
    Sentence::new(
        format!("Scanned on {line}: {codes} ({}{en_turn}).", scan.read),
        format!("{line}에서 스캔: {codes} ({}{ko_turn}).", scan.read),
    )
}

fn passed_over(rejected: &[RejectedView]) -> Sentence {
    let name = |row: &RejectedView, words: [&str; 3]| match (row.kind, row.job, &row.chute, row.lane) {
        ("job", Some(job), ..) => format!("{} {}/{job} ({})", words[0], row.core_id.unwrap_or(0), row.reason),
        ("chute", _, Some(chute), _) => format!("{} {chute} ({})", words[1], row.reason),
        (_, _, _, lane) => format!("{} {} ({})", words[2], lane.unwrap_or(0), row.reason),
    };
    if rejected.is_empty() {
        return Sentence::new("Nothing was passed over.", "제외된 후보는 없었습니다.");
    }
    let list = |words: [&str; 3]| rejected.iter().map(|row| name(row, words)).collect::<Vec<_>>().join(", ");
    Sentence::new(
        format!("Passed over: {}.", list(["job", "chute", "lane"])),
        format!("제외된 후보: {}.", list(["작업", "슈트", "레인"])),
    )
}

fn decided(chosen: &ChosenView, deadline: Option<&DeadlineView>) -> Sentence {
    let (en_slack, ko_slack) = match deadline.and_then(|deadline| deadline.slack_ms) {
        Some(ms) if ms >= 0 => (format!(", {ms} ms before it was too late"), format!(", 마감 {ms} ms 전")),
        Some(ms) => (format!(", {} ms after it was too late", -ms), format!(", 마감 {} ms 후", -ms)),
        None => (String::new(), String::new()),
    };
    let reason = chosen.reason;
    match chosen.destination {
        "chute" => {
            let chute = chosen.chute.as_deref().unwrap_or("-");
            let lane = chosen.lane.unwrap_or(0);
            let order = chosen.order.as_deref().unwrap_or("-");
            Sentence::new(
                format!("Destination: chute {chute}, lane {lane}, for order {order}{en_slack}."),
                format!("목적지: 주문 {order}의 {chute} 슈트, {lane}번 레인{ko_slack}."),
            )
        }
        "recirculate" => Sentence::new(
            format!("Destination: round again ({reason}){en_slack}."),
            format!("목적지: 한 바퀴 더 ({reason}){ko_slack}."),
        ),
        "overflow" => Sentence::new(
            format!("Destination: overflow lane {} ({reason}){en_slack}.", chosen.lane.unwrap_or(0)),
            format!("목적지: 오버플로 {}번 레인 ({reason}){ko_slack}.", chosen.lane.unwrap_or(0)),
        ),
        "exception" => Sentence::new(
            format!("Destination: the exception lane ({reason}){en_slack}."),
            format!("목적지: 예외 레인 ({reason}){ko_slack}."),
        ),
        _ => Sentence::new(
            format!(
                "No destination was sent ({reason}){en_slack}: the machine does what it does without an answer."
            ),
            format!("목적지를 보내지 않음 ({reason}){ko_slack}: 장비가 기본 동작을 합니다."),
        ),
    }
}

fn left(exit: &ExitView) -> Sentence {
    let seconds = f64::from(exit.since_scan_ms) / 1_000.0;
    if exit.result == "recirculated" {
        return Sentence::new(
            "It passed all lanes and stayed on the belt.",
            "모든 레인을 지나 벨트에 남았습니다.",
        );
    }
    if exit.lane == 0 {
        return Sentence::new(
            format!("It left at no lane ({}).", exit.result),
            format!("어느 레인으로도 나가지 않았습니다 ({}).", exit.result),
        );
    }
    Sentence::new(
        format!("It left at lane {} ({}) {seconds:.1} s after the scan.", exit.lane, exit.result),
        format!("스캔 {seconds:.1}초 후 {}번 레인으로 나감 ({}).", exit.lane, exit.result),
    )
}

fn ended(outcome: &OutcomeView) -> Sentence {
    let position = outcome.position;
    if let Some(chute) = &outcome.chute {
        let before = outcome.before.as_deref().unwrap_or("-");
        return Sentence::new(
            format!("It ended as {before}; then a person put it into chute {chute}, record {position}."),
            format!("결과가 {before}였고, 이후 작업자가 {chute} 슈트에 넣었습니다, 기록 {position}."),
        );
    }
    let (by, ko_by) = match outcome.judged_by {
        "exit_report" => ("by the exit the machine reported", "장비가 보고한 출구로"),
        "next_scan" => ("by a scan of the same label as another load", "같은 라벨의 다른 화물 스캔으로"),
        "controller" => ("by what the controller of the machine told of itself", "장비 제어기의 상태로"),
        "person" => ("by what a person did", "작업자의 조작으로"),
        "put_aside" => ("by an input that was put aside", "따로 둔 입력으로"),
        _ => ("by the travel of the belt without a word of it", "소식 없이 벨트가 이동한 거리로"),
    };
    Sentence::new(
        format!("Outcome: {} ({}), judged {by}, record {position}.", outcome.outcome, outcome.reason),
        format!("결과: {} ({}), {ko_by} 판정, 기록 {position}.", outcome.outcome, outcome.reason),
    )
}
