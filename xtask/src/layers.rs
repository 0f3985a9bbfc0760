//! Which crate may stand on which. A boundary that matters is a crate boundary, so the table below is the
//! architecture in its shortest form; this check compares it with what cargo resolved. It does not look into
//! source files, apart from the `no_std` line of the crates that must not have a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::workspace::{Metadata, Package, Workspace};

/// What one crate may stand on.
struct Layer {
    name: &'static str,
    /// Our own crates it may name, for building and for testing.
    ours: &'static [&'static str],
    /// Crates it must never reach, directly or through another.
    never: &'static [&'static str],
}

const NETWORK: &[&str] = &["tokio", "socket2", "tokio-modbus", "axum", "hyper", "rumqttc", "sqlx"];
const DATABASE_AND_HTTP: &[&str] = &["axum", "hyper", "sqlx"];

const LAYERS: &[Layer] = &[
    Layer { name: "wcs-types", ours: &[], never: NETWORK },
    Layer { name: "wcs-core", ours: &["wcs-types"], never: NETWORK },
    Layer { name: "wcs-journal", ours: &["wcs-types"], never: NETWORK },
    Layer { name: "wcs-engine", ours: &["wcs-types", "wcs-core", "wcs-journal"], never: NETWORK },
    Layer { name: "wcs-specs", ours: &["wcs-types"], never: NETWORK },
    Layer { name: "wcs-intake", ours: &["wcs-types"], never: NETWORK },
    Layer { name: "wcs-console", ours: &[], never: NETWORK },
    Layer { name: "wcs-sessions", ours: &["wcs-types", "wcs-specs"], never: NETWORK },
    Layer {
        name: "wcs-drivers",
        ours: &["wcs-types", "wcs-specs", "wcs-sessions"],
        never: DATABASE_AND_HTTP,
    },
    Layer { name: "wcs-store", ours: &["wcs-types", "wcs-journal"], never: &["axum", "hyper"] },
    Layer { name: "wcs-api", ours: &["wcs-types", "wcs-intake", "wcs-store"], never: &["tokio-modbus"] },
    Layer {
        name: "wcs-sim",
        ours: &[
            "wcs-types",
            "wcs-specs",
            "wcs-intake",
            "wcs-sessions",
            "wcs-core",
            "wcs-engine",
            "wcs-journal",
        ],
        never: DATABASE_AND_HTTP,
    },
];

/// Crates on top, which may name all others.
const TOP: &[&str] = &["wcs", "wcs-tests", "xtask"];

/// Crates without a standard library, and what they may name from outside.
const WITHOUT_STD: &[(&str, &[&str])] =
    &[("wcs-types", &["heapless", "serde", "thiserror"]), ("wcs-core", &["heapless", "serde", "thiserror"])];

/// Compares the tree cargo resolved with the table.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let ours: BTreeSet<&str> = workspace.members().map(|package| package.name.as_str()).collect();
    let reach = Reach::of(&workspace.metadata);
    let mut problems = Vec::new();
    for package in workspace.members() {
        let manifest = workspace.relative(&package.manifest_path).display().to_string();
        problems.extend(check_own(package, &ours, &manifest));
        problems.extend(check_never(package, &reach, &manifest));
        problems.extend(check_outside(package, &ours, &manifest));
        let text = fs::read_to_string(&package.manifest_path).context(manifest.clone())?;
        problems.extend(check_shared(&text, &manifest)?);
        if WITHOUT_STD.iter().any(|(name, _)| *name == package.name) {
            let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
            let root = folder.join("src").join("lib.rs");
            let source = fs::read_to_string(&root).with_context(|| root.display().to_string())?;
            if !source.lines().any(|line| line.trim() == "#![no_std]") {
                problems.push(format!("{}: must be no_std", workspace.relative(&root).display()));
            }
        }
    }
    Ok(problems)
}

fn check_own(package: &Package, ours: &BTreeSet<&str>, manifest: &str) -> Vec<String> {
    if TOP.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == package.name) else {
        return vec![format!("{manifest}: {} has no row in the table of layers", package.name)];
    };
    let named = package.dependencies.iter().map(|dependency| dependency.name.as_str());
    named
        .filter(|name| ours.contains(name) && !layer.ours.contains(name))
        .map(|name| format!("{manifest}: {} may not depend on {name}", package.name))
        .collect()
}

fn check_never(package: &Package, reach: &Reach<'_>, manifest: &str) -> Vec<String> {
    let never = LAYERS.iter().find(|layer| layer.name == package.name).map_or(&[][..], |layer| layer.never);
    let reached = reach.from(&package.id);
    never
        .iter()
        .filter(|name| reached.contains(*name))
        .map(|name| format!("{manifest}: {} must never reach {name}, not even through another", package.name))
        .collect()
}

fn check_outside(package: &Package, ours: &BTreeSet<&str>, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = WITHOUT_STD.iter().find(|(name, _)| *name == package.name) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.is_none()) {
        let name = dependency.name.as_str();
        if ours.contains(name) {
            continue;
        }
        if !allowed.contains(&name) {
            problems.push(format!("{manifest}: {name} is not among the crates {} may use", package.name));
        } else if dependency.uses_default_features && name != "heapless" {
            problems.push(format!("{manifest}: {name} must come without default features"));
        }
    }
    problems
}

/// Every requirement comes from the workspace table, so that one feature set is built everywhere.
fn check_shared(manifest_text: &str, manifest: &str) -> Result<Vec<String>> {
    let parsed: toml::Table = manifest_text.parse().with_context(|| manifest.to_owned())?;
    let mut problems = Vec::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(toml::Value::Table(entries)) = parsed.get(section) else { continue };
        for (name, entry) in entries {
            let is_shared = entry.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !is_shared {
                problems.push(format!("{manifest}: {name} must be taken from the workspace table"));
            } else if entry.as_table().is_some_and(|table| table.contains_key("features")) {
                problems.push(format!("{manifest}: features of {name} belong in the workspace table"));
            }
        }
    }
    Ok(problems)
}

/// The resolved tree as a graph of normal and build edges.
struct Reach<'a> {
    names: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Reach<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let names = metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let edges = metadata.resolve.nodes.iter().map(|node| {
            let built = node
                .deps
                .iter()
                .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")))
                .map(|edge| edge.pkg.as_str());
            (node.id.as_str(), built.collect())
        });
        Self { names, edges: edges.collect() }
    }

    /// Names of everything the package `id` is built from.
    fn from(&self, id: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&'a str> = self.edges.get(id).cloned().unwrap_or_default();
        while let Some(next) = waiting.pop() {
            if seen.insert(next) {
                waiting.extend(self.edges.get(next).into_iter().flatten());
            }
        }
        seen.into_iter().filter_map(|id| self.names.get(id).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packages as `name: dependency dependency, ...`; a leading `~` marks a dev edge.
    fn metadata(text: &str) -> Metadata {
        let mut packages = Vec::new();
        let mut nodes = Vec::new();
        for row in text.split(", ") {
            let (name, rest) = row.split_once(':').unwrap();
            let edges: Vec<(&str, &str)> = rest
                .split_whitespace()
                .map(|edge| edge.strip_prefix('~').map_or((edge, "null"), |name| (name, "\"dev\"")))
                .collect();
            let dependencies: Vec<String> = edges
                .iter()
                .map(|(to, kind)| format!(r#"{{"name":"{to}","kind":{kind},"uses_default_features":false}}"#))
                .collect();
            packages.push(format!(
                r#"{{"id":"{name}","name":"{name}","manifest_path":"{name}/Cargo.toml","dependencies":[{}]}}"#,
                dependencies.join(",")
            ));
            let deps: Vec<String> = edges
                .iter()
                .map(|(to, kind)| format!(r#"{{"pkg":"{to}","dep_kinds":[{{"kind":{kind}}}]}}"#))
                .collect();
            nodes.push(format!(r#"{{"id":"{name}","deps":[{}]}}"#, deps.join(",")));
        }
        serde_json::from_str(&format!(
            r#"{{"packages":[{}],"workspace_members":[],"resolve":{{"nodes":[{}]}},"target_directory":"t"}}"#,
            packages.join(","),
            nodes.join(",")
        ))
        .unwrap()
    }

    #[test]
    fn core_on_journal_is_refused() {
        let tree = metadata("wcs-core: wcs-types wcs-journal, wcs-types:, wcs-journal: wcs-types");
        let ours = BTreeSet::from(["wcs-core", "wcs-types", "wcs-journal"]);
        let problems = check_own(&tree.packages[0], &ours, "m");
        assert_eq!(problems, ["m: wcs-core may not depend on wcs-journal"]);
        assert!(check_own(&tree.packages[2], &ours, "m").is_empty());
    }

    #[test]
    fn a_forbidden_crate_is_found_behind_another_but_not_behind_a_test() {
        let tree = metadata("wcs-engine: middle ~tokio, middle: tokio, tokio:");
        let problems = check_never(&tree.packages[0], &Reach::of(&tree), "m");
        assert_eq!(problems, ["m: wcs-engine must never reach tokio, not even through another"]);
        let tree = metadata("wcs-engine: middle ~tokio, middle:, tokio:");
        assert!(check_never(&tree.packages[0], &Reach::of(&tree), "m").is_empty());
    }

    #[test]
    fn core_takes_only_listed_crates_from_outside() {
        let tree = metadata("wcs-core: serde csv ~proptest, serde:, csv:, proptest:");
        let problems = check_outside(&tree.packages[0], &BTreeSet::new(), "m");
        assert_eq!(problems, ["m: csv is not among the crates wcs-core may use"]);
    }

    #[test]
    fn a_crate_without_a_row_is_refused() {
        let tree = metadata("wcs-new:");
        assert_eq!(check_own(&tree.packages[0], &BTreeSet::new(), "m").len(), 1);
    }

    #[test]
    fn versions_and_features_outside_the_workspace_table_are_refused() {
        let text =
            "[dependencies]\na.workspace = true\nb = \"1\"\nc = { workspace = true, features = [\"x\"] }";
        let problems = check_shared(text, "m").unwrap();
        assert_eq!(
            problems,
            ["m: b must be taken from the workspace table", "m: features of c belong in the workspace table"]
        );
    }
}
