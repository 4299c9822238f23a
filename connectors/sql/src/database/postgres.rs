//! PostgreSQL. What has no plain form in JSON is cast to text by the server, which also tells the type of every value that it expects:
//! values go to it as text and are cast to that.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Executor, Row, SqlSafeStr, Statement as _,
    TypeInfo, ValueRef,
};
use uuid::Uuid;

use super::{Column, Connection, Database, Form, Rows, bound, collect, one_by_one};
use crate::cell::Cell;
use crate::statement::Statement;

/// A PostgreSQL server and database.
pub(crate) struct PostgresHome(pub(crate) PgConnectOptions);

struct Postgres {
    connection: PgConnection,
    /// Statements as they are written, by how they read without types.
    spelt: HashMap<String, String>,
}

impl PostgresHome {
    /// The database of `options`, where no statement takes longer than `timeout`.
    pub(crate) fn new(options: PgConnectOptions, timeout: std::time::Duration) -> Self {
        let milliseconds = timeout.as_millis().to_string();
        let options = options
            .application_name(super::HUB)
            .options([
                ("statement_timeout", milliseconds.as_str()),
                // A hub that was stopped in the middle of a transaction must not keep its locks.
                ("idle_in_transaction_session_timeout", milliseconds.as_str()),
                // A notice may quote a row, and the driver would log it.
                ("client_min_messages", "error"),
                ("tcp_keepalives_idle", "30"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
            ])
            .disable_statement_logging();
        Self(options)
    }
}

#[async_trait]
impl Database for PostgresHome {
    async fn connect(&self, password: &str) -> sqlx::Result<Box<dyn Connection>> {
        Ok(Box::new(Postgres {
            connection: self.0.clone().password(password).connect().await?,
            spelt: HashMap::new(),
        }))
    }

    fn place(&self, number: usize, column: &Column) -> String {
        format!("CAST(${number} AS {})", column.kind)
    }

    fn reading(&self, column: &Column, name: &str) -> String {
        match column.kind.as_str() {
            "boolean" | "smallint" | "integer" | "bigint" | "real" | "double precision" | "bytea" => {
                name.to_owned()
            }
            _ => format!("{name}::text"),
        }
    }

    fn form(&self, column: &Column) -> Form {
        match column.kind.as_str() {
            "json" | "jsonb" => Form::Json,
            "timestamp without time zone" => Form::Local,
            "timestamp with time zone" => Form::Instant,
            _ => Form::Plain,
        }
    }

    fn given(&self, value: Cell) -> Cell {
        value.text().map_or(Cell::Null, Cell::Text)
    }

    fn begin_reading(&self) -> &'static str {
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    }

    fn receipt_types(&self) -> [&'static str; 3] {
        ["varchar(64)", "timestamptz", "text"]
    }
}

#[async_trait]
impl Connection for Postgres {
    async fn columns(&mut self, sql: &str) -> sqlx::Result<Vec<Column>> {
        let prepared = self.connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await?;
        let names: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let types: Vec<_> = prepared.columns().iter().map(|column| column.type_info().clone()).collect();
        let kinds = self.type_names(&types).await?;
        Ok(names.into_iter().zip(kinds).map(|(name, kind)| Column { name, kind }).collect())
    }

    async fn spell(&mut self, statement: &Statement) -> sqlx::Result<String> {
        let bare = statement.spelt(|number| format!("${number}"));
        if let Some(spelt) = self.spelt.get(&bare) {
            return Ok(spelt.clone());
        }
        let prepared = self.connection.prepare(AssertSqlSafe(bare.clone()).into_sql_str()).await?;
        let types = prepared.parameters().and_then(sqlx::Either::left).unwrap_or_default().to_vec();
        let kinds = self.type_names(&types).await?;
        let spelt = statement.spelt(|number| {
            let kind = kinds.get(number - 1).map_or("text", String::as_str);
            format!("CAST(CAST(${number} AS text) AS {kind})")
        });
        self.spelt.insert(bare, spelt.clone());
        Ok(spelt)
    }

    async fn rows(&mut self, sql: &str, values: Vec<Cell>) -> sqlx::Result<Rows> {
        collect(bound(sql, values).fetch(&mut self.connection), cell).await
    }

    fn stream(&mut self, sql: &str) -> BoxStream<'_, sqlx::Result<Vec<Cell>>> {
        one_by_one(bound(sql, Vec::new()).fetch(&mut self.connection), cell)
    }

    async fn say(&mut self, sql: &str) -> sqlx::Result<()> {
        self.connection.execute(AssertSqlSafe(sql.to_owned())).await.map(drop)
    }

    async fn ping(&mut self) -> sqlx::Result<()> {
        self.connection.ping().await
    }
}

impl Postgres {
    /// The names of types as the server writes them, fit for a cast.
    async fn type_names(&mut self, types: &[PgTypeInfo]) -> sqlx::Result<Vec<String>> {
        const ASKED: &str = "SELECT format_type(kind, -1) FROM unnest(CAST($1 AS oid[])) WITH ORDINALITY AS \
                             asked(kind, place) ORDER BY place";
        let ids: Vec<String> =
            types.iter().map(|kind| kind.oid().map_or(0, |oid| oid.0).to_string()).collect();
        let rows =
            sqlx::query(ASKED).bind(format!("{{{}}}", ids.join(","))).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}

fn cell(row: &PgRow, index: usize) -> sqlx::Result<Cell> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info();
    Ok(match kind.name() {
        "BOOL" => Cell::Bool(row.try_get(index)?),
        "INT2" => Cell::Integer(row.try_get::<i16, _>(index)?.into()),
        "INT4" => Cell::Integer(row.try_get::<i32, _>(index)?.into()),
        "INT8" => Cell::Integer(row.try_get(index)?),
        "FLOAT4" => Cell::Float(shortest(row.try_get(index)?)),
        "FLOAT8" => Cell::Float(row.try_get(index)?),
        "BYTEA" => Cell::Bytes(row.try_get(index)?),
        "UUID" => {
            let bytes: &[u8] = row.try_get_unchecked(index)?;
            Uuid::from_slice(bytes).map_or(Cell::Null, |uuid| Cell::Text(uuid.to_string()))
        }
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => Cell::Text(row.try_get_unchecked(index)?),
        // Only what a statement returns can be of another type: it is no reference.
        _ => Cell::Null,
    })
}

/// The number of the shortest text that means this one: 0.1 and not 0.10000000149.
pub(super) fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}
