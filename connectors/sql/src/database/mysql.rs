//! MariaDB and MySQL. Dates, times, decimals and JSON are read as the text that the server writes; values are converted by it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Executor, Row, SqlSafeStr, Type, TypeInfo, ValueRef,
};

use super::postgres::shortest;
use super::{Column, Connection, Database, Form, Rows, bound, collect, columns_of, one_by_one};
use crate::cell::Cell;
use crate::statement::Statement;

/// What a column says that holds no date.
const NO_DATE: &str = "0000-00-00";

/// A server of MariaDB or MySQL, and a database.
pub(crate) struct MySqlHome {
    options: MySqlConnectOptions,
    /// What every connection says first.
    first: String,
}

struct Connected(MySqlConnection);

impl MySqlHome {
    /// The database of `options`, where no statement takes longer than `timeout`.
    pub(crate) fn new(options: MySqlConnectOptions, timeout: Duration) -> Self {
        let options = options.pipes_as_concat(false).disable_statement_logging();
        let (seconds, whole) = (timeout.as_secs_f64(), timeout.as_secs().max(1));
        // A text that is too long is refused and never cut; only MariaDB reads what stands in the comment.
        let first = format!(
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), SESSION innodb_lock_wait_timeout = {whole} \
             /*M!100300 , SESSION max_statement_time = {seconds}, SESSION idle_transaction_timeout = {whole} */"
        );
        Self { options, first }
    }
}

#[async_trait]
impl Database for MySqlHome {
    async fn connect(&self, password: &str) -> sqlx::Result<Box<dyn Connection>> {
        let options = self.options.clone();
        let options = if password.is_empty() { options } else { options.password(password) };
        let mut connection = options.connect().await?;
        connection.execute(AssertSqlSafe(self.first.clone())).await?;
        Ok(Box::new(Connected(connection)))
    }

    fn quoted(&self, name: &str) -> String {
        format!("`{name}`")
    }

    fn place(&self, _number: usize, column: &Column) -> String {
        match column.kind.as_str() {
            "DATETIME" | "TIMESTAMP" => "CAST(? AS DATETIME(6))".to_owned(),
            "DECIMAL" => "CAST(? AS DECIMAL(65, 30))".to_owned(),
            kind if kind.ends_with("UNSIGNED") => "CAST(? AS UNSIGNED)".to_owned(),
            _ => "?".to_owned(),
        }
    }

    fn reading(&self, column: &Column, name: &str) -> String {
        match column.kind.as_str() {
            "DATETIME" | "TIMESTAMP" | "DATE" | "TIME" | "DECIMAL" | "JSON" => {
                format!("CAST({name} AS CHAR)")
            }
            "BIT" => format!("{name} + 0"),
            _ => name.to_owned(),
        }
    }

    fn form(&self, column: &Column) -> Form {
        match column.kind.as_str() {
            "JSON" => Form::Json,
            "DATETIME" => Form::Local,
            "TIMESTAMP" => Form::Instant,
            _ => Form::Plain,
        }
    }

    fn begin_reading(&self) -> &'static str {
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    }

    fn receipt_types(&self) -> [&'static str; 3] {
        ["varchar(64) CHARACTER SET ascii COLLATE ascii_bin", "datetime", "text"]
    }

    fn table_options(&self) -> &'static str {
        " ENGINE=InnoDB"
    }

    fn outside_transactions(&self) -> Option<&'static str> {
        Some(
            "SELECT 1 FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
             WHERE t.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND t.TABLE_NAME = ? AND t.TABLE_TYPE = 'BASE TABLE' \
             AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'",
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

fn cell(row: &MySqlRow, index: usize) -> sqlx::Result<Cell> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info();
    Ok(match kind.name() {
        "BOOLEAN" => Cell::Bool(row.try_get(index)?),
        name if name.ends_with("UNSIGNED") => Cell::Unsigned(row.try_get_unchecked(index)?),
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" => {
            Cell::Integer(row.try_get_unchecked(index)?)
        }
        "FLOAT" => Cell::Float(shortest(row.try_get(index)?)),
        "DOUBLE" => Cell::Float(row.try_get(index)?),
        _ if <str as Type<MySql>>::compatible(&kind) => match row.try_get_unchecked::<String, _>(index)? {
            text if text.starts_with(NO_DATE) => Cell::Null,
            text => Cell::Text(text),
        },
        // Only what a statement returns can be of such a type: it is no reference.
        "DATETIME" | "TIMESTAMP" | "DATE" | "TIME" | "DECIMAL" | "JSON" | "BIT" => Cell::Null,
        _ => Cell::Bytes(row.try_get_unchecked(index)?),
    })
}
