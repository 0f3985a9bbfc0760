//! People of the demo who come through the front door: a supervisor and the exception station, who do everything over
//! HTTP that a person or a host system would do. They share nothing with the daemon but its address. Which orders
//! belong together is planned here from the order file, as a host system would.

mod asking;
mod results;
mod station;
mod supervisor;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::exit::Failure;

pub(crate) use results::{check_store, fetch_results};
pub(crate) use station::serve_station;
pub(crate) use supervisor::{Wave, Work};

/// What the supervisor shows of its work.
#[derive(Debug, Default)]
pub(crate) struct DoorShared {
    /// The first batch was started.
    pub(crate) is_started: AtomicBool,
    /// Every batch has ended.
    pub(crate) is_finished: AtomicBool,
    /// The demo is over: nothing more is asked.
    pub(crate) stop: AtomicBool,
    /// Batches that have ended.
    pub(crate) ended: AtomicU64,
    /// Held while a load is booked at the station.
    booking: Mutex<()>,
    /// Batches that were made, by their ids in the store.
    made: Mutex<Vec<i64>>,
    /// What the daemon would not do; the run cannot finish.
    failure: Mutex<Option<String>>,
}

impl DoorShared {
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Batches that were made.
    pub(crate) fn made(&self) -> Vec<i64> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_made(&self, batch: i64) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(&batch) {
            made.push(batch);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// The supervisor at work.
pub(crate) struct Supervising {
    pub(crate) shared: Arc<DoorShared>,
    thread: JoinHandle<()>,
}

impl Supervising {
    /// Starts it at the daemon that listens at `address`.
    pub(crate) fn start(address: SocketAddr, work: Work) -> Result<Self, Failure> {
        let shared = Arc::new(DoorShared::default());
        let shown = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn(move || {
            if let Err(failure) = work.run(address, &shown)
                && !shown.is_stopped()
            {
                let mut kept = shown.failure.lock().unwrap_or_else(PoisonError::into_inner);
                kept.get_or_insert_with(|| failure.to_string());
            }
        });
        Ok(Self { shared, thread: thread.map_err(Failure::not_ok)? })
    }

    /// Lets supervisor and station finish what they ask just now; nothing is asked from then on.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            tracing::error!("the supervisor of the demo broke down");
        }
        drop(self.shared.booking.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
