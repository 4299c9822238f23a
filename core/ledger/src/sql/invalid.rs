//! Events that could not be understood.

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

use super::{Result, counted, event, from_json, json, stored};
use crate::entry::{Body, Claims, InvalidEvent};
use crate::kept::{InvalidRow, InvalidShown};

/// Lists an invalid event; the same bytes while listed already count as a duplicate.
pub(crate) async fn add(conn: &mut SqliteConnection, invalid: &InvalidEvent) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO invalid (system, received_at, code, place, words, content_type, headers, body, body_sha256,
                              body_size, event_id, source, event_type, subject, fingerprint)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&invalid.system)
    .bind(invalid.received_at)
    .bind(&invalid.code)
    .bind(&invalid.place)
    .bind(&invalid.words)
    .bind(&invalid.content_type)
    .bind(json(&invalid.headers)?)
    .bind(&invalid.body.bytes)
    .bind(invalid.body.sha256.as_slice())
    .bind(stored(invalid.body.size))
    .bind(&invalid.claims.id)
    .bind(&invalid.claims.source)
    .bind(&invalid.claims.event_type)
    .bind(&invalid.claims.subject)
    .bind(fingerprint(invalid)?)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        event::tally(conn, &invalid.system, 1).await?;
    }
    Ok(())
}

/// What makes it the same event again: system, rule, content type, headers (but for the broker's own) and body.
fn fingerprint(invalid: &InvalidEvent) -> Result<Vec<u8>> {
    let mut headers: Vec<_> = invalid.headers.iter().filter(|(name, _)| name != "x-delivery-count").collect();
    headers.sort();
    let what = (&invalid.system, &invalid.code, &invalid.content_type, headers, invalid.body.sha256);
    Ok(Sha256::digest(json(&what)?).to_vec())
}

const COLUMNS: &str =
    "SELECT id, system, received_at, code, place, words, event_id, source, event_type, subject,
                       body_size, state";

impl FromRow<'_, SqliteRow> for InvalidRow {
    fn from_row(row: &SqliteRow) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            system: row.try_get("system")?,
            received_at: row.try_get("received_at")?,
            code: row.try_get("code")?,
            place: row.try_get("place")?,
            words: row.try_get("words")?,
            claims: Claims {
                id: row.try_get("event_id")?,
                source: row.try_get("source")?,
                event_type: row.try_get("event_type")?,
                subject: row.try_get("subject")?,
            },
            body_size: counted(row.try_get("body_size")?),
            state: row.try_get("state")?,
        })
    }
}

/// Invalid events of `system` (or all), newest first, at most `most`.
pub(crate) async fn list(
    conn: &mut SqliteConnection,
    system: Option<&str>,
    most: u32,
) -> Result<Vec<InvalidRow>> {
    let sql = format!("{COLUMNS} FROM invalid WHERE ?1 IS NULL OR system = ?1 ORDER BY id DESC LIMIT ?2");
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(system).bind(most).fetch_all(conn).await
}

/// Invalid events that claim the id or the subject `text`.
pub(crate) async fn named(conn: &mut SqliteConnection, text: &str, most: u32) -> Result<Vec<InvalidRow>> {
    let sql = format!("{COLUMNS} FROM invalid WHERE event_id = ?1 OR subject = ?1 ORDER BY id LIMIT ?2");
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(text).bind(most).fetch_all(conn).await
}

/// One invalid event, whole.
pub(crate) async fn show(conn: &mut SqliteConnection, id: i64) -> Result<Option<InvalidShown>> {
    let sql = format!("{COLUMNS}, content_type, headers, body, body_sha256 FROM invalid WHERE id = ?");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let sha256: Vec<u8> = row.try_get("body_sha256")?;
    let summary = InvalidRow::from_row(&row)?;
    let body = Body {
        bytes: row.try_get("body")?,
        sha256: sha256.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?,
        size: summary.body_size,
    };
    let headers = from_json(row.try_get("headers")?)?;
    Ok(Some(InvalidShown { summary, content_type: row.try_get("content_type")?, headers, body }))
}
