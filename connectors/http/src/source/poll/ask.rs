//! One question and its answer, within limits. It knows what a failure means: nothing that is asked changes anything, so
//! there is no unknown outcome.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use postroom_connector::{ConnectorError, Failure, PeerOf, Settings, SettingsError};
use postroom_event::Reading;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::task::spawn_blocking;

use super::rounds::{MOST_PAGES, Page, Standing, Step};
use super::settings::{MAX_ANSWER_BYTES, PollSettings};
use super::understand::understand;
use crate::exchange::client_of;
use crate::retry_after;
use crate::source::held::hash;

/// Longest wait that a system may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// Whoever asks one system.
pub(super) struct Asker {
    client: Client,
    pub(super) settings: PollSettings,
    /// As the council wrote them: where the secrets are.
    written: Settings,
}

/// The mark of an answer, by which the system can say that nothing has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    address: Url,
    tag: HeaderValue,
}

/// What came of a question.
pub(super) enum Heard {
    /// Nothing has changed.
    Unchanged,
    Answer(Box<Heeded>),
}

/// An answer that was understood.
pub(super) struct Heeded {
    pub(super) readings: Vec<Reading>,
    /// What makes it the same answer to the same question.
    pub(super) id: String,
    pub(super) step: Step,
    pub(super) mark: Option<Mark>,
}

impl Asker {
    pub(super) fn new(settings: PollSettings, written: &Settings) -> Result<Self, SettingsError> {
        settings.credentials.headers(written)?;
        let peer = PeerOf { system: written.system.clone(), setting: "source.poll.url" };
        let client = client_of(peer, settings.timeout).map_err(|error| {
            SettingsError::new("poll.url", format!("no client can be made for it: {error}"))
        })?;
        Ok(Self { client, settings, written: written.clone() })
    }

    /// Asks for the page at which the poll stands.
    pub(super) async fn ask(
        self: Arc<Self>,
        standing: Standing,
        mark: Option<Mark>,
    ) -> Result<Heard, ConnectorError> {
        if standing.pages >= MOST_PAGES {
            let words = format!("the answer has more than {MOST_PAGES} pages");
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        let address = self.address(&standing)?;
        // Where there are pages, one that has not changed says nothing of the others.
        let mark = mark.filter(|mark| self.settings.rules.pages.is_none() && mark.address == address);
        let response = self.send(&standing, &address, mark.as_ref()).await?;
        if response.status() == StatusCode::NOT_MODIFIED && mark.is_some() {
            return Ok(Heard::Unchanged);
        }
        let head = response.headers().clone();
        let body = read(judged(response)?).await?;
        let work = move || self.heed(&standing, address, &head, &body);
        spawn_blocking(work).await.map_err(interrupted)?.map(Box::new).map(Heard::Answer)
    }

    fn address(&self, standing: &Standing) -> Result<Url, ConnectorError> {
        if let Page::Address(url) = &standing.page {
            return Ok(url.as_ref().clone());
        }
        let filled =
            self.settings.address.fill(&self.settings.rules.filled(standing), &standing.page.filled());
        filled.parse().map_err(|_| {
            ConnectorError::new(Failure::Permanent, "no address can be made with this cursor", "")
        })
    }

    async fn send(
        self: &Arc<Self>,
        standing: &Standing,
        address: &Url,
        mark: Option<&Mark>,
    ) -> Result<Response, ConnectorError> {
        let asker = Arc::clone(self);
        let headers = spawn_blocking(move || asker.settings.credentials.headers(&asker.written)).await;
        let headers = headers
            .map_err(interrupted)?
            .map_err(|error| ConnectorError::new(Failure::Permanent, "a secret cannot be read", error))?;
        let mut request = self.client.request(self.settings.method(), address.clone()).headers(headers);
        if let Some((content_type, body)) = &self.settings.body {
            let filled = body.fill(&self.settings.rules.filled(standing), &standing.page.filled());
            request = request.header(CONTENT_TYPE, content_type).body(filled);
        }
        if let Some(mark) = mark {
            request = request.header(IF_NONE_MATCH, &mark.tag);
        }
        request.send().await.map_err(unanswered)
    }

    fn heed(
        &self,
        standing: &Standing,
        address: Url,
        head: &HeaderMap,
        body: &Bytes,
    ) -> Result<Heeded, ConnectorError> {
        let links: Vec<&str> = head.get_all(LINK).iter().filter_map(|link| link.to_str().ok()).collect();
        let understood = understand(&self.settings, &address, Some(links.join(", ").as_str()), body)?;
        let cursor = standing.cursor.as_bytes();
        let id =
            hash([cursor, address.as_str().as_bytes(), standing.page.filled().as_bytes(), body.as_ref()]);
        let step = self.settings.rules.step(standing, understood.found);
        let mark = head.get(ETAG).map(|tag| Mark { address, tag: tag.clone() });
        Ok(Heeded { readings: understood.readings, id, step, mark })
    }
}

/// An answer that is one, or what its status means.
fn judged(response: Response) -> Result<Response, ConnectorError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let failure = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Transient,
        status if status.is_server_error() => Failure::Transient,
        _ => Failure::Permanent,
    };
    let said = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let words = match failure {
        _ if status.is_redirection() => "the system answers with a redirect, which is not followed",
        Failure::Permanent => "the system refuses to answer",
        Failure::Transient | Failure::Unknown | Failure::Down => "the system cannot answer now",
    };
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|text| retry_after::parse(text, Utc::now()));
    let wait = wait.map(|wait| wait.min(LONGEST_RETRY_AFTER)).filter(|_| failure == Failure::Transient);
    Err(ConnectorError::new(failure, words, said.trim_end()).retry_after(wait))
}

async fn read(mut response: Response) -> Result<Bytes, ConnectorError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_ANSWER_BYTES => {
                let words = format!("the answer is longer than {MAX_ANSWER_BYTES} bytes");
                return Err(ConnectorError::new(Failure::Permanent, words, ""));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes.into()),
            Err(error) => {
                let words = "the answer of the system broke off";
                return Err(ConnectorError::new(Failure::Transient, words, told(error)));
            }
        }
    }
}

/// What it means that no answer came.
fn unanswered(error: reqwest::Error) -> ConnectorError {
    let (failure, words) = if error.is_builder() {
        (Failure::Permanent, "no request can be made of it")
    } else if error.is_connect() {
        (Failure::Down, "the system cannot be reached")
    } else if error.is_timeout() {
        (Failure::Transient, "the system did not answer in time")
    } else {
        (Failure::Transient, "the line was cut before the system had answered")
    };
    ConnectorError::new(failure, words, told(error))
}

/// The chain of an error without the address, which holds the cursor.
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

/// Why is not told: a panic may quote a value.
fn interrupted(_: tokio::task::JoinError) -> ConnectorError {
    ConnectorError::new(Failure::Transient, "the work on the answer was interrupted", "")
}
