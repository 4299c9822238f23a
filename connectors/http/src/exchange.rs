//! One request and its answer, within limits. It knows what was sent before a failure, and so what the failure means.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::Utc;
use postroom_connector::{ConnectorError, Failure, PeerOf};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect, retry};
use rustls::{AlertDescription, ClientConfig};

use crate::{retry_after, tls};

/// Longest answer that is read, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Longest wait for a connection, TLS included; half of the time for an answer, where that is less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept open between requests.
const IDLE_CONNECTIONS: usize = 16;
/// How long they are: less than the five seconds after which common servers close theirs, so that no request meets
/// a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// What the hub calls itself.
const USER_AGENT: &str = concat!("postroom/", env!("CARGO_PKG_VERSION"));

/// An answer of the target.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
}

/// What came behind the head of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Vec<u8>),
    /// More than is ever read.
    TooLong,
    /// Its end did not come, for this reason.
    Cut(String),
}

/// A client that does exactly what it is asked: nothing from the environment, no redirect, no retry of its own. It trusts
/// whom the machine trusts.
///
/// # Errors
/// Where the machine has no TLS to offer.
pub fn client(timeout: Duration) -> Result<Client, Box<dyn Error>> {
    Ok(client_with(timeout, tls::config(tls::roots_of_the_machine(), None, None)?)?)
}

/// The same, which notes until when what `peer` shows holds.
pub(crate) fn client_of(peer: PeerOf, timeout: Duration) -> Result<Client, Box<dyn Error>> {
    Ok(client_with(timeout, tls::config(tls::roots_of_the_machine(), None, Some(peer))?)?)
}

/// The same, with this TLS.
pub(crate) fn client_with(timeout: Duration, tls: ClientConfig) -> reqwest::Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .user_agent(USER_AGENT)
        .tcp_nodelay(true)
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
}

/// Sends a request and reads its answer.
pub(crate) async fn ask(request: RequestBuilder) -> Result<Answer, ConnectorError> {
    let response = request.send().await.map_err(unanswered)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = wait.and_then(|text| retry_after::parse(text, Utc::now()));
    Ok(Answer { status, headers, retry_after, body: read(response).await })
}

async fn read(mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_ANSWER_BYTES => return Body::TooLong,
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(bytes),
            Err(error) => return Body::Cut(told(error)),
        }
    }
}

/// What it means that no answer came: nothing was sent, or it may have arrived.
fn unanswered(error: reqwest::Error) -> ConnectorError {
    let (failure, words) = if error.is_builder() {
        (Failure::Permanent, "no request can be made of it")
    } else if error.is_connect() {
        (Failure::Down, "the target cannot be reached")
    } else if is_unwelcome(&error) {
        (Failure::Down, "the target does not accept the certificate of the hub, or that it has none")
    } else if error.is_timeout() {
        (Failure::Unknown, "the target did not answer in time")
    } else {
        (Failure::Unknown, "the line was cut before the target had answered")
    };
    ConnectorError::new(failure, words, told(error))
}

/// Whether the target closed the line because of the hub's certificate: with TLS 1.3 that comes behind the handshake, and
/// before anything was taken.
fn is_unwelcome(error: &reqwest::Error) -> bool {
    use AlertDescription as Alert;
    let mut source = error.source();
    while let Some(cause) = source {
        // What an I/O error wraps is not its source, but the source of that.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let alert = inner.and_then(|inner| inner.downcast_ref()).or_else(|| cause.downcast_ref());
        if let Some(rustls::Error::AlertReceived(alert)) = alert {
            return matches!(
                alert,
                Alert::CertificateRequired
                    | Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::AccessDenied
                    | Alert::DecryptError
                    | Alert::HandshakeFailure
            );
        }
        source = cause.source();
    }
    false
}

/// The chain of an error without the address, which may hold an id.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}
