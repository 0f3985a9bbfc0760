//! Mutations: ways to break the product on purpose, so that `wcs sim prove` can show that its checkers notice. Each
//! is one line at the one place whose promise it breaks. Only a build with the feature `mutations` can switch one
//! on, once, when its process starts; in every other build [`is_on`] is a constant and the lines fold away. Nothing
//! of this is for a site.

/// The enum and its table from one list: a sentence, a variant, a name on the command line.
macro_rules! mutations {
    ($(#[doc = $breaks:literal] $variant:ident = $name:literal,)+) => {
        /// One way to break the product.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u32)]
        pub enum Mutation {
            $(#[doc = $breaks] $variant,)+
        }

        impl Mutation {
            /// Every mutation with its name on the command line and what it does, in the order of tables.
            pub const ALL: &[(Self, &str, &str)] = &[$((Self::$variant, $name, $breaks.trim_ascii()),)+];
        }
    };
}

mutations! {
    /// Events are acknowledged before their record is on disk.
    AckBeforeDurable = "ack_before_durable",
    /// A destination leaves before the binding of its chute is on disk.
    BindingUngated = "binding_ungated",
    /// The journal says durable without syncing its file.
    NoFdatasync = "no_fdatasync",
    /// The PLC obeys blocks of anybody.
    OwnerUnchecked = "owner_unchecked",
    /// A newer owner of the PLC is not noticed.
    FenceIgnored = "fence_ignored",
    /// A load that failed to divert takes the destination of its follower.
    FifoPopping = "fifo_popping",
    /// A chute is given to another class with loads on their way to it.
    ChuteRebound = "chute_rebound",
    /// The reservation of a load that was not sorted is kept.
    ReservationLeaked = "reservation_leaked",
    /// A load that failed to divert ends with the reason it was sent for.
    ReasonDropped = "reason_dropped",
    /// A destination is too late by time, not by travel.
    DeadlineInTime = "deadline_in_time",
    /// What is in memory counts as on disk.
    TakenAsAcknowledged = "taken_as_acknowledged",
    /// Events the PLC has not heard of are taken once more after a new attachment.
    EventTwice = "event_twice",
    /// The permit is given before all waiting events are known.
    PermitBeforeDrained = "permit_before_drained",
    /// A load that turns up under a new number is not ended under its old one.
    SupersededUnbooked = "superseded_unbooked",
    /// Destinations that are open after a new attachment are not sent again.
    ResyncSilent = "resync_silent",
    /// A scan of a given label breaks an assertion of the core.
    Poison = "poison",
    /// Events that waited for a new attachment are acknowledged before their record is on disk.
    BacklogAckedEarly = "backlog_acked_early",
    /// A journal whose last batch was cut off is not opened.
    TornRefused = "torn_refused",
    /// Loads that fall silent are never given up.
    SilenceUnwatched = "silence_unwatched",
    /// After a short cut the session goes on as the owner it was, without attaching anew.
    ReattachSkipped = "reattach_skipped",
    /// Commands of the last attachment are written once more in the new one.
    CommandsKept = "commands_kept",
    /// An event that a lane changed is passed on twice.
    LaneEventTwice = "lane_event_twice",
    /// The end of a load that was taken off by hand or lost is told twice.
    EndToldTwice = "end_told_twice",
    /// Pieces that were seen and did not arrive are not listed when their batch ends.
    ShortUnlisted = "short_unlisted",
    /// A load is booked in the lane it was sent to, not in the one it went to.
    LaneAsCommanded = "lane_as_commanded",
    /// The PLC drops its oldest event, when that tells neither of a load nor of its state, although its FIFO has room.
    FifoOverflow = "fifo_overflow",
    /// The core is given another instant than its record says.
    InstantUnrecorded = "instant_unrecorded",
    /// A restored core does not find the labels of loads that have ended.
    LookupUnrebuilt = "lookup_unrebuilt",
    /// A checkpoint is not what was to be written.
    CheckpointDamaged = "checkpoint_damaged",
    /// The daemon starts a machine that a person has reset.
    StartsMachine = "starts_machine",
    /// A stall of ours is blamed on the link.
    StallBlamed = "stall_blamed",
    /// A verb is answered twice.
    ReplyTwice = "reply_twice",
    /// A verb is answered before its record is on disk.
    ReplyBeforeDurable = "reply_before_durable",
    /// It is told twice that a load is seen for the first time.
    SeenTwice = "seen_twice",
    /// A batch is said to have ended before its missing pieces are listed.
    EndedEarly = "ended_early",
    /// The last line of an order is read and not planned.
    LineUnplanned = "line_unplanned",
    /// A cancelled order is said to have no piece picked.
    PickedUntold = "picked_untold",
    /// A load is called late although its destination goes out in time.
    LateMiscalled = "late_miscalled",
    /// The machine goes on by itself when its safety chain is closed again.
    GoesOnAfterSafetyStop = "goes_on_after_safety_stop",
}

#[cfg(not(feature = "mutations"))]
mod switch {
    use super::Mutation;

    /// True when the product is broken in this way.
    pub const fn is_on(_: Mutation) -> bool {
        false
    }

    /// True when a scan of this label is to break the core.
    pub const fn is_poison(_: &[u8]) -> bool {
        false
    }
}

#[cfg(feature = "mutations")]
mod switch {
    use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

    use super::Mutation;
    use crate::limits::CODE_SIZE_MAX;

    const NONE: u32 = u32::MAX;

    // Written once, before any thread of the process but the first.
    static ON: AtomicU32 = AtomicU32::new(NONE);
    static POISON: [AtomicU8; CODE_SIZE_MAX] = [const { AtomicU8::new(0) }; CODE_SIZE_MAX];
    static POISON_SIZE: AtomicUsize = AtomicUsize::new(0);

    /// Why a mutation cannot be switched on.
    #[derive(Debug, Eq, PartialEq, thiserror::Error)]
    pub enum MutationError {
        /// No such mutation.
        #[error("there is no such mutation; `cargo xtask mutate --list` shows them")]
        Unknown,
        /// `poison` goes with a label, and nothing else does.
        #[error("write poison:LABEL, with a label of 1 to {CODE_SIZE_MAX} bytes; no other mutation has one")]
        Label,
    }

    /// Breaks the product in the way `text` names: `NAME`, or `poison:LABEL`.
    ///
    /// # Errors
    /// See [`MutationError`]; nothing is switched on.
    pub fn switch_on(text: &str) -> Result<(), MutationError> {
        let (name, label) = text.split_once(':').unwrap_or((text, ""));
        let found = Mutation::ALL.iter().find(|(_, known, _)| *known == name);
        let (mutation, _, _) = *found.ok_or(MutationError::Unknown)?;
        if (mutation == Mutation::Poison) == label.is_empty() || label.len() > CODE_SIZE_MAX {
            return Err(MutationError::Label);
        }
        for (place, byte) in POISON.iter().zip(label.bytes()) {
            place.store(byte, Ordering::SeqCst);
        }
        POISON_SIZE.store(label.len(), Ordering::SeqCst);
        ON.store(mutation as u32, Ordering::SeqCst);
        Ok(())
    }

    /// True when the product is broken in this way.
    pub fn is_on(mutation: Mutation) -> bool {
        ON.load(Ordering::Relaxed) == mutation as u32
    }

    /// True when a scan of this label is to break the core.
    pub fn is_poison(label: &[u8]) -> bool {
        is_on(Mutation::Poison)
            && label.len() == POISON_SIZE.load(Ordering::Relaxed)
            && label.iter().zip(&POISON).all(|(byte, place)| *byte == place.load(Ordering::Relaxed))
    }
}

pub use switch::*;

#[cfg(test)]
mod tests {
    use super::Mutation;

    #[test]
    fn every_mutation_has_a_name_of_its_own() {
        for (index, (mutation, name, _)) in Mutation::ALL.iter().enumerate() {
            assert_eq!(*mutation as usize, index, "{name} is out of order");
            assert!(
                Mutation::ALL[..index].iter().all(|(_, other, _)| other != name),
                "{name} stands there twice"
            );
        }
    }
}
