//! The real program for tests: built once, started on a test's own council, heard line by line, stopped or killed.
//!
//! It knows the hub from outside only: its command line, its log lines, its exit code, its files and its queues.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: what goes wrong here fails the test"
)]

pub mod collector;
pub mod http;
pub mod proxy;
pub mod wire;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::council::{TestCouncil, house};

/// Longest wait for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// Shortest time between two looks at what is waited for.
const BREATH: Duration = Duration::from_millis(20);
/// The parts of the house that make the program.
const PROGRAM_PARTS: [&str; 4] = ["Cargo.toml", "core", "connectors", "hub"];
/// Folders in them that do not.
const OTHER_PARTS: [&str; 3] = ["tests", "benches", "examples"];

/// Looks until `look` finds what it waits for, which `what` names.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain for {what}", DEADLINE.as_secs());
        thread::park_timeout(BREATH);
    }
}

/// The hub on a council of the test's own.
pub struct TestHub {
    /// Its council; hubs beside each other share it.
    pub council: Arc<TestCouncil>,
    /// The URL of its broker.
    pub url: String,
    /// Where its health is asked for: at any free port, unless the test names one.
    pub health: String,
    /// The URL of its ledger, where that is on a server.
    pub ledger: Option<String>,
    /// The command that runs the program, with its first arguments; none at first.
    pub through: Vec<String>,
    running: Option<Running>,
    /// Every line of every run so far; a line that is no JSON is a text.
    pub lines: Vec<Value>,
    /// How many of them [`Self::wait_for`] has passed.
    heard: usize,
}

/// The program at work.
struct Running {
    process: Child,
    lines: Receiver<Value>,
}

impl TestHub {
    /// A hub that is not started.
    pub fn new(council: TestCouncil, url: &str) -> Self {
        let council = Arc::new(council);
        Self {
            council,
            url: url.to_owned(),
            health: "127.0.0.1:0".to_owned(),
            ledger: None,
            through: Vec::new(),
            running: None,
            lines: Vec::new(),
            heard: 0,
        }
    }

    /// Another hub on the same council, broker and ledger, which is not started.
    pub fn beside(&self) -> Self {
        let (council, url, ledger) = (Arc::clone(&self.council), self.url.clone(), self.ledger.clone());
        let (health, through, lines) = (self.health.clone(), Vec::new(), Vec::new());
        Self { council, url, health, ledger, through, running: None, lines, heard: 0 }
    }

    /// A hub that is ready.
    pub fn ready(council: TestCouncil, url: &str) -> Self {
        let mut hub = Self::new(council, url);
        hub.start();
        hub.wait_for("hub.ready");
        hub
    }

    /// Starts the program, which must not run.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "the hub runs already");
        let started = self.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = started.expect("the program can be started");
        let output = BufReader::new(process.stderr.take().expect("its standard error"));
        let (told, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if told.send(value).is_err() {
                    return;
                }
            }
        });
        self.running = Some(Running { process, lines });
    }

    /// A command line of the program on this council.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = program().display().to_string();
        let words: Vec<_> = self.through.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .env("POSTROOM_COUNCIL", self.council.folder())
            .env("POSTROOM_DATA", self.council.data())
            .env("AMQP_URL", &self.url)
            .env("POSTROOM_HEALTH", &self.health)
            .env_remove("POSTROOM_LEDGER_URL")
            .env_remove("POSTROOM_PREFIX")
            .env_remove("POSTROOM_LOG")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        if let Some(ledger) = &self.ledger {
            command.env("POSTROOM_LEDGER_URL", ledger);
        }
        command
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program can be run")
    }

    /// What a command says that succeeds.
    pub fn say(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "postroom {arguments:?}: {}\n{said}\n{complained}", output.status);
        said.into_owned()
    }

    /// The JSON that a command says that succeeds.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.say(arguments)).expect("an answer in JSON")
    }

    /// The status once nothing waits anywhere; the three sums must add up.
    pub fn settled(&self) -> Value {
        let status = self.json(&["status", "--wait", "--timeout", "120s", "--json"]);
        assert_eq!(status["differences"], serde_json::json!([]), "{status:#}");
        status
    }

    /// The first line of `event` that was not waited for before.
    pub fn wait_for(&mut self, event: &str) -> Value {
        self.wait_for_any(&[event])
    }

    /// The next line of one of `events`.
    pub fn wait_for_any(&mut self, events: &[&str]) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            while self.heard < self.lines.len() {
                self.heard += 1;
                if events.iter().any(|event| self.lines[self.heard - 1]["event"] == *event) {
                    return self.lines[self.heard - 1].clone();
                }
            }
            if !self.hear(deadline) {
                panic!("none of {events:?} was heard: {:#?}", self.lines);
            }
        }
    }

    /// Which of `events` was heard last; nothing where none was.
    pub fn last_of(&mut self, events: &[&str]) -> String {
        while self.hear(Instant::now()) {}
        let heard = self.lines.iter().rev().filter_map(|line| line["event"].as_str());
        heard.into_iter().find(|event| events.contains(event)).unwrap_or_default().to_owned()
    }

    /// From now on only new lines are waited for.
    pub fn listen_anew(&mut self) {
        while self.hear(Instant::now()) {}
        self.heard = self.lines.len();
    }

    /// How many lines of `event` were heard so far, in all runs.
    pub fn heard(&mut self, event: &str) -> usize {
        while self.hear(Instant::now()) {}
        self.lines.iter().filter(|line| line["event"] == event).count()
    }

    /// Hears one line; false when there is none until `deadline` or the program has ended.
    fn hear(&mut self, deadline: Instant) -> bool {
        let Some(running) = &self.running else { return false };
        match running.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => self.lines.push(line),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    /// Waits until the program has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        while self.hear(deadline) {}
        assert!(Instant::now() < deadline, "the hub does not end: {:#?}", self.lines);
        self.running.take().expect("a hub that was started").process.wait().expect("its exit code")
    }

    /// The process of the program.
    pub fn id(&self) -> u32 {
        self.running.as_ref().expect("a hub that runs").process.id()
    }

    /// Ends the program as an operator would, and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.ended()
    }

    /// Sends the program a signal, as `kill` names it.
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill can be run");
        assert!(sent.success(), "the hub had ended by itself: {:#?}", self.lines);
    }

    /// Ends the program as a power cut would.
    pub fn kill(&mut self) {
        self.running.as_mut().expect("a hub that runs").process.kill().expect("the hub can be killed");
        self.ended();
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            // A process that has ended already cannot be killed.
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }
}

/// The program, built where it is missing or older than its parts.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = env::current_exe().expect("the test's own path");
        // A test lies one folder deeper than a program.
        let mut folders = test.ancestors().skip(1).filter(|folder| !folder.ends_with("deps"));
        let folder = folders.next().expect("the folder of the profile");
        let program = folder.join(format!("postroom{}", env::consts::EXE_SUFFIX));
        let built = fs::metadata(&program).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let root = house();
        if PROGRAM_PARTS.iter().any(|part| newer(&root.join(part), built)) {
            let profile = match folder.file_name().and_then(|name| name.to_str()) {
                Some("debug") | None => "dev",
                Some(profile) => profile,
            };
            let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
            // Of the whole workspace, as the tests are built: what it stands on is then built already.
            let build =
                ["build", "--quiet", "--locked", "--workspace", "--bin", "postroom", "--profile", profile];
            let done = Command::new(cargo).args(build).current_dir(root).status().expect("cargo can be run");
            assert!(done.success(), "the program does not build");
        }
        program
    })
}

/// Whether anything in `path` was changed after `built`.
fn newer(path: &Path, built: SystemTime) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if OTHER_PARTS.contains(&name.as_ref()) {
        return false;
    }
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).any(|entry| newer(&entry.path(), built)),
        Err(_) => fs::metadata(path).and_then(|file| file.modified()).is_ok_and(|changed| changed > built),
    }
}
