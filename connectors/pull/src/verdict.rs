//! What a system says became of a message: the body of its answer, read strictly. Pure; no value of it is repeated to whoever
//! got it wrong.

use postroom_connector::{ConnectorError, Failure, Receipt};
use postroom_event::read_value;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Longest reference, in characters.
const MAX_REFERENCE_CHARS: usize = 200;
/// Longest words for an officer, in characters.
const MAX_WORDS_CHARS: usize = 500;
/// Longest technical details, in characters: what is kept of an attempt.
const MAX_DETAILS_CHARS: usize = 500;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The system has it, under a reference of its own where it has one.
    Success { reference: Option<String> },
    /// It could not take it.
    Failure { words: String, details: String, retry: Retry },
}

/// Whether it may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Later,
    Never,
}

impl Verdict {
    /// What the body of an answer says.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = read_value(body).map_err(|_| Refusal::Unreadable)?;
        let Value::Object(mut fields) = value else { return Err(wrong("", "an object")) };
        let outcome = fields.remove("outcome");
        let verdict = match outcome.as_ref().and_then(Value::as_str) {
            Some("success") => {
                Self::Success { reference: line(&mut fields, "reference", MAX_REFERENCE_CHARS)? }
            }
            Some("failure") => Self::Failure {
                words: line(&mut fields, "words", MAX_WORDS_CHARS)?
                    .ok_or_else(|| wrong("/words", "what an officer should read"))?,
                details: details(&mut fields)?,
                retry: retry(&mut fields)?,
            },
            _ => return Err(wrong("/outcome", "`success` or `failure`")),
        };
        match fields.is_empty() {
            true => Ok(verdict),
            false => Err(wrong("", "no other fields than those of its outcome")),
        }
    }

    /// What the hub is told of it.
    pub(crate) fn result(self) -> Result<Receipt, ConnectorError> {
        match self {
            Self::Success { reference } => Ok(Receipt { reference }),
            Self::Failure { words, details, retry: Retry::Later } => {
                Err(ConnectorError::new(Failure::Transient, words, details))
            }
            Self::Failure { words, details, retry: Retry::Never } => {
                Err(ConnectorError::new(Failure::Permanent, words, details))
            }
        }
    }
}

fn wrong(pointer: &'static str, right: &'static str) -> Refusal {
    Refusal::Unfit { pointer, right }
}

/// A text of one line that is not empty, where it stands there.
fn line(fields: &mut Map<String, Value>, name: &'static str, most: usize) -> Result<Option<String>, Refusal> {
    let (pointer, right) = match name {
        "reference" => ("/reference", "1 to 200 characters without control characters"),
        _ => ("/words", "1 to 500 characters without control characters"),
    };
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_text(&text, most, "") && !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(wrong(pointer, right)),
    }
}

fn details(fields: &mut Map<String, Value>) -> Result<String, Refusal> {
    match fields.remove("details") {
        None => Ok(String::new()),
        Some(Value::String(text)) if is_text(&text, MAX_DETAILS_CHARS, "\t\n\r") => Ok(text),
        Some(_) => {
            Err(wrong("/details", "up to 500 characters; of control characters only tabs and line ends"))
        }
    }
}

fn retry(fields: &mut Map<String, Value>) -> Result<Retry, Refusal> {
    match fields.remove("retry") {
        Some(Value::Bool(true)) => Ok(Retry::Later),
        Some(Value::Bool(false)) => Ok(Retry::Never),
        _ => Err(wrong("/retry", "`true` or `false`")),
    }
}

fn is_text(text: &str, most: usize, controls: &str) -> bool {
    text.chars().count() <= most && text.chars().all(|c| !c.is_control() || controls.contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_says_what_became_of_a_message_and_whether_to_try_again() {
        let read = |body: Value| Verdict::read(body.to_string().as_bytes()).expect("a verdict").result();
        let reference = Some("T-1".to_owned());
        assert_eq!(read(json!({"outcome": "success"})).expect("a receipt"), Receipt::default());
        assert_eq!(
            read(json!({"outcome": "success", "reference": "T-1"})).expect("a receipt"),
            Receipt { reference }
        );
        for (retry, failure) in [(true, Failure::Transient), (false, Failure::Permanent)] {
            let body = json!({"outcome": "failure", "words": "the ward is not known", "details": "E\n7", "retry": retry});
            let error = read(body).expect_err("a failure");
            assert_eq!(
                (error.failure, error.to_string()),
                (failure, "the ward is not known: E\n7".to_owned())
            );
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_refused_with_its_place_and_without_its_value() {
        const CANARY: &str = "Canary-7f3a";
        let long = CANARY.repeat(50);
        let failure = |name: &str, value: Value| {
            let mut body = json!({"outcome": "failure", "words": "no", "retry": true});
            body[name] = value;
            body
        };
        for (body, place) in [
            (json!([CANARY]), ""),
            (json!({}), "/outcome"),
            (json!({"outcome": CANARY}), "/outcome"),
            (json!({"outcome": "success", "reference": null}), "/reference"),
            (json!({"outcome": "success", "reference": ""}), "/reference"),
            (json!({"outcome": "success", "reference": long}), "/reference"),
            (json!({"outcome": "success", "reference": format!("{CANARY}\n")}), "/reference"),
            (json!({"outcome": "success", CANARY: 1}), ""),
            (json!({"outcome": "success", "retry": true}), ""),
            (failure("words", json!("")), "/words"),
            (failure("words", json!(long)), "/words"),
            (failure("details", json!(7)), "/details"),
            (failure("details", json!("\u{1}")), "/details"),
            (failure("retry", json!("true")), "/retry"),
            (json!({"outcome": "failure", "words": CANARY}), "/retry"),
            (json!({"outcome": "failure", "retry": true}), "/words"),
        ] {
            let refusal = Verdict::read(body.to_string().as_bytes()).expect_err("a refusal");
            assert!(!format!("{refusal:?}").contains(CANARY), "{refusal:?}");
            assert!(
                matches!(refusal, Refusal::Unfit { pointer, .. } if pointer == place),
                "{body}: {refusal:?}"
            );
        }
        for body in [&b"{"[..], b"", b"{\"outcome\": \"success\", \"outcome\": \"failure\"}", b"\xff"] {
            assert_eq!(Verdict::read(body), Err(Refusal::Unreadable));
        }
    }
}
