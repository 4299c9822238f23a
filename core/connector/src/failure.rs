//! How an attempt of a connector ended when it did not succeed.

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
    /// The technical detail, e.g. the operating system's own error; may be empty.
    pub detail: String,
}

fn detail_suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

impl ConnectorError {
    /// An error of kind `failure`, told in `words`, with the technical `detail`.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
    pub fn new(failure: Failure, words: impl Into<String>, detail: impl ToString) -> Self {
        Self { failure, words: words.into(), detail: detail.to_string() }
    }
}
