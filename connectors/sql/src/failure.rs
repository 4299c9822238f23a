//! What an error of a database means for the next attempt, and what may be told of it: its code, and the name of a constraint;
//! never its message, which may quote a row.

use postroom_connector::{ConnectorError, Failure};
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// Longest name of a constraint that is told, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest message of MySQL that is looked into for such a name, in bytes: a longer one may have been cut.
const LONGEST_MESSAGE: usize = 500;

/// What PostgreSQL says, as a thing that is not supported, of a statement whose table was altered.
const STALE_PLAN: &str = "cached plan must not change result type";

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
            Self::Told(sqlx::Error::Database(told)) => database(told.as_ref()),
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
        let Self::Told(sqlx::Error::Database(told)) = self else { return false };
        if told.try_downcast_ref::<SqliteError>().is_some() {
            let code: i32 = told.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            return code & 0xff == SQLITE_CONSTRAINT;
        }
        let state = told.code().unwrap_or_default();
        SAYING_NO.iter().any(|class| state.starts_with(class)) && self.failure() == Failure::Permanent
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
            Self::Told(sqlx::Error::Database(told)) => code(told.as_ref()),
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

/// The class of SQLSTATEs that values broke a rule of their column (22) or of the table (23), and what a procedure raises itself.
const SAYING_NO: [&str; 4] = ["22", "23", "45", "P0001"];
/// SQLite's result code for a rule of a table that was broken.
const SQLITE_CONSTRAINT: i32 = 19;

fn database(told: &dyn DatabaseError) -> Failure {
    if let Some(told) = told.try_downcast_ref::<MySqlDatabaseError>() {
        return mysql(told.number(), told.code().unwrap_or_default());
    }
    let code = told.code().unwrap_or_default();
    if told.message() == STALE_PLAN {
        return Failure::Transient;
    }
    match told.try_downcast_ref::<SqliteError>() {
        Some(_) => sqlite(code.parse().unwrap_or_default()),
        None => state(&code),
    }
}

/// By SQLSTATE, whose first two characters are its class
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn state(state: &str) -> Failure {
    match state {
        // What was written to is a standby now; a right that the user has not, any more or yet.
        "25006" | "42501" => return Failure::Down,
        // Lock not available, a statement that was ended by a time limit, transaction or session that idled too long, a
        // statement that has to be prepared anew.
        "55P03" | "57014" | "25P03" | "25P04" | "26000" | "42P05" => return Failure::Transient,
        _ => {}
    }
    match state.get(..2) {
        // No connection; who asks is not let in; no such database; the server is being stopped.
        Some("08" | "28" | "3D" | "57") => Failure::Down,
        // Conflict or deadlock, no room, something in use, an error of the system, an interrupted statement of MySQL.
        Some("40" | "53" | "55" | "58" | "70" | "XX") => Failure::Transient,
        _ => Failure::Permanent,
    }
}

/// By MySQL's own numbers where its SQLSTATE says too little
/// (<https://mariadb.com/kb/en/mariadb-error-codes/>).
fn mysql(number: u16, code: &str) -> Failure {
    match number {
        // Disk or table full, out of memory, waited too long for a lock, deadlock, a time limit.
        // A record or table that changed meanwhile, a statement to prepare anew, locks or a commit that the engine could not do.
        1020 | 1021 | 1030 | 1037 | 1038 | 1041 | 1114 | 1180 | 1205 | 1206 | 1213 | 1317 | 1412 | 1615
        | 1969 | 3024 | 3572 => Failure::Transient,
        // Too many connections, a right that the user has not, the server is being stopped, the connection was killed, it is
        // read only.
        1040
        | 1044
        | 1053
        | 1077..=1079
        | 1142
        | 1143
        | 1203
        | 1226
        | 1227
        | 1290
        | 1370
        | 1792
        | 1836
        | 1927
        | 4031 => Failure::Down,
        _ => state(code),
    }
}

/// By SQLite's result code (<https://www.sqlite.org/rescode.html>), whose low byte is the primary one.
fn sqlite(code: i32) -> Failure {
    match code & 0xff {
        // Busy, locked, no memory, interrupted, an error of the disk, a disk that is full, a lock that is not to be had.
        5 | 6 | 7 | 9 | 10 | 13 | 15 => Failure::Transient,
        // Read only, damaged, not to be opened, not to be used, no database.
        3 | 8 | 11 | 14 | 23 | 26 => Failure::Down,
        _ => Failure::Permanent,
    }
}

/// The code, and the name of the constraint where there is one.
fn code(told: &dyn DatabaseError) -> String {
    let code = told.code().unwrap_or_default();
    let (code, name) = if let Some(told) = told.try_downcast_ref::<PgDatabaseError>() {
        (format!("SQLSTATE {code}"), told.constraint().and_then(plain))
    } else if let Some(told) = told.try_downcast_ref::<MySqlDatabaseError>() {
        (format!("error {} ({code})", told.number()), mysql_constraint(told.number(), told.message()))
    } else {
        (format!("SQLite {code}"), sqlite_constraint(&code, told.message()))
    };
    match name {
        Some(name) => format!("{code}, constraint {name}"),
        None => code,
    }
}

/// The name of a key or constraint, from messages whose form puts it behind every value.
fn mysql_constraint(number: u16, message: &str) -> Option<&str> {
    if message.len() > LONGEST_MESSAGE {
        return None;
    }
    match number {
        1062 | 1586 => {
            let (_, name) = message.rsplit_once(" for key ")?;
            plain(name.strip_prefix('\'')?.strip_suffix('\'')?)
        }
        1451 | 1452 | 3819 | 4025 => {
            let (_, name) = message.split_once("CONSTRAINT `")?;
            plain(name.split('`').next()?)
        }
        _ => None,
    }
}

/// The columns of a unique or a not-null constraint, or the name of a check.
fn sqlite_constraint<'m>(code: &str, message: &'m str) -> Option<&'m str> {
    if !matches!(code, "275" | "1299" | "1555" | "2067") {
        return None;
    }
    plain(message.split_once(" constraint failed: ")?.1)
}

/// A text that is a name, or a few of them, and nothing else.
fn plain(name: &str) -> Option<&str> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$'))
    };
    (name.len() <= LONGEST_NAME && name.split(", ").all(part)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Failure::{Down, Permanent, Transient};

    #[test]
    fn a_lost_server_a_conflict_and_a_refusal_are_told_apart_by_sqlstate() {
        for (failure, states) in [
            (Down, &["08006", "08001", "28P01", "3D000", "57P01", "57P02", "57P03", "25006", "42501"][..]),
            (Transient, &["40001", "40P01", "53100", "53300", "55P03", "57014", "58030", "XX000"]),
            (Permanent, &["22001", "23505", "23503", "42P01", "P0001", "45000", "0A000", "2D000", ""]),
        ] {
            for code in states {
                assert_eq!(state(code), failure, "{code}");
            }
        }
    }

    #[test]
    fn what_mysql_tells_by_its_number_is_understood() {
        for (failure, told) in [
            (
                Down,
                &[(1045, "28000"), (1049, "3D000"), (1053, "08S01"), (1290, "HY000"), (1927, "70100")][..],
            ),
            (Transient, &[(1205, "HY000"), (1213, "40001"), (1969, "70100"), (1114, "HY000")]),
            (
                Permanent,
                &[(1062, "23000"), (1406, "22001"), (1146, "42S02"), (1644, "45000"), (1366, "HY000")],
            ),
        ] {
            for (number, code) in told {
                assert_eq!(mysql(*number, code), failure, "{number}");
            }
        }
    }

    #[test]
    fn a_lock_a_lost_file_and_a_constraint_of_sqlite_are_told_apart() {
        for (code, failure) in [
            (5, Transient),
            (517, Transient),
            (13, Transient),
            (14, Down),
            (1032, Down),
            (2067, Permanent),
            (1, Permanent),
        ] {
            assert_eq!(sqlite(code), failure, "{code}");
        }
    }

    #[test]
    fn of_a_message_the_name_of_the_constraint_is_told_and_no_value() {
        let entry = "Duplicate entry 'Ada for key 'x'' for key 'person_name'";
        assert_eq!(mysql_constraint(1062, entry), Some("person_name"));
        assert_eq!(mysql_constraint(1062, "Duplicate entry 'Ada for key it"), None);
        assert_eq!(mysql_constraint(4025, "CONSTRAINT `adult` failed for `a`.`b`"), Some("adult"));
        assert_eq!(mysql_constraint(1406, "Data too long for column 'a'"), None);
        assert_eq!(sqlite_constraint("2067", "UNIQUE constraint failed: p.a, p.b"), Some("p.a, p.b"));
        assert_eq!(sqlite_constraint("275", "CHECK constraint failed: a <> 'Ada'"), None);
        assert_eq!(sqlite_constraint("1811", "Ada is there"), None);
    }
}
