//! What was sent, for a while.

use postroom_event::DispatchId;

use super::{Conn, FromRow, Result, Row, blob, clean, insert};
use crate::sent::Sent;

impl FromRow for Sent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            dispatch: DispatchId(row.id("dispatch")?),
            target: row.get("target")?,
            message: row.get("message")?,
            content: row.get("content")?,
            until: row.get("until")?,
        })
    }
}

/// Keeps messages.
pub(crate) async fn keep(conn: &mut Conn, sent: &[&Sent]) -> Result<()> {
    let table = ("INSERT INTO sent (dispatch, target, message, content, until)", 5, "ON CONFLICT DO NOTHING");
    insert(conn, table, sent, |query, sent| {
        query
            .bind(blob(sent.dispatch.0))
            .bind(clean(&sent.target))
            .bind(clean(&sent.message))
            .bind(sent.content.clone())
            .bind(sent.until)
    })
    .await
}

/// What was sent by `dispatches`, as far as it is kept beyond `at`.
pub(crate) async fn of(conn: &mut Conn, dispatches: &[DispatchId], at: i64) -> Result<Vec<Sent>> {
    let sql =
        "SELECT dispatch, target, message, content, until FROM sent WHERE dispatch {among} AND until > $2
               ORDER BY until, dispatch";
    conn.query_ids(sql, dispatches.iter().map(|id| id.0)).bind(at).all().await
}

/// Forgets what was sent by `dispatches`; how much.
pub(crate) async fn forget(conn: &mut Conn, dispatches: &[DispatchId]) -> Result<u64> {
    conn.query_ids("DELETE FROM sent WHERE dispatch {among}", dispatches.iter().map(|id| id.0))
        .execute()
        .await
}

/// Forgets what is kept until `at` at most.
pub(crate) async fn forget_until(conn: &mut Conn, at: i64) -> Result<()> {
    conn.query("DELETE FROM sent WHERE until <= $1").bind(at).execute().await.map(drop)
}
