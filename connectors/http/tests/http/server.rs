//! A server that does with each request what the test told it to, and keeps what it was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Longest wait of a test for a request.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is done with one connection.
pub(crate) enum Does {
    /// Reads the request and writes these bytes.
    Says(String),
    /// Reads the request and closes.
    Cuts,
    /// Reads the request and keeps the line open.
    Hangs,
    /// Closes at once.
    Closes,
}

pub(crate) struct Server {
    pub(crate) address: String,
    requests: Receiver<String>,
}

impl Server {
    /// Does each of `script` with one connection after the other.
    pub(crate) fn new(script: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (told, requests) = channel();
        thread::spawn(move || {
            let mut open = Vec::new();
            for does in script {
                let Ok((mut line, _)) = listener.accept() else { return };
                if !matches!(does, Does::Closes) && told.send(request(&mut line)).is_err() {
                    return;
                }
                match does {
                    // The answer may be longer than its reader's patience.
                    Does::Says(bytes) => drop(line.write_all(bytes.as_bytes())),
                    Does::Hangs => open.push(line),
                    Does::Cuts | Does::Closes => drop(line.shutdown(Shutdown::Both)),
                }
            }
            // Whoever hangs does so until the test ends.
            thread::park();
        });
        Self { address, requests }
    }

    /// The next request, whole.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(DEADLINE).expect("a request")
    }
}

/// An answer that is the last on its line.
pub(crate) fn answer(head: &str, body: &str) -> Does {
    let length = body.len();
    Does::Says(format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"))
}

fn request(line: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return text;
            }
        }
        let mut bytes = [0; 4096];
        let count = line.read(&mut bytes).expect("a request");
        assert!(count > 0, "the request broke off: {text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
    }
}
