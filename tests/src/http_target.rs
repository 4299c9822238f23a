//! A real HTTP target for tests: a process of its own that fails as it is told to, and an oracle of all it was asked.
//!
//! The oracle is a file that outlives the process: every request in order, with its key, what it was about, and whether
//! it landed. The target takes every message that lands, also one that it has: it is the oracle that tells of duplicates.

#![expect(clippy::expect_used, reason = "support for tests: what goes wrong here fails the test")]

pub mod oracle;
pub mod orders;
pub mod server;
pub mod wire;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use self::oracle::Asked;
use self::orders::Order;
use crate::ports;

/// The target, and its oracle.
pub struct TestTarget {
    program: PathBuf,
    folder: TempDir,
    subject: String,
    port: u16,
    running: Option<Running>,
}

struct Running {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl TestTarget {
    /// Starts `program` (`http-target`); `subject` is the JSON pointer by which a message says what it is about.
    pub fn start(program: &Path, subject: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("postroom-target-").tempdir().expect("a folder");
        let (program, subject) = (program.to_owned(), subject.to_owned());
        let mut target = Self { program, folder, subject, port: ports::free(), running: None };
        target.start_again();
        target
    }

    /// The address, without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells the target what to do from now on, instead of what it was told before; without an order it takes everything.
    pub fn order(&mut self, orders: &[Order]) {
        let running = self.running.as_mut().expect("a target that runs");
        let line = serde_json::to_string(orders).expect("orders in JSON");
        writeln!(running.process.stdin.as_mut().expect("its ear"), "{line}").expect("a target that listens");
        assert_eq!(running.heard(), "ordered");
    }

    /// Ends the process as a power cut would: from now on it refuses connections.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("a target that runs");
        running.process.kill().expect("a target that can be killed");
        running.process.wait().expect("its end");
    }

    /// Starts it again at the same address, without orders.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "the target runs already");
        let mut command = Command::new(&self.program);
        command.arg(self.port.to_string()).arg(self.oracle()).arg(&self.subject);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("the target can be started");
        let answers = BufReader::new(process.stdout.take().expect("its voice"));
        let mut running = Running { process, answers };
        assert_eq!(running.heard(), "ready");
        self.running = Some(running);
    }

    /// Everything that it was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let text = fs::read_to_string(self.oracle()).expect("the oracle");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of the oracle")).collect()
    }

    fn oracle(&self) -> PathBuf {
        self.folder.path().join("oracle.jsonl")
    }
}

impl Running {
    fn heard(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a target that answers");
        line.trim_end().to_owned()
    }
}

impl Drop for TestTarget {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            // A process that has ended already cannot be killed.
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }
}
