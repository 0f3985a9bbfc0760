//! Business days and shifts: which one it is, and closing one. Closing writes down what is open at that moment and stops
//! nothing: no line, no batch, no load.

pub mod times;

pub use times::{BusinessDay, Shift, Times, UnknownZone};
