//! Number "alarms": what a machine that raises so many alarms a second costs the scans beside them, in the core and the
//! engine: `Engine::admit` of a scan, with the record encoded and the state hashed, as in the number "core".
//!
//! Core time is what passes: in each millisecond an alarm comes up and one goes ([`AlarmTable`]), besides a scan or an
//! exit. What is measured is the path of a scan through core and engine; the arm `under-alarms` has the wire.

use anyhow::Result;
use serde_json::{Value, json};
use wcs_types::{EventBody, Fact};

use crate::alarm_table::{AlarmTable, Change, SEVERITY};
use crate::core_step::{CoreBench, timer_nanos};
use crate::recording::{figures, histogram};

const JOBS: u32 = 1_000;
/// Passes before the first sample, without alarms: a pass is a scan and an exit, two milliseconds.
const WARM_UP: u32 = 20_000;
/// Milliseconds of core time that are measured.
const MEASURED_MS: u32 = 60_000;

/// Measures with so many alarms raised a second: at most a thousand, in even steps.
pub(crate) fn measure(per_second: u32) -> Result<Value> {
    let mut table = AlarmTable::new(per_second)?;
    let mut bench = CoreBench::new(timer_nanos())?;
    bench.start_batch(JOBS, &mut histogram())?;
    bench.bring_up();
    for _ in 0..WARM_UP {
        bench.pass(JOBS)?;
    }
    let (mut scans, mut exits, mut alarms) = (histogram(), histogram(), histogram());
    for pass in 0..MEASURED_MS / 2 {
        for Change { number, is_raised } in (2 * pass..2 * pass + 2).flat_map(|ms| table.change(ms)) {
            let body = EventBody::Alarm { code: number, is_raised, severity: SEVERITY, place: 0 };
            let input = bench.event(0, body);
            alarms.saturating_record(bench.admit(input));
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
        "asked": table.raised(),
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
