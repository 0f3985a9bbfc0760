//! What would have changed where a load went. Nothing is tried out: each sentence follows from a candidate that was passed
//! over with its reason, from a deadline with what was left of it, or from what the machine reported.

use wcs_types::Plant;

use super::{ChosenView, ExitView, OtherwiseView, OutcomeView, Pass, RejectedView, Sentence};

/// The sentences, pass by pass; each is said once.
pub(super) fn of(passes: &[Pass], outcome: Option<&OutcomeView>, plant: &Plant) -> Vec<OtherwiseView> {
    let mut said = Said(Vec::new());
    for pass in passes {
        said.read(pass);
        said.deadline(pass);
        said.candidates(pass, plant);
        said.command(pass);
        if let Some(exit) = &pass.exit {
            said.exit(exit);
        }
    }
    if let Some(outcome) = outcome {
        said.end(outcome);
    }
    if said.0.is_empty()
        && let Some(slack) = last_slack(passes)
    {
        said.add(
            "nothing",
            format!(
                "nothing that was considered would have changed it; an answer more than {slack} ms later would have been \
                 too late"
            ),
            format!("검토된 것 중 결과를 바꿀 것은 없었습니다. 응답이 {slack} ms보다 더 늦었다면 마감을 넘겼을 것입니다"),
        );
    }
    said.0
}

fn last_slack(passes: &[Pass]) -> Option<i64> {
    let sent = passes.iter().rev().find(|pass| pass.actuation.is_some())?;
    sent.deadline.as_ref()?.slack_ms.filter(|ms| *ms >= 0)
}

struct Said(Vec<OtherwiseView>);

impl Said {
    fn add(&mut self, kind: &'static str, en: impl Into<String>, ko: impl Into<String>) {
        let text = Sentence::new(en, ko);
        if !self.0.iter().any(|known| known.text == text) {
            self.0.push(OtherwiseView { kind, text });
        }
    }

    /// A label that was not read.
    fn read(&mut self, pass: &Pass) {
        let Some(scan) = pass.scan.as_ref() else { return };
        match scan.read {
            "no_read" | "bad_format" => self.add(
                "read",
                "had the label been read, the job of the load would have been looked for, and its chute",
                "라벨을 읽었다면 화물의 작업과 슈트를 찾았을 것입니다",
            ),
            "multi_read" => self.add(
                "read",
                format!(
                    "had only one of the codes {} been in sight, its job would have been looked for",
                    scan.codes.join(", ")
                ),
                format!("코드 {} 중 하나만 보였다면 그 작업을 찾았을 것입니다", scan.codes.join(", ")),
            ),
            "scanner_down" => self.add(
                "read",
                "had the scanner worked, the job of the load would have been looked for, and its chute",
                "스캐너가 작동했다면 화물의 작업과 슈트를 찾았을 것입니다",
            ),
            _ => {}
        }
    }

    /// An answer that was too late.
    fn deadline(&mut self, pass: &Pass) {
        let Some(deadline) = pass.deadline.as_ref() else { return };
        let is_late = deadline.is_late
            || deadline.late_ms.is_some()
            || pass.chosen.as_ref().is_some_and(|chosen| chosen.reason == "late");
        if !is_late {
            return;
        }
        if deadline.is_late_by_self_stall {
            self.add(
                "earlier",
                "had the control program not stood still, the answer would have been in time",
                "제어 프로그램이 멈추지 않았다면 응답이 늦지 않았을 것입니다",
            );
        }
        // At the deadline itself it is too late: one millisecond more is in time for certain.
        let (written, told) = (deadline.late_ms, deadline.slack_ms.filter(|ms| *ms < 0));
        match (written, told.map(i64::unsigned_abs)) {
            (Some(ms), _) => self.add(
                "earlier",
                // The record tells when the link had given it up, which it did then or before.
                format!(
                    "had the destination been written earlier, by {} ms at most, it would have met its deadline",
                    ms + 1
                ),
                format!("목적지를 길어도 {} ms 더 일찍 전송했다면 마감을 지켰을 것입니다", ms + 1),
            ),
            (None, Some(ms)) => self.add(
                "earlier",
                format!("had the scan been told {} ms earlier, it would have been answered in time", ms + 1),
                format!("스캔이 {} ms 더 일찍 전달되었다면 제때 응답했을 것입니다", ms + 1),
            ),
            // The point had passed before the scan could be read, or the record of the scan is not there.
            (None, None) if pass.chosen.as_ref().is_some_and(|chosen| chosen.destination == "unanswered") => {
                self.add(
                    "earlier",
                    "had the scan been told earlier, it would have been answered in time",
                    "스캔이 더 일찍 전달되었다면 제때 응답했을 것입니다",
                );
            }
            (None, None) => self.add(
                "earlier",
                "had the destination reached the machine earlier, it would have been applied",
                "목적지가 장비에 더 일찍 도착했다면 적용되었을 것입니다",
            ),
        }
    }

    /// Jobs, chutes and lanes that were passed over.
    fn candidates(&mut self, pass: &Pass, plant: &Plant) {
        let Some(chosen) = pass.chosen.as_ref() else { return };
        let has_chute = chosen.destination == "chute";
        for row in &pass.rejected {
            match row.kind {
                "job" if !has_chute => self.job(row),
                "chute" => self.chute(row, chosen),
                "lane" => self.lane(row, chosen, plant),
                _ => {}
            }
        }
        let is_alone = !pass.rejected.iter().any(|row| row.kind != "lane");
        match chosen.reason {
            "no_chute" if is_alone => self.add(
                "chute",
                "had one chute been free, the order of the load would have been bound to it and the load sent there",
                "빈 슈트가 하나 있었다면 주문을 그 슈트에 배정하고 화물을 보냈을 것입니다",
            ),
            "unknown_code" => self.add(
                "job",
                "had a job of a running batch on this line had its code, the load would have been sent to its chute",
                "이 라인에서 실행 중인 배치의 작업에 그 코드가 있었다면 화물을 그 슈트로 보냈을 것입니다",
            ),
            "batch_paused" if is_alone => self.add(
                "job",
                "had its batch not been paused, the load would have been sent to the chute of its order",
                "배치가 일시 정지되지 않았다면 화물을 주문의 슈트로 보냈을 것입니다",
            ),
            "order_cancelled" if is_alone => self.add(
                "job",
                "had its order not been cancelled, the load would have been sent to its chute",
                "주문이 취소되지 않았다면 화물을 그 슈트로 보냈을 것입니다",
            ),
            _ => {}
        }
    }

    fn job(&mut self, row: &RejectedView) {
        let name = format!("{}/{}", row.core_id.unwrap_or(0), row.job.unwrap_or(0));
        let (en, ko) = match row.reason {
            "over_quantity" => (
                format!(
                    "had one more piece of job {name} been missing, the load would have been taken for it"
                ),
                format!("작업 {name}에 부족한 수량이 더 있었다면 화물을 그 작업에 썼을 것입니다"),
            ),
            "batch_paused" => (
                format!("had the batch of job {name} not been paused, the load would have been taken for it"),
                format!("작업 {name}의 배치가 일시 정지되지 않았다면 화물을 그 작업에 썼을 것입니다"),
            ),
            "batch_not_running" => (
                format!("had the batch of job {name} been running, the load would have been taken for it"),
                format!("작업 {name}의 배치가 실행 중이었다면 화물을 그 작업에 썼을 것입니다"),
            ),
            "order_cancelled" => (
                format!(
                    "had the order of job {name} not been cancelled, the load would have been taken for it"
                ),
                format!("작업 {name}의 주문이 취소되지 않았다면 화물을 그 작업에 썼을 것입니다"),
            ),
            _ => return,
        };
        self.add("job", en, ko);
    }

    fn chute(&mut self, row: &RejectedView, chosen: &ChosenView) {
        let chute = row.chute.as_deref().unwrap_or("-");
        let (en, ko) = not_so(row.reason);
        let end = match (&chosen.chute, chosen.destination) {
            (Some(other), _) => (format!("instead of {other}"), format!("{other} 대신 "), ""),
            (None, "recirculate") => (
                "and the load sent there instead of round again".to_owned(),
                String::new(),
                " 한 바퀴 더 돌리지 않고 보냈을 것입니다",
            ),
            (None, _) => ("and the load sent there".to_owned(), String::new(), " 화물을 보냈을 것입니다"),
        };
        self.add(
            "chute",
            format!(
                "had chute {chute} not been {en}, the order of the load would have been bound to it {}",
                end.0
            ),
            match end.2 {
                "" => format!("{chute} 슈트가 {ko} 않았다면 주문을 {}그 슈트에 배정했을 것입니다", end.1),
                sent => format!("{chute} 슈트가 {ko} 않았다면 주문을 그 슈트에 배정하고{sent}"),
            },
        );
    }

    /// A lane only counts where it stands before the one that was chosen.
    fn lane(&mut self, row: &RejectedView, chosen: &ChosenView, plant: &Plant) {
        let (Some(lane), Some(taken), Some(chute)) = (row.lane, chosen.lane, chosen.chute.as_deref()) else {
            return;
        };
        let lanes = plant.chutes.iter().find(|spec| spec.id == chute).map(|spec| spec.lanes.as_slice());
        let place = |of: u16| lanes.unwrap_or_default().iter().position(|lane| lane.0 == of);
        let (en, ko) = not_so(row.reason);
        if lane == taken {
            self.add(
                "lane",
                format!("had lane {lane} not been {en}, nothing would have stood in its way there"),
                format!("{lane}번 레인이 {ko} 않았다면 그곳에 장애가 없었을 것입니다"),
            );
        } else if place(lane).is_some_and(|at| place(taken).is_some_and(|other| at < other)) {
            self.add(
                "lane",
                format!("had lane {lane} not been {en}, it would have been the first choice instead of lane {taken}"),
                format!("{lane}번 레인이 {ko} 않았다면 {taken}번 레인 대신 첫 선택이었을 것입니다"),
            );
        }
    }

    /// A destination that did not come through.
    fn command(&mut self, pass: &Pass) {
        let Some(actuation) = pass.actuation.as_ref() else { return };
        let cause = actuation.cause.as_deref();
        match (actuation.state, cause) {
            ("not_written", Some("queue_full")) => self.add(
                "machine",
                "had the queue to the machine had room, the destination would have been written",
                "장비로 가는 대기열에 자리가 있었다면 목적지를 전송했을 것입니다",
            ),
            ("not_written", Some("not_ready")) => self.add(
                "machine",
                "had the link to the machine been ready, the destination would have been written",
                "장비와의 연결이 준비되어 있었다면 목적지를 전송했을 것입니다",
            ),
            ("refused", Some(code)) if code != "late" => self.add(
                "machine",
                format!("had the machine not refused the destination ({code}), it would have been applied"),
                format!("장비가 목적지를 거부({code})하지 않았다면 적용되었을 것입니다"),
            ),
            _ => {}
        }
    }

    /// What the machine reported of the exit.
    fn exit(&mut self, exit: &ExitView) {
        let lane = exit.requested;
        let (en, ko) = match exit.result {
            "missed" => (
                format!("had the diverter of lane {lane} caught the load, it would have left there"),
                format!("{lane}번 레인의 다이버터가 화물을 잡았다면 그곳으로 나갔을 것입니다"),
            ),
            "lane_full" => (
                format!("had lane {lane} had room when the load came to it, it would have left there"),
                format!("화물이 도착했을 때 {lane}번 레인에 자리가 있었다면 그곳으로 나갔을 것입니다"),
            ),
            "lane_fault" => (
                format!("had lane {lane} had no fault when the load came to it, it would have left there"),
                format!("화물이 도착했을 때 {lane}번 레인에 고장이 없었다면 그곳으로 나갔을 것입니다"),
            ),
            "gap" => (
                "had it kept its distance to its neighbour, it would have been diverted".to_owned(),
                "앞뒤 화물과 간격을 지켰다면 분류되었을 것입니다".to_owned(),
            ),
            _ => return,
        };
        self.add("machine", en, ko);
    }

    fn end(&mut self, outcome: &OutcomeView) {
        let (en, ko) = match outcome.reason {
            "plc_restart" | "plc_restart_unidentified" => (
                "had the controller of the machine not restarted, the load would have been followed to its exit"
                    .to_owned(),
                "장비 제어기가 다시 시작되지 않았다면 출구까지 추적했을 것입니다".to_owned(),
            ),
            "tracking_lost" => (
                "had the machine told of its exit, the load would have been booked there".to_owned(),
                "장비가 출구를 보고했다면 그곳으로 기록되었을 것입니다".to_owned(),
            ),
            _ => match (&outcome.chute, &outcome.before) {
                (Some(chute), Some(before)) => {
                    let (en, ko) = (
                        format!(
                            "had no person put it into chute {chute}, it would still count as {before}, and its pieces \
                             as missing"
                        ),
                        format!("작업자가 {chute} 슈트에 넣지 않았다면 여전히 {before}이고 수량이 부족했을 것입니다"),
                    );
                    return self.add("person", en, ko);
                }
                _ => return,
            },
        };
        self.add("machine", en, ko);
    }
}

/// A reason against a lane or chute, after "had it not been" in both languages.
fn not_so(reason: &str) -> (&str, &'static str) {
    match reason {
        "lane_full" => ("full", "가득 차지"),
        "lane_closed" => ("closed", "닫혀 있지"),
        "lane_fault" => ("faulty", "고장 나지"),
        other => (other, "제외되지"),
    }
}
