//! Tests of the journal from outside, in one binary.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod files;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod model;
#[cfg(test)]
mod power_cuts;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod recovery_cases;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod writing;
