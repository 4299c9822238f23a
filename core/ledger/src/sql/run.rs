//! Runs of the hub, and the events being tried one by one after an unclean stop.

use std::collections::HashMap;

use postroom_event::EventKey;
use sqlx::SqliteConnection;

use super::{Result, blob, id, id_list};

/// Begins a run; whether the one before ended cleanly (or there was none).
pub(crate) async fn start(conn: &mut SqliteConnection, at: i64) -> Result<bool> {
    let last: Option<(Option<i64>,)> = sqlx::query_as("SELECT ended_at FROM run ORDER BY id DESC LIMIT 1")
        .fetch_optional(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO run (started_at) VALUES (?)").bind(at).execute(conn).await?;
    Ok(last.is_none_or(|(ended,)| ended.is_some()))
}

/// Ends the latest run.
pub(crate) async fn end(conn: &mut SqliteConnection, at: i64) -> Result<()> {
    sqlx::query("UPDATE run SET ended_at = ? WHERE id = (SELECT max(id) FROM run)")
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts one more attempt on each key.
pub(crate) async fn try_keys(conn: &mut SqliteConnection, keys: &[EventKey]) -> Result<()> {
    for key in keys {
        sqlx::query(
            "INSERT INTO trying (key, count) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1",
        )
        .bind(blob(key.0))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Forgets the attempts on the keys.
pub(crate) async fn survive(conn: &mut SqliteConnection, keys: &[EventKey]) -> Result<()> {
    sqlx::query("DELETE FROM trying WHERE key IN (SELECT unhex(value) FROM json_each(?))")
        .bind(id_list(keys.iter().map(|key| key.0)))
        .execute(conn)
        .await?;
    Ok(())
}

/// The attempts that are noted.
pub(crate) async fn tried(conn: &mut SqliteConnection, keys: &[EventKey]) -> Result<HashMap<EventKey, u32>> {
    let rows: Vec<(Vec<u8>, u32)> = sqlx::query_as(
        "SELECT trying.key, count FROM trying WHERE trying.key IN (SELECT unhex(value) FROM json_each(?))",
    )
    .bind(id_list(keys.iter().map(|key| key.0)))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|(key, count)| Ok((EventKey(id(&key)?), count))).collect()
}
