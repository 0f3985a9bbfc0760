//! The measuring program behind `cargo xtask bench`: one arm of one number per run, its figures written as JSON. It
//! measures and states how; which figures are compared, and with which bar, is the business of the chore.
//!
//! The threads of arm `stack` are those of the daemon itself: their sources are compiled in here, because a binary
//! has no library.

mod alarm_storm;
mod alarm_table;
mod bare_loop;
mod commanding;
mod consoles;
mod control_paths;
mod core_step;
mod filling;
mod front_side;
mod http_client;
mod intake;
mod lists;
mod memory;
mod null_server;
mod pinning;
mod plc_host;
mod postgres;
mod recording;
mod replay;
mod served;
mod soak;
mod stack_arm;
mod sustained;
mod under_alarms;
mod under_load;
mod virtual_time;
mod why;

#[path = "../../src/atomics.rs"]
mod atomics;
#[path = "../../src/clock.rs"]
mod clock;
#[allow(dead_code, reason = "compiled in from the daemon, which uses all of it")]
#[path = "../../src/exit.rs"]
mod exit;
#[allow(dead_code, reason = "compiled in from the daemon, which uses all of it")]
#[path = "../../src/journal_dir.rs"]
mod journal_dir;
#[path = "../../src/journal_index.rs"]
mod journal_index;
#[path = "../../src/client/offline.rs"]
mod offline;
#[allow(dead_code, reason = "compiled in from the daemon, which uses all of it")]
#[path = "../../src/processors.rs"]
mod processors;
#[allow(dead_code, reason = "compiled in from the daemon, which uses all of it")]
#[path = "../../src/realtime.rs"]
mod realtime;
#[allow(dead_code, reason = "compiled in from the daemon, which uses all of it")]
#[path = "../../src/service/mod.rs"]
mod service;
#[path = "../../src/stall.rs"]
mod stall;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::Value;

use crate::alarm_table::AlarmTable;
use crate::served::EngineChoice;
use crate::under_load::Asked;

/// One arm of one number.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    arm: Arm,
    /// Where the figures go.
    #[arg(long, global = true, default_value = "figures.json")]
    report: PathBuf,
    /// Keep to one processor.
    #[arg(long, global = true)]
    pin: bool,
    /// Seconds a sorter on the wire is driven.
    #[arg(long, global = true, default_value_t = 6)]
    seconds: u64,
}

/// The arms.
#[derive(Subcommand)]
enum Arm {
    /// Steps of the core at a number of open jobs.
    CoreStep {
        /// Open jobs.
        #[arg(long)]
        jobs: u32,
    },
    /// Scans of the core while a machine raises alarms.
    AlarmStorm {
        /// Alarms raised a second.
        #[arg(long)]
        per_second: u32,
    },
    /// The daemon's threads at a sorter while its PLC raises alarms.
    UnderAlarms {
        /// Alarms raised a second.
        #[arg(long)]
        per_second: u32,
        /// As many events, of which none raises an alarm.
        #[arg(long)]
        only_gone: bool,
    },
    /// A bare tokio-modbus loop at the simulated PLC.
    Bare,
    /// The daemon's threads at the simulated PLC.
    Stack,
    /// The daemon's threads at a sorter with a thousand loads a second.
    Sustained,
    /// The binary, killed and started again beside a simulator that goes on.
    Commanding,
    /// Pages of lists at a store of many orders.
    Lists {
        /// Where the store is.
        #[arg(long)]
        engine: EngineChoice,
        /// Orders and loads in it.
        #[arg(long, default_value_t = 1_000_000)]
        rows: u32,
    },
    /// Orders over HTTP, in bulk.
    Intake {
        /// Where the store is.
        #[arg(long)]
        engine: EngineChoice,
        /// How many.
        #[arg(long, default_value_t = 20_000)]
        orders: usize,
    },
    /// The same rows without anything around them.
    BareInsert {
        /// Where the store is.
        #[arg(long)]
        engine: EngineChoice,
        /// How many orders.
        #[arg(long, default_value_t = 20_000)]
        orders: usize,
    },
    /// The binary at the simulated PLC while readers poll lists and orders come in.
    UnderLoad {
        /// Who is asked.
        #[arg(long)]
        asked: Asked,
    },
    /// The whole stack in virtual time.
    VirtualTime {
        /// Hours of plant time.
        #[arg(long, default_value_t = 2)]
        hours: u64,
    },
    /// A journal from files, followed, and started from.
    Replay {
        /// Hours of plant time.
        #[arg(long, default_value_t = 2)]
        hours: u64,
    },
    /// Why, asked anywhere in a large journal.
    Why {
        /// Records in it, at least.
        #[arg(long, default_value_t = 2_000_000)]
        records: u64,
    },
    /// Resident memory over days of shifts.
    Memory {
        /// Days.
        #[arg(long, default_value_t = 7)]
        days: u16,
        /// Hours of plant time in a shift.
        #[arg(long, default_value_t = 3)]
        hours: u64,
    },
    /// A month of shifts, with everything that follows the journal.
    Soak {
        /// Days.
        #[arg(long, default_value_t = 30)]
        days: u16,
        /// Hours of plant time in a shift; 0 is a short one.
        #[arg(long, default_value_t = 1)]
        hours: u64,
        /// Bytes to lose on purpose with each load.
        #[arg(long, default_value_t = 0)]
        leak: usize,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("numbers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if arguments.pin {
        pinning::pin_process(0)?;
    }
    let span = Duration::from_secs(arguments.seconds);
    let figures: Value = match arguments.arm {
        Arm::CoreStep { jobs } => core_step::measure(jobs)?,
        Arm::AlarmStorm { per_second } => alarm_storm::measure(per_second)?,
        Arm::UnderAlarms { per_second, only_gone } => {
            let table = AlarmTable::new(per_second)?;
            let table = if only_gone { table.only_gone() } else { table };
            under_alarms::measure(table, span, &arguments.report.with_extension("data"))?
        }
        Arm::Bare => bare_loop::measure(span)?,
        Arm::Stack => stack_arm::measure(span, &arguments.report.with_extension("data"), arguments.pin)?,
        Arm::Sustained => sustained::measure(span, &arguments.report.with_extension("data"))?,
        Arm::Commanding => commanding::measure(&arguments.report.with_extension("data"))?,
        Arm::Lists { engine, rows } => {
            lists::measure(engine, rows, &arguments.report.with_extension("data"))?
        }
        Arm::Intake { engine, orders } => {
            intake::measure_served(engine, orders, &arguments.report.with_extension("data"))?
        }
        Arm::BareInsert { engine, orders } => {
            intake::measure_bare(engine, orders, &arguments.report.with_extension("data"))?
        }
        Arm::UnderLoad { asked } => {
            under_load::measure(asked, span, &arguments.report.with_extension("data"))?
        }
        Arm::VirtualTime { hours } => virtual_time::measure(hours)?,
        Arm::Replay { hours } => replay::measure(hours, &arguments.report.with_extension("data"))?,
        Arm::Why { records } => why::measure(records, &arguments.report.with_extension("data"))?,
        Arm::Memory { days, hours } => {
            memory::measure(days, hours, &arguments.report.with_extension("data"))?
        }
        Arm::Soak { days, hours, leak } => {
            soak::measure(days, hours, leak, &arguments.report.with_extension("data"))?
        }
    };
    std::fs::write(&arguments.report, serde_json::to_vec_pretty(&figures)?)?;
    Ok(())
}
