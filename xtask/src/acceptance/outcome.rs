//! What came of a command of an acceptance line, and the few ways a check may look at it. A figure that is
//! missing from a report is a failure with the name of the figure, never a zero.

use serde_json::Value;

/// One command that has ended.
pub(super) struct Ran {
    /// Exit code; `None` when a signal ended it.
    pub(super) exit: Option<i32>,
    /// What it printed on standard output.
    pub(super) printed: String,
    /// Bytes of its report; empty when it promised one and wrote none.
    pub(super) report: Option<Vec<u8>>,
}

/// A report with its figures.
pub(super) struct Report(Value);

impl Ran {
    /// Fails unless the command ended with 0.
    pub(super) fn must_succeed(&self) -> Result<&Self, String> {
        match self.exit {
            Some(0) => Ok(self),
            Some(code) => Err(format!("exit code {code}")),
            None => Err("ended by a signal".to_owned()),
        }
    }

    /// The report as JSON.
    pub(super) fn report(&self) -> Result<Report, String> {
        let bytes = self.report.as_deref().unwrap_or_default();
        serde_json::from_slice(bytes)
            .map(Report)
            .map_err(|error| format!("the report cannot be read: {error}"))
    }
}

impl Report {
    /// A whole number at `place`, such as `/loads/open`.
    pub(super) fn count(&self, place: &str) -> Result<u64, String> {
        let found = self.0.pointer(place).ok_or_else(|| format!("the report has no {place}"))?;
        found.as_u64().ok_or_else(|| format!("{place} is {found}, not a count"))
    }

    /// Fails unless the number at `place` is `wanted`. A difference may be negative, so it is compared as written.
    pub(super) fn must_be(&self, place: &str, wanted: u64) -> Result<(), String> {
        let found = self.0.pointer(place).ok_or_else(|| format!("the report has no {place}"))?;
        if found.as_u64() == Some(wanted) { Ok(()) } else { Err(format!("{place} is {found}, not {wanted}")) }
    }

    /// Fails unless the number at `place` is at least `least`; gives the number.
    pub(super) fn must_reach(&self, place: &str, least: u64) -> Result<u64, String> {
        let found = self.count(place)?;
        if found >= least {
            Ok(found)
        } else {
            Err(format!("{place} is {found}, at least {least} is wanted"))
        }
    }

    /// Fails unless the run judged itself ok.
    pub(super) fn must_be_ok(&self) -> Result<(), String> {
        match self.0.pointer("/ok") {
            Some(Value::Bool(true)) => Ok(()),
            Some(other) => Err(format!("the report says ok = {other}")),
            None => Err("the report has no /ok".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(exit: Option<i32>, report: &str) -> Ran {
        Ran { exit, printed: String::new(), report: Some(report.as_bytes().to_vec()) }
    }

    #[test]
    fn exits_other_than_zero_fail() {
        assert!(ran(Some(0), "").must_succeed().is_ok());
        assert!(ran(Some(3), "").must_succeed().is_err());
        assert!(ran(None, "").must_succeed().is_err());
    }

    #[test]
    fn figures_are_compared_and_missing_ones_fail() {
        let report =
            ran(Some(0), r#"{"ok":true,"loads":{"open":2},"reconcile":{"difference":-1}}"#).report().unwrap();
        assert!(report.must_be_ok().is_ok());
        assert!(report.must_be("/loads/open", 2).is_ok());
        assert!(report.must_be("/loads/open", 0).is_err());
        assert!(report.must_be("/reconcile/difference", 0).is_err());
        assert!(report.must_be("/loads/late", 0).is_err());
        assert_eq!(report.must_reach("/loads/open", 2), Ok(2));
        assert!(report.must_reach("/loads/open", 3).is_err());
    }

    #[test]
    fn a_missing_or_torn_report_fails() {
        assert!(ran(Some(0), "").report().is_err());
        assert!(ran(Some(0), r#"{"ok":tr"#).report().is_err());
        assert!(ran(Some(0), r#"{"ok":false}"#).report().unwrap().must_be_ok().is_err());
    }
}
