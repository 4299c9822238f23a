//! A client that sends the bytes that it is given, and a claim to meet it.

use std::net::SocketAddr;
use std::time::Duration;

use postroom_listener::{Answer, Asked, Claim, Limits, Listeners, StatusCode, Wanted};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait of a test for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn wanted(address: &str, path: &str) -> Wanted {
    Wanted {
        system: "counted".to_owned(),
        address: address.parse().expect("an address"),
        path: path.to_owned(),
        tls: None,
        limits: Limits::default(),
    }
}

/// A claim at a port of its own.
pub(crate) async fn claim(listeners: &Listeners, path: &str, limits: Limits) -> Claim {
    let wanted = Wanted { limits, ..wanted("127.0.0.1:0", path) };
    listeners.claim(wanted).await.expect("a claim")
}

pub(crate) async fn asked(claim: &mut Claim) -> Asked {
    timeout(DEADLINE, claim.next()).await.expect("in time").expect("a request")
}

/// Answers the next request with 200 and its path.
pub(crate) async fn echo(claim: &mut Claim) {
    let asked = asked(claim).await;
    asked.reply.send(Answer::words(StatusCode::OK, asked.path));
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n")
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    timeout(DEADLINE, TcpStream::connect(address)).await.expect("in time").expect("a connection")
}

/// What comes back, to the end of the connection.
pub(crate) async fn send(address: SocketAddr, request: &str) -> String {
    converse(connect(address).await, request).await.expect("an answer")
}

pub(crate) async fn converse(
    mut line: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> std::io::Result<String> {
    let work = async {
        line.write_all(request.as_bytes()).await?;
        line.flush().await?;
        rest(&mut line).await
    };
    timeout(DEADLINE, work).await.expect("in time")
}

/// What is still to come, to the end of the connection.
pub(crate) async fn rest(line: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut answer = String::new();
    line.read_to_string(&mut answer).await?;
    Ok(answer)
}

pub(crate) fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).unwrap_or_default();
    code.parse().unwrap_or_else(|_| panic!("no status in {answer:?}"))
}
