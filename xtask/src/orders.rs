//! Where the real order days are: the folder `$WCS_ORDERS`, else `shared/data/orders` beside the workspace.
//! It only looks; what is read from them is the business of tests and acceptance lines.

use std::env;
use std::path::{Path, PathBuf};

/// The two real days.
pub(crate) const DAYS: [&str; 2] = ["2010-12-01.csv", "2011-12-05.csv"];

/// The folder that holds both real days, when there is one.
pub(crate) fn real_days(root: &Path) -> Option<PathBuf> {
    let named = env::var_os("WCS_ORDERS").map(PathBuf::from);
    let beside = root.parent().map(|parent| parent.join("shared").join("data").join("orders"));
    [named, beside].into_iter().flatten().find(|folder| DAYS.iter().all(|day| folder.join(day).is_file()))
}

/// The closing line of a test run: whether the real days were there.
pub(crate) fn closing_line(root: &Path) -> &'static str {
    if real_days(root).is_some() { "real days: run" } else { "real days: not run" }
}
