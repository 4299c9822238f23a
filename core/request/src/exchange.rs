//! One request and its answer, within limits. It knows what was sent before a failure, and so what the failure means.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use postroom_connector::{ConnectorError, Failure};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use rustls::AlertDescription;

use crate::retry_after;

/// Whoever is asked.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// What errors call it, such as `the target`.
    pub name: &'static str,
    /// Longest answer that is read, in bytes.
    pub max_answer_bytes: usize,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Whatever its status is: what it means is for whoever asked.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// How long to wait before the next request, where it says so.
    pub retry_after: Option<Duration>,
    /// What came behind its head.
    pub body: Body,
    /// When its head came, by the clock of this machine.
    pub at: DateTime<Utc>,
}

/// What came behind the head of an answer.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// More than is ever read.
    TooLong,
    /// Its end did not come, for this reason.
    Cut(String),
}

impl Peer {
    /// Sends a request and reads its answer, in the time that its client has.
    ///
    /// # Errors
    /// Where no answer came. Nothing was sent: permanent, where the request is none, and down, where nobody is reached or lets
    /// the hub in. It may have arrived: unknown. The words hold no address, no header and no body.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, ConnectorError> {
        let response = request.send().await.map_err(|error| self.unanswered(error))?;
        let (status, headers, at) = (response.status(), response.headers().clone(), Utc::now());
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = wait.and_then(|text| retry_after::parse(text, at));
        Ok(Answer { status, headers, retry_after, body: self.read(response).await, at })
    }

    async fn read(&self, mut response: Response) -> Body {
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.max_answer_bytes => return Body::TooLong,
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Body::Whole(bytes),
                Err(error) => return Body::Cut(told(error)),
            }
        }
    }

    /// What it means that no answer came: nothing was sent, or it may have arrived.
    fn unanswered(&self, error: reqwest::Error) -> ConnectorError {
        let name = self.name;
        let (failure, words) = if error.is_builder() {
            (Failure::Permanent, "no request can be made of it".to_owned())
        } else if error.is_connect() {
            (Failure::Down, format!("{name} cannot be reached"))
        } else if is_unwelcome(&error) {
            let words = format!("{name} does not accept the certificate of the hub, or that it has none");
            (Failure::Down, words)
        } else if error.is_timeout() {
            (Failure::Unknown, format!("{name} did not answer in time"))
        } else {
            (Failure::Unknown, format!("the line was cut before {name} had answered"))
        };
        ConnectorError::new(failure, words, told(error))
    }
}

impl Answer {
    /// What its status is, in words: `404 Not Found`.
    pub fn said(&self) -> String {
        let status = self.status;
        match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_u16()),
            None => status.as_u16().to_string(),
        }
    }
}

/// What a status means that is no success, where a request changes something.
pub fn meaning(status: StatusCode) -> Failure {
    match status {
        // No message is to blame for what the hub shows of itself.
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Failure::Down,
        // A gateway answers for a target that may have it.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Failure::Unknown,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Transient,
        status if status.is_server_error() => Failure::Transient,
        _ => Failure::Permanent,
    }
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
