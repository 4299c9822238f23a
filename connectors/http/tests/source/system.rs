//! A system that is asked: does with each request what the test told it to, and keeps what it was sent.

use std::sync::mpsc::{Receiver, channel};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::room::DEADLINE;

/// What is done with one request.
pub(crate) enum Does {
    /// Writes these bytes and closes.
    Says(String),
    /// Closes without a word.
    Cuts,
    /// Keeps the line open.
    Hangs,
}

pub(crate) struct System {
    pub(crate) address: String,
    requests: Receiver<String>,
}

impl System {
    /// Does each of `script` with one request after the other.
    pub(crate) async fn new(script: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (told, requests) = channel();
        tokio::spawn(async move {
            let mut open = Vec::new();
            for does in script {
                let Ok((mut line, _)) = listener.accept().await else { return };
                if told.send(request(&mut line).await).is_err() {
                    return;
                }
                match does {
                    // The answer may be longer than its reader's patience.
                    Does::Says(bytes) => drop(line.write_all(bytes.as_bytes()).await),
                    Does::Hangs => open.push(line),
                    Does::Cuts => {}
                }
            }
            std::future::pending::<()>().await;
        });
        Self { address, requests }
    }

    /// The requests so far, whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

/// An answer that is the last on its line.
pub(crate) fn answer(head: &str, body: &str) -> Does {
    let length = body.len();
    Does::Says(format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"))
}

/// 200 with this body.
pub(crate) fn says(body: &str) -> Does {
    answer("200 OK", body)
}

async fn request(line: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return text;
            }
        }
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(DEADLINE, line.read(&mut bytes)).await;
        let count = read.expect("in time").expect("a request");
        assert!(count > 0, "the request broke off: {text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
    }
}
