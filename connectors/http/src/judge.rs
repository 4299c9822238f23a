//! What an answer means. Pure.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Receipt};
use reqwest::StatusCode;
use serde_json::Value;

use crate::settings::Pointers;

/// Longest reference or problem that is kept, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// An answer of the target.
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

impl Answer {
    /// Whether the message arrived, or what the failure means.
    pub(crate) fn receipt(&self, pointers: &Pointers) -> Result<Receipt, ConnectorError> {
        if self.status.is_success() {
            return match &self.body {
                Body::Cut(detail) => {
                    Err(ConnectorError::new(Failure::Unknown, "the answer of the target broke off", detail))
                }
                Body::Whole(_) | Body::TooLong => {
                    Ok(Receipt { reference: self.text_at(pointers.reference.as_deref()) })
                }
            };
        }
        let failure = match self.status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Transient,
            status if status.is_server_error() => Failure::Transient,
            _ => Failure::Permanent,
        };
        let problem = self.text_at(pointers.problem.as_deref());
        let error = ConnectorError::new(failure, self.words(failure), problem.unwrap_or_default());
        Err(error.retry_after(self.retry_after.filter(|_| failure == Failure::Transient)))
    }

    fn words(&self, failure: Failure) -> String {
        let said = match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        };
        match failure {
            _ if self.status.is_redirection() => {
                format!("the target answers {said}: redirects are not followed")
            }
            Failure::Permanent => format!("the target refuses it: {said}"),
            Failure::Transient | Failure::Unknown | Failure::Down => {
                format!("the target cannot take it now: {said}")
            }
        }
    }

    /// The text or number at `pointer` of a body in JSON.
    fn text_at(&self, pointer: Option<&str>) -> Option<String> {
        let Body::Whole(bytes) = &self.body else { return None };
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let text = match body.pointer(pointer?)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let retry_after = Some(Duration::from_secs(7));
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, retry_after, body: Body::Whole(body.as_bytes().to_vec()) }
    }

    fn pointers() -> Pointers {
        Pointers { reference: Some("/made/id".to_owned()), problem: Some("/code".to_owned()) }
    }

    #[test]
    fn every_status_has_its_meaning() {
        use Failure::{Permanent, Transient};
        for (failure, statuses) in [
            (None, &[200, 201, 202, 204][..]),
            (Some(Transient), &[408, 429, 500, 502, 503, 504, 599]),
            (Some(Permanent), &[301, 302, 304, 307, 400, 401, 404, 409, 410, 413, 422, 451]),
        ] {
            for status in statuses {
                let result = answer(*status, "").receipt(&pointers());
                assert_eq!(result.as_ref().err().map(|error| error.failure), failure, "{status}");
                let wait = result.err().and_then(|error| error.retry_after);
                assert_eq!(wait.is_some(), failure == Some(Transient), "{status}");
            }
        }
    }

    #[test]
    fn the_reference_of_the_target_is_kept_where_it_gives_one() {
        for (body, reference) in [
            (r#"{"made": {"id": "T-1"}}"#, Some("T-1")),
            (r#"{"made": {"id": 17}}"#, Some("17")),
            (r#"{"made": {"id": null}}"#, None),
            ("no JSON", None),
            ("", None),
        ] {
            let receipt = answer(201, body).receipt(&pointers()).expect("delivered");
            assert_eq!(receipt.reference.as_deref(), reference, "{body}");
        }
        let long = format!(r#"{{"made": {{"id": "{}\n"}}}}"#, "x".repeat(MAX_TEXT_CHARS * 2));
        let receipt = answer(200, &long).receipt(&pointers()).expect("delivered");
        assert_eq!(receipt.reference.map(|reference| reference.len()), Some(MAX_TEXT_CHARS));
    }

    #[test]
    fn an_answer_that_breaks_off_is_unknown_unless_its_status_refuses() {
        for (status, failure) in
            [(200, Failure::Unknown), (500, Failure::Transient), (422, Failure::Permanent)]
        {
            let cut = Answer { body: Body::Cut("reset".to_owned()), ..answer(status, "") };
            assert_eq!(cut.receipt(&pointers()).expect_err("an error").failure, failure, "{status}");
        }
        let long = Answer { body: Body::TooLong, ..answer(200, "") };
        assert_eq!(long.receipt(&pointers()).expect("delivered").reference, None);
    }

    #[test]
    fn a_refusal_tells_no_value_of_the_body_but_where_the_settings_point() {
        let body = r#"{"code": "uprn-unknown", "detail": "Ada Example"}"#;
        let told = answer(422, body).receipt(&pointers()).expect_err("an error").to_string();
        assert_eq!(told, "the target refuses it: 422 Unprocessable Entity: uprn-unknown");
        let silent = Pointers { problem: None, ..pointers() };
        let told = answer(422, body).receipt(&silent).expect_err("an error").to_string();
        assert_eq!(told, "the target refuses it: 422 Unprocessable Entity");
        let moved = answer(301, "").receipt(&pointers()).expect_err("an error").to_string();
        assert!(moved.contains("redirects are not followed"), "{moved}");
    }
}
