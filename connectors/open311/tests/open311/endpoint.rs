//! An endpoint of another organisation that takes reports, can be in trouble, and tells what it has.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use postroom_connector::conformance::sink::Trouble;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use url::form_urlencoded;

/// A report as it was posted: names and texts.
pub(crate) type Posted = Vec<(String, String)>;

#[derive(Clone, Default)]
pub(crate) struct Endpoint {
    state: Arc<Mutex<State>>,
    pub(crate) address: String,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) trouble: Option<Trouble>,
    pub(crate) posted: Vec<Posted>,
    /// The heads of all requests.
    pub(crate) heads: Vec<String>,
    /// What is said to a report instead of its id: head and body.
    pub(crate) says: Option<(&'static str, &'static str)>,
    /// Lines on which nothing will ever be said.
    hanging: Vec<TcpStream>,
}

impl Endpoint {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/v2", listener.local_addr().expect("an address"));
        let endpoint = Self { address, ..Self::default() };
        let serving = endpoint.clone();
        thread::spawn(move || {
            for line in listener.incoming().map_while(Result::ok) {
                serving.state().serve(line);
            }
        });
        endpoint
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one is whose certificate nobody trusts.
pub(crate) fn stranger() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("a certificate with its key");
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for line in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("TLS");
            // Nobody comes further than the handshake.
            drop(StreamOwned::new(connection, line).read(&mut [0]));
        }
    });
    format!("https://localhost:{port}/v2")
}

impl State {
    fn serve(&mut self, mut line: TcpStream) {
        if self.trouble == Some(Trouble::CutsBefore) {
            return drop(line.shutdown(Shutdown::Both));
        }
        let Some((head, body)) = request(&mut line) else { return };
        self.heads.push(head.lines().next().unwrap_or_default().to_owned());
        let json = head.split(' ').nth(1).is_some_and(|path| path.starts_with("/v2/requests.json"));
        if head.starts_with("GET ") {
            return say(&mut line, "200 OK", &self.list(json));
        }
        match self.trouble {
            Some(Trouble::Fails) => return say(&mut line, "500 Internal Server Error", &body),
            Some(Trouble::Refuses) => return say(&mut line, "400 Bad Request", &errors(json, &body)),
            Some(Trouble::Busy) => return say(&mut line, "429 Too Many Requests\r\nretry-after: 1", &body),
            _ => {}
        }
        self.posted.push(form_urlencoded::parse(body.as_bytes()).into_owned().collect());
        match (self.trouble, self.says) {
            (Some(Trouble::Hangs), _) => self.hanging.push(line),
            (Some(Trouble::CutsAfter), _) => drop(line.shutdown(Shutdown::Both)),
            (Some(Trouble::HalfAnswer), _) => {
                drop(line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n<service_req"));
            }
            (Some(Trouble::Garbage), _) => say(&mut line, "200 OK", &body),
            (Some(Trouble::Endless), _) => say(&mut line, "200 OK", &body.repeat(10_000)),
            (_, Some((head, body))) => say(&mut line, head, body),
            _ => say(&mut line, "201 Created", &self.one(json)),
        }
    }

    fn one(&self, json: bool) -> String {
        let id = self.posted.len();
        match json {
            true => json!([{"service_request_id": id, "service_notice": "Soon"}]).to_string(),
            false => format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><service_requests><request><service_request_id>{id}\
                 </service_request_id><account_id/></request></service_requests>"
            ),
        }
    }

    fn list(&self, json: bool) -> String {
        let description = |posted: &Posted| {
            let found = posted.iter().find(|(name, _)| name == "description");
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let all: Vec<(usize, String)> = (1..).zip(self.posted.iter().map(description)).collect();
        if json {
            let item = |(id, text): &(usize, String)| json!({"service_request_id": id, "description": text});
            return Value::from(all.iter().map(item).collect::<Vec<_>>()).to_string();
        }
        let item = |(id, text): &(usize, String)| {
            format!(
                "<request><service_request_id>{id}</service_request_id><description>{text}</description></request>"
            )
        };
        format!("<service_requests>{}</service_requests>", all.iter().map(item).collect::<String>())
    }
}

/// A refusal that quotes what was sent.
fn errors(json: bool, body: &str) -> String {
    match json {
        true => json!([{"code": 400, "description": body}]).to_string(),
        false => format!(
            "<errors><error><code>400</code><description>{}</description></error></errors>",
            body.replace('&', "&amp;")
        ),
    }
}

fn say(line: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // Who has heard enough does not listen to the end.
    drop(line.write_all(answer.as_bytes()));
}

/// The head and the body of the next request.
fn request(line: &mut TcpStream) -> Option<(String, String)> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let mut bytes = [0; 4096];
        let count = line.read(&mut bytes).ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
    }
}
