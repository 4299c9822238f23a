//! Dispatches that wait for their target's next batch, and the batches.

use postroom_event::DispatchId;

use super::dead::AGAIN;
use super::dispatch::{waiting, way};
use super::{
    Conn, Result, blob, clean, clean_some, counted, from_json_bytes, id, insert, json, json_bytes, outbox,
    stored,
};
use crate::batch::{StagedBatch, StagedItem, StagedSummary, batch_id};
use crate::entry::{Reason, StagedDispatch};
use crate::intern::Interned;
use crate::outbox::{Outcome, Tell};

/// Stages dispatches in the order given.
pub(crate) async fn stage(conn: &mut Conn, interned: &mut Interned, items: &[&StagedDispatch]) -> Result<()> {
    let mut rows = Vec::with_capacity(items.len());
    for item in waiting(conn, items, |item| &item.dispatch).await? {
        let way = way(conn, interned, &item.dispatch).await?;
        rows.push((item, way, json_bytes(&item.message)?, json(&item.event.headers)?));
    }
    let head = "INSERT INTO staged (dispatch, event, way, target, event_type, subject, message, content_type,
                headers, body, staged_at)";
    insert(conn, (head, 11, ""), &rows, |query, (item, way, message, headers)| {
        query
            .bind(blob(item.dispatch.id.0))
            .bind(blob(item.dispatch.event.0))
            .bind(*way)
            .bind(item.dispatch.target.to_string())
            .bind(item.dispatch.event_type.to_string())
            .bind(item.dispatch.subject.clone())
            .bind(message.clone())
            .bind(clean_some(item.event.content_type.as_ref()))
            .bind(headers.clone())
            .bind(item.event.body.clone())
            .bind(item.at)
    })
    .await
}

/// The batch of `target` that is assigned and not ended.
pub(crate) async fn open(conn: &mut Conn, target: &str) -> Result<Option<StagedBatch>> {
    let row: Option<(String,)> = conn
        .query("SELECT id FROM batch WHERE target = $1 AND state = 'open'")
        .bind(target)
        .optional()
        .await?;
    match row {
        None => Ok(None),
        Some((id,)) => Ok(Some(StagedBatch { items: items(conn, &id).await?, id })),
    }
}

async fn items(conn: &mut Conn, batch: &str) -> Result<Vec<StagedItem>> {
    let rows: Vec<(Vec<u8>, String, String, Vec<u8>)> = conn
        .query("SELECT dispatch, event_type, subject, message FROM staged WHERE batch = $1 ORDER BY position")
        .bind(batch)
        .all()
        .await?;
    rows.into_iter()
        .map(|(dispatch, event_type, subject, message)| {
            let message = from_json_bytes(&message)?;
            Ok(StagedItem { dispatch: DispatchId(id(&dispatch)?), event_type, subject, message })
        })
        .collect()
}

/// The open batch of `target`, or a new one of its first `max` staged dispatches.
pub(crate) async fn assign(
    conn: &mut Conn,
    target: &str,
    max: usize,
    now: i64,
) -> Result<Option<StagedBatch>> {
    if let Some(batch) = open(conn, target).await? {
        return Ok(Some(batch));
    }
    let (first, last, count): (Option<i64>, Option<i64>, i64) = conn
        .query(
            "SELECT min(position), max(position), count(*) FROM
             (SELECT position FROM staged WHERE target = $1 AND batch IS NULL ORDER BY position LIMIT $2) AS first",
        )
        .bind(target)
        .bind(stored(max as u64))
        .one()
        .await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let (dispatch,): (Vec<u8>,) =
        conn.query("SELECT dispatch FROM staged WHERE position = $1").bind(first).one().await?;
    let id = batch_id(id(&dispatch)?, first, count);
    conn.query("INSERT INTO batch (id, target, size, state, assigned_at) VALUES ($1, $2, $3, 'open', $4)")
        .bind(&id)
        .bind(target)
        .bind(count)
        .bind(now)
        .execute()
        .await?;
    conn.query("UPDATE staged SET batch = $1 WHERE target = $2 AND batch IS NULL AND position <= $3")
        .bind(&id)
        .bind(target)
        .bind(last)
        .execute()
        .await?;
    Ok(Some(StagedBatch { items: items(conn, &id).await?, id }))
}

/// Turns an open batch into receipts.
pub(crate) async fn deliver(
    conn: &mut Conn,
    batch: &str,
    reference: Option<&str>,
    (at, tell): (i64, Tell),
) -> Result<()> {
    conn.query(
        "INSERT INTO receipt (dispatch, event, way, attempts, delivered_at, batch)
         SELECT dispatch, event, way, 1, $2, batch FROM staged WHERE batch = $1 ORDER BY dispatch",
    )
    .bind(batch)
    .bind(at)
    .execute()
    .await?;
    conn.query(
        "INSERT INTO latest (kind, system, at)
         SELECT 'delivered', target, $2 FROM batch WHERE id = $1 AND state = 'open'
         ON CONFLICT (kind, system) DO UPDATE SET at = excluded.at WHERE latest.at < excluded.at",
    )
    .bind(batch)
    .bind(at)
    .execute()
    .await?;
    conn.query("DELETE FROM kept WHERE dispatch IN (SELECT dispatch FROM staged WHERE batch = $1)")
        .bind(batch)
        .execute()
        .await?;
    if tell == Tell::Receipts {
        outbox::batch(conn, (batch, Outcome::Delivered), (reference.map(clean).as_deref(), None), at).await?;
    }
    end(conn, (batch, "delivered"), reference, at).await
}

/// Turns an open batch into dead letters.
pub(crate) async fn refuse(
    conn: &mut Conn,
    batch: &str,
    reason: &Reason,
    (at, tell): (i64, Tell),
) -> Result<()> {
    let sql = format!(
        "INSERT INTO dead (dispatch, event, way, event_type, subject, code, words, detail, failed_at, attempts)
         SELECT dispatch, event, way, event_type, subject, $2, $3, $4, $5, 1 FROM staged WHERE batch = $1
         ORDER BY dispatch {AGAIN}"
    );
    conn.query_said(&sql)
        .bind(batch)
        .bind(&reason.code)
        .bind(clean(&reason.words))
        .bind(clean(&reason.detail))
        .bind(at)
        .execute()
        .await?;
    conn.query(
        "INSERT INTO kept (dispatch, content_type, headers, body, message, message_type)
         SELECT dispatch, content_type, headers, body, message, 'application/json' FROM staged WHERE batch = $1
         ORDER BY position
         ON CONFLICT (dispatch) DO UPDATE SET content_type = excluded.content_type, headers = excluded.headers,
             body = excluded.body, message = excluded.message, message_type = excluded.message_type",
    )
    .bind(batch)
    .execute()
    .await?;
    if tell == Tell::Receipts {
        outbox::batch(conn, (batch, Outcome::Dead), (None, Some(&reason.code)), at).await?;
    }
    end(conn, (batch, "refused"), None, at).await
}

async fn end(conn: &mut Conn, (batch, state): (&str, &str), reference: Option<&str>, at: i64) -> Result<()> {
    conn.query("DELETE FROM staged WHERE batch = $1").bind(batch).execute().await?;
    conn.query("UPDATE batch SET state = $2, reference = $3, ended_at = $4 WHERE id = $1 AND state = 'open'")
        .bind(batch)
        .bind(state)
        .bind(reference.map(clean))
        .bind(at)
        .execute()
        .await?;
    Ok(())
}

/// How many dispatches of `target` wait without a batch, and since when.
pub(crate) async fn summary(conn: &mut Conn, target: &str) -> Result<StagedSummary> {
    let (count, oldest): (i64, Option<i64>) = conn
        .query(
            "SELECT count(*), (SELECT staged_at FROM staged WHERE target = $1 AND batch IS NULL
                               ORDER BY position LIMIT 1)
             FROM staged WHERE target = $1 AND batch IS NULL",
        )
        .bind(target)
        .one()
        .await?;
    Ok(StagedSummary { count: counted(count), oldest })
}
