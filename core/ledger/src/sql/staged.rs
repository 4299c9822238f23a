//! Dispatches that wait for their target's next batch, and the batches.

use postroom_event::DispatchId;
use sqlx::SqliteConnection;

use super::dispatch::{unfinished, way};
use super::{Result, blob, counted, from_json, id, insert, json, stored};
use crate::batch::{StagedBatch, StagedItem, StagedSummary, batch_id};
use crate::entry::{Reason, StagedDispatch};
use crate::intern::Interned;

/// Stages dispatches in the order given.
pub(crate) async fn stage(
    conn: &mut SqliteConnection,
    interned: &mut Interned,
    items: &[&StagedDispatch],
) -> Result<()> {
    let mut rows = Vec::with_capacity(items.len());
    for item in unfinished(conn, items, |item| &item.dispatch).await? {
        let way = way(conn, interned, &item.dispatch).await?;
        rows.push((item, way, json(&item.message)?, json(&item.event.headers)?));
    }
    let head = "INSERT INTO staged (dispatch, event, way, target, event_type, subject, message, content_type,
                headers, body, staged_at)";
    insert(conn, (head, 11, ""), &rows, |query, (item, way, message, headers)| {
        query
            .bind(blob(item.dispatch.id.0))
            .bind(blob(item.dispatch.event.0))
            .bind(*way)
            .bind(item.dispatch.target.clone())
            .bind(item.dispatch.event_type.clone())
            .bind(item.dispatch.subject.clone())
            .bind(message.clone())
            .bind(item.event.content_type.clone())
            .bind(headers.clone())
            .bind(item.event.body.clone())
            .bind(item.at)
    })
    .await
}

/// The batch of `target` that is assigned and not ended.
pub(crate) async fn open(conn: &mut SqliteConnection, target: &str) -> Result<Option<StagedBatch>> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM batch WHERE target = ? AND state = 'open'")
        .bind(target)
        .fetch_optional(&mut *conn)
        .await?;
    match row {
        None => Ok(None),
        Some((id,)) => Ok(Some(StagedBatch { items: items(conn, &id).await?, id })),
    }
}

async fn items(conn: &mut SqliteConnection, batch: &str) -> Result<Vec<StagedItem>> {
    let rows: Vec<(Vec<u8>, String, String, String)> = sqlx::query_as(
        "SELECT dispatch, event_type, subject, message FROM staged WHERE batch = ? ORDER BY position",
    )
    .bind(batch)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(dispatch, event_type, subject, message)| {
            let message = from_json(&message)?;
            Ok(StagedItem { dispatch: DispatchId(id(&dispatch)?), event_type, subject, message })
        })
        .collect()
}

/// The open batch of `target`, or a new one of its first `max` staged dispatches.
pub(crate) async fn assign(
    conn: &mut SqliteConnection,
    target: &str,
    max: usize,
    now: i64,
) -> Result<Option<StagedBatch>> {
    if let Some(batch) = open(conn, target).await? {
        return Ok(Some(batch));
    }
    let (first, last, count): (Option<i64>, Option<i64>, i64) = sqlx::query_as(
        "SELECT min(position), max(position), count(*) FROM
         (SELECT position FROM staged WHERE target = ? AND batch IS NULL ORDER BY position LIMIT ?)",
    )
    .bind(target)
    .bind(stored(max as u64))
    .fetch_one(&mut *conn)
    .await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let (dispatch,): (Vec<u8>,) = sqlx::query_as("SELECT dispatch FROM staged WHERE position = ?")
        .bind(first)
        .fetch_one(&mut *conn)
        .await?;
    let id = batch_id(id(&dispatch)?, first, count);
    sqlx::query("INSERT INTO batch (id, target, size, state, assigned_at) VALUES (?, ?, ?, 'open', ?)")
        .bind(&id)
        .bind(target)
        .bind(count)
        .bind(now)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE staged SET batch = ? WHERE target = ? AND batch IS NULL AND position <= ?")
        .bind(&id)
        .bind(target)
        .bind(last)
        .execute(&mut *conn)
        .await?;
    Ok(Some(StagedBatch { items: items(conn, &id).await?, id }))
}

/// Turns an open batch into receipts.
pub(crate) async fn deliver(
    conn: &mut SqliteConnection,
    batch: &str,
    reference: Option<&str>,
    at: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO receipt (dispatch, event, way, attempts, delivered_at, batch)
         SELECT dispatch, event, way, 1, ?, batch FROM staged WHERE batch = ? ORDER BY dispatch",
    )
    .bind(at)
    .bind(batch)
    .execute(&mut *conn)
    .await?;
    end(conn, (batch, "delivered"), reference, at).await
}

/// Turns an open batch into dead letters.
pub(crate) async fn refuse(conn: &mut SqliteConnection, batch: &str, reason: &Reason, at: i64) -> Result<()> {
    sqlx::query(
        "INSERT OR REPLACE INTO dead (dispatch, event, way, event_type, subject, code, words, detail, failed_at,
                                      attempts, content_type, headers, body, message)
         SELECT dispatch, event, way, event_type, subject, ?, ?, ?, ?, 1, content_type, headers, body, message
         FROM staged WHERE batch = ? ORDER BY dispatch",
    )
    .bind(&reason.code)
    .bind(&reason.words)
    .bind(&reason.detail)
    .bind(at)
    .bind(batch)
    .execute(&mut *conn)
    .await?;
    end(conn, (batch, "refused"), None, at).await
}

async fn end(
    conn: &mut SqliteConnection,
    (batch, state): (&str, &str),
    reference: Option<&str>,
    at: i64,
) -> Result<()> {
    sqlx::query("DELETE FROM staged WHERE batch = ?").bind(batch).execute(&mut *conn).await?;
    sqlx::query("UPDATE batch SET state = ?, reference = ?, ended_at = ? WHERE id = ? AND state = 'open'")
        .bind(state)
        .bind(reference)
        .bind(at)
        .bind(batch)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many dispatches of `target` wait without a batch, and since when.
pub(crate) async fn summary(conn: &mut SqliteConnection, target: &str) -> Result<StagedSummary> {
    let (count, oldest): (i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), (SELECT staged_at FROM staged WHERE target = ?1 AND batch IS NULL
                           ORDER BY position LIMIT 1)
         FROM staged WHERE target = ?1 AND batch IS NULL",
    )
    .bind(target)
    .fetch_one(conn)
    .await?;
    Ok(StagedSummary { count: counted(count), oldest })
}
