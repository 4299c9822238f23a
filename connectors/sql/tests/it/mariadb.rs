//! A MariaDB server of the test's own, on loopback, in a folder that goes away. It needs the server's programs (Debian:
//! `mariadb-server`). As root it runs as the user `mysql`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use tempfile::TempDir;

use crate::place::{DEADLINE, PASSWORD, as_user, free_port, own, signal};

const USER: &str = "mysql";

/// A server; stopped when it is dropped.
pub(crate) struct MariaDb {
    folder: TempDir,
    pub(crate) port: u16,
    running: Child,
}

impl MariaDb {
    pub(crate) fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let first = format!("CREATE USER hub IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO hub;");
        std::fs::write(path("first.sql"), first.replace("; ", ";\n")).expect("a file");
        crate::authority::certify(folder.path());
        own(folder.path(), USER);
        let made = as_user(&program("mariadb-install-db"), USER)
            .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}", path("data")))
            .output()
            .expect("mariadb-install-db run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let running = as_user(&program("mariadbd"), USER)
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"])
            .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"])
            .arg(format!("--datadir={}", path("data")))
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--pid-file={}", path("pid")))
            .arg(format!("--init-file={}", path("first.sql")))
            .arg(format!("--port={port}"))
            .args([format!("--ssl-cert={}", path("server.pem")), format!("--ssl-key={}", path("server.key"))])
            .spawn()
            .expect("the server started");
        let server = Self { folder, port, running };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < DEADLINE, "the server did not come up in time");
            std::thread::yield_now();
        }
        server
    }

    /// The certificate of the authority that its own is of.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Stops the server where it is, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.running.id().to_string());
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.signal("-TERM");
        let _ = self.running.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: install the package `mariadb-server`"))
}
