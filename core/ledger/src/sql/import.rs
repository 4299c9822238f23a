//! Imports: how far each batch of records has been taken, and what became of its records.

use postroom_event::Fault;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Row, SqliteConnection};

use super::{Result, counted, insert, stored};
use crate::entry::{Advance, ImportKey, RefusedImport};
use crate::import::{Import, ImportState, NewImport, RefusedRecord};

const COLUMNS: &str =
    "SELECT id, system, batch, round, label, total, position, mapped, published, repeats, state,
                       first_seen, updated FROM import";

struct Kept {
    id: i64,
    import: Import,
}

impl FromRow<'_, SqliteRow> for Kept {
    fn from_row(row: &SqliteRow) -> Result<Self> {
        let key = ImportKey {
            system: row.try_get("system")?,
            batch: row.try_get("batch")?,
            round: row.try_get("round")?,
        };
        let import = Import {
            key,
            label: row.try_get("label")?,
            total: counted(row.try_get("total")?),
            position: counted(row.try_get("position")?),
            mapped: counted(row.try_get("mapped")?),
            published: counted(row.try_get("published")?),
            repeats: counted(row.try_get("repeats")?),
            state: ImportState::from_stored(row.try_get("state")?)
                .ok_or_else(|| sqlx::Error::Decode("an import is open, done or refused".into()))?,
            first_seen: row.try_get("first_seen")?,
            updated: row.try_get("updated")?,
        };
        Ok(Self { id: row.try_get("id")?, import })
    }
}

/// The latest round of a batch.
pub(crate) async fn latest(conn: &mut SqliteConnection, system: &str, batch: &str) -> Result<Option<Import>> {
    Ok(latest_row(conn, system, batch).await?.map(|kept| kept.import))
}

async fn latest_row(conn: &mut SqliteConnection, system: &str, batch: &str) -> Result<Option<Kept>> {
    let sql = format!("{COLUMNS} WHERE system = ? AND batch = ? ORDER BY round DESC LIMIT 1");
    sqlx::query_as(AssertSqlSafe(sql)).bind(system).bind(batch).fetch_optional(conn).await
}

/// The latest round of a batch, begun if it was never seen.
pub(crate) async fn open(conn: &mut SqliteConnection, new: &NewImport) -> Result<Import> {
    match latest(conn, &new.system, &new.batch).await? {
        Some(import) => Ok(import),
        None => begin(conn, new, 0, ImportState::Open).await,
    }
}

/// A new round of a batch; a round that is still open goes on.
pub(crate) async fn again(conn: &mut SqliteConnection, new: &NewImport) -> Result<Import> {
    match latest(conn, &new.system, &new.batch).await? {
        Some(import) if import.state == ImportState::Open => Ok(import),
        Some(import) => begin(conn, new, import.key.round + 1, ImportState::Open).await,
        None => begin(conn, new, 0, ImportState::Open).await,
    }
}

async fn begin(
    conn: &mut SqliteConnection,
    new: &NewImport,
    round: u32,
    state: ImportState,
) -> Result<Import> {
    let sql = "INSERT INTO import (system, batch, round, label, total, state, first_seen, updated)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) RETURNING *";
    let kept: Kept = sqlx::query_as(sql)
        .bind(&new.system)
        .bind(&new.batch)
        .bind(round)
        .bind(&new.label)
        .bind(stored(new.total))
        .bind(state.as_stored())
        .bind(new.at)
        .fetch_one(conn)
        .await?;
    Ok(kept.import)
}

/// Moves an import on; a position that was reached before changes nothing.
pub(crate) async fn advance(conn: &mut SqliteConnection, step: &Advance) -> Result<()> {
    let row: Option<(i64,)> = sqlx::query_as(
        "UPDATE import SET position = ?4, mapped = mapped + ?5, published = published + ?6, updated = ?7
         WHERE system = ?1 AND batch = ?2 AND round = ?3 AND position < ?4 RETURNING id",
    )
    .bind(&step.import.system)
    .bind(&step.import.batch)
    .bind(step.import.round)
    .bind(stored(step.position))
    .bind(stored(step.mapped))
    .bind(stored(step.published))
    .bind(step.at)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((import,)) = row else { return Ok(()) };
    for (rule, count) in &step.ignored {
        sqlx::query(
            "INSERT INTO ignored (import, rule, count) VALUES (?, ?, ?)
             ON CONFLICT (import, rule) DO UPDATE SET count = count + excluded.count",
        )
        .bind(import)
        .bind(rule)
        .bind(stored(*count))
        .execute(&mut *conn)
        .await?;
    }
    refuse_records(conn, import, &step.refused).await
}

async fn refuse_records(conn: &mut SqliteConnection, import: i64, faults: &[Fault]) -> Result<()> {
    let table = (
        "INSERT INTO refused_record (import, number, line, place, rule, words)",
        6,
        "ON CONFLICT DO NOTHING",
    );
    insert(conn, table, faults, |query, fault| {
        query
            .bind(import)
            .bind(stored(fault.number))
            .bind(stored(fault.line))
            .bind(fault.place.clone())
            .bind(fault.rule)
            .bind(fault.words.clone())
    })
    .await
}

/// Closes an import that was read to its end.
pub(crate) async fn finish(conn: &mut SqliteConnection, key: &ImportKey, at: i64) -> Result<()> {
    let sql = "UPDATE import SET state = 'done', updated = ?4
               WHERE system = ?1 AND batch = ?2 AND round = ?3 AND state = 'open'";
    on_key(conn, sql, key, at).await
}

/// Counts that the same content came again.
pub(crate) async fn repeat(conn: &mut SqliteConnection, key: &ImportKey, at: i64) -> Result<()> {
    let sql = "UPDATE import SET repeats = repeats + 1, updated = ?4
               WHERE system = ?1 AND batch = ?2 AND round = ?3";
    on_key(conn, sql, key, at).await
}

async fn on_key(conn: &mut SqliteConnection, sql: &'static str, key: &ImportKey, at: i64) -> Result<()> {
    sqlx::query(sql).bind(&key.system).bind(&key.batch).bind(key.round).bind(at).execute(conn).await?;
    Ok(())
}

/// Notes that a batch was refused as a whole: its open round ends so, one refused before repeats, else a round begins.
pub(crate) async fn refuse(conn: &mut SqliteConnection, refused: &RefusedImport) -> Result<()> {
    let new = NewImport {
        system: refused.system.clone(),
        batch: if refused.batch.is_empty() { refused.label.clone() } else { refused.batch.clone() },
        label: refused.label.clone(),
        total: 0,
        at: refused.at,
    };
    let key = match latest(conn, &new.system, &new.batch).await? {
        Some(Import { key, state: ImportState::Refused, .. }) => {
            return repeat(conn, &key, refused.at).await;
        }
        Some(Import { key, state: ImportState::Open, .. }) => {
            end_refused(conn, &key, refused.at).await?;
            key
        }
        Some(Import { key, .. }) => begin(conn, &new, key.round + 1, ImportState::Refused).await?.key,
        None => begin(conn, &new, 0, ImportState::Refused).await?.key,
    };
    let Some(kept) = latest_row(conn, &key.system, &key.batch).await? else { return Ok(()) };
    let whole = Fault { number: 0, ..refused.fault.clone() };
    refuse_records(conn, kept.id, &[whole]).await
}

async fn end_refused(conn: &mut SqliteConnection, key: &ImportKey, at: i64) -> Result<()> {
    let sql =
        "UPDATE import SET state = 'refused', updated = ?4 WHERE system = ?1 AND batch = ?2 AND round = ?3";
    on_key(conn, sql, key, at).await
}

/// The imports of `system` (or all), newest first, at most `most`.
pub(crate) async fn list(
    conn: &mut SqliteConnection,
    system: Option<&str>,
    most: u32,
) -> Result<Vec<Import>> {
    let sql = format!("{COLUMNS} WHERE ?1 IS NULL OR system = ?1 ORDER BY first_seen DESC, id DESC LIMIT ?2");
    let rows: Vec<Kept> = sqlx::query_as(AssertSqlSafe(sql)).bind(system).bind(most).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|kept| kept.import).collect())
}

/// The refused records of every round of a batch, in the order of the batch, at most `most`.
pub(crate) async fn refused(
    conn: &mut SqliteConnection,
    system: &str,
    batch: &str,
    most: u32,
) -> Result<Vec<RefusedRecord>> {
    let rows: Vec<(u32, i64, i64, String, String, String)> = sqlx::query_as(
        "SELECT round, number, line, place, rule, words FROM refused_record AS refused
         JOIN import ON import.id = refused.import
         WHERE system = ? AND batch = ? ORDER BY round, number LIMIT ?",
    )
    .bind(system)
    .bind(batch)
    .bind(most)
    .fetch_all(conn)
    .await?;
    let record = |(round, number, line, place, rule, words)| RefusedRecord {
        round,
        number: counted(number),
        line: counted(line),
        place,
        rule,
        words,
    };
    Ok(rows.into_iter().map(record).collect())
}
