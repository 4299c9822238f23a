//! SQLite. Each value has a type of its own, whatever its column says.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Executor, Row, SqlSafeStr, TypeInfo,
    ValueRef,
};

use super::{Column, Connection, Database, Form, Rows, bound, collect, columns_of, one_by_one};
use crate::cell::Cell;
use crate::statement::Statement;

/// A database in a file.
pub(crate) struct SqliteHome(pub(crate) SqliteConnectOptions);

struct Connected(SqliteConnection);

impl SqliteHome {
    /// The database of `options`, where a lock is waited for no longer than `timeout`.
    pub(crate) fn new(options: SqliteConnectOptions, timeout: std::time::Duration) -> Self {
        let options = options.create_if_missing(false).foreign_keys(true).busy_timeout(timeout);
        Self(options.disable_statement_logging())
    }
}

#[async_trait]
impl Database for SqliteHome {
    async fn connect(&self, _password: &str) -> sqlx::Result<Box<dyn Connection>> {
        Ok(Box::new(Connected(self.0.connect().await?)))
    }

    fn place(&self, _number: usize, _column: &Column) -> String {
        "?".to_owned()
    }

    fn form(&self, column: &Column) -> Form {
        match column.kind.as_str() {
            "DATETIME" => Form::Local,
            _ => Form::Plain,
        }
    }

    /// Takes the lock for writing at once: what would have to be upgraded later is refused without waiting.
    fn begin(&self) -> &'static str {
        "BEGIN IMMEDIATE"
    }

    fn begin_reading(&self) -> &'static str {
        "BEGIN"
    }

    fn receipt_types(&self) -> [&'static str; 3] {
        ["TEXT", "TEXT", "TEXT"]
    }

    fn reuse_of_ids(&self) -> Option<&'static str> {
        Some(
            "SELECT 1 FROM sqlite_master, pragma_table_info(sqlite_master.name) AS info \
             WHERE sqlite_master.type = 'table' AND lower(sqlite_master.name) = lower(?) AND lower(info.name) = lower(?) \
             AND info.pk = 1 AND upper(info.type) = 'INTEGER' AND sqlite_master.sql NOT LIKE '%AUTOINCREMENT%'",
        )
    }
}

#[async_trait]
impl Connection for Connected {
    async fn columns(&mut self, sql: &str) -> sqlx::Result<Vec<Column>> {
        Ok(columns_of(&self.0.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await?))
    }

    async fn spell(&mut self, statement: &Statement) -> sqlx::Result<String> {
        Ok(statement.spelt(|_| "?".to_owned()))
    }

    async fn rows(&mut self, sql: &str, values: Vec<Cell>) -> sqlx::Result<Rows> {
        collect(bound(sql, values).fetch(&mut self.0), cell).await
    }

    fn stream(&mut self, sql: &str) -> BoxStream<'_, sqlx::Result<Vec<Cell>>> {
        one_by_one(bound(sql, Vec::new()).fetch(&mut self.0), cell)
    }

    async fn say(&mut self, sql: &str) -> sqlx::Result<()> {
        self.0.execute(AssertSqlSafe(sql.to_owned())).await.map(drop)
    }

    async fn ping(&mut self) -> sqlx::Result<()> {
        self.0.ping().await
    }
}

fn cell(row: &SqliteRow, index: usize) -> sqlx::Result<Cell> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info();
    let is_bool = row.column(index).type_info().name() == "BOOLEAN";
    Ok(match kind.name() {
        "INTEGER" => match row.try_get_unchecked(index)? {
            number @ (0 | 1) if is_bool => Cell::Bool(number == 1),
            number => Cell::Integer(number),
        },
        "REAL" => Cell::Float(row.try_get_unchecked(index)?),
        "TEXT" => Cell::Text(row.try_get_unchecked(index)?),
        _ => Cell::Bytes(row.try_get_unchecked(index)?),
    })
}
