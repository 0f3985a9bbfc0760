//! The language every part of the system shares: ids, units, time, device-class events and commands, and
//! what crosses the boundary of the control core. Data and validation only: no behaviour of a device, no
//! warehouse policy, no IO. `no_std`, so that nothing here can read a clock or touch a file.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod alarm;
pub mod batch;
pub mod calendar;
pub mod code;
pub mod decision;
pub mod fact;
pub mod hash;
pub mod ids;
pub mod input;
pub mod lanes;
pub mod limits;
pub mod mutation;
pub mod outcome;
pub mod output;
pub mod plant;
pub mod quarantine;
pub mod record;
pub mod serial;
pub mod sorter;
pub mod units;
pub mod verb;

pub use alarm::{AlarmCause, AlarmCode, AlarmId, AlarmKey, AlarmPriority, AlarmState, FirstOut};
pub use batch::{Assign, BatchKind, BatchSpec, Identify, JobSpec, OrderKey, SkuKey};
pub use calendar::{Calendar, ShiftSpec, Weekdays};
pub use code::Code;
pub use decision::{Candidate, Decision, Destination, Rejected};
pub use fact::{ActualLane, Fact, LastSeen, LoadEnd};
pub use hash::{StateHash, StateHasher};
pub use ids::{BatchId, ChuteId, JobId, LaneNo, LineId, LinkId, LoadKey, OperatorId, StartToken, Ticket};
pub use input::{DeviceFault, Input, LinkChange, OfflineReason, Refusal, StorageState};
pub use lanes::LaneSet;
pub use outcome::{Outcome, Reason};
pub use output::{Output, OutputKind, Target};
pub use plant::{ChuteKind, ChuteSpec, LineKind, LineSpec, LinkSpec, Plant};
pub use quarantine::{InputDigest, Quarantined, Suspect};
pub use record::{CORE_VERSION, Record};
pub use serial::{CommandSeq, Epoch, EventSeq, Seq};
pub use sorter::{
    DestinationCommand, EventBody, ExitResult, LaneState, MachineState, PlcHello, Read, RejectCode,
    ScanEvent, SorterCommand, SorterEvent, UnitCommand,
};
pub use units::{BeltMm, Grams, Millimeters, MonoTime, Nanos, Pieces};
pub use verb::{Reply, Verb, VerbRefusal};
