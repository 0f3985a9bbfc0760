//! Proof that a device obeys us again after an attachment: it shows the permit, and it has taken the first
//! destination. Judged from headers only: what we wrote proves nothing. Decides nothing; it is told to people.
//!
//! ```text
//!   attached ──header: permit shown──► permitted ──nothing waited, or header: tail moved──► proven (told once)
//! ```

use wcs_types::{CommandSeq, MonoTime};

/// When a device showed that it is commanded, in core time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commanding {
    /// Receipt of the first header that shows the permit.
    pub permit_accepted_at: MonoTime,
    /// Receipt of the first header that shows a command as taken; `None` when no load awaited a destination while
    /// the permit was given.
    pub first_taken_at: Option<MonoTime>,
}

impl Commanding {
    /// When everything that had to be shown was shown.
    pub fn proven_at(&self) -> MonoTime {
        self.permit_accepted_at.later(self.first_taken_at.unwrap_or(MonoTime::ZERO))
    }
}

/// What headers have shown of one attachment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proof {
    start: CommandSeq,
    permit_accepted_at: Option<MonoTime>,
    first_taken_at: Option<MonoTime>,
    is_awaited: bool,
    is_told: bool,
}

impl Proof {
    /// A new attachment, whose commands begin at `start`.
    pub(super) fn new(start: CommandSeq) -> Self {
        Self { start, ..Self::default() }
    }

    /// Notes a header: whether it shows our permit, up to where commands are taken, and whether a command is on its
    /// way. Gives the proof once.
    pub(super) fn see(
        &mut self,
        now: MonoTime,
        is_permitted: bool,
        tail: CommandSeq,
        is_on_its_way: bool,
    ) -> Option<Commanding> {
        if self.first_taken_at.is_none() && tail.is_newer_than(self.start) {
            self.first_taken_at = Some(now);
        }
        if is_permitted && self.permit_accepted_at.is_none() {
            self.permit_accepted_at = Some(now);
            self.is_awaited = is_on_its_way;
        }
        let permit_accepted_at = self.permit_accepted_at?;
        if self.is_told || (self.is_awaited && self.first_taken_at.is_none()) {
            return None;
        }
        self.is_told = true;
        Some(Commanding { permit_accepted_at, first_taken_at: self.first_taken_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MonoTime {
        MonoTime(millis * 1_000_000)
    }

    #[test]
    fn permit_alone_is_no_proof_while_a_destination_is_on_its_way() {
        let mut proof = Proof::new(CommandSeq(65_535));
        assert_eq!(proof.see(at(1), false, CommandSeq(65_535), true), None);
        assert_eq!(proof.see(at(2), true, CommandSeq(65_535), true), None);
        let proven = proof.see(at(3), true, CommandSeq(0), false).unwrap();
        assert_eq!((proven.permit_accepted_at, proven.first_taken_at), (at(2), Some(at(3))));
        assert_eq!(proven.proven_at(), at(3));
        assert_eq!(proof.see(at(4), true, CommandSeq(1), false), None, "told once");
    }

    #[test]
    fn without_a_waiting_load_the_permit_is_the_proof() {
        let mut proof = Proof::new(CommandSeq(7));
        let proven = proof.see(at(5), true, CommandSeq(7), false).unwrap();
        assert_eq!((proven.proven_at(), proven.first_taken_at), (at(5), None));
    }

    #[test]
    fn a_destination_taken_before_the_permit_counts() {
        let mut proof = Proof::new(CommandSeq(7));
        assert_eq!(proof.see(at(5), false, CommandSeq(8), false), None);
        let proven = proof.see(at(9), true, CommandSeq(8), false).unwrap();
        assert_eq!((proven.proven_at(), proven.first_taken_at), (at(9), Some(at(5))));
    }
}
