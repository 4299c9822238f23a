//! A PostgreSQL server of the test's own, on loopback, in a folder that goes away. It needs the server's programs (Debian:
//! `postgresql`). As root it runs as the user `postgres`, since a server refuses to run as root.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use tempfile::TempDir;

use crate::place::{DEADLINE, PASSWORD, as_user, free_port, own, signal};

/// Where Debian keeps the programs, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const USER: &str = "postgres";

/// A server; stopped when it is dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    pub(crate) port: u16,
    running: Child,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        std::fs::write(folder.path().join("password"), PASSWORD).expect("a file");
        crate::authority::certify(folder.path());
        own(folder.path(), USER);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let secret = format!("--pwfile={}", path("password"));
        let made = as_user(&programs().join("initdb"), USER)
            .args(["--username=hub", "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", &secret, "-D"])
            .arg(path("data"))
            .output()
            .expect("initdb run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let running = as_user(&programs().join("postgres"), USER)
            .args(["-D", &path("data"), "-k", &path(""), "-p", &port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"])
            .args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={}", path("server.pem"))])
            .args(["-c", &format!("ssl_key_file={}", path("server.key"))])
            .spawn()
            .expect("the server started");
        let server = Self { folder, port, running };
        let begun = Instant::now();
        let ready = || {
            as_user(&programs().join("pg_isready"), USER)
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                .status()
                .expect("pg_isready run")
                .success()
        };
        while !ready() {
            assert!(begun.elapsed() < DEADLINE, "the server did not come up in time");
            std::thread::yield_now();
        }
        server
    }

    /// The certificate of the authority that its own is of.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Stops the server's processes where they are, or lets them go on.
    pub(crate) fn signal(&self, name: &str) {
        let parent = self.running.id().to_string();
        let children = Command::new("pgrep").args(["-P", &parent]).output().expect("pgrep run").stdout;
        for process in String::from_utf8_lossy(&children).split_whitespace().chain([parent.as_str()]) {
            signal(name, process);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.signal("-CONT");
        signal("-INT", &self.running.id().to_string());
        let _ = self.running.wait();
    }
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
