//! What a person does: one action for each reason a load may end somewhere else, and one for each alarm, in both
//! languages. Information only: nothing here moves anything, and no action stands for a safety function.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{AlarmCode, Reason};

/// One suggested action.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct Action {
    /// Stable word for programs.
    pub code: &'static str,
    /// In English.
    pub en: &'static str,
    /// In Korean.
    pub ko: &'static str,
}

const fn action(code: &'static str, en: &'static str, ko: &'static str) -> Action {
    Action { code, en, ko }
}

/// Put into its chute and confirmed.
pub const PUT_INTO_CHUTE: Action = action(
    "put_into_chute",
    "put the load into the chute shown and confirm it",
    "표시된 슈트에 화물을 넣고 확인하십시오",
);
/// Put on the belt again.
pub const REINDUCT: Action = action("reinduct", "put the load on the belt again", "화물을 다시 투입하십시오");
/// Not for this batch.
pub const SET_ASIDE: Action = action(
    "set_aside",
    "set the load aside for the supervisor: no running batch takes it",
    "진행 중인 배치에 필요 없는 화물입니다. 따로 두고 관리자에게 알리십시오",
);
/// Still on its way.
pub const WAIT: Action =
    action("wait", "nothing: the load is on the belt", "화물이 아직 벨트 위에 있습니다. 할 일이 없습니다");

/// What to do with a load that ended for this reason.
pub const fn for_reason(reason: Reason) -> Action {
    match reason {
        Reason::NoRead | Reason::BadFormat => action(
            "scan_label",
            "scan or type the label at the exception station; print a new one if it cannot be read",
            "예외 스테이션에서 라벨을 스캔하거나 입력하십시오. 읽을 수 없으면 새로 인쇄하십시오",
        ),
        Reason::MultiRead => action(
            "separate_codes",
            "separate loads that stick together, or cover the wrong code, and put them on the belt again",
            "붙은 화물을 떼거나 다른 바코드를 가린 뒤 다시 투입하십시오",
        ),
        Reason::ScannerDown => action(
            "check_scanner",
            "have the scanner checked, then put the load on the belt again",
            "스캐너를 점검한 뒤 화물을 다시 투입하십시오",
        ),
        Reason::UnknownCode => action(
            "check_order",
            "check whether its order was imported; else set the load aside",
            "주문이 등록되었는지 확인하고, 없으면 따로 두십시오",
        ),
        Reason::BatchNotRunning => action(
            "await_batch",
            "keep the load until its batch is started, then put it on the belt again",
            "배치가 시작될 때까지 보관한 뒤 다시 투입하십시오",
        ),
        Reason::BatchPaused => action(
            "await_resume",
            "keep the load until its batch goes on, then put it on the belt again",
            "배치가 재개될 때까지 보관한 뒤 다시 투입하십시오",
        ),
        Reason::OrderCancelled => action(
            "return_to_stock",
            "return the load to stock: its order was cancelled",
            "주문이 취소되었습니다. 화물을 재고로 되돌리십시오",
        ),
        Reason::OverQuantity | Reason::BatchClosed => SET_ASIDE,
        Reason::NoChute => action(
            "free_chute",
            "empty a finished chute, then put the load on the belt again",
            "완료된 슈트를 비운 뒤 화물을 다시 투입하십시오",
        ),
        Reason::TrackingLost | Reason::EventLost | Reason::PlcRestart | Reason::PlcRestartUnidentified => {
            action(
                "find_load",
                "look for the load along the belt and put it on again, or scan it at the exception station",
                "벨트를 따라 화물을 찾아 다시 투입하거나 예외 스테이션에서 스캔하십시오",
            )
        }
        Reason::FirstChoice
        | Reason::Alternative
        | Reason::Late
        | Reason::Missed
        | Reason::Unexpected
        | Reason::ByHand
        | Reason::Purge
        | Reason::RankedLower => REINDUCT,
        Reason::LaneFull
        | Reason::LaneClosed
        | Reason::LaneFault
        | Reason::WrongLane
        | Reason::InvalidLane
        | Reason::Gap
        | Reason::Quarantined => at_a_lane(reason),
    }
}

/// What to do with a load that had a chute and did not get into it.
const fn at_a_lane(reason: Reason) -> Action {
    match reason {
        Reason::LaneFull => action(
            "change_box",
            "change the full box, then put the load into its chute and confirm it",
            "가득 찬 박스를 교체한 뒤 화물을 슈트에 넣고 확인하십시오",
        ),
        Reason::LaneClosed => action(
            "open_lane",
            "put the lane into service again, then put the load into its chute and confirm it",
            "레인을 다시 열고 화물을 슈트에 넣은 뒤 확인하십시오",
        ),
        Reason::LaneFault => action(
            "repair_lane",
            "report the lane, and put the load into its chute by hand and confirm it",
            "레인 고장을 알리고 화물을 직접 슈트에 넣은 뒤 확인하십시오",
        ),
        Reason::WrongLane => action(
            "move_to_chute",
            "take the load out of the wrong chute, put it into its own and confirm it",
            "잘못 들어간 슈트에서 꺼내 제 슈트에 넣고 확인하십시오",
        ),
        Reason::Quarantined => action(
            "report_defect",
            "book the load by hand and send the log to support",
            "화물을 수동으로 처리하고 로그를 지원팀에 보내십시오",
        ),
        Reason::InvalidLane => action(
            "check_plant_file",
            "put the load into its chute and confirm it; have the plant file checked against the machine",
            "화물을 슈트에 넣고 확인하십시오. 설비 파일과 장비의 레인 설정을 점검하십시오",
        ),
        Reason::Gap => action(
            "space_loads",
            "put the load on the belt again with more space before and behind it",
            "앞뒤 간격을 두고 화물을 다시 투입하십시오",
        ),
        _ => REINDUCT,
    }
}

/// What to do when this alarm is up.
pub const fn for_alarm(code: AlarmCode) -> Action {
    match code {
        AlarmCode::LinkDown => action(
            "check_link",
            "check the network and the power of the controller",
            "제어기의 전원과 네트워크를 확인하십시오",
        ),
        AlarmCode::DeviceFaulted => action(
            "check_device",
            "the controller does not answer as its profile demands: have its program checked",
            "제어기 응답이 프로파일과 다릅니다. 제어기 프로그램을 점검하십시오",
        ),
        AlarmCode::FencedOff => action(
            "check_owner",
            "another daemon owns this machine: stop one of the two",
            "다른 데몬이 이 장비를 제어하고 있습니다. 둘 중 하나를 멈추십시오",
        ),
        AlarmCode::RecordsMissing => action(
            "restore_journal",
            "the journal lacks records that were acknowledged: restore it, or reset the event list of the controller",
            "확인된 기록이 저널에 없습니다. 저널을 복구하거나 제어기의 이벤트 목록을 초기화하십시오",
        ),
        AlarmCode::EventsLost => action(
            "look_for_loads",
            "events were lost: look for loads whose end is not known",
            "이벤트가 유실되었습니다. 행방을 모르는 화물을 찾으십시오",
        ),
        AlarmCode::JournalStalled => action(
            "check_disk",
            "check the disk of the journal: no new loads are fed meanwhile",
            "저널 디스크를 확인하십시오. 그동안 새 화물을 투입하지 않습니다",
        ),
        AlarmCode::ChuteConflict => action(
            "empty_chute",
            "empty the chute, sort its content by hand and confirm that it is empty",
            "슈트를 비우고 내용물을 직접 분류한 뒤 비움을 확인하십시오",
        ),
        AlarmCode::Device => {
            action("see_machine", "look at the panel of the machine", "장비의 조작반을 확인하십시오")
        }
        AlarmCode::SafetyStop => action(
            "reset_at_machine",
            "make the machine safe, reset it at the machine, then start the line",
            "장비의 안전을 확인하고 장비에서 직접 복구한 뒤 라인을 시작하십시오",
        ),
        AlarmCode::NoChute => action("free_chute", "empty a finished chute", "완료된 슈트를 비우십시오"),
        AlarmCode::TableFull
        | AlarmCode::SelfStall
        | AlarmCode::AlarmFlood
        | AlarmCode::AlarmListFull
        | AlarmCode::Quarantined => for_own_alarm(code),
    }
}

/// What to do when this program tells of itself: of its bounds, its host or a defect.
const fn for_own_alarm(code: AlarmCode) -> Action {
    match code {
        AlarmCode::TableFull => action(
            "reduce_loads",
            "feed fewer loads: there is no room to follow more",
            "추적할 수 있는 화물 수를 넘었습니다. 투입을 줄이십시오",
        ),
        AlarmCode::SelfStall => action(
            "check_host",
            "check the load of this computer: the control program came late",
            "이 컴퓨터의 부하를 확인하십시오. 제어 프로그램이 지연되었습니다",
        ),
        AlarmCode::AlarmFlood => action(
            "see_first_alarm",
            "act on the first alarm of the line: the others came with it",
            "라인의 첫 번째 알람부터 조치하십시오. 나머지는 함께 발생한 알람입니다",
        ),
        AlarmCode::AlarmListFull => action(
            "clear_alarms",
            "alarms came that could not be listed: look at the machines, and clear what is listed",
            "목록에 넣지 못한 알람이 있습니다. 장비를 직접 확인하고 목록의 알람을 조치하십시오",
        ),
        _ => action(
            "report_defect",
            "book what comes to the exception lane by hand and send the log to support",
            "예외 레인의 화물을 수동으로 처리하고 로그를 지원팀에 보내십시오",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_told_in_both_languages() {
        let reasons = Reason::ALL.iter().map(|reason| for_reason(*reason));
        let alarms = AlarmCode::ALL.iter().map(|code| for_alarm(*code));
        for action in reasons.chain(alarms) {
            assert!(!action.en.is_empty() && action.en.is_ascii(), "{action:?}");
            assert!(action.ko.chars().any(|letter| ('가'..='힣').contains(&letter)), "{action:?}");
        }
    }
}
