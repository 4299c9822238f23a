//! A server that does with each request what the test told it to, and keeps what it was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

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
        Self::start("http", script.into_iter(), Ok)
    }

    /// Says the same to every connection.
    pub(crate) fn always(head: &'static str, body: &'static str) -> Self {
        Self::start("http", std::iter::repeat_with(move || answer(head, body)), Ok)
    }

    /// The same over TLS; a connection that does not come to be is let go.
    pub(crate) fn with_tls(tls: ServerConfig, head: &'static str, body: &'static str) -> Self {
        let tls = Arc::new(tls);
        let shake = move |mut line: TcpStream| {
            let mut connection = ServerConnection::new(Arc::clone(&tls)).expect("TLS");
            let shaken = connection.complete_io(&mut line);
            match shaken {
                Ok(_) => Ok(StreamOwned::new(connection, line)),
                Err(_) => Err(line),
            }
        };
        Self::start("https", std::iter::repeat_with(move || answer(head, body)), shake)
    }

    fn start<L: Read + Write + 'static>(
        scheme: &str,
        script: impl Iterator<Item = Does> + Send + 'static,
        shake: impl Fn(TcpStream) -> Result<L, TcpStream> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let (told, requests) = channel();
        thread::spawn(move || {
            let mut open = Vec::new();
            for does in script {
                let Ok((line, _)) = listener.accept() else { return };
                let handle = line.try_clone().expect("a line");
                match shake(line) {
                    Ok(line) => open.extend(serve(line, &handle, does, &told)),
                    // What the client still sends is read, for else it would not hear why it is let go.
                    Err(mut line) => drop(line.read_to_end(&mut Vec::new())),
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

    /// How many requests came that were not asked for yet.
    pub(crate) fn left(&self) -> usize {
        self.requests.try_iter().count()
    }
}

/// Does it with a line, which is given back where it stays open.
fn serve<L: Read + Write>(mut line: L, handle: &TcpStream, does: Does, told: &Sender<String>) -> Option<L> {
    if !matches!(does, Does::Closes)
        && let Some(request) = request(&mut line)
    {
        // A test that has ended asks for no more.
        drop(told.send(request));
    }
    match does {
        Does::Hangs => return Some(line),
        // The answer may be longer than its reader's patience.
        Does::Says(bytes) => drop(line.write_all(bytes.as_bytes())),
        Does::Cuts | Does::Closes => drop(handle.shutdown(Shutdown::Both)),
    }
    None
}

/// An answer that is the last on its line.
pub(crate) fn answer(head: &str, body: &str) -> Does {
    let length = body.len();
    Does::Says(format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"))
}

/// The next request of a line; none where it is let go before there is one.
pub(crate) fn request(line: &mut impl Read) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return Some(text);
            }
        }
        let mut bytes = [0; 4096];
        let count = line.read(&mut bytes).ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
    }
}

/// The value of a header in a request.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = request.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The body of a request.
pub(crate) fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
