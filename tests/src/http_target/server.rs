//! The target at work: takes orders on its standard input, and requests at its port.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::oracle::{Asked, Oracle};
use super::orders::{Does, Order};
use super::wire::{self, Line, Request};

/// What the lines of one target share.
struct Target {
    book: Mutex<Book>,
    /// The JSON pointer by which a message says what it is about.
    subject: String,
}

struct Book {
    oracle: Oracle,
    orders: Vec<Order>,
}

/// Works until its standard input ends.
///
/// # Errors
/// When the port is taken, or the oracle cannot be written.
pub async fn run(port: u16, oracle: &Path, subject: String) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let book = Mutex::new(Book { oracle: Oracle::open(oracle)?, orders: Vec::new() });
    let target = Arc::new(Target { book, subject });
    say("ready")?;
    let hearing = Arc::clone(&target);
    let mut heard = tokio::task::spawn_blocking(move || hearing.hear());
    loop {
        tokio::select! {
            ended = &mut heard => return ended.map_err(io::Error::other)?,
            line = listener.accept() => {
                let (target, line) = (Arc::clone(&target), line?.0);
                tokio::spawn(async move { target.serve(line).await });
            }
        }
    }
}

fn say(word: &str) -> io::Result<()> {
    let mut voice = io::stdout().lock();
    writeln!(voice, "{word}")?;
    voice.flush()
}

impl Target {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes orders until nobody gives any more.
    fn hear(&self) -> io::Result<()> {
        for line in io::stdin().lines() {
            self.book().orders = serde_json::from_str(&line?)?;
            say("ordered")?;
        }
        Ok(())
    }

    async fn serve(&self, line: TcpStream) -> io::Result<()> {
        line.set_nodelay(true)?;
        let mut line = BufReader::new(line);
        while let Some(request) = wire::read(&mut line).await? {
            let goes_on = match request.method.as_str() {
                "GET" => self.look_up(&request, &mut line).await?,
                _ => self.take(&request, &mut line).await?,
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Says whether a message of the key at the end of the path has landed.
    async fn look_up(&self, request: &Request, line: &mut Line) -> io::Result<bool> {
        let key = request.path.rsplit('/').next().unwrap_or_default();
        let found = {
            let mut book = self.book();
            book.oracle.write(asked(request, key, ""))?;
            book.oracle.has(key)
        };
        let (status, body) = if found { (200, r#"{"reference": "looked up"}"#) } else { (404, "") };
        wire::answer(line, status, None, body).await?;
        Ok(true)
    }

    /// Takes a message, or does what was ordered; whether the line goes on.
    async fn take(&self, request: &Request, line: &mut Line) -> io::Result<bool> {
        let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let subject = message.pointer(&self.subject).and_then(Value::as_str).unwrap_or_default();
        let key = request.headers.get("idempotency-key").map_or("", String::as_str);
        let (does, number) = {
            let mut book = self.book();
            let does = book.orders.iter_mut().find_map(|order| order.meets(subject));
            let landed = does.is_none_or(Does::lands);
            (does, book.oracle.write(Asked { did: does, landed, ..asked(request, key, subject) })?)
        };
        let taken = format!(r#"{{"reference": "T-{number}"}}"#);
        match does {
            None => wire::answer(line, 201, None, &taken).await?,
            Some(Does::Slow(milliseconds)) => {
                sleep_until(Instant::now() + Duration::from_millis(milliseconds)).await;
                wire::answer(line, 201, None, &taken).await?;
            }
            Some(Does::Status(status)) => wire::answer(line, status, None, "").await?,
            Some(Does::Busy(seconds)) => {
                wire::answer(line, 429, Some(("retry-after", seconds.to_string())), "").await?;
            }
            // The line ends when the client gives up.
            Some(Does::Hangs) => return line.read_to_end(&mut Vec::new()).await.map(|_| false),
            Some(Does::CutsBefore | Does::CutsAfter) => return Ok(false),
            Some(Does::Garbage) => {
                line.get_mut().write_all(b"garbage\r\n\r\n").await?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn asked(request: &Request, key: &str, subject: &str) -> Asked {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let hash = Sha256::digest(&request.body);
    Asked {
        at: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
        method: request.method.clone(),
        key: key.to_owned(),
        subject: subject.to_owned(),
        body: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        did: None,
        landed: false,
        times: 0,
    }
}
