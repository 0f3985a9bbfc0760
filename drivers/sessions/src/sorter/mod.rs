//! WCS side of the profile `wcs-sorter-hs`. What it is not: it decides nothing about loads, knows no address of
//! its own (the profile's tables do) and opens no connection.
//!
//! ```text
//!  Down ──connected──► Checking ──alive, plausible──► Meeting ──Attach──► Attaching ──ours──► Draining ──► Ready
//!   ▲                   │  ▲  ▲                          │                  │                    │          │
//!   │                   │  │  └───── PLC restarted ──────┴──────────────────┴────────────────────┴──────────┤
//!   │                   │  └── three echoes ── Lost ◄──── life frozen, echo stale, silent ───────┴──────────┤
//!   ├──── Faulted ◄─────┴──────────────── wrong profile, exception, impossible event ────────────┴──────────┤
//!   └── closed                                          Fenced ◄──── a newer owner commands ────────────────┘
//! ```
//!
//! `Faulted` asks for a new connection; `Fenced` is final. Only `Lost` and the states right of `Meeting` write.

mod attach;
mod commanding;
mod config;
mod control;
mod generations;
mod header;
mod item_memory;
mod lane_reader;
mod life;
mod meeting;
mod outbox;
mod plan;
mod registers;
mod ring;
mod round_trips;
mod scan;
mod session;
mod slot;
mod stage;
mod statics;
mod stats;
mod steady;
mod travel;
mod window;

#[cfg(test)]
mod plc_image;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod vectors;

pub use commanding::Commanding;
pub use config::SorterConfig;
pub use plan::Wake;
pub use session::SorterSession;
pub use stats::SessionStats;
