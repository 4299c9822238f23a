//! OpenSSH's server with its own `sftp-server`, on a free port of loopback, as whoever runs the test. Debian's packages
//! `openssh-server`, `openssh-sftp-server` and `openssh-client` bring it; it fails where they are missing.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::room::{DEADLINE, Room};

const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// A server; stopped with all its sessions when it is dropped.
pub(crate) struct Server {
    folder: PathBuf,
    pub(crate) port: u16,
    running: Option<Child>,
}

impl Server {
    /// A server whose keys are in `ssh` of the room, beside the folder `remote` for what it serves.
    pub(crate) fn start(room: &Room) -> Self {
        Self::with_subsystem(room, SFTP_SERVER)
    }

    /// One under which nothing can be changed.
    pub(crate) fn read_only(room: &Room) -> Self {
        Self::with_subsystem(room, &format!("{SFTP_SERVER} -R"))
    }

    fn with_subsystem(room: &Room, subsystem: &str) -> Self {
        let folder = room.path("ssh");
        fs::create_dir_all(room.path("remote")).expect("a folder");
        fs::create_dir_all(&folder).expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut server = Self { folder, port, running: None };
        for name in ["host", "id", "stranger"] {
            server.make_key(name, "");
        }
        let at = |name: &str| server.folder.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {}\nLogLevel VERBOSE\nSubsystem sftp {subsystem}\n",
            at("host"),
            at("id.pub"),
        );
        fs::write(server.folder.join("config"), config).expect("a file");
        drop(listener);
        server.begin();
        server
    }

    /// Makes the pair of keys `name`, in the place of one that is there.
    pub(crate) fn make_key(&self, name: &str, passphrase: &str) {
        self.make_key_of("ed25519", name, passphrase);
    }

    pub(crate) fn make_key_of(&self, kind: &str, name: &str, passphrase: &str) {
        let path = self.folder.join(name);
        let _ = fs::remove_file(&path);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", kind, "-a", "1", "-N", passphrase, "-f"]).arg(path);
        assert!(command.status().expect("ssh-keygen of `openssh-client`").success());
    }

    /// Starts the server, again after [`Self::kill`].
    pub(crate) fn begin(&mut self) {
        let mut command = Command::new("/usr/sbin/sshd");
        command.arg("-D").arg("-f").arg(self.folder.join("config")).arg("-E").arg(self.folder.join("log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(command.spawn().expect("sshd of the package `openssh-server`"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < DEADLINE, "the server did not come up: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// Kills the server and its sessions, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        for pid in descendants(running.id()).into_iter().chain([running.id()]) {
            signal("-KILL", pid);
        }
        let _ = running.wait();
    }

    /// Stops all sessions where they are: they keep their lines and do not answer.
    pub(crate) fn freeze(&self) {
        self.each_session("-STOP");
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        self.each_session("-CONT");
    }

    fn each_session(&self, word: &str) {
        let sessions = descendants(self.running.as_ref().expect("it runs").id());
        assert!(!sessions.is_empty(), "no session is open");
        for pid in sessions {
            signal(word, pid);
        }
    }

    /// What the server wrote down.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The fingerprint of a key.
    pub(crate) fn fingerprint(&self, name: &str) -> String {
        let file = self.folder.join(format!("{name}.pub"));
        let output = Command::new("ssh-keygen").arg("-lf").arg(file).output().expect("ssh-keygen");
        let told = String::from_utf8(output.stdout).expect("UTF-8");
        told.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    /// The setting `sftp` for the folder `remote`.
    pub(crate) fn sftp(&self, room: &Room) -> String {
        self.sftp_at(room, self.port)
    }

    /// The same, by way of another port.
    pub(crate) fn sftp_at(&self, room: &Room, port: u16) -> String {
        sftp(&room.path("remote"), port, &self.fingerprint("host"), "key = { file = 'ssh/id' }")
    }
}

/// The setting `sftp`, on one line.
pub(crate) fn sftp(folder: &Path, port: u16, host_key: &str, login: &str) -> String {
    format!(
        "sftp = {{ host = '127.0.0.1', port = {port}, user = '{}', folder = '{}', host_key = '{host_key}', \
         {login}, timeout = '3s' }}\n",
        user(),
        folder.display(),
    )
}

/// Who runs the test.
pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id run");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(word: &str, pid: u32) {
    // Whoever is gone already needs none.
    let _ = Command::new("kill").args([word, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The processes below `pid`, as the system's table says.
fn descendants(pid: u32) -> Vec<u32> {
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("the table of processes")
        .filter_map(|entry| stat(entry.ok()?))
        .filter_map(|line| {
            let own = line.split(' ').next()?.parse().ok()?;
            let parent = line.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((own, parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, above)| *above == parent).map(|(own, _)| *own));
        at += 1;
    }
    found.split_off(1)
}
