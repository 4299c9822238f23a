//! Imports: how far each batch of records has been taken, and what became of its records.

use postroom_event::Fault;

use super::{Conn, FromRow, Result, Row, insert, known, stored, work_outbox};
use crate::entry::{Advance, ImportKey, RefusedImport};
use crate::import::{Import, ImportState, NewImport, RefusedRecord};
use crate::outbox::Tell;

const COLUMNS: &str =
    "SELECT id, system, batch, round, label, total, position, mapped, published, repeats, state,
                       first_seen, updated FROM import";

struct Kept {
    id: i64,
    import: Import,
}

impl FromRow for Kept {
    fn from_row(row: &Row) -> Result<Self> {
        let key =
            ImportKey { system: row.get("system")?, batch: row.get("batch")?, round: row.small("round")? };
        let import = Import {
            key,
            label: row.get("label")?,
            total: row.count("total")?,
            position: row.count("position")?,
            mapped: row.count("mapped")?,
            published: row.count("published")?,
            repeats: row.count("repeats")?,
            state: known(ImportState::from_stored(&row.get::<String>("state")?))?,
            first_seen: row.get("first_seen")?,
            updated: row.get("updated")?,
        };
        Ok(Self { id: row.get("id")?, import })
    }
}

/// The latest round of a batch.
pub(crate) async fn latest(conn: &mut Conn, system: &str, batch: &str) -> Result<Option<Import>> {
    Ok(latest_row(conn, system, batch).await?.map(|kept| kept.import))
}

async fn latest_row(conn: &mut Conn, system: &str, batch: &str) -> Result<Option<Kept>> {
    let sql = format!("{COLUMNS} WHERE system = $1 AND batch = $2 ORDER BY round DESC LIMIT 1");
    conn.query_said(&sql).bind(system).bind(batch).optional().await
}

/// The latest round of a batch, begun if it was never seen.
pub(crate) async fn open(conn: &mut Conn, new: &NewImport) -> Result<Import> {
    match latest(conn, &new.system, &new.batch).await? {
        Some(import) => Ok(import),
        None => begin(conn, new, 0, ImportState::Open).await,
    }
}

/// A new round of a batch; a round that is still open goes on.
pub(crate) async fn again(conn: &mut Conn, new: &NewImport) -> Result<Import> {
    match latest(conn, &new.system, &new.batch).await? {
        Some(import) if import.state == ImportState::Open => Ok(import),
        Some(import) => begin(conn, new, import.key.round + 1, ImportState::Open).await,
        None => begin(conn, new, 0, ImportState::Open).await,
    }
}

/// The import of this key.
pub(crate) async fn of(conn: &mut Conn, key: &ImportKey) -> Result<Import> {
    let sql = format!("{COLUMNS} WHERE system = $1 AND batch = $2 AND round = $3");
    let found = conn.query_said(&sql).bind(&key.system).bind(&key.batch).bind(i64::from(key.round));
    Ok(found.one::<Kept>().await?.import)
}

/// A round of a batch from its start: one that was left open begins again, as if it had never been.
pub(crate) async fn anew(conn: &mut Conn, new: &NewImport) -> Result<Import> {
    match latest(conn, &new.system, &new.batch).await? {
        Some(import) if import.state == ImportState::Open => {
            reset(conn, &import.key, new.at).await?;
            of(conn, &import.key).await
        }
        Some(import) => begin(conn, new, import.key.round + 1, ImportState::Open).await,
        None => begin(conn, new, 0, ImportState::Open).await,
    }
}

/// Takes back what was counted of a batch of which nothing was published.
pub(crate) async fn reset(conn: &mut Conn, key: &ImportKey, at: i64) -> Result<()> {
    let this = "import = (SELECT id FROM import WHERE system = $1 AND batch = $2 AND round = $3)";
    for table in ["ignored", "refused_record"] {
        let sql = format!("DELETE FROM {table} WHERE {this}");
        let gone = conn.query_said(&sql).bind(&key.system).bind(&key.batch).bind(i64::from(key.round));
        gone.execute().await?;
    }
    let sql = "UPDATE import SET position = 0, mapped = 0, published = 0, updated = $4
               WHERE system = $1 AND batch = $2 AND round = $3";
    on_key(conn, sql, key, at).await
}

/// Adds what a step counts and the batch itself has not: records of which only the ledger knows.
pub(crate) async fn grow(conn: &mut Conn, step: &Advance) -> Result<()> {
    let sql = "UPDATE import SET total = total + $4 - position
               WHERE system = $1 AND batch = $2 AND round = $3 AND position < $4";
    on_key(conn, sql, &step.import, stored(step.position)).await
}

/// Notes what an officer should know of a batch as a whole.
pub(crate) async fn note_whole(conn: &mut Conn, key: &ImportKey, told: Option<&Fault>) -> Result<()> {
    let Some(told) = told else { return Ok(()) };
    let Some(kept) = latest_row(conn, &key.system, &key.batch).await? else { return Ok(()) };
    refuse_records(conn, kept.id, &[Fault { number: 0, ..told.clone() }]).await
}

async fn begin(conn: &mut Conn, new: &NewImport, round: u32, state: ImportState) -> Result<Import> {
    let sql = "INSERT INTO import (system, batch, round, label, total, state, first_seen, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING *";
    let kept: Kept = conn
        .query(sql)
        .bind(&new.system)
        .bind(&new.batch)
        .bind(i64::from(round))
        .bind(&new.label)
        .bind(stored(new.total))
        .bind(state.as_stored())
        .bind(new.at)
        .one()
        .await?;
    Ok(kept.import)
}

/// Moves an import on; a position that was reached before changes nothing.
pub(crate) async fn advance(conn: &mut Conn, step: &Advance) -> Result<()> {
    let row: Option<(i64,)> = conn
        .query(
            "UPDATE import SET position = $4, mapped = mapped + $5, published = published + $6, updated = $7
             WHERE system = $1 AND batch = $2 AND round = $3 AND position < $4 RETURNING id",
        )
        .bind(&step.import.system)
        .bind(&step.import.batch)
        .bind(i64::from(step.import.round))
        .bind(stored(step.position))
        .bind(stored(step.mapped))
        .bind(stored(step.published))
        .bind(step.at)
        .optional()
        .await?;
    let Some((import,)) = row else { return Ok(()) };
    for (rule, count) in &step.ignored {
        conn.query(
            "INSERT INTO ignored (import, rule, count) VALUES ($1, $2, $3)
             ON CONFLICT (import, rule) DO UPDATE SET count = ignored.count + excluded.count",
        )
        .bind(import)
        .bind(rule)
        .bind(stored(*count))
        .execute()
        .await?;
    }
    refuse_records(conn, import, &step.refused).await
}

async fn refuse_records(conn: &mut Conn, import: i64, faults: &[Fault]) -> Result<()> {
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
            .bind(fault.rule.to_string())
            .bind(fault.words.clone())
    })
    .await
}

/// Where a source goes on; the newest word counts.
pub(crate) async fn move_cursor(conn: &mut Conn, system: &str, cursor: &str, at: i64) -> Result<()> {
    conn.query(
        "INSERT INTO source_cursor (system, cursor, at) VALUES ($1, $2, $3)
         ON CONFLICT (system) DO UPDATE SET cursor = excluded.cursor, at = excluded.at",
    )
    .bind(system)
    .bind(cursor)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Where a source goes on, if it keeps a cursor.
pub(crate) async fn cursor(conn: &mut Conn, system: &str) -> Result<Option<String>> {
    let found: Option<(String,)> =
        conn.query("SELECT cursor FROM source_cursor WHERE system = $1").bind(system).optional().await?;
    Ok(found.map(|(cursor,)| cursor))
}

/// Closes an import that was read to its end.
pub(crate) async fn finish(conn: &mut Conn, key: &ImportKey, (at, tell): (i64, &Tell)) -> Result<()> {
    let sql = "UPDATE import SET state = 'done', updated = $4
               WHERE system = $1 AND batch = $2 AND round = $3 AND state = 'open' RETURNING id";
    let done = conn.query(sql).bind(&key.system).bind(&key.batch).bind(i64::from(key.round)).bind(at);
    match done.optional().await? {
        Some((id,)) => work_outbox::input(conn, id, at, tell).await,
        None => Ok(()),
    }
}

/// Counts that the same content came again.
pub(crate) async fn repeat(conn: &mut Conn, key: &ImportKey, at: i64) -> Result<()> {
    let sql = "UPDATE import SET repeats = repeats + 1, updated = $4
               WHERE system = $1 AND batch = $2 AND round = $3";
    on_key(conn, sql, key, at).await
}

async fn on_key(conn: &mut Conn, sql: &'static str, key: &ImportKey, at: i64) -> Result<()> {
    conn.query(sql).bind(&key.system).bind(&key.batch).bind(i64::from(key.round)).bind(at).execute().await?;
    Ok(())
}

/// Notes that a batch was refused as a whole: its open round ends so, one refused before repeats, else a round begins.
pub(crate) async fn refuse(conn: &mut Conn, refused: &RefusedImport, tell: &Tell) -> Result<()> {
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
    refuse_records(conn, kept.id, &[whole]).await?;
    work_outbox::input(conn, kept.id, refused.at, tell).await
}

async fn end_refused(conn: &mut Conn, key: &ImportKey, at: i64) -> Result<()> {
    let sql =
        "UPDATE import SET state = 'refused', updated = $4 WHERE system = $1 AND batch = $2 AND round = $3";
    on_key(conn, sql, key, at).await
}

/// The imports of `system` (or all), newest first, at most `most`.
pub(crate) async fn list(conn: &mut Conn, system: Option<&str>, most: u32) -> Result<Vec<Import>> {
    let sql = format!("{COLUMNS} WHERE $1 IS NULL OR system = $1 ORDER BY first_seen DESC, id DESC LIMIT $2");
    let rows: Vec<Kept> = conn.query_said(&sql).bind(system).bind(i64::from(most)).all().await?;
    Ok(rows.into_iter().map(|kept| kept.import).collect())
}

/// The system, the batch and the name of the import with this number.
pub(crate) async fn numbered(conn: &mut Conn, id: i64) -> Result<Option<Import>> {
    let sql = format!("{COLUMNS} WHERE id = $1");
    Ok(conn.query_said(&sql).bind(id).optional::<Kept>().await?.map(|kept| kept.import))
}

const REFUSED: &str = "SELECT round, number, line, place, rule, words FROM refused_record AS refused
                       JOIN import ON import.id = refused.import WHERE ";

impl FromRow for RefusedRecord {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            round: row.small("round")?,
            number: row.count("number")?,
            line: row.count("line")?,
            place: row.get("place")?,
            rule: row.get("rule")?,
            words: row.get("words")?,
        })
    }
}

/// The refused records of every round of a batch, in the order of the batch, at most `most`.
pub(crate) async fn refused(
    conn: &mut Conn,
    system: &str,
    batch: &str,
    most: u32,
) -> Result<Vec<RefusedRecord>> {
    let sql = format!("{REFUSED} system = $1 AND batch = $2 ORDER BY round, number LIMIT $3");
    conn.query_said(&sql).bind(system).bind(batch).bind(i64::from(most)).all().await
}

/// The refused records of one input, in its order, at most `most`.
pub(crate) async fn refused_of(conn: &mut Conn, import: i64, most: u32) -> Result<Vec<RefusedRecord>> {
    let sql = format!("{REFUSED} import.id = $1 ORDER BY number LIMIT $2");
    conn.query_said(&sql).bind(import).bind(i64::from(most)).all().await
}
