//! Number "alarms": what a machine that raises so many alarms a second costs the scans beside them, in the core and the
//! engine: `Engine::admit` of a scan, with the record encoded and the state hashed, as in the number "core".
//!
//! Core time is what passes: in each millisecond one of 8 000 numbers of the machine's own table comes up and one that came
//! four seconds before goes, so that about six thousand are up or waiting to have gone, besides a scan or an exit. What is
//! measured is the path of a scan through core and engine. The wire is not in it: a controller that sends that many events
//! fills its own window before anything here is slow.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wcs_types::{EventBody, Fact};

use crate::core_step::{CoreBench, timer_nanos};
use crate::recording::{figures, histogram};

const JOBS: u32 = 1_000;
/// Numbers of the machine's table that come up in turn.
const NUMBERS: u32 = 8_000;
/// How long each is up, in milliseconds.
const UP_MS: u32 = 4_000;
/// Passes before the first sample, without alarms: a pass is a scan and an exit, two milliseconds.
const WARM_UP: u32 = 20_000;
/// Milliseconds of core time that are measured.
const MEASURED_MS: u32 = 60_000;

/// Measures with so many alarms raised a second: at most a thousand, in even steps.
pub(crate) fn measure(per_second: u32) -> Result<Value> {
    ensure!(per_second <= 1_000, "at most one alarm a millisecond");
    let mut bench = CoreBench::new(timer_nanos())?;
    bench.start_batch(JOBS, &mut histogram())?;
    bench.bring_up();
    for _ in 0..WARM_UP {
        bench.pass(JOBS)?;
    }
    let (mut scans, mut exits, mut alarms) = (histogram(), histogram(), histogram());
    let mut raised = 0_u32;
    for pass in 0..MEASURED_MS / 2 {
        for ms in [2 * pass, 2 * pass + 1] {
            if ms * per_second / 1_000 == (ms + 1) * per_second / 1_000 {
                continue;
            }
            // Whatever is up is taken down in the order it came.
            for (number, is_raised) in
                [(raised, true), (raised.wrapping_sub(UP_MS * per_second / 1_000), false)]
            {
                if number > raised {
                    continue;
                }
                let code = 1 + (number % NUMBERS) as u16;
                let body = EventBody::Alarm { code, is_raised, severity: 2, place: 0 };
                let input = bench.event(0, body);
                alarms.saturating_record(bench.admit(input));
            }
            raised += 1;
        }
        let (scan, exit) = bench.pass(JOBS)?;
        scans.saturating_record(scan);
        exits.saturating_record(exit);
    }
    let core = bench.engine.core();
    core.check_invariants().map_err(|broken| anyhow::anyhow!("{broken}"))?;
    let (listed, headlines) =
        (core.listed_alarms().count(), core.listed_alarms().filter(|row| row.head.is_none()));
    Ok(json!({
        "per_second": per_second,
        "asked": raised,
        "raised": bench.raised,
        "listed": listed,
        "headlines": headlines.count(),
        "scan_ns": figures(&scans),
        "exit_ns": figures(&exits),
        "alarm_ns": figures(&alarms),
    }))
}

/// True for an alarm that came up.
pub(crate) fn is_raise(fact: &Fact) -> bool {
    matches!(fact, Fact::AlarmRaised(_))
}
