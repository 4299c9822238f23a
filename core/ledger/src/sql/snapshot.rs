//! Snapshots: what is known of each record of a source, and what of the one in hand is not published yet.

use uuid::Uuid;

use super::{Conn, FromRow, Result, Row, blob, counted, id, import, insert, stored};
use crate::entry::ImportKey;
use crate::import::{Import, ImportState, NewImport};
use crate::snapshot::{Gone, Known, KnownChunk, KnownCount, NewPending, Opened, Pending, Snapshot};

/// The row of a system.
struct InLedger {
    id: i64,
    generation: u64,
    batch: String,
    round: u32,
    stage: String,
    compared: u64,
    refused: u64,
    taken: u64,
}

impl FromRow for InLedger {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            generation: row.count("generation")?,
            batch: row.get("batch")?,
            round: row.small("round")?,
            stage: row.get("stage")?,
            compared: row.count("compared")?,
            refused: row.count("refused")?,
            taken: row.count("taken")?,
        })
    }
}

impl InLedger {
    fn with(self, import: Import) -> Snapshot {
        let Self { generation, compared, refused, taken, .. } = self;
        Snapshot { import, generation, compared, refused, taken }
    }
}

async fn of(conn: &mut Conn, system: &str) -> Result<Option<InLedger>> {
    conn.query("SELECT * FROM snapshot WHERE system = $1").bind(system).optional().await
}

/// The snapshot of this batch, begun if it is not the last one.
pub(crate) async fn open(conn: &mut Conn, new: &NewImport) -> Result<Opened> {
    let last = of(conn, &new.system).await?;
    if last.as_ref().is_some_and(|last| last.stage == "done" && last.batch == new.batch)
        && let Some(import) = import::latest(conn, &new.system, &new.batch).await?
        && import.state == ImportState::Done
    {
        return Ok(Opened::Taken(import));
    }
    again(conn, new).await
}

/// A new snapshot of this batch; one that is not done goes on.
pub(crate) async fn again(conn: &mut Conn, new: &NewImport) -> Result<Opened> {
    if let Some(last) = of(conn, &new.system).await? {
        if last.stage == "publishing" {
            return Ok(Opened::Publishing(in_hand(conn, &new.system, last).await?));
        }
        if last.stage == "comparing" && last.batch == new.batch {
            return Ok(Opened::Comparing(in_hand(conn, &new.system, last).await?));
        }
        discard(conn, last.id).await?;
    }
    let import = import::anew(conn, new).await?;
    let sql = "INSERT INTO snapshot (system, generation, batch, round, stage) VALUES ($1, 1, $2, $3, 'comparing')
               ON CONFLICT (system) DO UPDATE SET generation = snapshot.generation + 1, batch = excluded.batch,
                   round = excluded.round, stage = 'comparing', compared = 0, refused = 0
               RETURNING *";
    let begun: InLedger =
        conn.query(sql).bind(&new.system).bind(&new.batch).bind(i64::from(import.key.round)).one().await?;
    Ok(Opened::Comparing(begun.with(import)))
}

/// The snapshot of a system that is accepted and not published whole.
pub(crate) async fn publishing(conn: &mut Conn, system: &str) -> Result<Option<Snapshot>> {
    match of(conn, system).await? {
        Some(last) if last.stage == "publishing" => in_hand(conn, system, last).await.map(Some),
        _ => Ok(None),
    }
}

async fn in_hand(conn: &mut Conn, system: &str, last: InLedger) -> Result<Snapshot> {
    let key = ImportKey { system: system.to_owned(), batch: last.batch.clone(), round: last.round };
    let import = import::of(conn, &key).await?;
    Ok(last.with(import))
}

/// Forgets what of the snapshot in hand is not published.
pub(super) async fn discard(conn: &mut Conn, snapshot: i64) -> Result<()> {
    for sql in [
        "DELETE FROM snapshot_pending WHERE snapshot = $1",
        "DELETE FROM snapshot_key WHERE snapshot = $1 AND hash IS NULL",
    ] {
        conn.query(sql).bind(snapshot).execute().await?;
    }
    Ok(())
}

impl FromRow for Known {
    fn from_row(row: &Row) -> Result<Self> {
        let hash: Option<Vec<u8>> = row.get("hash")?;
        let hash = hash.map(|hash| id(&hash)).transpose()?;
        Ok(Self { key: row.id("key")?, hash, generation: row.count("generation")? })
    }
}

/// What is known of the records with these keys.
pub(crate) async fn known(conn: &mut Conn, system: &str, keys: &[Uuid]) -> Result<KnownChunk> {
    let Some(last) = of(conn, system).await? else { return Ok(KnownChunk::default()) };
    let sql = "SELECT key, hash, generation FROM snapshot_key WHERE snapshot = $2 AND key {among}";
    let known = conn.query_ids(sql, keys.iter().copied()).bind(last.id).all().await?;
    let place = (last.stage == "comparing").then_some((last.generation, last.compared));
    Ok(KnownChunk { place, known })
}

/// How many records of a system are known, and how many of them its snapshot in hand has not.
pub(crate) async fn count(conn: &mut Conn, system: &str) -> Result<KnownCount> {
    let row: Option<(i64, i64)> = conn
        .query(
            "SELECT count(*), count(CASE WHEN record.generation < snapshot.generation THEN 1 END)
             FROM snapshot_key AS record JOIN snapshot ON snapshot.id = record.snapshot
             WHERE snapshot.system = $1 AND record.hash IS NOT NULL",
        )
        .bind(system)
        .optional()
        .await?;
    let (all, missing) = row.unwrap_or_default();
    Ok(KnownCount { all: counted(all), missing: counted(missing) })
}

impl FromRow for Pending {
    fn from_row(row: &Row) -> Result<Self> {
        let new = NewPending {
            number: row.count("number")?,
            line: row.count("line")?,
            key: row.id("key")?,
            hash: row.id("hash")?,
            content: row.get("content")?,
        };
        let old_hash: Option<Vec<u8>> = row.get("old_hash")?;
        let old_hash = old_hash.map(|hash| id(&hash)).transpose()?;
        Ok(Self { new, id: row.get("id")?, old_hash, old: row.get("old")? })
    }
}

/// The first records of the snapshot in hand that are pending, at most `most`.
pub(crate) async fn pending(conn: &mut Conn, system: &str, most: u32) -> Result<Vec<Pending>> {
    let Some(last) = of(conn, system).await? else { return Ok(Vec::new()) };
    conn.query(
        "SELECT pending.number, pending.line, pending.key, pending.hash, pending.content,
                record.id, record.hash AS old_hash, kept.content AS old
         FROM snapshot_pending AS pending
         JOIN snapshot_key AS record ON record.snapshot = pending.snapshot AND record.key = pending.key
         LEFT JOIN snapshot_kept AS kept ON kept.key = record.id
         WHERE pending.snapshot = $1 ORDER BY pending.number LIMIT $2",
    )
    .bind(last.id)
    .bind(i64::from(most))
    .all()
    .await
}

impl FromRow for Gone {
    fn from_row(row: &Row) -> Result<Self> {
        let (key, hash) = (row.id("key")?, row.id("hash")?);
        Ok(Self { id: row.get("id")?, key, hash, content: row.get("content")? })
    }
}

/// Records behind the one kept at `after` that the snapshot in hand has not, at most `most`.
pub(crate) async fn gone(conn: &mut Conn, system: &str, after: i64, most: u32) -> Result<Vec<Gone>> {
    let Some(last) = of(conn, system).await? else { return Ok(Vec::new()) };
    conn.query(
        "SELECT record.id, record.key, record.hash, kept.content
         FROM snapshot_key AS record JOIN snapshot_kept AS kept ON kept.key = record.id
         WHERE record.id > $2 AND record.snapshot = $1 AND record.generation < $3 AND record.hash IS NOT NULL
         ORDER BY record.id LIMIT $4",
    )
    .bind(last.id)
    .bind(after)
    .bind(stored(last.generation))
    .bind(i64::from(most))
    .all()
    .await
}

/// The systems of whose records anything is known, with how many.
pub(crate) async fn systems(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    let sql =
        "SELECT system, count(*) FROM snapshot JOIN snapshot_key AS record ON record.snapshot = snapshot.id
               GROUP BY system ORDER BY system";
    conn.query(sql).all().await
}

/// Forgets at most `most` records of a system; how many. With the last of them goes what was in hand.
pub(crate) async fn forget(conn: &mut Conn, system: &str, most: u32) -> Result<u64> {
    let Some(last) = of(conn, system).await? else { return Ok(0) };
    let first = "(SELECT id FROM snapshot_key WHERE snapshot = $1 ORDER BY id LIMIT $2)";
    let mut forgotten = 0;
    for these in ["snapshot_kept WHERE key", "snapshot_key WHERE id"] {
        let sql = format!("DELETE FROM {these} IN {first}");
        forgotten = conn.query_said(&sql).bind(last.id).bind(i64::from(most)).execute().await?;
    }
    if forgotten > 0 {
        return Ok(forgotten);
    }
    // The number of the last one stays: ids of events are made of it, and none may come twice.
    for sql in [
        "DELETE FROM snapshot_pending WHERE snapshot = $1",
        "UPDATE snapshot SET stage = 'refused', batch = '', taken = 0 WHERE id = $1",
    ] {
        conn.query(sql).bind(last.id).execute().await?;
    }
    Ok(0)
}

/// Adds records that are not known yet.
pub(super) async fn add(conn: &mut Conn, (snapshot, generation): (i64, i64), keys: &[Uuid]) -> Result<()> {
    let table = ("INSERT INTO snapshot_key (snapshot, key, generation)", 3, "ON CONFLICT DO NOTHING");
    insert(conn, table, keys, |query, key| query.bind(snapshot).bind(blob(*key)).bind(generation)).await
}

/// Adds records that are to be published.
pub(super) async fn add_pending(conn: &mut Conn, snapshot: i64, pending: &[NewPending]) -> Result<()> {
    let table = (
        "INSERT INTO snapshot_pending (snapshot, number, line, key, hash, content)",
        6,
        "ON CONFLICT DO NOTHING",
    );
    insert(conn, table, pending, |query, one| {
        query
            .bind(snapshot)
            .bind(stored(one.number))
            .bind(stored(one.line))
            .bind(blob(one.key))
            .bind(blob(one.hash))
            .bind(one.content.clone())
    })
    .await
}
