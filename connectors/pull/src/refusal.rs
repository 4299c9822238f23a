//! Why a request is not answered as it wished, and what its sender is told of it (RFC 9457). Pure.

use std::time::Duration;

use postroom_listener::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use postroom_listener::{Answer, StatusCode};
use serde_json::json;

/// When a system may come again whose answer nobody could take, in seconds.
const AGAIN_SECONDS: u64 = 5;

/// Why a request is not answered as it wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing is there.
    Nowhere,
    /// Another method, of these.
    Method(&'static str),
    /// Who asks is not proved; with what is asked for.
    Unknown(Option<&'static str>),
    /// The rate is used up for so long.
    TooMany(Duration),
    /// A parameter of the query is none of ours, stands twice, or is none that it may be.
    Query(&'static str),
    /// The body is no JSON by its media type.
    MediaType,
    /// The body is no JSON.
    Unreadable,
    /// What the body holds at the pointer should be something else.
    Unfit { pointer: &'static str, right: &'static str },
    /// No message of that id is on offer.
    NotOnOffer,
    /// It was answered in another way.
    OtherAnswer,
    /// Nobody took the answer in time, or it cannot be found out who asks.
    NotNow,
}

impl Refusal {
    pub(crate) fn answer(&self) -> Answer {
        let (status, words) = self.told();
        let body = json!({"status": status.as_u16(), "title": words}).to_string();
        let media_type = HeaderValue::from_static("application/problem+json");
        let answer = Answer::new(status).body(media_type, body);
        match self {
            Self::Method(allowed) => answer.header(ALLOW, HeaderValue::from_static(allowed)),
            Self::Unknown(Some(challenge)) => {
                answer.header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
            }
            Self::TooMany(wait) => answer.header(RETRY_AFTER, (wait.as_secs() + 1).into()),
            Self::NotNow => answer.header(RETRY_AFTER, AGAIN_SECONDS.into()),
            _ => answer,
        }
    }

    fn told(&self) -> (StatusCode, String) {
        let (status, words) = match self {
            Self::Nowhere => (StatusCode::NOT_FOUND, "nothing is here"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "not with this method"),
            Self::Unknown(_) => (StatusCode::UNAUTHORIZED, "who asks is not proved"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            Self::Query(words) => (StatusCode::BAD_REQUEST, *words),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "an answer comes as `application/json`"),
            Self::Unreadable => (StatusCode::BAD_REQUEST, "the body is no JSON, or has a field twice"),
            Self::Unfit { pointer, right } => {
                let words = match pointer.is_empty() {
                    true => format!("an answer is {right}"),
                    false => format!("at `{pointer}` stands {right}"),
                };
                return (StatusCode::UNPROCESSABLE_ENTITY, words);
            }
            Self::NotOnOffer => (StatusCode::NOT_FOUND, "no message of this id is on offer now"),
            Self::OtherAnswer => (StatusCode::CONFLICT, "it was answered in another way"),
            Self::NotNow => (StatusCode::SERVICE_UNAVAILABLE, "the hub cannot take it now"),
        };
        (status, words.to_owned())
    }
}
