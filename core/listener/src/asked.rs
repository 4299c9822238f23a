//! A request that was read whole, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::sync::oneshot;

use crate::limits::RETRY_AFTER_SECONDS;

/// A request, read whole.
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// The path as it was sent, nothing decoded.
    pub path: String,
    /// What stands behind the `?`, nothing decoded.
    pub query: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, within the limit of the claim.
    pub body: Bytes,
    /// The certificate by which the client proved itself, where it did.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Where the answer goes.
    pub reply: Reply,
}

/// Without the path, headers and body, in which values and secrets stand.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked")
            .field("method", &self.method)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A client certificate that was checked against the `client_ca` of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate, in hex of lower case.
    pub fingerprint: String,
    /// The subject's distinguished name in the order of the certificate, such as `C=GB, O=Zedshire, CN=till`; empty where
    /// it cannot be read.
    pub subject: String,
}

/// Where the answer to one request goes. One that is dropped says 503: come again.
#[derive(Debug)]
pub struct Reply(pub(crate) oneshot::Sender<Answer>);

impl Reply {
    /// Whether somebody still waits for it.
    pub fn is_awaited(&self) -> bool {
        !self.0.is_closed()
    }

    /// Gives the answer. Whether the client is still there to hear it is not known.
    pub fn send(self, answer: Answer) {
        // Nobody waits any more: the time was up, or the line is cut.
        let _unheard = self.0.send(answer);
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// One in plain words.
    pub fn words(status: StatusCode, words: impl Into<String>) -> Self {
        Self::new(status).body(HeaderValue::from_static("text/plain; charset=utf-8"), words.into())
    }

    /// One that says when to come again: at the earliest after so many seconds.
    pub fn later(status: StatusCode, seconds: u64) -> Self {
        Self::new(status).header(RETRY_AFTER, seconds.into())
    }

    /// That nobody can take it now.
    pub(crate) fn unavailable() -> Self {
        Self::later(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS)
    }

    /// The same with a header more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a body of this media type.
    #[must_use]
    pub fn body(self, media_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self.header(CONTENT_TYPE, media_type) }
    }
}
