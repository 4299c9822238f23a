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

/// Ends a pause; whether there was one.
pub(crate) async fn end(conn: &mut Conn, system: &str) -> Result<bool> {
    Ok(conn.query("DELETE FROM pause WHERE system = $1").bind(system).execute().await? > 0)
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
