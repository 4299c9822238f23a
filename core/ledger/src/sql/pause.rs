//! Pauses.

use super::{Conn, FromRow, Result, Row};
use crate::pause::Pause;

/// Pauses a system; the newest word counts.
pub(crate) async fn set(conn: &mut Conn, pause: &Pause) -> Result<()> {
    conn.query(
        "INSERT INTO pause (system, since, until, actor, reason) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (system) DO UPDATE SET since = excluded.since, until = excluded.until, actor = excluded.actor,
             reason = excluded.reason",
    )
    .bind(&pause.system)
    .bind(pause.since)
    .bind(pause.until)
    .bind(&pause.actor)
    .bind(&pause.reason)
    .execute()
    .await?;
    Ok(())
}

/// Ends a pause at `word.since`, by the word of `word.actor`; whether there was one.
pub(crate) async fn end(conn: &mut Conn, word: &Pause) -> Result<bool> {
    let ended = conn
        .query(
            "UPDATE pause SET since = $1, until = $1, actor = $2, reason = $3
             WHERE system = $4 AND (until IS NULL OR until > $1)",
        )
        .bind(word.since)
        .bind(&word.actor)
        .bind(&word.reason)
        .bind(&word.system)
        .execute()
        .await?;
    Ok(ended > 0)
}

/// The newest word on a system, whether it is in force or not.
pub(crate) async fn newest(conn: &mut Conn, system: &str) -> Result<Option<Pause>> {
    conn.query("SELECT system, since, until, actor, reason FROM pause WHERE system = $1")
        .bind(system)
        .optional()
        .await
}

impl FromRow for Pause {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            system: row.get("system")?,
            since: row.get("since")?,
            until: row.get("until")?,
            actor: row.get("actor")?,
            reason: row.get("reason")?,
        })
    }
}

/// The pauses in force at `now`.
pub(crate) async fn list(conn: &mut Conn, now: i64) -> Result<Vec<Pause>> {
    conn.query(
        "SELECT system, since, until, actor, reason FROM pause WHERE until IS NULL OR until > $1 ORDER BY system",
    )
    .bind(now)
    .all()
    .await
}
