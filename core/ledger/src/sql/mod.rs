//! Every statement of the ledger, by table. It knows SQLite's dialect; nothing above it knows SQL.

pub(crate) mod dead;
pub(crate) mod dispatch;
pub(crate) mod event;
pub(crate) mod import;
pub(crate) mod invalid;
pub(crate) mod run;
pub(crate) mod staged;
pub(crate) mod sums;
pub(crate) mod trace;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use uuid::Uuid;

pub(crate) type Result<T> = std::result::Result<T, sqlx::Error>;
pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Rows in one statement; few sizes, so that few statements are prepared.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// Inserts `rows` in their order with as few statements as [`SIZES`] allows: `head` VALUES (..), .. `end`.
pub(crate) async fn insert<T>(
    conn: &mut SqliteConnection,
    (head, columns, end): (&str, usize, &str),
    rows: &[T],
    bind: impl for<'q> Fn(Statement<'q>, &T) -> Statement<'q>,
) -> Result<()> {
    let mut rest = rows;
    for size in SIZES {
        while rest.len() >= size {
            let (now, later) = rest.split_at(size);
            let sql = format!("{head} VALUES {} {end}", places(size, columns));
            let query = now.iter().fold(sqlx::query(AssertSqlSafe(sql)), &bind);
            query.execute(&mut *conn).await?;
            rest = later;
        }
    }
    Ok(())
}

fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row.as_str(); rows].join(",")
}

/// Ids as a JSON list of hexadecimal texts: one parameter for any number of keys, read by `json_each` and `unhex`.
pub(crate) fn id_list(ids: impl Iterator<Item = Uuid>) -> String {
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

/// The 16 bytes of a key, as stored.
pub(crate) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A key from its stored bytes.
pub(crate) fn id(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// A count or number as stored.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count or number from its stored form.
pub(crate) fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// JSON as stored.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// A value from its stored JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
