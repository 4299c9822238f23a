//! Runs of the hub, and the events being tried one by one after an unclean stop.

use std::collections::HashMap;

use postroom_event::EventKey;

use super::{Conn, Result, blob, id, mark, small};

/// How the ledger was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStart {
    /// The ledger is a backup that was put back, and nobody has acknowledged it yet.
    pub restored: bool,
}

/// Begins a run.
pub(crate) async fn start(conn: &mut Conn, at: i64) -> Result<RunStart> {
    conn.query("INSERT INTO run (started_at) VALUES ($1)").bind(at).execute().await?;
    Ok(RunStart { restored: mark::why_put_back(conn).await?.is_some() })
}

/// Ends the latest run.
pub(crate) async fn end(conn: &mut Conn, at: i64) -> Result<()> {
    conn.query("UPDATE run SET ended_at = $1 WHERE id = (SELECT max(id) FROM run)")
        .bind(at)
        .execute()
        .await?;
    Ok(())
}

/// Counts one more attempt on each key.
pub(crate) async fn try_keys(conn: &mut Conn, keys: &[EventKey]) -> Result<()> {
    for key in keys {
        conn.query(
            "INSERT INTO trying (key, count) VALUES ($1, 1)
             ON CONFLICT (key) DO UPDATE SET count = trying.count + 1",
        )
        .bind(blob(key.0))
        .execute()
        .await?;
    }
    Ok(())
}

/// Forgets the attempts on the keys.
pub(crate) async fn survive(conn: &mut Conn, keys: &[EventKey]) -> Result<()> {
    let ids = keys.iter().map(|key| key.0);
    conn.query_ids("DELETE FROM trying WHERE key {among}", ids).execute().await?;
    Ok(())
}

/// Takes back one attempt on each of the keys.
pub(crate) async fn untry(conn: &mut Conn, keys: &[EventKey]) -> Result<()> {
    let ids = || keys.iter().map(|key| key.0);
    conn.query_ids("DELETE FROM trying WHERE count <= 1 AND key {among}", ids()).execute().await?;
    conn.query_ids("UPDATE trying SET count = count - 1 WHERE key {among}", ids()).execute().await?;
    Ok(())
}

/// The attempts that are noted.
pub(crate) async fn tried(conn: &mut Conn, keys: &[EventKey]) -> Result<HashMap<EventKey, u32>> {
    let ids = keys.iter().map(|key| key.0);
    let rows: Vec<(Vec<u8>, i64)> =
        conn.query_ids("SELECT key, count FROM trying WHERE trying.key {among}", ids).all().await?;
    rows.into_iter().map(|(key, count)| Ok((EventKey(id(&key)?), small(count)))).collect()
}
