//! Rules that neither the compiler nor clippy knows, checked on every file git knows or would add: a module
//! doc on each Rust file, a limit on its length, words and names that are not used here, no path of a machine
//! and no registry's host, no register number outside `protocol-specs`. It reads text and changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::source_text::{code_only, without_tests};
use crate::workspace::Workspace;

const LINES_PER_FILE_MAX: usize = 800;
/// Where the register blocks of the sorter profile are declared.
const SORTER_PROFILE: &str = "protocol-specs/wcs-sorter-hs/profile.toml";
const EXECUTABLE: [&str; 2] = ["tests/run", ".ci/run"];
const NAMES_BANNED: [&str; 4] = ["utils", "helpers", "common", "manager"];

// Put together here so that this file does not break its own rules.
const MARKERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const CODE_BANNED: [&str; 4] =
    [concat!("db", "g!("), concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[", "ignore")];
const PATHS_BANNED: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot"),
    concat!("/Us", "ers/"),
    concat!("C:", "\\"),
];
const HOSTS_BANNED: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js."),
    concat!("deb.", "debian.org"),
    concat!("proxy.", "golang.org"),
];

/// Applies every rule.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let bases = block_bases(&workspace.root.join(SORTER_PROFILE))?;
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    for file in workspace.files()? {
        problems.extend(check_name(&file));
        let bytes = fs::read(workspace.root.join(&file)).with_context(|| file.display().to_string())?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        problems.extend(check_text(&file, &text));
        if file.extension().is_some_and(|extension| extension == "rs") {
            sources.push((file, text));
        }
    }
    let tests: Vec<PathBuf> = sources.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    for (file, text) in &sources {
        let is_test =
            is_test_file(file) || tests.iter().any(|module| file.with_extension("").starts_with(module));
        problems.extend(check_source(file, text, is_test));
        if !is_test && !file.starts_with("protocol-specs") {
            problems.extend(check_registers(file, text, &bases));
        }
    }
    problems.extend(EXECUTABLE.iter().filter_map(|file| check_executable(&workspace.root, file)));
    Ok(problems)
}

fn check_name(file: &Path) -> Option<String> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let folders = file.parent().into_iter().flat_map(Path::components).filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let banned = folders.chain(stem).find(|name| NAMES_BANNED.contains(&name.as_str()))?;
    Some(format!("{}: `{banned}` says nothing; name the thing", file.display()))
}

/// Rules for every text file.
fn check_text(file: &Path, text: &str) -> Vec<String> {
    if file.ends_with("Cargo.lock") {
        return Vec::new(); // written by cargo
    }
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.display(), number + 1);
        for marker in MARKERS.iter().filter(|marker| has_word(line, marker)) {
            problems.push(format!("{place}: `{marker}`: an open question has an issue number"));
        }
        for path in PATHS_BANNED.iter().filter(|path| has_path(line, path)) {
            problems.push(format!("{place}: `{path}` is a path of one machine"));
        }
        for host in HOSTS_BANNED.iter().filter(|host| line.contains(*host)) {
            problems.push(format!("{place}: `{host}` is a registry's host; use the ordinary client"));
        }
    }
    problems
}

/// Rules for Rust files.
fn check_source(file: &Path, text: &str, is_test: bool) -> Vec<String> {
    let name = file.display();
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(format!("{name}:1: a file opens with a `//!` paragraph: what it is responsible for"));
    }
    let lines = text.lines().count();
    if lines > LINES_PER_FILE_MAX {
        problems.push(format!("{name}: {lines} lines, {LINES_PER_FILE_MAX} are allowed"));
    }
    let code = code_only(text);
    for (number, line) in code.lines().enumerate() {
        for banned in CODE_BANNED.iter().filter(|banned| line.contains(*banned)) {
            problems.push(format!("{name}:{}: `{banned}` does not belong in main", number + 1));
        }
        for banned in NAMES_BANNED {
            if line.contains(&format!("mod {banned} ")) || line.contains(&format!("mod {banned};")) {
                problems.push(format!("{name}:{}: module `{banned}` says nothing", number + 1));
            }
        }
    }
    if !is_test {
        for (number, line) in without_tests(&code).lines().enumerate() {
            if line.contains(".unwrap()") {
                problems.push(format!("{name}:{}: `unwrap` outside tests", number + 1));
            }
        }
    }
    problems
}

/// No base address of a register block as a literal in what is shipped; a test may state what it expects. Powers of ten are numbers of everyday life, so a
/// block that stands on one cannot be watched this way.
fn check_registers(file: &Path, text: &str, bases: &BTreeSet<u64>) -> Vec<String> {
    let code = without_tests(&code_only(text));
    let mut problems = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for value in numbers(line).filter(|value| bases.contains(value)) {
            problems.push(format!(
                "{}:{}: {value} is a register address; take it from the profile",
                file.display(),
                number + 1
            ));
        }
    }
    problems
}

/// Start addresses of the blocks in the profile that can be told from everyday numbers.
fn block_bases(profile: &Path) -> Result<BTreeSet<u64>> {
    #[derive(serde::Deserialize)]
    struct Blocks {
        block: Vec<Block>,
    }
    #[derive(serde::Deserialize)]
    struct Block {
        start: u64,
    }
    let text = fs::read_to_string(profile).with_context(|| profile.display().to_string())?;
    let blocks: Blocks = toml::from_str(&text).with_context(|| profile.display().to_string())?;
    let mut starts: BTreeSet<u64> = blocks.block.iter().map(|block| block.start).collect();
    starts.retain(|start| *start >= 1_000 && !is_power_of_ten(*start));
    anyhow::ensure!(!starts.is_empty(), "{}: no block starts above 1000", profile.display());
    Ok(starts)
}

fn is_power_of_ten(mut value: u64) -> bool {
    while value >= 10 && value.is_multiple_of(10) {
        value /= 10;
    }
    value == 1
}

/// Integer literals of a line of code.
fn numbers(line: &str) -> impl Iterator<Item = u64> + '_ {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter_map(|word| {
        let digits: String = word.chars().filter(|c| *c != '_').collect();
        if let Some(hex) = digits.strip_prefix("0x") {
            let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
            return u64::from_str_radix(&hex[..end], 16).ok();
        }
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        [before, after].into_iter().flatten().all(|c| !c.is_alphanumeric() && c != '_')
    })
}

/// True when `line` holds the absolute path `path`, not merely a folder of that name further down.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let is_absolute = before.is_none_or(|c| !c.is_alphanumeric() && !"./_-}~)".contains(c));
        let is_whole = path.ends_with(['/', '\\']) || after.is_none_or(|c| !c.is_alphanumeric());
        is_absolute && is_whole
    })
}

/// Modules that `file` declares for tests only, as paths without extension.
fn test_modules(file: &Path, text: &str) -> Vec<PathBuf> {
    let is_root = file.file_stem().is_some_and(|stem| stem == "lib" || stem == "main" || stem == "mod");
    let folder = if is_root { file.with_file_name("") } else { file.with_extension("") };
    let code = code_only(text);
    let declared = code.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().trim_start_matches("pub(crate) ").strip_prefix("mod ")?;
        let (name, after) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric() && c != '_')?);
        after.starts_with(';').then(|| folder.join(name))
    });
    declared.collect()
}

fn is_test_file(file: &Path) -> bool {
    let in_folder = file.components().any(|part| {
        matches!(part, Component::Normal(name) if name == "tests" || name == "hil-tests" || name == "benches")
    });
    in_folder || file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

#[cfg(unix)]
fn check_executable(root: &Path, file: &str) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = fs::metadata(root.join(file)) else { return Some(format!("{file}: missing")) };
    (metadata.permissions().mode() & 0o111 == 0).then(|| format!("{file}: must be executable"))
}

#[cfg(not(unix))]
fn check_executable(root: &Path, file: &str) -> Option<String> {
    (!root.join(file).is_file()).then(|| format!("{file}: missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(file: &str, text: &str) -> usize {
        let file = Path::new(file);
        check_text(file, text).len() + check_source(file, text, is_test_file(file)).len()
    }

    #[test]
    fn a_clean_file_passes() {
        assert_eq!(problems("a/src/belt.rs", "//! Belt.\nfn f() {}\n"), 0);
    }

    #[test]
    fn missing_doc_and_length_are_found() {
        assert_eq!(problems("a/src/belt.rs", "fn f() {}\n"), 1);
        let long = format!("//! Belt.\n{}", "\n".repeat(LINES_PER_FILE_MAX));
        assert_eq!(problems("a/src/belt.rs", &long), 1);
    }

    #[test]
    fn banned_words_are_found_in_code_and_not_in_strings() {
        for banned in CODE_BANNED {
            assert_eq!(problems("a/src/belt.rs", &format!("//! Belt.\n{banned}\n")), 1, "{banned}");
            assert_eq!(problems("a/src/belt.rs", &format!("//! Belt.\nlet a = \"{banned}\";\n")), 0);
        }
        for marker in MARKERS {
            assert_eq!(problems("a/src/belt.rs", &format!("//! Belt.\n// {marker}: x\n")), 1, "{marker}");
            assert_eq!(problems("a/src/belt.rs", &format!("//! Belt.\n// {marker}S\n")), 0);
        }
        assert_eq!(problems("a/src/belt.rs", "//! Belt.\nmod common;\n"), 1);
    }

    #[test]
    fn unwrap_is_allowed_in_tests_only() {
        let text =
            "//! Belt.\nfn f() { g().unwrap(); }\n#[cfg(test)]\nmod tests { fn t() { g().unwrap(); } }\n";
        assert_eq!(problems("a/src/belt.rs", text), 1);
        assert_eq!(problems("a/tests/belt.rs", text), 0);
        assert_eq!(problems("a/src/belt/tests.rs", text), 0);
    }

    #[test]
    fn modules_declared_for_tests_are_found_where_their_files_lie() {
        let text = "#[cfg(test)]\nmod bench;\n#[cfg(test)]\nmod inline { }\nmod belt;\n#[cfg(test)]\npub(crate) mod eye;";
        let found = test_modules(Path::new("a/src/sorter.rs"), text);
        assert_eq!(found, [Path::new("a/src/sorter/bench"), Path::new("a/src/sorter/eye")]);
        assert_eq!(test_modules(Path::new("a/src/lib.rs"), text)[0], Path::new("a/src/bench"));
    }

    #[test]
    fn paths_of_a_machine_and_hosts_are_found() {
        for path in PATHS_BANNED {
            assert_eq!(problems("README.md", &format!("//! see {path}")), 1, "{path}");
        }
        let folder = format!("//! in target{}folder, --root and {}er", PATHS_BANNED[1], PATHS_BANNED[2]);
        assert_eq!(problems("README.md", &folder), 0);
        for host in HOSTS_BANNED {
            assert_eq!(problems("README.md", &format!("//! from {host}")), 1, "{host}");
            assert_eq!(problems("Cargo.lock", &format!("//! from {host}")), 0, "{host}");
        }
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert!(check_name(Path::new("a/src/utils.rs")).is_some());
        assert!(check_name(Path::new("a/src/common/mod.rs")).is_some());
        assert!(check_name(Path::new("a/src/commons.rs")).is_none());
    }

    #[test]
    fn register_addresses_are_found_in_every_spelling() {
        let bases = BTreeSet::from([41_000]);
        for literal in ["41000", "41_000", "41000_u16", "0xA028"] {
            let text = format!("let a = {literal};");
            assert_eq!(check_registers(Path::new("a.rs"), &text, &bases).len(), 1, "{literal}");
        }
        for harmless in ["let a = 410;", "let a = \"41000\"; // 41000", "let a41000 = 1;"] {
            assert!(check_registers(Path::new("a.rs"), harmless, &bases).is_empty(), "{harmless}");
        }
    }

    #[test]
    fn powers_of_ten_are_told_from_addresses() {
        assert!(is_power_of_ten(1_000) && is_power_of_ten(10));
        assert!(!is_power_of_ten(41_000) && !is_power_of_ten(0) && !is_power_of_ten(2));
    }
}
