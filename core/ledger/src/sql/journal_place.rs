//! Up to where the journal is recorded.

use super::{Conn, FromRow, Result, Row, stored};
use crate::entry::JournalPlace;

/// The newest note counts.
pub(crate) async fn note(conn: &mut Conn, system: &str, place: &JournalPlace) -> Result<()> {
    conn.query(
        "INSERT INTO journal_place (system, position, at, reading) VALUES ($1, $2, $3, $4)
         ON CONFLICT (system) DO UPDATE SET position = excluded.position, at = excluded.at, reading = excluded.reading",
    )
    .bind(system)
    .bind(stored(place.position))
    .bind(place.at)
    .bind(i64::from(place.is_reading))
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
        let is_reading = row.get::<i64>("reading")? != 0;
        Ok(Self { position: row.count("position")?, at: row.get("at")?, is_reading })
    }
}

/// That of one system.
pub(crate) async fn of(conn: &mut Conn, system: &str) -> Result<Option<JournalPlace>> {
    conn.query("SELECT position, at, reading FROM journal_place WHERE system = $1")
        .bind(system)
        .optional()
        .await
}

/// The systems whose journal is being read.
pub(crate) async fn reading(conn: &mut Conn) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        conn.query("SELECT system FROM journal_place WHERE reading <> 0 ORDER BY system").all().await?;
    Ok(rows.into_iter().map(|(system,)| system).collect())
}
