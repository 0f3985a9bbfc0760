//! The table of limits in `ARCHITECTURE.md` names every limit with the value it has, and none that is gone.

use std::collections::BTreeMap;

/// Name to value, both as they are written.
type Limits = BTreeMap<String, String>;

fn declared() -> Limits {
    let declarations =
        include_str!("../src/limits.rs").lines().filter_map(|line| line.strip_prefix("pub const "));
    declarations
        .map(|line| {
            let (name, rest) = line.split_once(": ").expect("a constant has a type");
            let (_, value) = rest.split_once(" = ").expect("a constant has a value");
            (name.to_owned(), value.trim_end_matches(';').to_owned())
        })
        .collect()
}

fn documented(page: &str) -> Limits {
    let section = page.split("\n## ").find(|section| section.contains("types/src/limits.rs"));
    let rows = section
        .expect("the page has a section on limits")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").expect("a row begins with the name");
        let (value, _) = rest.split_once(" | ").expect("the value follows");
        (name.to_owned(), value.to_owned())
    })
    .collect()
}

#[test]
fn limits_in_the_architecture_are_those_of_the_code() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).expect("the page lies at the root of the workspace");
    let declared = declared();
    assert!(!declared.is_empty(), "limits.rs declares limits");
    assert_eq!(documented(&page), declared);
}
