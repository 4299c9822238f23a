//! Certificates that systems showed.

use super::{Conn, FromRow, Result, Row};
use crate::peer::Peer;

/// The newest counts.
pub(crate) async fn note(conn: &mut Conn, peer: &Peer) -> Result<()> {
    conn.query(
        "INSERT INTO peer (system, setting, until) VALUES ($1, $2, $3)
         ON CONFLICT (system, setting) DO UPDATE SET until = excluded.until",
    )
    .bind(&peer.system)
    .bind(&peer.setting)
    .bind(peer.until)
    .execute()
    .await
    .map(drop)
}

impl FromRow for Peer {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { system: row.get("system")?, setting: row.get("setting")?, until: row.get("until")? })
    }
}

/// Every one, by system and setting.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<Peer>> {
    conn.query("SELECT system, setting, until FROM peer ORDER BY system, setting").all().await
}
