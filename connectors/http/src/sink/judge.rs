//! What an answer means: by the council's rule, by a SOAP fault, or by its status. Pure.

use std::sync::Arc;

use postroom_connector::{ConnectorError, Failure, Receipt};
use postroom_request::{Answer, Body, StatusCode, meaning};
use serde_json::Value;

use super::TARGET;
use super::content::content;
use super::request::Purpose;
use super::rule::{Outcome, Rule, Verdict, text};
use super::soap::{fault, is_envelope};

/// What tells the meaning of the answers to a kind of request.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) purpose: Purpose,
    pub(crate) pointers: Pointers,
    pub(crate) rule: Option<Arc<Rule>>,
    pub(crate) speech: Speech,
}

/// Where in an answer to look, as JSON pointers (RFC 6901).
#[derive(Debug, Clone, Default)]
pub(crate) struct Pointers {
    /// The target's own reference.
    pub(crate) reference: Option<String>,
    /// The code of a refusal; never a text that repeats the message.
    pub(crate) problem: Option<String>,
}

/// What a target answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Any,
    Soap,
}

/// What an answer means.
enum Meaning {
    Delivered(Receipt),
    /// Of a look-up: it did not arrive.
    Absent,
    Failed(ConnectorError),
}

impl Judge {
    /// Whether the message arrived, or what the failure means.
    pub(crate) fn receipt(&self, answer: &Answer) -> Result<Receipt, ConnectorError> {
        match self.meaning(answer) {
            Meaning::Delivered(receipt) => Ok(receipt),
            Meaning::Failed(error) => Err(error),
            Meaning::Absent => Err(senseless("")),
        }
    }

    /// Whether a message that was looked up had arrived.
    pub(crate) fn found(&self, answer: &Answer) -> Result<Option<Receipt>, ConnectorError> {
        match self.meaning(answer) {
            Meaning::Delivered(receipt) => Ok(Some(receipt)),
            Meaning::Absent => Ok(None),
            Meaning::Failed(error) => Err(error),
        }
    }

    fn meaning(&self, answer: &Answer) -> Meaning {
        let content = content(answer);
        if let Some(rule) = &self.rule
            && matches!(answer.body, Body::Whole(_))
        {
            match rule.verdict(answer, &content) {
                Ok(Some(verdict)) => return self.ruled(answer, verdict, &content),
                Ok(None) => {}
                Err(error) => return Meaning::Failed(senseless(&error.to_string())),
            }
        }
        if self.speech == Speech::Soap
            && let Some(meaning) = self.soap(answer, &content)
        {
            return meaning;
        }
        self.by_status(answer, &content)
    }

    /// As the rule says.
    fn ruled(&self, answer: &Answer, verdict: Verdict, content: &Value) -> Meaning {
        let Verdict { outcome, words, code, reference } = verdict;
        let failed = |failure: Failure| {
            let words = words.unwrap_or_else(|| said(answer, failure));
            with_wait(ConnectorError::new(failure, words, code.unwrap_or_default()), answer)
        };
        Meaning::Failed(match outcome {
            Some(Outcome::Delivered) => {
                let reference = reference.or_else(|| self.reference(content));
                return Meaning::Delivered(Receipt { reference });
            }
            Some(Outcome::Absent) => return Meaning::Absent,
            Some(Outcome::Refused) => failed(Failure::Permanent).business(),
            Some(Outcome::Again) => failed(Failure::Transient),
            Some(Outcome::Unknown) => failed(Failure::Unknown),
            Some(Outcome::Down) => failed(Failure::Down),
            None => senseless("its `outcome` is none that there is"),
        })
    }

    /// A fault, whatever the status, and an answer that should be an envelope and is none.
    fn soap(&self, answer: &Answer, content: &Value) -> Option<Meaning> {
        if let Some(fault) = fault(content) {
            let by_status =
                if answer.status.is_success() { Failure::Transient } else { meaning(answer.status) };
            let failure = fault.failure.unwrap_or(by_status);
            let words = match failure {
                Failure::Permanent => "the target refuses it",
                Failure::Transient | Failure::Unknown | Failure::Down => "the target cannot take it now",
            };
            let words = format!("{words}: SOAP fault {}", fault.code.unwrap_or("of its own"));
            let error = ConnectorError::new(failure, words.trim_end(), self.problem(content));
            let says_no = fault.says_no.unwrap_or(!answer.status.is_success() && says_no(answer.status));
            return Some(Meaning::Failed(with_wait(concerned(error, says_no), answer)));
        }
        let Body::Whole(bytes) = &answer.body else { return None };
        let strange = answer.status.is_success() && !bytes.is_empty() && !is_envelope(content);
        strange.then(|| Meaning::Failed(unknown("the target answers with something else than SOAP", "")))
    }

    fn by_status(&self, answer: &Answer, content: &Value) -> Meaning {
        if answer.status.is_success() {
            return match &answer.body {
                Body::Cut(detail) => Meaning::Failed(unknown("the answer of the target broke off", detail)),
                Body::TooLong if self.rule.is_some() || self.speech == Speech::Soap => {
                    let detail = format!("more than {} bytes", TARGET.max_answer_bytes);
                    Meaning::Failed(unknown("the answer of the target is too long to be understood", &detail))
                }
                Body::Whole(_) | Body::TooLong => {
                    Meaning::Delivered(Receipt { reference: self.reference(content) })
                }
            };
        }
        if self.purpose == Purpose::LookUp && answer.status == StatusCode::NOT_FOUND {
            return Meaning::Absent;
        }
        let failure = match meaning(answer.status) {
            // Whoever cannot be asked has not said that it may come again.
            Failure::Permanent if self.purpose == Purpose::LookUp => Failure::Transient,
            failure => failure,
        };
        let error = ConnectorError::new(failure, said(answer, failure), self.problem(content));
        Meaning::Failed(with_wait(concerned(error, says_no(answer.status)), answer))
    }

    fn reference(&self, content: &Value) -> Option<String> {
        text(content.pointer(self.pointers.reference.as_deref()?)?)
    }

    fn problem(&self, content: &Value) -> String {
        let pointer = self.pointers.problem.as_deref();
        pointer.and_then(|pointer| text(content.pointer(pointer)?)).unwrap_or_default()
    }
}

/// Whether a status says no to what the message means, and not to how it was sent: there is no such thing, or it is in a state that
/// does not allow it.
fn says_no(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::GONE
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

fn concerned(error: ConnectorError, says_no: bool) -> ConnectorError {
    if says_no { error.business() } else { error }
}

/// What the status of an answer says, in words.
fn said(answer: &Answer, failure: Failure) -> String {
    let (status, said) = (answer.status, answer.said());
    match failure {
        _ if status.is_redirection() => format!("the target answers {said}: redirects are not followed"),
        Failure::Permanent => format!("the target refuses it: {said}"),
        Failure::Unknown => format!("the target does not say whether it has it: {said}"),
        Failure::Transient => format!("the target cannot take it now: {said}"),
        Failure::Down => format!("the target does not let the hub in: {said}"),
    }
}

/// A wait counts only for what may be taken later.
fn with_wait(error: ConnectorError, answer: &Answer) -> ConnectorError {
    let wait = answer.retry_after.filter(|_| error.failure == Failure::Transient);
    error.retry_after(wait)
}

fn unknown(words: &str, detail: &str) -> ConnectorError {
    ConnectorError::new(Failure::Unknown, words, detail)
}

/// The rule fails on this answer, and will do so again: not tried again by itself, for the message may have arrived.
fn senseless(detail: &str) -> ConnectorError {
    let words = "the rule of the settings does not say what the answer means: the message may have arrived";
    ConnectorError::new(Failure::Permanent, words, detail)
}

#[cfg(test)]
mod tests;
