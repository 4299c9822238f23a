//! How lanes stand.

use super::{Conn, FromRow, Result, Row, counted};
use crate::lane_state::LaneState;

/// The newest note counts.
pub(crate) async fn note(conn: &mut Conn, lane: &LaneState) -> Result<()> {
    conn.query(
        "INSERT INTO lane (target, down_since, in_hand, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (target) DO UPDATE SET down_since = excluded.down_since, in_hand = excluded.in_hand,
             at = excluded.at",
    )
    .bind(&lane.target)
    .bind(lane.down_since)
    .bind(i64::try_from(lane.in_hand).unwrap_or(i64::MAX))
    .bind(lane.at)
    .execute()
    .await?;
    Ok(())
}

impl FromRow for LaneState {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            target: row.get("target")?,
            down_since: row.get("down_since")?,
            in_hand: counted(row.get("in_hand")?),
            at: row.get("at")?,
        })
    }
}

/// Every lane, by target.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<LaneState>> {
    conn.query("SELECT target, down_since, in_hand, at FROM lane ORDER BY target").all().await
}
