//! The steps of a snapshot. One that comes twice, or belongs to a snapshot that is not in hand any more, changes nothing.

use uuid::Uuid;

use super::{Conn, Result, import, insert, snapshot, stored};
use crate::outbox::Tell;
use crate::snapshot::{Compared, InHand, PublishedChanges, RemovedRecords, SnapshotStep};

/// Takes a step.
pub(crate) async fn take(conn: &mut Conn, of: &InHand, (step, tell): (&SnapshotStep, &Tell)) -> Result<()> {
    match step {
        SnapshotStep::Compared(compared) => self::compared(conn, of, compared).await,
        SnapshotStep::Accepted(key, told) => {
            let Some(_) = move_on(conn, of, ("comparing", "publishing")).await? else { return Ok(()) };
            import::note_whole(conn, key, told.as_ref()).await
        }
        SnapshotStep::Published(changes) => published(conn, of, changes).await,
        SnapshotStep::Removed(records) => removed(conn, of, records).await,
        SnapshotStep::Done => {
            let Some(id) = move_on(conn, of, ("publishing", "done")).await? else { return Ok(()) };
            let sql = "UPDATE snapshot SET taken = taken + 1 WHERE id = $1";
            conn.query(sql).bind(id).execute().await.map(drop)
        }
        SnapshotStep::Refused(key, refused) => {
            let Some(id) = move_on(conn, of, ("comparing", "refused")).await? else { return Ok(()) };
            snapshot::discard(conn, id).await?;
            import::reset(conn, key, refused.at).await?;
            import::refuse(conn, refused, tell).await
        }
    }
}

/// Changes the stage; the row's number, where it stood so.
async fn move_on(conn: &mut Conn, of: &InHand, (from, to): (&str, &str)) -> Result<Option<i64>> {
    let moved: Option<(i64,)> = conn
        .query(
            "UPDATE snapshot SET stage = $4 WHERE system = $1 AND generation = $2 AND stage = $3 RETURNING id",
        )
        .bind(&of.system)
        .bind(stored(of.generation))
        .bind(from)
        .bind(to)
        .optional()
        .await?;
    Ok(moved.map(|(id,)| id))
}

async fn compared(conn: &mut Conn, of: &InHand, chunk: &Compared) -> Result<()> {
    let moved: Option<(i64,)> = conn
        .query(
            "UPDATE snapshot SET compared = $4, refused = refused + $5
             WHERE system = $1 AND generation = $2 AND compared = $3 AND stage = 'comparing' RETURNING id",
        )
        .bind(&of.system)
        .bind(stored(of.generation))
        .bind(stored(chunk.from))
        .bind(stored(chunk.to))
        .bind(stored(chunk.step.refused.len() as u64))
        .optional()
        .await?;
    let Some((id,)) = moved else { return Ok(()) };
    see(conn, id, of, &chunk.seen).await?;
    snapshot::add(conn, (id, stored(of.generation)), &chunk.created).await?;
    snapshot::add_pending(conn, id, &chunk.pending).await?;
    import::advance(conn, &chunk.step).await
}

/// Notes that the snapshot has these records.
async fn see(conn: &mut Conn, id: i64, of: &InHand, keys: &[Uuid]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE snapshot_key SET generation = $3 WHERE snapshot = $2 AND key {among}";
    let seen = conn.query_ids(sql, keys.iter().copied()).bind(id).bind(stored(of.generation));
    seen.execute().await.map(drop)
}

/// The row's number, where the snapshot is in hand and its import has not come so far.
async fn due(conn: &mut Conn, of: &InHand, step: &crate::entry::Advance) -> Result<Option<i64>> {
    let row: Option<(i64,)> = conn
        .query(
            "SELECT snapshot.id FROM snapshot JOIN import ON import.system = snapshot.system
                 AND import.batch = snapshot.batch AND import.round = snapshot.round
             WHERE snapshot.system = $1 AND generation = $2 AND stage = 'publishing' AND position < $3",
        )
        .bind(&of.system)
        .bind(stored(of.generation))
        .bind(stored(step.position))
        .optional()
        .await?;
    Ok(row.map(|(id,)| id))
}

async fn published(conn: &mut Conn, of: &InHand, changes: &PublishedChanges) -> Result<()> {
    let Some(id) = due(conn, of, &changes.step).await? else { return Ok(()) };
    if !changes.refused.is_empty() {
        for sql in [
            "DELETE FROM snapshot_pending WHERE snapshot = $2 AND key {among}",
            "DELETE FROM snapshot_key WHERE snapshot = $2 AND hash IS NULL AND key {among}",
        ] {
            conn.query_ids(sql, changes.refused.iter().copied()).bind(id).execute().await?;
        }
    }
    conn.query(
        "UPDATE snapshot_key SET hash = pending.hash FROM snapshot_pending AS pending
         WHERE pending.snapshot = $1 AND pending.number <= $2
           AND snapshot_key.snapshot = $1 AND snapshot_key.key = pending.key",
    )
    .bind(id)
    .bind(stored(changes.to))
    .execute()
    .await?;
    let table = (
        "INSERT INTO snapshot_kept (key, content)",
        2,
        "ON CONFLICT (key) DO UPDATE SET content = excluded.content",
    );
    insert(conn, table, &changes.kept, |query, (key, content)| query.bind(*key).bind(content.clone()))
        .await?;
    conn.query("DELETE FROM snapshot_pending WHERE snapshot = $1 AND number <= $2")
        .bind(id)
        .bind(stored(changes.to))
        .execute()
        .await?;
    import::advance(conn, &changes.step).await
}

async fn removed(conn: &mut Conn, of: &InHand, records: &RemovedRecords) -> Result<()> {
    let Some(id) = due(conn, of, &records.step).await? else { return Ok(()) };
    for sql in [
        "DELETE FROM snapshot_kept
         WHERE key IN (SELECT id FROM snapshot_key WHERE snapshot = $2 AND key {among})",
        "DELETE FROM snapshot_key WHERE snapshot = $2 AND key {among}",
    ] {
        conn.query_ids(sql, records.removed.iter().copied()).bind(id).execute().await?;
    }
    see(conn, id, of, &records.refused).await?;
    import::grow(conn, &records.step).await?;
    import::advance(conn, &records.step).await
}
