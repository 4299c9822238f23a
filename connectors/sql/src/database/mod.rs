//! What differs from one database to the next: one small module each, behind the two traits of this one. They know no table of a
//! council; another database is another module here, and its line in `settings/access.rs`.

mod mysql;
mod postgres;
mod sqlite;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
pub(crate) use mysql::MySqlHome;
pub(crate) use postgres::PostgresHome;
pub(crate) use sqlite::SqliteHome;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Encode, Type};

use crate::cell::Cell;
use crate::statement::Statement;

/// Most bytes of rows that are read at once, but for a single row that is larger.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
/// What a hub calls itself where a database asks.
const HUB: &str = "postroom";

/// A column of a table or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The database's own name of its type.
    pub(crate) kind: String,
}

/// What the texts of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What they say.
    Plain,
    Json,
    /// Timestamps that may have no offset.
    Local,
    /// Timestamps that are UTC where they have no offset.
    Instant,
}

/// Rows that were read.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The names of the columns; none where there is no row.
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether there are more, which were too many bytes.
    pub(crate) is_cut: bool,
}

/// A database: where it is, and how it is spoken to.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// Opens a connection, with this password.
    async fn connect(&self, password: &str) -> sqlx::Result<Box<dyn Connection>>;

    /// A name of a table or column, as it stands.
    fn quoted(&self, name: &str) -> String {
        format!("\"{name}\"")
    }

    /// How the `number`th value is written, from 1, where it is compared with `column`.
    fn place(&self, number: usize, column: &Column) -> String;

    /// How the column is read, so that a [`Cell`] can hold it; `name` is quoted.
    fn reading(&self, column: &Column, name: &str) -> String {
        let _ = column;
        name.to_owned()
    }

    /// What the column's texts are.
    fn form(&self, column: &Column) -> Form;

    /// A value of a message as the database takes it.
    fn given(&self, value: Cell) -> Cell {
        value
    }

    /// The end of a query that gives at most `rows`.
    fn at_most(&self, rows: usize) -> String {
        format!(" LIMIT {rows}")
    }

    /// Begins a transaction.
    fn begin(&self) -> &'static str {
        "BEGIN"
    }

    /// Begins a transaction that only reads, and sees the tables as they were at one moment.
    fn begin_reading(&self) -> &'static str;

    /// The types of an id, a time and a reference, in a table that is made.
    fn receipt_types(&self) -> [&'static str; 3];

    /// What stands behind the columns of a table that is made.
    fn table_options(&self) -> &'static str {
        ""
    }

    /// Whether there are tables that no transaction holds: a query that has a row where a table is one, with the name of its schema
    /// (or null) and its own as its values.
    fn outside_transactions(&self) -> Option<&'static str> {
        None
    }

    /// Whether the table `name` gives the ids of rows that were deleted to later ones: a query that then has a row, with the name
    /// and the column as its values.
    fn reuse_of_ids(&self) -> Option<&'static str> {
        None
    }
}

/// A connection. A step that is not waited for to its end leaves it unfit for use.
#[async_trait]
pub(crate) trait Connection: Send {
    /// The columns that a query would give.
    async fn columns(&mut self, sql: &str) -> sqlx::Result<Vec<Column>>;

    /// How a statement is written, each value with the type that the database expects there.
    async fn spell(&mut self, statement: &Statement) -> sqlx::Result<String>;

    /// Runs a query; its rows.
    async fn rows(&mut self, sql: &str, values: Vec<Cell>) -> sqlx::Result<Rows>;

    /// Runs a query without values; its rows as they come.
    fn stream(&mut self, sql: &str) -> BoxStream<'_, sqlx::Result<Vec<Cell>>>;

    /// Runs something without values, which is not prepared.
    async fn say(&mut self, sql: &str) -> sqlx::Result<()>;

    /// Whether there is still somebody at the other end.
    async fn ping(&mut self) -> sqlx::Result<()>;
}

/// A name behind that of its schema, quoted.
pub(crate) fn dotted(database: &dyn Database, parts: &[String]) -> String {
    parts.iter().map(|part| database.quoted(part)).collect::<Vec<_>>().join(".")
}

/// A query with its values.
fn bound<DB>(sql: &str, values: Vec<Cell>) -> Query<'static, DB, DB::Arguments>
where
    DB: sqlx::Database,
    bool: Encode<'static, DB> + Type<DB>,
    i64: Encode<'static, DB> + Type<DB>,
    f64: Encode<'static, DB> + Type<DB>,
    String: Encode<'static, DB> + Type<DB>,
    Option<String>: Encode<'static, DB> + Type<DB>,
    Vec<u8>: Encode<'static, DB> + Type<DB>,
{
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for value in values {
        query = match value {
            Cell::Null => query.bind(None::<String>),
            Cell::Bool(value) => query.bind(value),
            Cell::Integer(value) => query.bind(value),
            // Not every database has such numbers; each reads them.
            Cell::Unsigned(value) => query.bind(value.to_string()),
            Cell::Float(value) => query.bind(value),
            Cell::Text(value) => query.bind(value),
            Cell::Bytes(value) => query.bind(value),
        };
    }
    query
}

/// Reads rows until they are too many bytes.
async fn collect<R: sqlx::Row>(
    mut stream: impl Stream<Item = sqlx::Result<R>> + Unpin,
    cell: impl Fn(&R, usize) -> sqlx::Result<Cell>,
) -> sqlx::Result<Rows>
where
    usize: sqlx::ColumnIndex<R>,
{
    use sqlx::Column as _;
    let mut rows = Rows::default();
    let mut bytes = 0;
    while let Some(row) = stream.try_next().await? {
        if bytes >= MAX_PAGE_BYTES {
            rows.is_cut = true;
            continue;
        }
        if rows.names.is_empty() {
            rows.names = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        let cells = cells(&row, &cell)?;
        bytes += cells.iter().map(Cell::size).sum::<usize>();
        rows.rows.push(cells);
    }
    Ok(rows)
}

/// Rows as they come.
fn one_by_one<'s, R: sqlx::Row>(
    stream: impl Stream<Item = sqlx::Result<R>> + Send + 's,
    cell: impl Fn(&R, usize) -> sqlx::Result<Cell> + Send + 's,
) -> BoxStream<'s, sqlx::Result<Vec<Cell>>>
where
    usize: sqlx::ColumnIndex<R>,
{
    stream.map(move |row| cells(&row?, &cell)).boxed()
}

fn cells<R: sqlx::Row>(row: &R, cell: impl Fn(&R, usize) -> sqlx::Result<Cell>) -> sqlx::Result<Vec<Cell>> {
    (0..row.len()).map(|index| cell(row, index)).collect()
}

/// The columns of a statement that was prepared.
fn columns_of<S: sqlx::Statement>(statement: &S) -> Vec<Column> {
    use sqlx::{Column as _, TypeInfo as _};
    let column = |column: &<S::Database as sqlx::Database>::Column| Column {
        name: column.name().to_owned(),
        kind: column.type_info().name().to_owned(),
    };
    statement.columns().iter().map(column).collect()
}
