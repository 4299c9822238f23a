//! Why a request is not taken, and what its sender is told of it. Pure.

use std::time::Duration;

use postroom_listener::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use postroom_listener::{Answer, StatusCode};

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not for this path.
    Elsewhere,
    /// It is no POST.
    Method,
    /// Who sent it is not proved; with what a sender is asked for, where it may wait to be asked.
    Unknown(Option<&'static str>),
    /// The rate is used up for so long.
    TooMany(Duration),
    /// It cannot be understood: line and rule, without a value.
    Unreadable(String),
    /// Nothing stands at this pointer, where the key should be.
    NoKey(String),
}

impl Refusal {
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Elsewhere => Answer::new(StatusCode::NOT_FOUND),
            Self::Method => {
                Answer::new(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, HeaderValue::from_static("POST"))
            }
            Self::Unknown(None) => Answer::new(StatusCode::UNAUTHORIZED),
            Self::Unknown(Some(challenge)) => {
                let challenge = HeaderValue::from_static(challenge);
                Answer::new(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge)
            }
            Self::TooMany(wait) => Answer::later(StatusCode::TOO_MANY_REQUESTS, wait.as_secs() + 1),
            Self::Unreadable(words) => Answer::words(StatusCode::BAD_REQUEST, words),
            Self::NoKey(pointer) => {
                let words = format!("nothing stands at `{pointer}`");
                Answer::words(StatusCode::UNPROCESSABLE_ENTITY, words)
            }
        }
    }
}
