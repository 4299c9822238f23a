//! How an attempt of a connector ended when it did not succeed.

use std::time::Duration;

use postroom_event::Concern;

/// What a failure means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The same attempt may succeed later.
    Transient,
    /// The same attempt will never succeed.
    Permanent,
    /// The attempt may have succeeded: the answer was lost.
    Unknown,
    /// The system cannot be reached at all.
    Down,
}

/// An attempt that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{words}{}", detail_suffix(.detail))]
pub struct ConnectorError {
    /// What it means for the next attempt.
    pub failure: Failure,
    /// What an officer should read; no value of a person, no secret.
    pub words: String,
    /// The technical detail, e.g. the operating system's own error; no value of a person, no secret; may be empty.
    pub detail: String,
    /// When the system may be asked again, where it said so: at the earliest after this long.
    pub retry_after: Option<Duration>,
    /// Whose concern it is, where it is for good: business's only where the system itself said no to what the message means.
    pub concern: Concern,
}

fn detail_suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

impl ConnectorError {
    /// An error of kind `failure`, told in `words`, with the technical `detail`.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
    pub fn new(failure: Failure, words: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            failure,
            words: words.into(),
            detail: detail.to_string(),
            retry_after: None,
            concern: Concern::Technical,
        }
    }

    /// The same, of a system that said no to what the message means: an officer must look at the case.
    #[must_use]
    pub fn business(self) -> Self {
        Self { concern: Concern::Business, ..self }
    }

    /// The same, of a system that said when it may be asked again.
    #[must_use]
    pub fn retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}
