//! One request and its answer, within limits. It knows what was sent before a failure, and so what the failure means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use postroom_connector::{ConnectorError, Failure, PeerOf, Presented};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, redirect, retry};
use rustls::{ClientConfig, RootCertStore};

use crate::judge::{Answer, Body};

/// Longest answer that is read, in bytes: a look-up tells notifications whole.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Longest wait for a connection, TLS included; half of the time for an answer, where that is less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept open between requests.
const IDLE_CONNECTIONS: usize = 8;
/// How long they are: less than the five seconds after which common servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// What the hub calls itself.
const USER_AGENT: &str = concat!("postroom/", env!("CARGO_PKG_VERSION"));

/// A client that does exactly what it is asked: nothing from the environment, no redirect, no retry of its own. It notes
/// until when what `peer` shows holds.
///
/// # Errors
/// Where the machine has no TLS to offer.
pub(crate) fn client(peer: PeerOf, timeout: Duration) -> Result<Client, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let tls = match Presented::shared().verifier(roots.clone(), provider, peer) {
        Some(verifier) => tls.dangerous().with_custom_certificate_verifier(verifier),
        None => tls.with_root_certificates(roots),
    };
    let tls = tls.with_no_client_auth();
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
        .build()?;
    Ok(client)
}

/// Sends a request and reads its answer.
pub(crate) async fn ask(request: RequestBuilder) -> Result<Answer, ConnectorError> {
    let response = request.send().await.map_err(unanswered)?;
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = read(response).await;
    Ok(Answer { status, retry_after: wait.map(Duration::from_secs), body, at: Utc::now() })
}

async fn read(mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Body::Cut(format!("it has more than {MAX_ANSWER_BYTES} bytes"));
            }
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
        (Failure::Down, "Notify cannot be reached")
    } else if error.is_timeout() {
        (Failure::Unknown, "Notify did not answer in time")
    } else {
        (Failure::Unknown, "the line was cut before Notify had answered")
    };
    ConnectorError::new(failure, words, told(error))
}

/// The chain of an error without the address, which holds an id.
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
