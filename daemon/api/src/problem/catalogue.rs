//! Every code a problem may have, with its status and its texts in both languages. Codes are stable: programs depend
//! on them. `{name}` in a detail is filled with the member of that name.

use axum::http::StatusCode;

use super::Language;

/// What people read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Texts {
    /// The same for every problem of a code.
    pub title: &'static str,
    /// With places for members.
    pub detail: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:literal, $code:literal, $title:literal, $detail:literal, $ko_title:literal, $ko_detail:literal;)+) => {
        /// Code of a problem.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum ProblemCode {
            $(#[doc = $title] $name,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as programs read it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Status of the answer.
            pub fn status(self) -> StatusCode {
                let number = match self { $(Self::$name => $status,)+ };
                StatusCode::from_u16(number).expect("the statuses below are statuses")
            }

            /// What people read.
            pub const fn texts(self, language: Language) -> Texts {
                match (self, language) {
                    $((Self::$name, Language::English) => Texts { title: $title, detail: $detail },
                    (Self::$name, Language::Korean) => Texts { title: $ko_title, detail: $ko_detail },)+
                }
            }
        }
    };
}

problems! {
    // --- the request as such
    RouteNotFound = 404, "route.not_found",
        "There is no such path", "nothing is at {path}",
        "경로가 없습니다", "{path} 에는 아무것도 없습니다";
    MethodNotAllowed = 405, "method.not_allowed",
        "The path does not take this method", "{path} does not take {method}",
        "이 경로에서는 쓸 수 없는 메서드입니다", "{path} 는 {method} 를 받지 않습니다";
    QueryInvalid = 400, "query.invalid",
        "The query is wrong", "{cause}",
        "쿼리가 잘못되었습니다", "쿼리를 읽을 수 없습니다: {cause}";
    CursorInvalid = 400, "cursor.invalid",
        "The cursor is none of this list", "take next_cursor of the page before as it is, or leave it out",
        "이 목록의 커서가 아닙니다", "앞 페이지의 next_cursor 를 그대로 쓰거나 빼십시오";
    PathInvalid = 400, "path.invalid",
        "The path is wrong", "{cause}",
        "경로가 잘못되었습니다", "경로를 읽을 수 없습니다: {cause}";
    HeaderInvalid = 400, "header.invalid",
        "A header is wrong", "{cause}",
        "헤더가 잘못되었습니다", "헤더를 읽을 수 없습니다: {cause}";
    MediaTypeUnsupported = 415, "media_type.unsupported",
        "The body is of another media type", "this takes {accepted}",
        "지원하지 않는 형식의 본문입니다", "{accepted} 형식만 받습니다";
    BodyTooLarge = 413, "body.too_large",
        "The body is too large", "at most {most} bytes are taken",
        "본문이 너무 큽니다", "최대 {most} 바이트까지 받습니다";
    BodySlow = 408, "body.slow",
        "The body came too slowly", "a body must be here within {seconds} s",
        "본문이 너무 늦게 왔습니다", "본문은 {seconds} 초 안에 와야 합니다";
    BodyBroken = 400, "body.broken",
        "The body broke off", "{cause}",
        "본문이 중간에 끊겼습니다", "본문을 끝까지 받지 못했습니다: {cause}";
    BodyNotText = 400, "body.not_text",
        "The body is not UTF-8", "the byte at {offset} is not UTF-8",
        "본문이 UTF-8 이 아닙니다", "{offset} 번째 바이트가 UTF-8 이 아닙니다";
    BodyMalformed = 400, "body.malformed",
        "The body is not JSON", "{cause}",
        "본문이 JSON 이 아닙니다", "JSON 으로 읽을 수 없습니다: {cause}";
    BodyInvalid = 422, "body.invalid",
        "The body is not what is wanted", "errors say where and what",
        "본문의 내용이 맞지 않습니다", "errors 에 위치와 이유가 있습니다";
    BodyUnexpected = 400, "body.unexpected",
        "There must be no body", "this request takes no body",
        "본문이 없어야 합니다", "이 요청은 본문을 받지 않습니다";
    IdempotencyMismatch = 409, "idempotency.mismatch",
        "The idempotency key was used for another request", "use a new key for a new request",
        "다른 요청에 쓰인 멱등 키입니다", "새 요청에는 새 키를 쓰십시오";
    IdempotencyOpen = 409, "idempotency.open",
        "The same request is being carried out", "ask again with the same key",
        "같은 요청을 처리하고 있습니다", "같은 키로 다시 요청하십시오";
    PositionAhead = 202, "position.ahead",
        "The store does not reflect that record yet", "record {position} is asked for, {reflected} is reflected",
        "저장소에 아직 반영되지 않은 기록입니다", "기록 {position} 을 요청했고 {reflected} 까지 반영되었습니다";

    // --- who cannot answer now
    StoreUnavailable = 503, "store.unavailable",
        "The database cannot be used now", "{cause}; lines are not affected",
        "지금은 데이터베이스를 쓸 수 없습니다", "{cause}; 라인에는 영향이 없습니다";
    ControlBusy = 503, "control.busy",
        "The control core has no room for more requests", "nothing was done; ask again",
        "제어 코어가 요청을 더 받을 수 없습니다", "아무것도 하지 않았습니다. 다시 요청하십시오";
    ControlNotDurable = 503, "control.not_durable",
        "The request was taken and is not on disk yet", "it may have been carried out; the same request again is safe",
        "요청을 받았으나 아직 디스크에 기록되지 않았습니다", "처리되었을 수 있습니다. 같은 요청을 다시 보내도 안전합니다";
    ControlStopping = 503, "control.stopping",
        "The daemon is stopping", "ask again when it runs",
        "데몬이 멈추는 중입니다", "다시 실행된 뒤에 요청하십시오";
    ServerBusy = 503, "server.busy",
        "Too many requests at once", "at most {most} requests are worked on at once",
        "동시 요청이 너무 많습니다", "동시에 최대 {most} 개의 요청을 처리합니다";
    Internal = 500, "internal",
        "A defect of this program", "the log says more",
        "프로그램의 결함입니다", "로그에 자세한 내용이 있습니다";

    // --- what the core refuses
    ControlRefused = 409, "control.refused",
        "The control core refused", "{refusal}",
        "제어 코어가 거절했습니다", "거절 사유: {refusal}";
    LineNotFound = 404, "line.not_found",
        "There is no such line", "the plant has no such line",
        "라인이 없습니다", "이 설비에는 그런 라인이 없습니다";
    ChuteNotFound = 404, "chute.not_found",
        "There is no such chute", "the plant has no such chute",
        "슈트가 없습니다", "이 설비에는 그런 슈트가 없습니다";
    LabelNotFound = 404, "label.not_found",
        "No load with that label waits for a person", "the label is unknown, or its load is not at an exception lane",
        "그 라벨로 대기 중인 화물이 없습니다", "라벨을 모르거나 화물이 예외 레인에 없습니다";
    ChuteWrong = 409, "chute.wrong",
        "The chute belongs to another class", "the load goes into another chute",
        "다른 분류의 슈트입니다", "이 화물은 다른 슈트로 가야 합니다";
    ChuteNotClosing = 409, "chute.not_closing",
        "The chute does not wait to be emptied", "its class is not finished, or it was emptied before",
        "비우기를 기다리는 슈트가 아닙니다", "분류가 끝나지 않았거나 이미 비웠습니다";
    ChutesTooFew = 409, "chutes.too_few",
        "There are more orders than chutes", "{classes} orders need a chute, {chutes} can be used",
        "주문이 슈트보다 많습니다", "슈트가 필요한 주문은 {classes} 개, 쓸 수 있는 슈트는 {chutes} 개입니다";

    InductionNotFound = 404, "induction.not_found",
        "There is no such induction", "inductions have numbers from 1 to {highest}",
        "투입구가 없습니다", "투입구 번호는 1 부터 {highest} 까지입니다";
    ChuteMustStayOpen = 409, "chute.must_stay_open",
        "The chute must stay open", "the sorter has nowhere else to put loads that cannot be read or need a person",
        "닫을 수 없는 슈트입니다", "읽지 못했거나 사람이 필요한 화물을 보낼 곳이 이 슈트뿐입니다";
    BoxNone = 409, "box.none",
        "There is no box to be closed", "the chute has no order",
        "닫을 박스가 없습니다", "이 슈트에는 주문이 없습니다";
    BoxStands = 409, "box.stands",
        "Another box stands there", "close it first",
        "다른 박스가 놓여 있습니다", "먼저 그 박스를 닫으십시오";
    BoxTaken = 409, "box.taken",
        "A box with this code stands elsewhere", "it stands at the chute of number {chute}",
        "같은 코드의 박스가 다른 곳에 있습니다", "번호 {chute} 슈트에 있습니다";

    // --- alarms
    AlarmNotFound = 404, "alarm.not_found",
        "There is no such alarm", "no alarm {alarm} is listed: it has gone and somebody knows of it, or it never was",
        "알람이 없습니다", "알람 {alarm} 은 목록에 없습니다. 해소되어 확인되었거나 존재하지 않습니다";
    AlarmShelved = 409, "alarm.shelved",
        "The alarm is shelved", "take alarm {alarm} off the shelf first",
        "보류된 알람입니다", "먼저 알람 {alarm} 의 보류를 해제하십시오";
    AlarmNotShelvable = 409, "alarm.not_shelvable",
        "The alarm cannot be put away", "alarm {alarm} is critical",
        "보류할 수 없는 알람입니다", "알람 {alarm} 은 긴급 알람입니다";
    AlarmCommentsFull = 409, "alarm.comments_full",
        "The alarm has as many comments as are kept", "nothing was added to alarm {alarm}",
        "알람의 의견이 가득 찼습니다", "알람 {alarm} 에 더 추가할 수 없습니다";

    // --- loads, records and figures
    LoadNotFound = 404, "load.not_found",
        "There is no such load", "no record tells of load {load}",
        "화물이 없습니다", "{load} 화물에 대한 기록이 없습니다";
    LoadSearchLong = 503, "load.search_long",
        "The search would take too long", "records {from} to {through} are not indexed yet; ask again in a minute",
        "찾는 데 너무 오래 걸립니다", "기록 {from} ~ {through}이 아직 색인되지 않았습니다. 1분 후 다시 요청하십시오";
    RecordsUnreadable = 503, "records.unreadable",
        "The journal cannot be read", "{cause}",
        "저널을 읽을 수 없습니다", "이유: {cause}";
    MetricNotFound = 404, "metric.not_found",
        "There is no such figure", "there is no figure {metric} with that tag",
        "그런 지표가 없습니다", "해당 태그의 지표 {metric} 이 없습니다";

    // --- orders
    OrderNotFound = 404, "order.not_found",
        "There is no such order", "no order {number} of owner {owner} is stored",
        "주문이 없습니다", "화주 {owner} 의 주문 {number} 이 없습니다";
    OrderDiffers = 409, "order.differs",
        "Another content is stored under this order number", "difference says where order {number} of owner {owner} differs; nothing was changed",
        "같은 주문 번호에 다른 내용이 저장되어 있습니다", "화주 {owner} 의 주문 {number} 이 어디서 다른지 difference 에 있습니다. 아무것도 바꾸지 않았습니다";
    OrderRefused = 422, "order.refused",
        "The order cannot be stored", "{reason}",
        "주문을 저장할 수 없습니다", "거절 사유: {reason}";
    OrderOver = 409, "order.over",
        "The order is over", "the order is {state}",
        "이미 끝난 주문입니다", "주문 상태: {state}";
    OrderSorted = 409, "order.sorted",
        "Nothing of the order is left to be cancelled", "{picked} pieces are in their chute, {on_belt} loads on the belt",
        "취소할 것이 남아 있지 않은 주문입니다", "{picked} 개가 슈트에 있고 화물 {on_belt} 개가 벨트 위에 있습니다";
    FileRefused = 422, "file.refused",
        "The order file cannot be taken", "{cause}",
        "주문 파일을 받을 수 없습니다", "받지 않은 이유: {cause}";
    MappingNotFound = 404, "mapping.not_found",
        "There is no such mapping", "mappings are: {known}",
        "매핑이 없습니다", "쓸 수 있는 매핑: {known}";

    // --- batches
    BatchNotFound = 404, "batch.not_found",
        "There is no such batch", "there is no batch {batch}",
        "배치가 없습니다", "배치 {batch} 이 없습니다";
    BatchWrongState = 409, "batch.wrong_state",
        "The state of the batch does not allow it", "batch {batch} is {state}; this needs it {needed}",
        "배치 상태에서 할 수 없는 요청입니다", "배치 {batch} 의 상태는 {state} 이며, {needed} 상태여야 합니다";
    BatchUnfinished = 409, "batch.unfinished",
        "Work of the batch is unfinished", "{unfinished} jobs are unfinished; close it forced to list what is missing",
        "배치에 끝나지 않은 작업이 있습니다", "끝나지 않은 작업이 {unfinished} 개 있습니다. 강제로 닫으면 부족한 것이 목록에 남습니다";
    BatchReferenceTaken = 409, "batch.reference_taken",
        "Another batch has this reference", "batch {batch} has it, and its {field} differs",
        "이미 쓰인 배치 참조입니다", "배치 {batch} 이 쓰고 있으며 {field} 가 다릅니다";
    BatchOrders = 409, "batch.orders",
        "Orders cannot be in the batch", "{count} orders cannot be in the batch; orders say which and why; nothing was changed",
        "배치에 넣을 수 없는 주문이 있습니다", "넣을 수 없는 주문이 {count} 개 있습니다. orders 에 이유가 있습니다. 아무것도 바꾸지 않았습니다";
    BatchEmpty = 409, "batch.empty",
        "The batch has no orders", "add orders first",
        "배치에 주문이 없습니다", "먼저 주문을 넣으십시오";
    BatchPlan = 422, "batch.plan",
        "The batch cannot be planned so", "{cause}",
        "배치를 그렇게 계획할 수 없습니다", "이유: {cause}";
    BatchAdding = 409, "batch.adding",
        "Orders are being added to the batch", "another request adds orders to batch {batch}; ask again",
        "배치에 주문을 추가하는 중입니다", "다른 요청이 배치 {batch} 에 주문을 추가하고 있습니다. 다시 요청하십시오";
    BatchOtherToken = 409, "batch.other_token",
        "The start was asked with another token", "batch {batch} was started with another token before",
        "다른 토큰으로 시작을 요청한 배치입니다", "배치 {batch} 은 이미 다른 토큰으로 시작되었습니다";

    // --- shifts
    ShiftNotFound = 404, "shift.not_found",
        "There is no such shift", "the business day {business_day} has no shift {shift}, or it was not closed",
        "근무조가 없습니다", "영업일 {business_day} 에 근무조 {shift} 가 없거나 아직 마감하지 않았습니다";
    ShiftNotBegun = 409, "shift.not_begun",
        "The shift has not begun", "the shift {shift} of {business_day} begins at {start}",
        "아직 시작하지 않은 근무조입니다", "{business_day} 의 근무조 {shift} 는 {start} 에 시작합니다";
}
