//! Part of the split: what it costs to hand an input from a tokio task to the core thread and a command back, with
//! the queues and the wake-up of the daemon and nothing else. Both sides sleep before each round, as on a sorter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::bounded;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::recording::{figures, histogram, record_micros};

const ROUNDS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(2);

/// Measures round trips between two sleeping threads.
pub(crate) fn measure() -> Result<Value> {
    let (inputs, taken) = bounded::<u32>(1);
    let (mut commands, mut received) = rtrb::RingBuffer::<u32>::new(1);
    let wake = Arc::new(Notify::new());
    let waker = Arc::clone(&wake);
    let echo = std::thread::spawn(move || {
        while let Ok(input) = taken.recv() {
            commands.push(input).expect("the task takes each before it sends the next");
            waker.notify_one();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut trips = histogram();
    runtime.block_on(async {
        for round in 0..ROUNDS {
            tokio::time::sleep(PAUSE).await;
            let began = Instant::now();
            inputs.send(round)?;
            while received.pop() != Ok(round) {
                wake.notified().await;
            }
            record_micros(&mut trips, began.elapsed());
        }
        drop(inputs);
        Ok::<(), anyhow::Error>(())
    })?;
    echo.join().map_err(|_| anyhow::anyhow!("the echo thread failed"))?;
    Ok(json!({ "trip_us": figures(&trips) }))
}
