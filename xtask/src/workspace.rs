//! Where the repository lies, what cargo knows about it, and how a chore starts another program. It knows no
//! rule and no test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The repository this chore belongs to.
pub(crate) struct Workspace {
    /// Folder of the workspace manifest.
    pub(crate) root: PathBuf,
    /// What cargo knows about it.
    pub(crate) metadata: Metadata,
}

/// The part of `cargo metadata` the chores read.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Resolve,
    pub(crate) target_directory: PathBuf,
}

/// One package of the tree, ours or not.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One requirement of a package.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) uses_default_features: bool,
}

/// The resolved tree.
#[derive(Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// What one package of the resolved tree stands on.
#[derive(Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Edge>,
}

/// One edge of the resolved tree.
#[derive(Deserialize)]
pub(crate) struct Edge {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<EdgeKind>,
}

/// Why the edge exists: `None` is a normal dependency.
#[derive(Deserialize)]
pub(crate) struct EdgeKind {
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Finds the repository from the place of this crate's manifest and asks cargo about it.
    pub(crate) fn locate() -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR").context("start chores as `cargo xtask NAME`")?;
        let root = PathBuf::from(own).parent().context("xtask lies inside the workspace")?.to_path_buf();
        let output = Command::new(cargo())
            .args(["metadata", "--format-version", "1"])
            .current_dir(&root)
            .stderr(Stdio::inherit())
            .output()
            .context("cargo metadata cannot be started")?;
        if !output.status.success() {
            bail!("cargo metadata failed");
        }
        let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata cannot be read")?;
        Ok(Self { root, metadata })
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        let ids = &self.metadata.workspace_members;
        self.metadata.packages.iter().filter(move |package| ids.contains(&package.id))
    }

    /// The release binary under test.
    pub(crate) fn binary(&self) -> PathBuf {
        self.metadata.target_directory.join("release").join("wcs")
    }

    /// Every file git knows or would add, relative to the root, sorted.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("git cannot be started")?;
        if !output.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<PathBuf> =
            names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// `path` as seen from the root, for messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The cargo that started this chore.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// A cargo command in the root of the workspace. Variables that `cargo run` set for this chore would make
/// the inner cargo rebuild what is built.
pub(crate) fn cargo_command(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(arguments).current_dir(&workspace.root);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Prints the problems of a check; true when there are none.
pub(crate) fn report(check: &str, problems: &[String]) -> bool {
    for problem in problems {
        println!("{problem}");
    }
    if problems.is_empty() {
        println!("{check}: ok");
    } else {
        println!("{check}: {} problem(s)", problems.len());
    }
    problems.is_empty()
}
