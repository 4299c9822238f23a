//! A mail server on loopback: `mail_server.py`, run by the distribution's Python; ended with the test. And certificates.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;

/// Longest wait for the server to start, and for a mail.
const DEADLINE: Duration = Duration::from_secs(60);
/// It has `python3-aiosmtpd`, which `deploy/test` installs.
const PYTHON: &str = "/usr/bin/python3";

pub(crate) struct MailServer {
    pub(crate) port: u16,
    lines: Mutex<Receiver<String>>,
    running: Child,
}

impl MailServer {
    /// A server without TLS and login.
    pub(crate) fn plain() -> Self {
        Self::start(&["off"])
    }

    /// A server with the arguments of `mail_server.py`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail_server.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().expect("Python started");
        let output = running.stdout.take().expect("a pipe");
        let (told, lines) = channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.try_for_each(|line| told.send(line))
        });
        let port = lines.recv_timeout(DEADLINE).expect("the server started: it needs python3-aiosmtpd");
        Self { port: port.parse().expect("a port"), lines: Mutex::new(lines), running }
    }

    /// The next mail.
    pub(crate) fn mail(&self) -> Mail {
        let line = self.lines.lock().expect("no panic").recv_timeout(DEADLINE).expect("a mail");
        Mail(line.parse().expect("JSON"))
    }

    /// All mails that came until now and were not looked at.
    pub(crate) fn mails(&mut self) -> Vec<Mail> {
        writeln!(self.running.stdin.as_mut().expect("a pipe"), "all?").expect("the server listens");
        let mails = std::iter::repeat_with(|| self.mail());
        mails.take_while(|mail| !mail.0.is_null()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// A mail as Python read it.
pub(crate) struct Mail(pub(crate) Value);

impl Mail {
    /// The one header of that name.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers().filter(|(known, _)| known.eq_ignore_ascii_case(name)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "one `{name}` in {}", self.0);
        found[0].1
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0["headers"].as_array().into_iter().flatten();
        pairs.map(|pair| (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()))
    }

    /// The text of the part of that type.
    pub(crate) fn text(&self, kind: &str) -> &str {
        self.part(kind)["text"].as_str().unwrap_or_default()
    }

    pub(crate) fn part(&self, kind: &str) -> &Value {
        let mut parts = self.0["parts"].as_array().into_iter().flatten();
        parts.find(|part| part["type"] == kind).unwrap_or(&Value::Null)
    }
}

/// Files of a certificate for `localhost` until the end of 2040, and of the authority that signed it.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certificates {
    pub(crate) fn new(folder: &Path) -> Self {
        let put = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signer = KeyPair::generate().expect("a key");
        let own = authority.self_signed(&signer).expect("a certificate");
        let issuer = Issuer::new(authority, signer);
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        leaf.not_after = date_time_ymd(2041, 1, 1);
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
        Self {
            authority: put("ca.pem", own.pem()),
            certificate: put("certificate.pem", leaf.pem()),
            key: put("key.pem", key.serialize_pem()),
        }
    }
}
