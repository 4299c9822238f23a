//! One question and its answer, within limits. It knows what a failure means: nothing that is asked changes anything, so
//! there is no unknown outcome.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postroom_connector::{ConnectorError, Failure, Settings, SettingsError, digest};
use postroom_event::Reading;
use postroom_request::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK};
use postroom_request::{Answer, Body, Client, Peer, StatusCode, Url};
use tokio::task::spawn_blocking;

use super::access::Line;
use super::rounds::{MOST_PAGES, Page, Standing, Step};
use super::settings::PollSettings;
use super::understand::understand;

/// How errors call a system, and how much of its answer is read.
const SYSTEM: Peer = Peer { name: "the system", max_answer_bytes: 16 * 1024 * 1024 };
/// Longest wait that a system may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// Whoever asks one system.
pub(super) struct Asker {
    line: Line,
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
        settings.headers.put(&mut HeaderMap::new(), written)?;
        let line = settings.access.clone().open(written, settings.timeout)?;
        Ok(Self { line, settings, written: written.clone() })
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
        let answer = self.send(&standing, &address, mark.as_ref()).await?;
        if answer.status == StatusCode::NOT_MODIFIED && mark.is_some() {
            return Ok(Heard::Unchanged);
        }
        let (head, body) = judged(answer)?;
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
    ) -> Result<Answer, ConnectorError> {
        let asker = Arc::clone(self);
        let read = spawn_blocking(move || {
            let mut headers = HeaderMap::new();
            asker.settings.headers.put(&mut headers, &asker.written).map(|()| headers)
        });
        let headers = read
            .await
            .map_err(interrupted)?
            .map_err(|error| ConnectorError::new(Failure::Permanent, "a secret cannot be read", error))?;
        let make = |client: &Client| {
            let mut request =
                client.request(self.settings.method(), address.clone()).headers(headers.clone());
            if let Some((content_type, body)) = &self.settings.body {
                let filled = body.fill(&self.settings.rules.filled(standing), &standing.page.filled());
                request = request.header(CONTENT_TYPE, content_type).body(filled);
            }
            if let Some(mark) = mark {
                request = request.header(IF_NONE_MATCH, &mark.tag);
            }
            request
        };
        self.line.ask(SYSTEM, make).await.map_err(harmless)
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
            digest([cursor, address.as_str().as_bytes(), standing.page.filled().as_bytes(), body.as_ref()]);
        let step = self.settings.rules.step(standing, understood.found);
        let mark = head.get(ETAG).map(|tag| Mark { address, tag: tag.clone() });
        Ok(Heeded { readings: understood.readings, id, step, mark })
    }
}

/// Head and body of an answer that is one, or what its status means.
fn judged(answer: Answer) -> Result<(HeaderMap, Bytes), ConnectorError> {
    let said = answer.said();
    let Answer { status, headers, retry_after, body, .. } = answer;
    if status.is_success() {
        return match body {
            Body::Whole(bytes) => Ok((headers, bytes.into())),
            Body::TooLong => {
                let words = format!("the answer is longer than {} bytes", SYSTEM.max_answer_bytes);
                Err(ConnectorError::new(Failure::Permanent, words, ""))
            }
            Body::Cut(detail) => {
                Err(ConnectorError::new(Failure::Transient, "the answer of the system broke off", detail))
            }
        };
    }
    let failure = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Transient,
        status if status.is_server_error() => Failure::Transient,
        _ => Failure::Permanent,
    };
    let words = match failure {
        _ if status.is_redirection() => "the system answers with a redirect, which is not followed",
        Failure::Permanent => "the system refuses to answer",
        Failure::Transient | Failure::Unknown | Failure::Down => "the system cannot answer now",
    };
    let wait =
        retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER)).filter(|_| failure == Failure::Transient);
    Err(ConnectorError::new(failure, words, said).retry_after(wait))
}

/// What it means that no answer came: nothing that is asked changes anything.
fn harmless(error: ConnectorError) -> ConnectorError {
    match error.failure {
        Failure::Unknown => ConnectorError { failure: Failure::Transient, ..error },
        Failure::Transient | Failure::Permanent | Failure::Down => error,
    }
}

/// Why is not told: a panic may quote a value.
fn interrupted(_: tokio::task::JoinError) -> ConnectorError {
    ConnectorError::new(Failure::Transient, "the work on the answer was interrupted", "")
}
