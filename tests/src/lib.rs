//! What the whole-daemon tests stand on: the shipped binary and independent Modbus peers as child processes with
//! hard time limits, plant files with addresses of the moment, order files, and a scripted register server; and the
//! fuzzer with what it knows of each decoder. Nothing of the product is in here; the scenarios are in `tests/`.

pub mod child;
pub mod decoders;
pub mod desk;
pub mod front_door;
pub mod fuzzing;
pub mod http;
pub mod journal_pace;
pub mod lots;
pub mod orders;
pub mod peer;
pub mod plant;
pub mod plc_view;
pub mod program;
pub mod raw_http;
pub mod readme;
pub mod recording;
pub mod register_server;
pub mod relay;
pub mod second_plc;
pub mod served;
pub mod service_manager;
pub mod shift;
pub mod size;
pub mod story;
pub mod syscalls;
pub mod threads;
pub mod why_story;

pub use child::{Child, Ended};
pub use desk::Desk;
pub use plc_view::PlcView;
pub use register_server::RegisterServer;
pub use relay::Relay;
pub use served::{Served, Site};
pub use service_manager::ServiceManager;
pub use shift::Shift;
