//! A PostgreSQL server of an arm's own, as it comes: it syncs every commit. A new cluster in a temporary folder, reached by
//! a socket in it, gone with the value.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub(crate) struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    /// PostgreSQL does not run as root.
    user: Option<(u32, u32)>,
}

impl PostgresServer {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Result<Self> {
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let user = is_root.then(|| user_of("postgres")).transpose()?;
        let folder = tempfile::tempdir()?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let server = Self { folder, programs: programs()?, user };
        server.run("initdb", &["-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8"])?;
        let folder = server.folder.path().display();
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{folder}'");
        server.run("pg_ctl", &["-D", "data", "-l", "log", "-w", "-o", &options, "start"])?;
        Ok(server)
    }

    /// Address of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(self.folder.path());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        // The server inherits what it is given: a pipe would stay open as long as it runs.
        let output = self.folder.path().join("output");
        let file = File::create(&output)?;
        let status = command.stdout(file.try_clone()?).stderr(file).status().context(program.to_owned())?;
        ensure!(status.success(), "{program}: {}", fs::read_to_string(&output)?);
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // What it holds is thrown away with its folder.
        self.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]).unwrap_or_default();
    }
}

fn user_of(name: &str) -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|user| user[0] == name).with_context(|| format!("there is no user {name}"))?;
    Ok((user[2].parse()?, user[3].parse()?))
}

/// Folder with the programs of the newest server here.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop().context("the PostgreSQL server is missing: install the package postgresql")
}
