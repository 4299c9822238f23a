//! A Notify on loopback: `fake_notify.py`, run by a Python that has the official client; ended with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longest wait for the fake to start, and for a request.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const SERVICE: &str = "26785a09-ab16-4eb0-8407-a37497a57506";
pub(crate) const SECRET: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";

pub(crate) struct Fake {
    pub(crate) address: String,
    lines: Mutex<Receiver<String>>,
    running: Child,
}

impl Fake {
    pub(crate) fn start() -> Self {
        Self::with("http", &[])
    }

    /// With a certificate that it made itself.
    pub(crate) fn with_a_certificate_of_its_own(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let put = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let files =
            [put("certificate.pem", made.cert.pem()), put("key.pem", made.signing_key.serialize_pem())];
        Self::with("https", &files)
    }

    fn with(scheme: &str, files: &[String]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_notify.py");
        let mut command = Command::new(python());
        command.arg(script).args([SERVICE, SECRET]).args(files).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().expect("Python started");
        let output = running.stdout.take().expect("a pipe");
        let (told, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.into_iter().try_for_each(|line| told.send(line))
        });
        let port = lines.recv_timeout(DEADLINE).expect("the fake started: deploy/test brings what it needs");
        Self { address: format!("{scheme}://localhost:{port}"), lines: Mutex::new(lines), running }
    }

    /// The next request.
    pub(crate) fn request(&self) -> Value {
        let line = self.lines.lock().expect("no panic").recv_timeout(DEADLINE).expect("a request");
        line.parse().expect("JSON")
    }

    /// Orders it to do that with every notification from now on; nothing, where the word is empty.
    pub(crate) fn order(&mut self, word: &str) {
        self.ask(&format!("order {word}"));
    }

    /// The personalisations that it took.
    pub(crate) fn taken(&mut self) -> Value {
        self.ask("taken").1
    }

    /// The requests that came until now and were not looked at.
    pub(crate) fn requests(&mut self) -> Vec<Value> {
        self.ask("taken").0
    }

    /// The requests that came before the answer, and the answer.
    fn ask(&mut self, command: &str) -> (Vec<Value>, Value) {
        let input = self.running.stdin.as_mut().expect("a pipe");
        writeln!(input, "{command}").expect("the fake listens");
        let mut requests = Vec::new();
        loop {
            match self.request() {
                answer @ Value::Array(_) => return (requests, answer),
                request => requests.push(request),
            }
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// The Python that `deploy/test` makes.
fn python() -> PathBuf {
    let named = std::env::var_os("POSTROOM_TEST_PYTHON").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let house =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies in the house");
        house.join("var/test/python/bin/python")
    })
}
