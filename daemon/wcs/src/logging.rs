//! The log: lines on standard error, for people or as JSON. What is logged says `WCS_LOG`, else the site file, else
//! it is warnings.

use tracing_subscriber::EnvFilter;
use wcs_specs::{Log, LogFormat};

/// Begins to log. Called once.
pub(crate) fn start(log: &Log) {
    let usual = || EnvFilter::new(log.filter.as_deref().unwrap_or("warn"));
    let filter = EnvFilter::try_from_env("WCS_LOG").unwrap_or_else(|_| usual());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(is_terminal).init();
        }
    }
}

/// Says what is wrong with a filter.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked_before_it_is_used() {
        for filter in ["warn", "info,wcs_drivers=debug"] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
        for filter in ["wcs=loud", "a=b=c"] {
            assert!(check_filter(filter).is_err(), "{filter}");
        }
    }
}
