//! A statement with its values, on the connection it will run on.

use std::time::Duration;

use sqlx::postgres::PgArguments;
use sqlx::query::Query as Prepared;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    AssertSqlSafe, Encode, PgConnection, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, Type,
};
use uuid::Uuid;

use super::{Conn, FromRow, Result, Row};

/// Longest that a statement on a server may take; a connection that was cut without a word never answers.
const STATEMENT_TIME: Duration = Duration::from_secs(60);

/// Rows in one statement; few sizes, so that few statements are prepared.
const SIZES: [usize; 6] = [128, 32, 8, 4, 2, 1];

/// A statement that is being made.
pub(crate) enum Query<'c> {
    Sqlite(&'c mut SqliteConnection, Prepared<'static, Sqlite, SqliteArguments>),
    Postgres(&'c mut PgConnection, Prepared<'static, Postgres, PgArguments>),
}

/// A value that both databases take.
pub(crate) trait Given<'v>:
    Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres>
{
}

impl<'v, T> Given<'v> for T where T: Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres> {}

impl Conn {
    /// A statement that both dialects share.
    pub(crate) fn query(&mut self, sql: &'static str) -> Query<'_> {
        self.prepared(sql.into_sql_str())
    }

    /// A statement with words in braces, or one that was put together.
    pub(crate) fn query_said(&mut self, sql: &str) -> Query<'_> {
        let said = self.dialect().say(sql);
        self.prepared(AssertSqlSafe(said).into_sql_str())
    }

    /// A statement on the rows `{asked}` of `ids`, which are its first value.
    pub(crate) fn query_ids(&mut self, sql: &str, ids: impl Iterator<Item = Uuid>) -> Query<'_> {
        self.query_said(sql).bind(id_list(ids))
    }

    fn prepared(&mut self, sql: SqlStr) -> Query<'_> {
        match self {
            Self::Sqlite(conn) => Query::Sqlite(conn, sqlx::query(sql)),
            Self::Postgres(conn) => Query::Postgres(conn, sqlx::query(sql)),
        }
    }
}

impl Query<'_> {
    pub(crate) fn bind<'v>(self, value: impl Given<'v>) -> Self {
        match self {
            Self::Sqlite(conn, query) => Self::Sqlite(conn, query.bind(value)),
            Self::Postgres(conn, query) => Self::Postgres(conn, query.bind(value)),
        }
    }

    /// Runs it; how many rows it changed.
    pub(crate) async fn execute(self) -> Result<u64> {
        match self {
            Self::Sqlite(conn, query) => Ok(query.execute(conn).await?.rows_affected()),
            Self::Postgres(conn, query) => Ok(in_time(query.execute(conn)).await?.rows_affected()),
        }
    }

    pub(crate) async fn all<T: FromRow>(self) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(conn, query) => {
                let rows = query.fetch_all(conn).await?;
                rows.into_iter().map(|row| T::from_row(&Row::Sqlite(row))).collect()
            }
            Self::Postgres(conn, query) => {
                let rows = in_time(query.fetch_all(conn)).await?;
                rows.into_iter().map(|row| T::from_row(&Row::Postgres(row))).collect()
            }
        }
    }

    pub(crate) async fn optional<T: FromRow>(self) -> Result<Option<T>> {
        match self {
            Self::Sqlite(conn, query) => {
                let row = query.fetch_optional(conn).await?;
                row.map(|row| T::from_row(&Row::Sqlite(row))).transpose()
            }
            Self::Postgres(conn, query) => {
                let row = in_time(query.fetch_optional(conn)).await?;
                row.map(|row| T::from_row(&Row::Postgres(row))).transpose()
            }
        }
    }

    pub(crate) async fn one<T: FromRow>(self) -> Result<T> {
        self.optional().await?.ok_or(sqlx::Error::RowNotFound)
    }
}

async fn in_time<T>(statement: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(STATEMENT_TIME, statement).await {
        Ok(outcome) => outcome,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Inserts `rows` in their order with as few statements as [`SIZES`] allows: `head` VALUES (..), .. `end`.
pub(crate) async fn insert<T>(
    conn: &mut Conn,
    (head, columns, end): (&str, usize, &str),
    rows: &[T],
    bind: impl for<'c> Fn(Query<'c>, &T) -> Query<'c>,
) -> Result<()> {
    let mut rest = rows;
    for size in SIZES {
        while rest.len() >= size {
            let (now, later) = rest.split_at(size);
            let sql = format!("{head} VALUES {} {end}", places(conn, size, columns));
            let query = conn.prepared(AssertSqlSafe(sql).into_sql_str());
            now.iter().fold(query, &bind).execute().await?;
            rest = later;
        }
    }
    Ok(())
}

/// `?` where it may be said: SQLite looks each numbered place up among all.
fn places(conn: &Conn, rows: usize, columns: usize) -> String {
    if conn.is_alone() {
        let row = format!("({})", vec!["?"; columns].join(","));
        return vec![row.as_str(); rows].join(",");
    }
    let row = |row: usize| {
        let numbers: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", numbers.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// Ids as a JSON list of hexadecimal texts: one parameter for any number of them.
fn id_list(ids: impl Iterator<Item = Uuid>) -> String {
    let mut list = String::from("[");
    let mut buffer = Uuid::encode_buffer();
    for id in ids {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('"');
        list.push_str(id.simple().encode_lower(&mut buffer));
        list.push('"');
    }
    list.push(']');
    list
}
