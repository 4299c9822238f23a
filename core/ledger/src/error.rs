//! What can go wrong with the ledger, and whether to try again.

use std::sync::Arc;

use sqlx::migrate::MigrateError;

/// What an error means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The same attempt may succeed later: full disk, lock, lost device.
    Transient,
    /// A person must act first.
    Permanent,
}

/// An error of the ledger. Nothing of the attempt was applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The database refused a step.
    #[error("{doing} the ledger")]
    Database {
        /// The step, as a gerund.
        doing: &'static str,
        /// What the database said.
        source: Arc<sqlx::Error>,
    },
    /// The schema could not be brought up to date, or is newer than this program.
    #[error("migrating the ledger")]
    Migration {
        /// What the migration said.
        source: Arc<MigrateError>,
    },
    /// The file was removed or replaced under the running hub.
    #[error("the ledger's file was removed or replaced")]
    Gone,
    /// The writer task has ended.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether to try again.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Database { source, .. } => database_failure(source),
            Self::Migration { source } => match source.as_ref() {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    database_failure(error)
                }
                _ => Failure::Permanent,
            },
            Self::Gone | Self::Closed => Failure::Permanent,
        }
    }

    /// Wraps what the database said while `doing` something.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source: Arc::new(source) }
    }
}

impl From<MigrateError> for LedgerError {
    fn from(source: MigrateError) -> Self {
        Self::Migration { source: Arc::new(source) }
    }
}

fn database_failure(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => Failure::Transient,
        sqlx::Error::Database(told) => result_failure(told.code().and_then(|code| code.parse().ok())),
        _ => Failure::Permanent,
    }
}

/// By SQLite's result code (<https://www.sqlite.org/rescode.html>), whose low byte is the primary one.
fn result_failure(code: Option<i64>) -> Failure {
    const BUSY: i64 = 5;
    const LOCKED: i64 = 6;
    const NOMEM: i64 = 7;
    const IOERR: i64 = 10;
    const FULL: i64 = 13;
    const CANTOPEN: i64 = 14;
    const PROTOCOL: i64 = 15;
    match code.map(|code| code & 0xff) {
        Some(BUSY | LOCKED | NOMEM | IOERR | FULL | CANTOPEN | PROTOCOL) => Failure::Transient,
        _ => Failure::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_and_a_full_disk_are_tried_again_and_a_damaged_file_is_not() {
        for (code, expected) in [
            (5, Failure::Transient),
            (13, Failure::Transient),
            (10 | (3 << 8), Failure::Transient),
            (11, Failure::Permanent),
            (26, Failure::Permanent),
            (2067, Failure::Permanent),
        ] {
            assert_eq!(result_failure(Some(code)), expected, "{code}");
        }
    }
}
