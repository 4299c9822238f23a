//! What it means that a mail did not go through: by what the server answered, or by what was sent before it fell silent.
//! It repeats no text of the server, which may quote an address.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::{Code, Severity};
use postroom_connector::{ConnectorError, Failure};

/// The answer to whoever has not logged in (RFC 4954).
const LOGIN_REQUIRED: &str = "530";

/// The step that was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Connecting, TLS, and the login: nothing of the mail was told.
    Meeting,
    /// Its sender and its recipients: nothing of the mail was given.
    Offering,
    /// The mail itself: the server has it or not.
    Handing,
}

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused, or the line failed.
    Line(Error),
    /// There was no answer in time.
    Late,
}

impl Fault {
    /// The code of the answer, where there was one.
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Line(error) => error.status(),
            Self::Late => None,
        }
    }

    /// What it means in `step`.
    pub(crate) fn meaning(&self, step: Step) -> ConnectorError {
        if let Some(code) = self.code() {
            return refusal(code, step);
        }
        let (failure, words) = match step {
            Step::Meeting => (Failure::Down, "the mail server cannot be met"),
            Step::Offering => (Failure::Transient, "the mail server was lost before it had the mail"),
            Step::Handing => (Failure::Unknown, "the mail server did not say whether it has the mail"),
        };
        ConnectorError::new(failure, words, self.detail(step))
    }

    fn detail(&self, step: Step) -> String {
        match self {
            Self::Late => "no answer in time".to_owned(),
            // What cannot be read is quoted by the library.
            Self::Line(error) if error.is_response() => "its answer is cut off, or is no SMTP".to_owned(),
            Self::Line(error) if step == Step::Meeting => chain(error),
            Self::Line(_) => "the line was cut".to_owned(),
        }
    }
}

/// What an answer of that code means.
pub(crate) fn failure_of(code: Code) -> Failure {
    match code.severity {
        Severity::TransientNegativeCompletion => Failure::Transient,
        Severity::PermanentNegativeCompletion
        | Severity::PositiveCompletion
        | Severity::PositiveIntermediate => Failure::Permanent,
    }
}

fn refusal(code: Code, step: Step) -> ConnectorError {
    let (failure, words) = match (step, failure_of(code)) {
        // No mail is to blame for a hub that is not let in: nothing becomes a dead letter until somebody mends the login.
        (Step::Meeting, Failure::Permanent) => (Failure::Down, "the mail server does not let the hub in"),
        _ if code.to_string() == LOGIN_REQUIRED => (Failure::Down, "the mail server wants a login"),
        // Sender and recipients stand in the settings: a mail of another message meets the same.
        (Step::Offering, Failure::Permanent) => {
            (Failure::Down, "the mail server takes no mail of these settings")
        }
        (Step::Meeting, failure) => (failure, "the mail server does not let the hub in"),
        (_, Failure::Transient) => (Failure::Transient, "the mail server cannot take it now"),
        (_, failure) => (failure, "the mail server refuses it"),
    };
    ConnectorError::new(failure, words, code)
}

/// An error of the line with its causes; before a recipient was named none of them tells one.
fn chain(error: &Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.ends_with(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told
}
