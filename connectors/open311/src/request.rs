//! One request and its answer, within limits. It knows what was sent before a failure, and so what the failure means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, SettingsError};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, redirect, retry};
use rustls::{ClientConfig, RootCertStore};

pub(crate) use reqwest::{Client, RequestBuilder, StatusCode, header};

/// Longest wait for a connection, TLS included; half of the time for an answer, where that is less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept open between requests.
const IDLE_CONNECTIONS: usize = 8;
/// How long they are: less than the five seconds after which common servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// What the hub calls itself.
const USER_AGENT: &str = concat!("postroom/", env!("CARGO_PKG_VERSION"));

/// Whoever is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// What errors call it.
    pub(crate) name: &'static str,
    /// Longest answer that is read, in bytes.
    pub(crate) max_answer_bytes: usize,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
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

/// A client for the address in the setting `key` that does exactly what it is asked: nothing from the environment, no
/// redirect, no retry of its own.
///
/// # Errors
/// Where the machine has no TLS to offer.
pub(crate) fn client(key: &str, timeout: Duration) -> Result<Client, SettingsError> {
    let failed =
        |error: &dyn Error| SettingsError::new(key, format!("no client can be made for it: {error}"));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
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
        .build();
    client.map_err(|error| failed(&error))
}

impl Peer {
    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Result<Answer, ConnectorError> {
        let response = request.send().await.map_err(|error| self.unanswered(error))?;
        let status = response.status();
        let wait =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Answer { status, retry_after: wait.map(Duration::from_secs), body: self.read(response).await })
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
        } else if error.is_timeout() {
            (Failure::Unknown, format!("{name} did not answer in time"))
        } else {
            (Failure::Unknown, format!("the line was cut before {name} had answered"))
        };
        ConnectorError::new(failure, words, told(error))
    }
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
