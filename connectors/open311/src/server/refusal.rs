//! Why a request is not answered as it was meant, in the form of GeoReport v2. Pure; it repeats no value.

use postroom_listener::header::{ALLOW, HeaderValue};
use postroom_listener::{Answer, StatusCode};

use crate::writing::{Written, errors};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Parameters are absent or wrong: each in words.
    Wrong(Vec<String>),
    /// The API key is absent or wrong.
    Key,
    /// This is not there: a jurisdiction, a service, a token, a request, a resource.
    Absent(&'static str),
    /// The resource has other methods: these.
    Method(&'static str),
    /// It cannot be answered now.
    Later,
}

impl Refusal {
    /// One thing that is wrong.
    pub(super) fn wrong(words: impl Into<String>) -> Self {
        Self::Wrong(vec![words.into()])
    }

    pub(super) fn answer(&self, written: Written) -> Answer {
        let one = |status, words: String| errors(written, status, &[words]);
        match self {
            Self::Wrong(words) => errors(written, StatusCode::BAD_REQUEST, words),
            Self::Key => one(StatusCode::FORBIDDEN, "api_key was not provided, or is not known".to_owned()),
            Self::Absent(what) => one(StatusCode::NOT_FOUND, format!("{what} was not found")),
            Self::Method(allowed) => {
                let words = format!("this resource is for {allowed}");
                one(StatusCode::METHOD_NOT_ALLOWED, words).header(ALLOW, HeaderValue::from_static(allowed))
            }
            Self::Later => {
                let Answer { body, headers, .. } = one(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "this cannot be answered now: come again".to_owned(),
                );
                let mut answer = Answer::later(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS);
                answer.headers.extend(headers);
                Answer { body, ..answer }
            }
        }
    }
}

/// When whoever could not be answered now may come again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;
