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

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no room: disk, memory, connections. Transient.
    Full,
    /// Somebody else has it locked, or it answers too slowly. Transient.
    Busy,
    /// It cannot be reached: the server or the device. Transient, but for a file that was removed or replaced.
    Gone,
    /// It is no ledger, or a damaged one. Permanent.
    Corrupt,
    /// The lease was taken by somebody else: this caller must stop. Permanent for this holder.
    Fenced,
    /// Anything else. Permanent.
    Other,
}

/// An error of the ledger. Nothing of the attempt was applied; where a connection was lost while committing, that is not
/// known, and every entry may be written again.
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
    /// The URL of its server cannot be used. The part that is wrong is not repeated, as that may be the secret in it.
    #[error("reading the URL of the ledger's server: one of its parts is not what it must be")]
    Url,
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
    /// Somebody else took the lease.
    #[error("lease `{lease}` was taken by another hub")]
    Fenced {
        /// The lease's name.
        lease: String,
    },
    /// The backup cannot be made this way.
    #[error("{words}")]
    Backup {
        /// Why, and what to do.
        words: &'static str,
    },
}

impl LedgerError {
    /// Whether to try again.
    pub fn failure(&self) -> Failure {
        match self.kind() {
            Kind::Full | Kind::Busy | Kind::Gone if !matches!(self, Self::Gone) => Failure::Transient,
            _ => Failure::Permanent,
        }
    }

    /// What is wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Database { source, .. } => database_kind(source),
            Self::Migration { source } => match source.as_ref() {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    database_kind(error)
                }
                _ => Kind::Other,
            },
            Self::Gone => Kind::Gone,
            Self::Closed | Self::Url | Self::Backup { .. } => Kind::Other,
            Self::Fenced { .. } => Kind::Fenced,
        }
    }

    /// Two transactions met, and the database ended this one: the same again will do.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Database { source, .. } => match source.as_ref() {
                sqlx::Error::Database(told) => {
                    matches!(told.code().as_deref(), Some("40001" | "40P01"))
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Wraps what the database said while `doing` something.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match source {
            sqlx::Error::Configuration(_) => Self::Url,
            source => Self::Database { doing, source: Arc::new(source) },
        }
    }
}

impl From<MigrateError> for LedgerError {
    fn from(source: MigrateError) -> Self {
        Self::Migration { source: Arc::new(source) }
    }
}

fn database_kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Kind::Busy,
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => Kind::Gone,
        sqlx::Error::Database(told) => {
            let code = told.code().unwrap_or_default();
            if told.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                state_kind(&code)
            } else {
                result_kind(code.parse().ok())
            }
        }
        _ => Kind::Other,
    }
}

/// By SQLite's result code (<https://www.sqlite.org/rescode.html>), whose low byte is the primary one.
fn result_kind(code: Option<i64>) -> Kind {
    const BUSY: i64 = 5;
    const LOCKED: i64 = 6;
    const NOMEM: i64 = 7;
    const IOERR: i64 = 10;
    const CORRUPT: i64 = 11;
    const FULL: i64 = 13;
    const CANTOPEN: i64 = 14;
    const PROTOCOL: i64 = 15;
    const NOTADB: i64 = 26;
    match code.map(|code| code & 0xff) {
        Some(BUSY | LOCKED | PROTOCOL) => Kind::Busy,
        Some(NOMEM | FULL) => Kind::Full,
        Some(IOERR | CANTOPEN) => Kind::Gone,
        Some(CORRUPT | NOTADB) => Kind::Corrupt,
        _ => Kind::Other,
    }
}

/// By PostgreSQL's SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn state_kind(state: &str) -> Kind {
    match state {
        "XX001" | "XX002" => Kind::Corrupt,
        // Serialization failure, deadlock, lock not available, a time limit.
        "40001" | "40P01" | "55P03" | "57014" => Kind::Busy,
        // Read only: the server that was written to is a standby now.
        "25006" | "25P03" => Kind::Gone,
        // Class 58: system error; its files cannot be read or written.
        _ => match state.get(..2) {
            Some("53") => Kind::Full,
            Some("08" | "57" | "58") => Kind::Gone,
            _ => Kind::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_a_full_disk_a_lost_device_and_a_damaged_file_are_told_apart() {
        for (code, expected) in [
            (5, Kind::Busy),
            (13, Kind::Full),
            (10 | (3 << 8), Kind::Gone),
            (11, Kind::Corrupt),
            (26, Kind::Corrupt),
            (2067, Kind::Other),
        ] {
            assert_eq!(result_kind(Some(code)), expected, "{code}");
        }
    }

    #[test]
    fn a_deadlock_a_full_disk_a_stopped_server_and_a_damaged_page_are_told_apart() {
        for (state, expected) in [
            ("40P01", Kind::Busy),
            ("55P03", Kind::Busy),
            ("53100", Kind::Full),
            ("53300", Kind::Full),
            ("57P01", Kind::Gone),
            ("57P03", Kind::Gone),
            ("08006", Kind::Gone),
            ("58030", Kind::Gone),
            ("XX001", Kind::Corrupt),
            ("23505", Kind::Other),
            ("28P01", Kind::Other),
        ] {
            assert_eq!(state_kind(state), expected, "{state}");
        }
    }
}
