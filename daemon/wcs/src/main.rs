//! The binary `wcs`: reads the command line, runs one command, and turns how it ended into an exit code. What the
//! commands do stands in the files named after them.

mod arguments;
mod atomics;
mod checking;
mod client;
mod clock;
mod demo;
mod door;
mod exit;
mod fault_figures;
mod feed_source;
mod front;
mod history;
mod incident;
mod interrupt;
mod journal_commands;
mod journal_dir;
mod journal_index;
mod json_file;
mod kept_plans;
mod latency;
mod logging;
mod processors;
mod proving;
mod realtime;
mod replaying;
mod reporting;
mod running;
mod service;
mod service_manager;
mod settings;
mod shadowing;
mod shown;
mod sim_host;
mod sim_running;
mod site_file;
mod stall;
mod virtual_demo;
mod watchdog;
mod when;
mod wire_demo;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, JournalCommand, SimCommand};
use shown::Shown;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = match log_of(&arguments.command) {
        Ok(log) => log,
        Err(failure) => {
            eprintln!("wcs: {failure}");
            return ExitCode::from(failure.code());
        }
    };
    logging::start(&log);
    #[cfg(feature = "mutations")]
    if let Some(name) = &arguments.mutate {
        if let Err(error) = wcs_types::mutation::switch_on(name) {
            eprintln!("wcs: --mutate {name}: {error}");
            return ExitCode::from(exit::Failure::bad_input(error).code());
        }
        tracing::warn!(mutation = name, "this process is broken on purpose");
    }
    let shown = Shown::json_if(arguments.json);
    let result = match arguments.command {
        Command::Demo(options) => demo::demo(&options, shown),
        Command::Run(options) => running::run(&options, shown),
        Command::Sim(SimCommand::Run(options)) => sim_running::run(&options, shown),
        Command::Sim(SimCommand::Prove(options)) => proving::prove(&options, shown),
        Command::Reconcile(options) => history::reconcile_command(&options),
        Command::Check(options) => checking::check(&options, shown),
        Command::Replay(options) => replaying::replay_command(&options, shown),
        Command::Incident(command) => incident::run(&command, shown),
        Command::Shadow(options) => shadowing::shadow_command(&options, shown),
        Command::Journal(JournalCommand::Verify(options)) => {
            journal_commands::verify_command(&options, shown)
        }
        Command::Journal(JournalCommand::Inspect(options)) => {
            journal_commands::inspect_command(&options, shown)
        }
        Command::Journal(JournalCommand::Export(options)) => journal_commands::export_command(&options),
        Command::Client(command) => client::run(&command, shown),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("wcs: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// How a command logs: a daemon as its site file says.
fn log_of(command: &Command) -> Result<wcs_specs::Log, exit::Failure> {
    match command {
        Command::Run(options) => Ok(site_file::read_site(options.site.as_deref())?.log),
        _ => Ok(wcs_specs::Log::default()),
    }
}
