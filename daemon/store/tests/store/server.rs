//! A PostgreSQL server of the test's own: a new cluster in a folder of its own, reached by a socket in that folder, gone
//! with the value.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    /// User and group to run as: PostgreSQL does not run as root.
    user: Option<(u32, u32)>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let programs = programs();
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let user = is_root.then(|| {
            user_of("postgres").expect("the user postgres is missing: install the package postgresql")
        });
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = &user {
            chown(folder.path(), Some(user.0), Some(user.1)).unwrap();
        }
        let server = Self { folder, programs, user };
        server.run("initdb", &["-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]);
        server.run_server();
        server
    }

    /// Starts it again after `stop`.
    pub(crate) fn run_server(&self) {
        let folder = self.folder.path().display();
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off");
        self.run("pg_ctl", &["-D", "data", "-l", "log", "-w", "-o", &options, "start"]);
    }

    pub(crate) fn stop(&self) {
        self.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(self.folder.path());
        if let Some(user) = &self.user {
            command.uid(user.0).gid(user.1);
        }
        // The server inherits what it is given: a pipe would stay open as long as it runs.
        let output = fs::File::create(self.folder.path().join("output")).unwrap();
        let status = command.stdout(output.try_clone().unwrap()).stderr(output).status().unwrap();
        assert!(status.success(), "{program}: {}", read(&self.folder.path().join("output")));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.folder.path().join("data").join("postmaster.pid");
        if pid.exists() {
            self.stop();
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Ids of a user and of its group.
fn user_of(name: &str) -> Option<(u32, u32)> {
    let users = read(Path::new("/etc/passwd"));
    let fields =
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

/// Folder with the programs of the newest server here.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders.chain(std::env::split_paths(&on_path));
    folders
        .filter(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
        .max_by_key(|folder| folder.starts_with("/usr/lib/postgresql").then(|| folder.clone()))
        .expect("the PostgreSQL server is missing: install the package postgresql (tests/run does)")
}
