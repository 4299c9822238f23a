//! Why a command ended without doing what it was asked, and its exit code.

use std::process::ExitCode;

use postroom_council::Problem;
use postroom_telemetry as telemetry;

/// Exit code: what was asked for was found wrong (a configuration, an event).
pub(crate) const FOUND_WRONG: u8 = 1;
/// Exit code: the broker, the ledger or a file cannot be reached. (2 is a wrong command line.)
pub(crate) const UNREACHABLE: u8 = 3;
/// Exit code: what was waited for did not come in time.
pub(crate) const TIMED_OUT: u8 = 4;

/// Exit code: what was set beside each other differs.
pub(crate) const DIFFERS: u8 = 5;

/// A command that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration has problems; they are printed with file, line and caret.
    #[error("{} in the configuration; nothing was started", count(.0.len(), "problem"))]
    Configuration(Vec<Problem>),
    /// Something that was given is wrong.
    #[error("{0}")]
    Wrong(String),
    /// Something that is needed cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// What was waited for did not come in time.
    #[error("{0}")]
    TimedOut(String),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Configuration(_) | Self::Wrong(_) => FOUND_WRONG,
            Self::Unreachable(_) => UNREACHABLE,
            Self::TimedOut(_) => TIMED_OUT,
        })
    }
}

impl From<postroom_ledger::LedgerError> for Failure {
    fn from(error: postroom_ledger::LedgerError) -> Self {
        Self::Unreachable(format!("the ledger: {}", telemetry::chain(&error)))
    }
}

impl From<postroom_broker::BrokerError> for Failure {
    fn from(error: postroom_broker::BrokerError) -> Self {
        Self::Unreachable(format!("the broker: {}", telemetry::chain(&error)))
    }
}

/// `1 problem`, `2 problems`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
