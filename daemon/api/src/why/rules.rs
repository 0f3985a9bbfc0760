//! The rules of the core in words: by what a destination was chosen. A rule is known by its destination and reason, which
//! stand in the decision.

use wcs_types::{Destination, Reason};

use super::{RuleView, Sentence};

/// The rule behind a decision; `is_bound_now` when the same record bound the chute.
pub(super) fn of(destination: Destination, reason: Reason, is_bound_now: bool) -> RuleView {
    let (name, en, ko) = match (destination, reason) {
        (Destination::Chute { .. }, _) if is_bound_now => (
            "chute_at_first_scan",
            "the first load of an order takes the lowest free chute that can be used",
            "주문의 첫 화물은 사용할 수 있는 가장 낮은 빈 슈트를 받습니다",
        ),
        (Destination::Chute { .. }, _) => (
            "chute_of_order",
            "a load goes to the chute of its order, to the first of its lanes that takes loads",
            "화물은 주문의 슈트로, 화물을 받는 첫 레인으로 갑니다",
        ),
        (Destination::Recirculate, Reason::BatchPaused) => (
            "paused_goes_round",
            "while its batch is paused a load goes round, as often as the machine allows",
            "배치가 일시 정지된 동안 화물은 장비가 허용하는 만큼 다시 돕니다",
        ),
        (Destination::Recirculate, _) => (
            "no_chute_goes_round",
            "without a chute a load goes round, as often as the machine allows",
            "슈트가 없는 화물은 장비가 허용하는 만큼 다시 돕니다",
        ),
        (Destination::Overflow { .. }, _) => (
            "rounds_used_up",
            "a load that still has no chute after its last round goes to overflow",
            "마지막 바퀴 후에도 슈트가 없는 화물은 오버플로로 갑니다",
        ),
        (Destination::Exception, _) => (
            "exception_lane",
            "a load that no job can take now goes to the exception lane, where a person looks at it",
            "지금 받을 작업이 없는 화물은 작업자가 확인하는 예외 레인으로 갑니다",
        ),
        (Destination::Unanswered, Reason::Late) => (
            "late_is_not_answered",
            "a destination is not sent after its last useful instant",
            "마감이 지난 목적지는 보내지 않습니다",
        ),
        (
            Destination::Unanswered,
            Reason::NoRead | Reason::MultiRead | Reason::BadFormat | Reason::ScannerDown,
        ) => (
            "not_read_is_not_answered",
            "a load whose label was not read gets no destination: the machine takes it to its no-read lane",
            "라벨을 읽지 못한 화물에는 목적지를 주지 않습니다. 장비가 미판독 레인으로 보냅니다",
        ),
        (Destination::Unanswered, _) => {
            ("not_answered", "there was no destination to give", "줄 목적지가 없었습니다")
        }
    };
    RuleView { name, text: Sentence::new(en, ko) }
}
