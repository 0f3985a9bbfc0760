//! Mutations: ways to break the product on purpose, so that `wcs sim prove` can show that its checkers notice. Each
//! is one line at the one place whose promise it breaks. Only a build with the feature `mutations` can switch one
//! on, once, when its process starts; in every other build [`is_on`] is a constant and the lines fold away. Nothing
//! of this is for a site.

/// One way to break the product.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Mutation {
    /// Events are acknowledged before their record is on disk.
    AckBeforeDurable,
    /// A destination leaves before the binding of its chute is on disk.
    BindingUngated,
    /// The journal says durable without syncing its file.
    NoFdatasync,
    /// The PLC obeys blocks of anybody.
    OwnerUnchecked,
    /// A newer owner of the PLC is not noticed.
    FenceIgnored,
    /// A load that failed to divert takes the destination of its follower.
    FifoPopping,
    /// A chute is given to another class with loads on their way to it.
    ChuteRebound,
    /// The reservation of a load that was not sorted is kept.
    ReservationLeaked,
    /// A load that failed to divert ends with the reason it was sent for.
    ReasonDropped,
    /// A destination is too late by time, not by travel.
    DeadlineInTime,
    /// What is in memory counts as on disk.
    TakenAsAcknowledged,
    /// Events the PLC has not heard of are taken once more after a new attachment.
    EventTwice,
    /// The permit is given before all waiting events are known.
    PermitBeforeDrained,
    /// A load that turns up under a new number is not ended under its old one.
    SupersededUnbooked,
    /// Destinations that are open after a new attachment are not sent again.
    ResyncSilent,
    /// A scan of a given label breaks an assertion of the core.
    Poison,
}

impl Mutation {
    /// Every mutation with its name on the command line and what it does, in the order of tables.
    pub const ALL: &[(Self, &str, &str)] = &[
        (
            Self::AckBeforeDurable,
            "ack_before_durable",
            "events are acknowledged before their record is on disk",
        ),
        (
            Self::BindingUngated,
            "binding_ungated",
            "a destination leaves before the binding of its chute is on disk",
        ),
        (Self::NoFdatasync, "no_fdatasync", "the journal says durable without syncing its file"),
        (Self::OwnerUnchecked, "owner_unchecked", "the PLC obeys blocks of anybody"),
        (Self::FenceIgnored, "fence_ignored", "a newer owner of the PLC is not noticed"),
        (
            Self::FifoPopping,
            "fifo_popping",
            "a load that failed to divert takes the destination of its follower",
        ),
        (
            Self::ChuteRebound,
            "chute_rebound",
            "a chute is given to another class with loads on their way to it",
        ),
        (
            Self::ReservationLeaked,
            "reservation_leaked",
            "the reservation of a load that was not sorted is kept",
        ),
        (
            Self::ReasonDropped,
            "reason_dropped",
            "a load that failed to divert ends with the reason it was sent for",
        ),
        (Self::DeadlineInTime, "deadline_in_time", "a destination is too late by time, not by travel"),
        (Self::TakenAsAcknowledged, "taken_as_acknowledged", "what is in memory counts as on disk"),
        (
            Self::EventTwice,
            "event_twice",
            "events the PLC has not heard of are taken once more after a new attachment",
        ),
        (
            Self::PermitBeforeDrained,
            "permit_before_drained",
            "the permit is given before all waiting events are known",
        ),
        (
            Self::SupersededUnbooked,
            "superseded_unbooked",
            "a load that turns up under a new number is not ended under its old one",
        ),
        (
            Self::ResyncSilent,
            "resync_silent",
            "destinations that are open after a new attachment are not sent again",
        ),
        (Self::Poison, "poison", "a scan of a given label breaks an assertion of the core"),
    ];
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
