//! Asking by HTTP as a monitoring program does, and reading what a client sends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::DEADLINE;

/// Status and body of `GET path` at `address`.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).expect("a listener");
    ask(stream, &format!("GET {path} HTTP/1.1\r\nhost: {address}"), "").expect("an answer")
}

/// Status and body of what is answered to a request, whose `head` is its first line and headers; `None` where the peer
/// ends before it has answered.
pub fn ask(mut stream: TcpStream, head: &str, body: &str) -> Option<(u16, String)> {
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let length = body.len();
    write!(stream, "{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").ok()?;
    let (line, body) = message(&mut BufReader::new(stream))?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Some((status, String::from_utf8(body).expect("text")))
}

/// The first line of the next message, and its body; `None` when there is none.
pub(super) fn message(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut first = None;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            head if first.is_none() => first = Some(head.to_owned()),
            head => {
                if let Some(("content-length", text)) = head.to_ascii_lowercase().split_once(':') {
                    length = text.trim().parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first?, body))
}
