//! One connection to either database, and the few words in which their dialects differ. It knows no table.
//!
//! Every statement is written once, with numbered places (`$1`); what one of the two spells differently is a word in
//! braces: `{asked}` for a list of ids as rows, `{triples}` for
//! a list of three texts each as rows, `{among}` for a key that is in the list, `{now}` for the database's clock.

mod connect;
mod query;
mod readers;
mod row;

use sqlx::{Connection, PgConnection, SqliteConnection};

pub(crate) use connect::Home;
pub(crate) use query::{Query, insert};
pub(crate) use readers::{Reader, Readers};
pub(crate) use row::{FromRow, Row};

pub(crate) type Result<T, E = sqlx::Error> = std::result::Result<T, E>;

/// A connection.
pub(crate) enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// How one database says what the other says differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The first parameter, a JSON list of ids in hexadecimal, as rows of `place` (from 0) and `id`.
    asked: &'static str,
    /// That the column before it is one of the ids in the first parameter. A server without statistics on a new table
    /// would go through all of it rather than join it with a list.
    among: &'static str,
    /// That the column before it is one of the texts in the first parameter, a JSON list.
    listed: &'static str,
    /// The first parameter, a JSON list of lists of three texts, as rows of `one`, `two` and `three`.
    triples: &'static str,
    /// The database's time in microseconds since the epoch.
    now: &'static str,
    /// A lock on a row that another transaction must not change before this one ends.
    share: &'static str,
}

const SQLITE: Dialect = Dialect {
    asked: "(SELECT key AS place, unhex(value) AS id FROM json_each($1)) AS asked",
    among: "IN (SELECT unhex(value) FROM json_each($1))",
    listed: "IN (SELECT value FROM json_each($1))",
    triples: "(SELECT json_extract(value, '$[0]') AS one, json_extract(value, '$[1]') AS two,
                      json_extract(value, '$[2]') AS three FROM json_each($1)) AS asked",
    now: "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    share: "",
};

const POSTGRES: Dialect = Dialect {
    asked: "(SELECT number - 1 AS place, decode(value, 'hex') AS id
             FROM json_array_elements_text($1::json) WITH ORDINALITY AS list (value, number)) AS asked",
    among: "= ANY (ARRAY(SELECT decode(value, 'hex') FROM json_array_elements_text($1::json) AS list (value)))",
    listed: "= ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
    triples: "(SELECT value ->> 0 AS one, value ->> 1 AS two, value ->> 2 AS three
               FROM json_array_elements($1::json) AS list (value)) AS asked",
    now: "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
    share: "FOR SHARE",
};

impl Dialect {
    /// The statement in this dialect.
    pub(crate) fn say(&self, sql: &str) -> String {
        let words = [
            ("{asked}", self.asked),
            ("{among}", self.among),
            ("{listed}", self.listed),
            ("{triples}", self.triples),
            ("{now}", self.now),
            ("{share}", self.share),
        ];
        words.into_iter().fold(sql.to_owned(), |said, (word, meaning)| said.replace(word, meaning))
    }
}

impl Conn {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => SQLITE,
            Self::Postgres(_) => POSTGRES,
        }
    }

    /// Whether only this program writes to the database.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// That the bytes or the text of `column` hold those of the parameter `place`.
    pub(crate) fn holds(&self, column: &str, place: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("instr({column}, {place}) > 0"),
            Self::Postgres(_) => format!("position({place} IN {column}) > 0"),
        }
    }

    /// Begins to write.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        let begin = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        };
        self.query(begin).execute().await.map(drop)
    }

    /// Begins to read as of one moment.
    pub(crate) async fn begin_snapshot(&mut self) -> Result<()> {
        let begin = match self {
            Self::Sqlite(_) => "BEGIN",
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.query(begin).execute().await.map(drop)
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.query("COMMIT").execute().await.map(drop)
    }

    pub(crate) async fn rollback(&mut self) -> Result<()> {
        self.query("ROLLBACK").execute().await.map(drop)
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => conn.close().await,
            Self::Postgres(conn) => conn.close().await,
        }
    }
}

/// Whether the connection is of no more use after `error`.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        // Class 57P: the server ends the session; class 08: the connection failed.
        sqlx::Error::Database(told) => told
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "25P03"),
        _ => false,
    }
}
