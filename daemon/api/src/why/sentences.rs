//! The chain from scan to outcome as sentences, in English and Korean.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{LoadKey, Plant};

use super::{ChosenView, ExitView, OutcomeView, Pass, RejectedView, ScanView};
use crate::event::line_name;

/// One sentence in both languages.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
pub struct Sentence {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Sentence {
    fn new(en: impl Into<String>, ko: impl Into<String>) -> Self {
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
    plant: &Plant,
    key: LoadKey,
) -> Vec<Sentence> {
    let line = line_name(plant, key.line);
    let mut said = Vec::new();
    for pass in passes {
        if let Some(scan) = &pass.scan {
            said.push(scanned(scan, &line));
        }
        if !pass.rejected.is_empty() {
            said.push(passed_over(&pass.rejected));
        }
        if let Some(binding) = &pass.binding {
            said.push(Sentence::new(
                format!(
                    "Chute {} was bound to order {} in record {}.",
                    binding.chute, binding.order, binding.position
                ),
                format!(
                    "슈트 {}는 기록 {}에서 주문 {}에 배정되었습니다.",
                    binding.chute, binding.position, binding.order
                ),
            ));
        }
        if let Some(chosen) = &pass.chosen {
            said.push(sent(chosen, pass.deadline.as_ref().and_then(|deadline| deadline.slack_ms)));
        }
        if let Some(deadline) = pass.deadline.as_ref().filter(|deadline| deadline.is_late) {
            said.push(if deadline.is_late_by_self_stall {
                Sentence::new(
                    "The answer came too late because the control program stood still.",
                    "제어 프로그램이 멈춰 있어 응답이 늦었습니다.",
                )
            } else {
                Sentence::new("The answer came too late to be applied.", "응답이 늦어 적용되지 않았습니다.")
            });
        }
        if let Some(exit) = &pass.exit {
            said.push(left(exit));
        }
    }
    said.push(ended(outcome));
    said
}

fn scanned(scan: &ScanView, line: &str) -> Sentence {
    let codes = if scan.codes.is_empty() { "-".to_owned() } else { scan.codes.join(", ") };
    let (en_turn, ko_turn) = match scan.turns {
        0 => (String::new(), String::new()),
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
    let list = |words: [&str; 3]| rejected.iter().map(|row| name(row, words)).collect::<Vec<_>>().join(", ");
    Sentence::new(
        format!("Passed over: {}.", list(["job", "chute", "lane"])),
        format!("제외된 후보: {}.", list(["작업", "슈트", "레인"])),
    )
}

fn sent(chosen: &ChosenView, slack_ms: Option<i64>) -> Sentence {
    let (en_slack, ko_slack) = match slack_ms {
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
                format!("Sent to chute {chute}, lane {lane}, for order {order}{en_slack}."),
                format!("주문 {order}의 슈트 {chute}, 레인 {lane}으로 보냄{ko_slack}."),
            )
        }
        "recirculate" => Sentence::new(
            format!("Sent round again ({reason}){en_slack}."),
            format!("한 바퀴 더 돌림 ({reason}){ko_slack}."),
        ),
        "overflow" => Sentence::new(
            format!("Sent to overflow lane {} ({reason}){en_slack}.", chosen.lane.unwrap_or(0)),
            format!("오버플로 레인 {}으로 보냄 ({reason}){ko_slack}.", chosen.lane.unwrap_or(0)),
        ),
        "exception" => Sentence::new(
            format!("Sent to the exception lane ({reason}){en_slack}."),
            format!("예외 레인으로 보냄 ({reason}){ko_slack}."),
        ),
        _ => Sentence::new(
            format!("Not answered ({reason}): the machine does what it does without an answer."),
            format!("응답하지 않음 ({reason}): 장비가 기본 동작을 합니다."),
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
        format!("스캔 {seconds:.1}초 후 레인 {}으로 나감 ({}).", exit.lane, exit.result),
    )
}

fn ended(outcome: Option<&OutcomeView>) -> Sentence {
    match outcome {
        None => Sentence::new("It is on the belt.", "벨트 위에 있습니다."),
        Some(OutcomeView { chute: Some(chute), .. }) => Sentence::new(
            format!("A person put it into chute {chute}."),
            format!("작업자가 슈트 {chute}에 넣었습니다."),
        ),
        Some(outcome) => Sentence::new(
            format!("Outcome: {} ({}).", outcome.outcome, outcome.reason),
            format!("결과: {} ({}).", outcome.outcome, outcome.reason),
        ),
    }
}
