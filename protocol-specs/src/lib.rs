//! Protocol specifications as data: device profiles (register tables, numbers, vectors), plant and site files. One
//! place knows each register number; sessions, simulator and tests resolve names through it. Reads texts it is
//! given or that are compiled in; opens no file and no socket.
#![forbid(unsafe_code)]

pub mod codec;
pub mod frame;
pub mod plant;
pub mod problem;
pub mod profile;
pub mod prose;
mod section;
pub mod site;
pub mod sorter_map;
pub mod sorter_words;
pub mod vectors;

pub use plant::{load_calendar, load_plant, plant_toml, shifts_toml};
pub use problem::{Problem, Problems};
pub use profile::{Profile, ProfileError};
pub use site::{
    DEFAULT_LISTEN, Demand, Http, Log, LogFormat, Realtime, Secret, Site, StoreAddress, StoreSite,
    Surroundings, listen_address, load_site, store_address,
};
pub use sorter_map::{BlockMap, SorterMap};
pub use sorter_words::SorterWords;
pub use vectors::{FrameVector, Vector, Vectors};
