//! A PostgreSQL server of the test's own: in a folder that goes away, met through a socket in it.
//!
//! It needs the server's programs (Debian: `postgresql`), and fails where they are missing. As root it runs as the user
//! `postgres`, since a server refuses to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest that starting and stopping may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// Where Debian keeps the programs, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// A server; stopped when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    running: Option<Child>,
    databases: AtomicU32,
}

impl Server {
    /// A server with nothing in it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some((user, group)) = other_user() {
            chown(folder.path(), Some(user), Some(group)).expect("the folder given away");
        }
        let mut server = Self { folder, programs: programs(), running: None, databases: AtomicU32::new(0) };
        let data = server.data();
        server
            .run("initdb", &["--username=hub", "--auth=trust", "--no-sync", "--encoding=UTF8", "-D", &data]);
        server.begin();
        server
    }

    /// Starts the server again after [`Self::kill`].
    pub(crate) fn begin(&mut self) {
        let sockets = self.sockets();
        let mut command = self.command("postgres");
        command.args(["-D", &self.data(), "-k", &sockets, "-c", "listen_addresses=", "-c", "fsync=off"]);
        self.running = Some(command.spawn().expect("the server started"));
        let begun = Instant::now();
        while !self.command("pg_isready").args(["-h", &sockets, "-q"]).status().expect("pg_isready").success()
        {
            assert!(begun.elapsed() < DEADLINE, "the server did not come up in time");
            std::thread::yield_now();
        }
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.stop("-QUIT");
    }

    /// A new database; its URL.
    pub(crate) fn database(&self) -> String {
        let name = format!("ledger{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &["-h", &self.sockets(), "-U", "hub", &name]);
        format!("postgres://hub@localhost/{name}?host={}", self.sockets())
    }

    /// A copy of the database at `url`, dumped while it may be in use and put back under another name; its URL.
    pub(crate) fn copy(&self, url: &str) -> String {
        let (sockets, copy) = (self.sockets(), self.database());
        let dump = format!("{sockets}/{}.dump", name(url));
        let hub = ["-h", &sockets, "-U", "hub"];
        self.run("pg_dump", &[&hub[..], &["-Fc", "-f", &dump, name(url)]].concat());
        self.run("pg_restore", &[&hub[..], &["--exit-on-error", "-d", name(&copy), &dump]].concat());
        copy
    }

    /// Puts `copy` in the place of the database at `url`, under whoever is connected to that.
    pub(crate) fn put_back(&self, url: &str, copy: &str) {
        let sockets = self.sockets();
        let hub = ["-h", &sockets, "-U", "hub"];
        self.run("dropdb", &[&hub[..], &["--force", name(url)]].concat());
        self.run("createdb", &[&hub[..], &["-T", name(copy), name(url)]].concat());
    }

    fn stop(&mut self, signal: &str) {
        let Some(mut running) = self.running.take() else { return };
        let told = Command::new("kill").args([signal, &running.id().to_string()]).status();
        if !told.is_ok_and(|status| status.success()) {
            // It cannot be told; then it is ended.
            let _ = running.kill();
        }
        let _ = running.wait();
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn sockets(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = self.command(program).args(arguments).output().expect("the program run");
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        if let Some((user, group)) = other_user() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop("-INT");
    }
}

/// The name of the database at `url`.
fn name(url: &str) -> &str {
    let place = url.split('?').next().unwrap_or_default();
    place.rsplit('/').next().unwrap_or_default()
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(PROGRAMS).into_iter().flatten().filter_map(Result::ok);
    let folders = versions.map(|version| version.path().join("bin"));
    let newest =
        folders.filter(|folder| folder.join("postgres").exists()).max_by_key(|folder| version(folder));
    newest
        .unwrap_or_else(|| panic!("no PostgreSQL server below {PROGRAMS}: install the package `postgresql`"))
}

fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// User and group `postgres`, where this test runs as root.
fn other_user() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| -> u32 {
        let said = Command::new("id").args(arguments).output().expect("id run").stdout;
        String::from_utf8_lossy(&said).trim().parse().expect("the user `postgres` of the package")
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
}
