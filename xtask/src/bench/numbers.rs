//! The numbers of the design that can be measured so far, in the order they run. Each file of this folder holds a few:
//! which arms they have, and which figures are held against which bars. Bars stand in section 14 of the design; none of
//! these files adds a margin of its own.

use super::{Number, alarms, core_step, following, service, virtual_time, wire};

/// Every number.
pub(crate) fn numbers() -> impl Iterator<Item = &'static Number> {
    [
        core_step::NUMBERS,
        alarms::NUMBERS,
        wire::NUMBERS,
        virtual_time::NUMBERS,
        following::NUMBERS,
        service::NUMBERS,
    ]
    .into_iter()
    .flatten()
}
