//! Up to where the journal is recorded.

use super::{Conn, FromRow, Result, Row, counted, stored};
use crate::entry::JournalPlace;

/// The newest note counts.
pub(crate) async fn note(conn: &mut Conn, system: &str, place: &JournalPlace) -> Result<()> {
    conn.query(
        "INSERT INTO journal_place (system, position, at) VALUES ($1, $2, $3)
         ON CONFLICT (system) DO UPDATE SET position = excluded.position, at = excluded.at",
    )
    .bind(system)
    .bind(stored(place.position))
    .bind(place.at)
    .execute()
    .await?;
    Ok(())
}

/// Notes the first one; none that is there is changed.
pub(crate) async fn begin(conn: &mut Conn, system: &str, place: &JournalPlace) -> Result<()> {
    conn.query(
        "INSERT INTO journal_place (system, position, at) VALUES ($1, $2, $3) ON CONFLICT (system) DO NOTHING",
    )
    .bind(system)
    .bind(stored(place.position))
    .bind(place.at)
    .execute()
    .await?;
    Ok(())
}

impl FromRow for JournalPlace {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { position: counted(row.get("position")?), at: row.get("at")? })
    }
}

/// That of one system.
pub(crate) async fn of(conn: &mut Conn, system: &str) -> Result<Option<JournalPlace>> {
    conn.query("SELECT position, at FROM journal_place WHERE system = $1").bind(system).optional().await
}
