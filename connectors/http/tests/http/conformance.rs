//! What every sink must keep, tried on a target that honours its keys.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use postroom_connector::conformance::sink::{
    Ground, Trouble, each_trouble_has_its_meaning_and_costs_nothing, what_comes_again_takes_effect_once,
};
use postroom_connector::conformance::{SECRET, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SinkKind};
use postroom_connector_http::HttpSink;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::server::{Server, body, header, request};

/// A target that takes each key once, and can be in trouble.
struct Till {
    data: TempDir,
    address: String,
    /// Where a target is whose certificate nobody trusts.
    stranger: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    /// What took effect, by its key.
    taken: BTreeMap<String, u64>,
    /// Lines on which nothing will ever be said.
    hanging: Vec<TcpStream>,
}

impl Till {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("token"), SECRET).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            for line in listener.incoming().map_while(Result::ok) {
                kept.lock().expect("no panic").serve(line);
            }
        });
        let stranger = Server::with_tls(Authority::new("nobody").server(None), "200 OK", "").address;
        Self { data, address, stranger, state }
    }

    fn settings_at(&self, address: &str) -> Settings {
        let table = format!(
            "url = '{address}/moves'\nbearer = {{ file = 'token' }}\ntimeout = '1s'\nreference = '/key'\n\
             look_up = {{ url = '{address}/by-key/{{id}}' }}"
        );
        let table = table.parse().expect("TOML");
        Settings { table, data: self.data.path().to_owned(), system: "till".to_owned() }
    }
}

impl State {
    fn serve(&mut self, mut line: TcpStream) {
        if self.trouble == Some(Trouble::CutsBefore) {
            return drop(line.shutdown(Shutdown::Both));
        }
        let Some(request) = request(&mut line) else { return };
        if let Some(key) = request.strip_prefix("GET /by-key/").and_then(|rest| rest.split(' ').next()) {
            let status = if self.taken.contains_key(key) { "200 OK" } else { "404 Not Found" };
            return say(&mut line, status, &format!("{{\"key\": \"{key}\"}}"));
        }
        match self.trouble {
            Some(Trouble::Fails) => return say(&mut line, "500 Internal Server Error", &request),
            Some(Trouble::Refuses) => return say(&mut line, "422 Unprocessable Entity", &request),
            Some(Trouble::Busy) => {
                return say(&mut line, "429 Too Many Requests\r\nretry-after: 1", &request);
            }
            _ => {}
        }
        let key = self.take(&request);
        let answer = format!("{{\"key\": \"{key}\"}}");
        match self.trouble {
            Some(Trouble::Hangs) => self.hanging.push(line),
            Some(Trouble::CutsAfter) => drop(line.shutdown(Shutdown::Both)),
            Some(Trouble::HalfAnswer) => {
                drop(line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"key\""));
            }
            Some(Trouble::Garbage) => drop(line.write_all(format!("{request}\r\n\r\n").as_bytes())),
            Some(Trouble::Endless) => say(&mut line, "200 OK", &request.repeat(10_000)),
            _ => say(&mut line, "201 Created", &answer),
        }
    }

    fn take(&mut self, request: &str) -> String {
        assert_eq!(header(request, "authorization"), Some(format!("Bearer {SECRET}").as_str()));
        let key = header(request, "idempotency-key").expect("a key").to_owned();
        let message: serde_json::Value = body(request).parse().expect("JSON");
        self.taken.insert(key.clone(), message["number"].as_u64().expect("a number"));
        key
    }
}

fn say(line: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // Who has heard enough does not listen to the end.
    drop(line.write_all(answer.as_bytes()));
}

#[async_trait]
impl Ground for Till {
    fn kind(&self) -> &dyn SinkKind {
        &HttpSink
    }

    fn settings(&self) -> Settings {
        match self.state.lock().expect("no panic").trouble {
            Some(Trouble::Away) => {
                let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
                self.settings_at(&format!("http://{}", closed.expect("a port")))
            }
            Some(Trouble::WrongCertificate) => self.settings_at(&self.stranger),
            _ => self.settings_at(&self.address),
        }
    }

    async fn order(&mut self, trouble: Trouble) -> bool {
        self.state.lock().expect("no panic").trouble = Some(trouble);
        true
    }

    async fn heal(&mut self) {
        self.state.lock().expect("no panic").trouble = None;
    }

    async fn taken(&mut self) -> Vec<u64> {
        self.state.lock().expect("no panic").taken.values().copied().collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }
}

#[tokio::test]
async fn each_trouble_of_a_target_has_its_meaning_and_costs_nothing() {
    each_trouble_has_its_meaning_and_costs_nothing(&mut Till::new()).await;
}

#[tokio::test]
async fn a_handover_that_comes_again_takes_effect_once() {
    what_comes_again_takes_effect_once(&mut Till::new()).await;
}

#[test]
fn settings_that_are_wrong_name_their_key_and_show_no_secret() {
    let till = Till::new();
    settings_errors_name_their_key(
        |settings| HttpSink.check(settings),
        &till.settings(),
        &[
            ("bearer", &format!("bearer = '{SECRET}'")),
            ("headers.X-Api-Key", &format!("headers = {{ X-Api-Key = '{SECRET}' }}")),
            ("url", &format!("url = 'https://hub:{SECRET}@till.example/'")),
            ("ca", &format!("ca = '{SECRET}'")),
            ("method", "method = 'GET'"),
            ("answer.rule", "answer = { rule = '.' }"),
        ],
    );
}

#[test]
fn checking_settings_opens_nothing() {
    let till = Till::new();
    check_opens_nothing(
        |settings| HttpSink.check(settings),
        |address| till.settings_at(&format!("http://{address}")),
    );
}
