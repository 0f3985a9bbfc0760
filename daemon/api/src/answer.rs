//! What handlers of live views and verbs share: answers that carry a position, reads that wait for one, and names of
//! lines and chutes.

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{ChuteId, Code, LineId, OperatorId, Plant, Seq, Verb};

use crate::asking::ask;
use crate::ports::Asked;
use crate::position::{POSITION_WAIT, ahead, need_record};
use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

/// A verb was carried out.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Done {
    /// The record it stands in.
    pub position: u64,
}

/// An answer with the position it stands for, as a header.
pub struct At<T>(pub u64, pub T);

impl<T: Serialize> IntoResponse for At<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        response.headers_mut().insert("wcs-position", HeaderValue::from(self.0));
        response
    }
}

/// Asks a verb whose answer is the position alone.
pub(crate) async fn carry_out(api: &Api, operator: OperatorId, verb: Verb) -> Result<At<Done>, Problem> {
    let Asked { position, .. } = ask(api, operator, verb).await?;
    Ok(At(position.0, Done { position: position.0 }))
}

/// Waits until the live views reflect `position`, where one is named.
pub(crate) async fn live_at(api: &Api, position: Option<u64>) -> Result<(), Problem> {
    let Some(position) = position else { return Ok(()) };
    need_record(position)?;
    if api.live().wait_for(Seq(position), POSITION_WAIT).await {
        return Ok(());
    }
    Err(ahead(position, api.live().position().0))
}

/// The line of a name.
pub(crate) fn find_line(plant: &Plant, name: &str) -> Result<LineId, Problem> {
    let found = plant.lines.iter().position(|spec| spec.id == name);
    let line = found.and_then(|at| u16::try_from(at).ok()).map(LineId);
    line.ok_or_else(|| Problem::new(ProblemCode::LineNotFound).with("line", name))
}

/// The line of a name; the only line where none is named.
pub(crate) fn line_or_only(plant: &Plant, name: Option<&str>) -> Result<LineId, Problem> {
    match name {
        Some(name) => find_line(plant, name),
        None if plant.lines.len() == 1 => Ok(LineId(0)),
        None => {
            let cause = "the plant has several lines: name one";
            Err(Problem::new(ProblemCode::BodyInvalid).at("/line", cause))
        }
    }
}

/// The chute of a name.
pub(crate) fn find_chute(plant: &Plant, name: &str) -> Result<ChuteId, Problem> {
    let found = plant.chutes.iter().position(|spec| spec.id == name);
    let chute = found.and_then(|at| u16::try_from(at).ok()).map(ChuteId);
    chute.ok_or_else(|| Problem::new(ProblemCode::ChuteNotFound).with("chute", name))
}

/// The code a text stands for, with `\xNN` for bytes that are not printable; `None` when it is empty or too long.
pub(crate) fn code_of(text: &str) -> Option<Code> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let escaped = rest.strip_prefix("\\x").and_then(|behind| {
            let digits = behind.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            Some((u8::from_str_radix(digits, 16).ok()?, &behind[2..]))
        });
        if let Some((byte, behind)) = escaped {
            bytes.push(byte);
            rest = behind;
        } else {
            let (whole, behind) = rest.split_at(letter.len_utf8());
            bytes.extend_from_slice(whole.as_bytes());
            rest = behind;
        }
    }
    Code::from_bytes(&bytes).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_shown() {
        for bytes in [&b"600000/1"[..], b"a\xFF\x00b", b"\\x", "\u{ac00}".as_bytes()] {
            let code = Code::from_bytes(bytes).unwrap();
            assert_eq!(code_of(&code.to_string()), Some(code));
        }
        assert_eq!(code_of("\u{ac00}").unwrap().as_bytes(), "\u{ac00}".as_bytes());
        assert_eq!(code_of(""), None);
        assert_eq!(code_of(&"x".repeat(65)), None);
        assert_eq!(code_of("\\xZZ").unwrap().as_bytes(), b"\\xZZ");
    }
}
