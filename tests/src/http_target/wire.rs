//! As much HTTP/1.1 as a target needs, byte by byte, so that it can be broken at any of them.

use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longest head of a request and longest body, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A line to a client.
pub type Line = BufReader<TcpStream>;

/// A request.
#[derive(Debug, Default)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// The next request on a line; `None` at its end.
///
/// # Errors
/// When the line breaks off, or says what is no request.
pub async fn read(line: &mut Line) -> io::Result<Option<Request>> {
    let first = head(line).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, ..Request::default() };
    let mut length = first.len();
    loop {
        let header = head(line).await?;
        length += header.len();
        match header.split_once(':') {
            Some((name, value)) if length <= MAX_HEAD_BYTES => {
                request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None if header.is_empty() => break,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    let length = request.headers.get("content-length").map_or(Ok(0), |length| length.parse());
    let length = length.ok().filter(|length| *length <= MAX_BODY_BYTES).ok_or(io::ErrorKind::InvalidData)?;
    request.body.resize(length, 0);
    line.read_exact(&mut request.body).await?;
    Ok(Some(request))
}

async fn head(line: &mut Line) -> io::Result<String> {
    let mut text = String::new();
    line.take(MAX_HEAD_BYTES as u64).read_line(&mut text).await?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Answers with a status, one more header and a body.
///
/// # Errors
/// When the client has gone.
pub async fn answer(
    line: &mut Line,
    status: u16,
    header: Option<(&str, String)>,
    body: &str,
) -> io::Result<()> {
    let header = header.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n{header}content-length: {length}\r\n\r\n{body}"
    );
    line.get_mut().write_all(text.as_bytes()).await
}
