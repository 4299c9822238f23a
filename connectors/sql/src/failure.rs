//! Why a step on a database did not succeed, as the error that the hub gets: what it means for the next attempt, and what may
//! be told of it.

mod class;
mod told;

use postroom_connector::{ConnectorError, Failure};
use sqlx::sqlite::SqliteError;

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The database, or the way to it, said so.
    Told(sqlx::Error),
    /// It took longer than the settings allow.
    Late,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Told(error)
    }
}

impl Trouble {
    /// What it means where nothing was committed.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Late => Failure::Transient,
            Self::Told(sqlx::Error::Database(told)) => class::of(told.as_ref()),
            Self::Told(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Configuration(_)
                | sqlx::Error::WorkerCrashed,
            ) => Failure::Down,
            Self::Told(_) => Failure::Permanent,
        }
    }

    /// The error of a step that is told as `doing`.
    pub(crate) fn doing(&self, doing: &str) -> ConnectorError {
        let failure = self.failure();
        let fact = match (self, failure) {
            (Self::Late, _) => "the database did not answer in time",
            (_, Failure::Permanent) => "the database refuses it",
            (_, Failure::Down) => "the database cannot be reached",
            (_, Failure::Transient | Failure::Unknown) => "the database cannot do it now",
        };
        let error = ConnectorError::new(failure, format!("{doing}: {fact}"), self.detail());
        if self.says_no() { error.business() } else { error }
    }

    /// Whether the database says no to the values, and not to the statement.
    fn says_no(&self) -> bool {
        matches!(self, Self::Told(sqlx::Error::Database(told)) if class::says_no(told.as_ref()))
    }

    /// The error of a connection that could not be opened: whatever the reason, there is no database to work with.
    pub(crate) fn connecting(&self) -> ConnectorError {
        let words = match self {
            Self::Late => "the database did not answer in time",
            Self::Told(sqlx::Error::Database(_)) => "the database lets nobody in",
            Self::Told(_) => "the database cannot be reached",
        };
        ConnectorError::new(Failure::Down, words, self.detail())
    }

    /// The error of a commit: where the answer was lost it may have been done.
    pub(crate) fn committing(&self) -> ConnectorError {
        if matches!(self, Self::Late) || self.failure() == Failure::Down {
            let words = "the answer of the database to the commit was lost";
            return ConnectorError::new(Failure::Unknown, words, self.detail());
        }
        self.doing("committing the transaction")
    }

    /// Whether a row of that key is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Told(sqlx::Error::Database(told)) if told.is_unique_violation())
    }

    /// Whether a table is absent.
    pub(crate) fn is_absent(&self) -> bool {
        let Self::Told(sqlx::Error::Database(told)) = self else { return false };
        matches!(told.code().as_deref(), Some("42P01" | "42S02"))
            || (told.try_downcast_ref::<SqliteError>().is_some()
                && told.message().starts_with("no such table"))
    }

    /// What may be told of it.
    fn detail(&self) -> String {
        match self {
            Self::Late => String::new(),
            Self::Told(sqlx::Error::Database(told)) => told::code(told.as_ref()),
            Self::Told(sqlx::Error::Io(error)) => error.to_string(),
            Self::Told(sqlx::Error::Tls(error)) => format!("TLS: {error}"),
            Self::Told(sqlx::Error::Protocol(_)) => "it does not speak the protocol".to_owned(),
            Self::Told(sqlx::Error::Configuration(_)) => {
                "no connection can be made of the settings".to_owned()
            }
            Self::Told(sqlx::Error::WorkerCrashed) => "its connection has ended".to_owned(),
            Self::Told(sqlx::Error::ColumnDecode { index, .. }) => format!("column {index} cannot be read"),
            Self::Told(sqlx::Error::Encode(_)) => "a value cannot be sent to it".to_owned(),
            Self::Told(_) => "an answer that is not understood".to_owned(),
        }
    }
}
