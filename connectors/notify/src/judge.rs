//! What an answer of Notify means. Pure. Of a refusal it tells the names of the errors and never their messages: those
//! quote values.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Receipt};
use postroom_request::{Answer, Body, StatusCode};
use serde::Deserialize;

use crate::allowance::until_midnight;

/// How long to wait where Notify's rate limit says no: it is one of requests in a minute.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);
/// Longest name of an error, and longest id, that is kept, in characters.
const MAX_NAME_CHARS: usize = 64;

/// The error of a day's limit; that of a minute's is `RateLimitError`.
const DAILY_LIMIT: &str = "TooManyRequestsError";
/// The error of a token or a key.
const AUTH: &str = "AuthError";
/// The error of what a notification holds: an address or a number that is none.
const VALIDATION: &str = "ValidationError";
/// What Notify's message says where the time in a token is more than 30 seconds off.
const CLOCK: &str = "clock";

#[derive(Deserialize)]
struct Taken {
    id: String,
    #[serde(default)]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    notifications: Vec<Taken>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    error: String,
    #[serde(default)]
    message: String,
}

/// Whether Notify took a notification, or what the failure means.
pub(crate) fn receipt(answer: &Answer) -> Result<Receipt, ConnectorError> {
    let taken: Taken = accepted(answer)?;
    Ok(Receipt { reference: Some(plain(&taken.id)) })
}

/// The notification that Notify has under `reference`, if it has one.
pub(crate) fn found(answer: &Answer, reference: &str) -> Result<Option<Receipt>, ConnectorError> {
    let Found { notifications } = accepted(answer)?;
    let found = notifications.into_iter().find(|taken| taken.reference.as_deref() == Some(reference));
    Ok(found.map(|taken| Receipt { reference: Some(plain(&taken.id)) }))
}

fn accepted<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, ConnectorError> {
    if !answer.status.is_success() {
        return Err(refused(answer));
    }
    let words = "the answer of Notify cannot be read";
    match &answer.body {
        Body::Whole(bytes) => serde_json::from_slice(bytes)
            .map_err(|_| ConnectorError::new(Failure::Unknown, words, "it is not of the API's shape")),
        Body::TooLong => Err(ConnectorError::new(Failure::Unknown, words, "it is longer than is ever read")),
        Body::Cut(detail) => Err(ConnectorError::new(Failure::Unknown, words, detail)),
    }
}

fn refused(answer: &Answer) -> ConnectorError {
    let refusal = match &answer.body {
        Body::Whole(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
        Body::TooLong | Body::Cut(_) => Refusal::default(),
    };
    let detail = detail(answer, &refusal);
    let with = |failure, words| ConnectorError::new(failure, words, &detail);
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS if refusal.names(DAILY_LIMIT) => {
            with(Failure::Down, "Notify's limit of the day is reached")
                .retry_after(Some(until_midnight(answer.at)))
        }
        StatusCode::TOO_MANY_REQUESTS => with(Failure::Transient, "Notify's rate limit is reached")
            .retry_after(Some(answer.retry_after.unwrap_or(RATE_LIMIT_WAIT))),
        StatusCode::FORBIDDEN if refusal.says(CLOCK) => {
            with(Failure::Transient, "this machine's clock is more than 30 seconds off Notify's")
        }
        // No message is to blame for the key.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if refusal.names(AUTH) => {
            with(Failure::Down, "Notify refuses the API key")
        }
        // A gateway answers for a service that may have heard.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            with(Failure::Unknown, "Notify's gateway had no answer")
        }
        StatusCode::REQUEST_TIMEOUT => with(Failure::Transient, "Notify cannot take it now"),
        status if status.is_server_error() => {
            with(Failure::Transient, "Notify cannot take it now").retry_after(answer.retry_after)
        }
        status if status.is_redirection() => {
            with(Failure::Permanent, "Notify answers with a redirect, which is not followed")
        }
        _ if refusal.names(VALIDATION) => with(Failure::Permanent, "Notify refuses it").business(),
        _ => with(Failure::Permanent, "Notify refuses it"),
    }
}

fn detail(answer: &Answer, refusal: &Refusal) -> String {
    let mut names: Vec<String> = refusal.errors.iter().map(|named| plain(&named.error)).collect();
    names.retain(|name| !name.is_empty());
    names.dedup();
    let status = answer.status.as_u16();
    if names.is_empty() { status.to_string() } else { format!("{status} {}", names.join(", ")) }
}

impl Refusal {
    fn names(&self, error: &str) -> bool {
        self.errors.iter().any(|named| named.error == error)
    }

    fn says(&self, word: &str) -> bool {
        self.errors.iter().any(|named| named.message.contains(word))
    }
}

/// A name or an id; what is neither is not kept.
fn plain(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_plain && text.len() <= MAX_NAME_CHARS { text.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_request::header::HeaderMap;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            retry_after: None,
            body: Body::Whole(body.as_bytes().to_vec()),
            at: "2026-07-01T22:00:00Z".parse().expect("an instant"),
        }
    }

    fn errors(error: &str, message: &str) -> String {
        format!(r#"{{"status_code": 400, "errors": [{{"error": "{error}", "message": "{message}"}}]}}"#)
    }

    #[test]
    fn every_status_has_its_meaning() {
        use Failure::{Permanent, Transient, Unknown};
        for (failure, statuses) in [
            (Transient, &[408, 429, 500, 503][..]),
            (Unknown, &[502, 504]),
            (Permanent, &[301, 307, 400, 401, 403, 404, 405, 410, 413, 422]),
        ] {
            for status in statuses {
                let error = receipt(&answer(*status, "")).expect_err("an error");
                assert_eq!(error.failure, failure, "{status}");
            }
        }
    }

    #[test]
    fn the_limit_of_a_minute_waits_a_minute_and_the_limit_of_a_day_until_it_ends() {
        let wait = |answer: &Answer| receipt(answer).expect_err("an error").retry_after;
        let rate =
            errors("RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds");
        assert_eq!(wait(&answer(429, &rate)), Some(Duration::from_secs(60)));
        let told = Answer { retry_after: Some(Duration::from_secs(7)), ..answer(429, &rate) };
        assert_eq!(wait(&told), Some(Duration::from_secs(7)));
        let day = errors("TooManyRequestsError", "Exceeded send limits (1000) for today");
        assert_eq!(wait(&answer(429, &day)), Some(Duration::from_secs(7_200)));
    }

    #[test]
    fn a_clock_that_is_wrong_can_be_mended_and_a_key_that_is_wrong_is_refused() {
        let clock = errors("AuthError", "Error: Your system clock must be accurate to within 30 seconds");
        assert_eq!(receipt(&answer(403, &clock)).expect_err("an error").failure, Failure::Transient);
        let key = errors("AuthError", "Invalid token: API key not found");
        let error = receipt(&answer(403, &key)).expect_err("an error");
        assert_eq!(error.failure, Failure::Down);
        assert_eq!(error.to_string(), "Notify refuses the API key: 403 AuthError");
    }

    #[test]
    fn a_refusal_tells_the_name_of_the_error_and_no_value() {
        let body = errors("BadRequestError", "Missing personalisation: Ada Example");
        let told = receipt(&answer(400, &body)).expect_err("an error").to_string();
        assert_eq!(told, "Notify refuses it: 400 BadRequestError");
        let odd = errors("Ada Example is not a name", "");
        assert_eq!(receipt(&answer(400, &odd)).expect_err("an error").to_string(), "Notify refuses it: 400");
    }

    #[test]
    fn a_success_that_cannot_be_read_may_have_been_one() {
        for body in ["", "{", "[]", r#"{"notifications": 5}"#] {
            assert_eq!(receipt(&answer(201, body)).expect_err(body).failure, Failure::Unknown, "{body}");
            assert_eq!(found(&answer(200, body), "r").expect_err(body).failure, Failure::Unknown, "{body}");
        }
        let cut = Answer { body: Body::Cut("reset".to_owned()), ..answer(201, "") };
        assert_eq!(receipt(&cut).expect_err("an error").failure, Failure::Unknown);
    }

    #[test]
    fn a_notification_is_found_by_its_own_reference_only() {
        let body =
            r#"{"notifications": [{"id": "n-1", "reference": null}, {"id": "n-2", "reference": "r"}]}"#;
        let hit = found(&answer(200, body), "r").expect("an answer").expect("a receipt");
        assert_eq!(hit.reference.as_deref(), Some("n-2"));
        assert_eq!(found(&answer(200, body), "q").expect("an answer"), None);
    }
}
