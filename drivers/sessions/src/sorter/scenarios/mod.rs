//! A session against the scripted PLC, in virtual time: attachment, operation, loss, and hostile registers.

mod beginnings;
mod bench;
mod hostile;
mod losses;
mod operation;
