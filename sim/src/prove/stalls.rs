//! Stalls of the daemon's own process, as a debugger or a busy machine makes them: for a while it does nothing, and then
//! goes on. Drawn apart, so that everything else a seed stands for stays as it is.

use wcs_types::{MonoTime, Nanos};

use super::lots::Lots;

/// Sets the lots of stalls apart from those of the run.
const STALLS: u64 = 0x5354_414C_4C53_0000;

/// Two seeds in five have one or two stalls within `horizon`.
pub(super) fn draw(seed: u64, horizon: Nanos) -> Vec<(MonoTime, Nanos)> {
    let mut lots = Lots::new(seed ^ STALLS);
    if !lots.percent(40) {
        return Vec::new();
    }
    let mut stalls: Vec<(MonoTime, Nanos)> = (0..lots.within(1..=2))
        .map(|_| {
            let at = Nanos::from_millis(lots.within(1_000..=horizon.as_millis().max(2_000)));
            (MonoTime::ZERO + at, Nanos::from_millis(lots.within(600..=12_000)))
        })
        .collect();
    stalls.sort_unstable();
    stalls
}
