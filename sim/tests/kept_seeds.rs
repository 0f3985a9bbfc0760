//! Plans that once failed are clean: every file of `tests/seeds`, as it was kept when what it found was mended, or when
//! a mutation was found by it. A file that fails says what has come back.

use std::fs;
use std::path::Path;

use wcs_sim::prove::{CHECKERS, Panel, PlanFile, prove_plan};

#[test]
fn kept_seeds_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/seeds");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    assert!(paths.len() >= 8, "{} plans in {}", paths.len(), folder.display());
    for path in paths {
        let file = PlanFile::parse(&fs::read_to_string(&path).unwrap());
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(file.note.len() > 20, "{} says what it found", path.display());
        let is_known = CHECKERS.iter().any(|checker| checker.name == file.checker);
        assert!(is_known, "{} names a checker", path.display());
        let report = prove_plan(&file.plan().unwrap(), Panel::default());
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(report.ok, "{}: {}", path.display(), failures.join("\n"));
    }
}
