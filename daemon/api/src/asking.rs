//! Asks the core a verb and turns what it will not do into problems.

use futures_util::future::join_all;
use wcs_types::{OperatorId, Reply, Seq, Verb, VerbRefusal};

use crate::ports::{AskError, Asked};
use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

/// Asks a verb; answers when its record is durable and it was done.
///
/// # Errors
/// `control.busy`, `control.not_durable`, `control.stopping`, or the refusal of the core.
pub async fn ask(api: &Api, operator: OperatorId, verb: Verb) -> Result<Asked, Problem> {
    let asked = api.control().ask(operator, verb).await.map_err(unanswered)?;
    match asked.reply {
        Reply::Refused(refusal) => Err(refused(&refusal).with("position", asked.position.0)),
        Reply::Done => Ok(asked),
    }
}

/// What came of verbs that were asked one behind the other.
pub(crate) struct Answers {
    /// Record of the last that was carried out.
    pub(crate) last: Seq,
    /// The first that was refused: its place, why, and its record.
    pub(crate) refused: Option<(usize, VerbRefusal, Seq)>,
}

/// Asks verbs one behind the other without waiting in between.
pub(crate) async fn ask_all(api: &Api, operator: OperatorId, verbs: Vec<Verb>) -> Result<Answers, Problem> {
    let asking: Vec<_> = verbs.into_iter().map(|verb| api.control().ask(operator, verb)).collect();
    let mut answers = Answers { last: Seq(0), refused: None };
    for (at, asked) in join_all(asking).await.into_iter().enumerate() {
        let asked = asked.map_err(unanswered)?;
        if let Reply::Refused(refusal) = asked.reply {
            answers.refused = Some((at, refusal, asked.position));
            break;
        }
        answers.last = asked.position;
    }
    Ok(answers)
}

/// The problem of a verb without an answer.
pub fn unanswered(error: AskError) -> Problem {
    let second = std::time::Duration::from_secs(1);
    match error {
        AskError::Busy { retry_after } => Problem::new(ProblemCode::ControlBusy).retry_after(retry_after),
        AskError::NotDurable { .. } => Problem::new(ProblemCode::ControlNotDurable).retry_after(second),
        AskError::Stopping => Problem::new(ProblemCode::ControlStopping).retry_after(second),
    }
}

/// The problem of a verb the core refused. What it names, such as how many jobs are unfinished, are members.
pub fn refused(refusal: &VerbRefusal) -> Problem {
    match refusal {
        VerbRefusal::UnknownLine => Problem::new(ProblemCode::LineNotFound),
        VerbRefusal::UnknownChute => Problem::new(ProblemCode::ChuteNotFound),
        VerbRefusal::UnknownLabel => Problem::new(ProblemCode::LabelNotFound),
        VerbRefusal::Unfinished { jobs } => {
            Problem::new(ProblemCode::BatchUnfinished).with("unfinished", *jobs)
        }
        VerbRefusal::TooFewChutes { classes, chutes } => {
            Problem::new(ProblemCode::ChutesTooFew).with("classes", *classes).with("chutes", *chutes)
        }
        VerbRefusal::WrongChute => Problem::new(ProblemCode::ChuteWrong),
        VerbRefusal::NotClosing => Problem::new(ProblemCode::ChuteNotClosing),
        VerbRefusal::MustStayOpen => Problem::new(ProblemCode::ChuteMustStayOpen),
        VerbRefusal::UnknownInduction { highest } => {
            Problem::new(ProblemCode::InductionNotFound).with("highest", *highest)
        }
        VerbRefusal::NoBox => Problem::new(ProblemCode::BoxNone),
        VerbRefusal::BoxStands => Problem::new(ProblemCode::BoxStands),
        VerbRefusal::BoxTaken { chute } => Problem::new(ProblemCode::BoxTaken).with("chute", chute.0),
        VerbRefusal::UnknownAlarm => Problem::new(ProblemCode::AlarmNotFound),
        VerbRefusal::AlarmShelved => Problem::new(ProblemCode::AlarmShelved),
        VerbRefusal::MayNotBeShelved => Problem::new(ProblemCode::AlarmNotShelvable),
        VerbRefusal::TooManyComments => Problem::new(ProblemCode::AlarmCommentsFull),
        other => Problem::new(ProblemCode::ControlRefused).with("refusal", word_of(other)),
    }
}

/// The refusal as one word, `WrongState` as `wrong_state`.
fn word_of(refusal: &VerbRefusal) -> String {
    let shown = format!("{refusal:?}");
    let name = shown.split([' ', '(']).next().unwrap_or_default();
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_words() {
        assert_eq!(word_of(&VerbRefusal::WrongState), "wrong_state");
        assert_eq!(word_of(&VerbRefusal::PartOutOfOrder { expected: 3 }), "part_out_of_order");
    }
}
