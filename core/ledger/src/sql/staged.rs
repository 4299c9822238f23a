//! Dispatches that wait for their target's next batch, and the batches.

use std::collections::HashSet;
use std::sync::Arc;

use postroom_event::DispatchId;

use super::dead::{self, AGAIN};
use super::dispatch::{waiting, way};
use super::work_outbox::Fact;
use super::{
    Conn, Result, attempt, blob, clean, clean_some, counted, from_json_bytes, id, insert, json, json_bytes,
    outbox, stored, work_outbox,
};
use crate::batch::{StagedBatch, StagedItem, StagedSummary, batch_id, batch_key};
use crate::entry::{Reason, StagedDispatch};
use crate::intern::Interned;
use crate::outbox::{Outcome, Tell};

/// Stages dispatches in the order given.
pub(crate) async fn stage(conn: &mut Conn, interned: &mut Interned, items: &[&StagedDispatch]) -> Result<()> {
    let mut rows = Vec::with_capacity(items.len());
    for item in waiting(conn, items, |item| (item.dispatch.id, item.at)).await? {
        let way = way(conn, interned, &item.dispatch).await?;
        rows.push((item, way, json_bytes(&item.message)?, json(&item.event.headers)?));
    }
    let head = "INSERT INTO staged (dispatch, event, way, target, source, event_type, subject, message,
                content_type, headers, body, staged_at)";
    insert(conn, (head, 12, ""), &rows, |query, (item, way, message, headers)| {
        query
            .bind(blob(item.dispatch.id.0))
            .bind(blob(item.dispatch.event.0))
            .bind(*way)
            .bind(item.dispatch.target.to_string())
            .bind(item.source.to_string())
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

/// A dispatch that is sent again after it held its subject up: it goes before those that waited for it.
const GOES_FIRST: &str = "EXISTS (SELECT 1 FROM dead WHERE dead.dispatch = staged.dispatch
    AND dead.state = 'redriven' AND dead.blocks IS NOT NULL)";

/// A dispatch that no open dead letter of its source and subject holds up.
const IS_FREE: &str = "NOT EXISTS (SELECT 1 FROM dead JOIN way ON way.id = dead.way
    WHERE dead.subject = staged.subject AND dead.blocks = staged.source AND dead.state = 'open'
    AND dead.behind < staged.position AND way.target = staged.target)";

/// The batch of `target` that is assigned and not ended.
pub(crate) async fn open(conn: &mut Conn, target: &str) -> Result<Option<StagedBatch>> {
    let row: Option<(String,)> = conn
        .query("SELECT id FROM batch WHERE target = $1 AND state = 'open'")
        .bind(target)
        .optional()
        .await?;
    match row {
        None => Ok(None),
        Some((id,)) => whole(conn, id).await.map(Some),
    }
}

async fn whole(conn: &mut Conn, id: String) -> Result<StagedBatch> {
    let attempts = attempt::count(conn, batch_key(&id)).await?;
    Ok(StagedBatch { items: items(conn, &id).await?, id, attempts })
}

async fn items(conn: &mut Conn, batch: &str) -> Result<Vec<StagedItem>> {
    let rows: Vec<(Vec<u8>, String, String, Vec<u8>)> = conn
        .query_said(&format!(
            "SELECT dispatch, event_type, subject, message FROM staged WHERE batch = $1
             ORDER BY {GOES_FIRST} DESC, position"
        ))
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
    let due = format!(
        "SELECT dispatch, position FROM staged
         WHERE target = $1 AND batch IS NULL AND ({IS_FREE} OR {GOES_FIRST})
         ORDER BY {GOES_FIRST} DESC, position LIMIT $2"
    );
    let rows: Vec<(Vec<u8>, i64)> = conn.query_said(&due).bind(target).bind(stored(max as u64)).all().await?;
    let Some((first, position)) = rows.first() else { return Ok(None) };
    let count = stored(rows.len() as u64);
    let batch = batch_id(id(first)?, *position, count);
    conn.query("INSERT INTO batch (id, target, size, state, assigned_at) VALUES ($1, $2, $3, 'open', $4)")
        .bind(&batch)
        .bind(target)
        .bind(count)
        .bind(now)
        .execute()
        .await?;
    let dispatches = rows.iter().map(|(dispatch, _)| id(dispatch)).collect::<Result<Vec<_>>>()?;
    conn.query_ids("UPDATE staged SET batch = $2 WHERE dispatch {among}", dispatches.into_iter())
        .bind(&batch)
        .execute()
        .await?;
    whole(conn, batch).await.map(Some)
}

/// Turns an open batch into receipts.
pub(crate) async fn deliver(
    conn: &mut Conn,
    batch: &str,
    reference: Option<&str>,
    (at, tell): (i64, &Tell),
) -> Result<()> {
    let attempts = attempt::count(conn, batch_key(batch)).await? + 1;
    conn.query(
        "INSERT INTO receipt (dispatch, event, way, attempts, delivered_at, batch)
         SELECT dispatch, event, way, $3, $2, batch FROM staged WHERE batch = $1 ORDER BY dispatch",
    )
    .bind(batch)
    .bind(at)
    .bind(i64::from(attempts))
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
    if tell.receipts {
        outbox::batch(conn, (batch, Outcome::Delivered), (reference.map(clean).as_deref(), None), at).await?;
    }
    end(conn, (batch, "delivered"), reference, at).await
}

/// Turns an open batch into dead letters. Of a subject that one of them holds up on a route of `holding` only that one is;
/// those behind it wait again.
pub(crate) async fn refuse(
    conn: &mut Conn,
    batch: &str,
    (reason, holding): (&Reason, &[Arc<str>]),
    (at, tell): (i64, &Tell),
) -> Result<()> {
    let (first, behind) = subjects(conn, batch, holding).await?;
    conn.query_ids("UPDATE staged SET batch = NULL WHERE dispatch {among}", behind.iter().map(|id| id.0))
        .execute()
        .await?;
    let attempts = attempt::count(conn, batch_key(batch)).await?;
    let sql = format!(
        "INSERT INTO dead (dispatch, event, way, event_type, subject, code, words, detail, failed_at, attempts)
         SELECT dispatch, event, way, event_type, subject, $2, $3, $4, $5, $6 FROM staged WHERE batch = $1
         ORDER BY dispatch {AGAIN}"
    );
    conn.query_said(&sql)
        .bind(batch)
        .bind(&reason.code)
        .bind(clean(&reason.words))
        .bind(clean(&reason.detail))
        .bind(at)
        .bind(i64::from(attempts.max(1)))
        .execute()
        .await?;
    attempt::share(conn, batch).await?;
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
    for (dispatch, source) in first {
        dead::block(conn, dispatch, &source, 0).await?;
    }
    let refused: Vec<(Vec<u8>,)> =
        conn.query("SELECT dispatch FROM staged WHERE batch = $1").bind(batch).all().await?;
    let refused =
        refused.iter().map(|(dispatch,)| id(dispatch).map(DispatchId)).collect::<Result<Vec<_>>>()?;
    work_outbox::dead(conn, refused.into_iter(), Fact::RAISED, tell).await?;
    if tell.receipts {
        outbox::batch(conn, (batch, Outcome::Dead), (None, Some(&reason.code)), at).await?;
    }
    end(conn, (batch, "refused"), None, at).await
}

/// Of each subject of a batch on routes of `holding`: the first dispatch with its source, and those behind it.
async fn subjects(
    conn: &mut Conn,
    batch: &str,
    holding: &[Arc<str>],
) -> Result<(Vec<(DispatchId, String)>, Vec<DispatchId>)> {
    let sql = format!(
        "SELECT dispatch, source, subject, route FROM staged JOIN way ON way.id = staged.way
         WHERE batch = $1 ORDER BY {GOES_FIRST} DESC, position"
    );
    let rows: Vec<(Vec<u8>, String, String, String)> = conn.query_said(&sql).bind(batch).all().await?;
    let (mut first, mut behind, mut held_up) = (Vec::new(), Vec::new(), HashSet::new());
    for (dispatch, source, subject, route) in rows {
        if holding.iter().any(|holds| **holds == *route) {
            let dispatch = DispatchId(id(&dispatch)?);
            match held_up.insert((source.clone(), subject)) {
                true => first.push((dispatch, source)),
                false => behind.push(dispatch),
            }
        }
    }
    Ok((first, behind))
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

/// The position of what was staged last.
pub(crate) async fn last(conn: &mut Conn) -> Result<i64> {
    let (last,): (Option<i64>,) = conn.query("SELECT max(position) FROM staged").one().await?;
    Ok(last.unwrap_or_default())
}

/// How many dispatches of `target` may go into its next batch, and since when the oldest waits.
pub(crate) async fn summary(conn: &mut Conn, target: &str) -> Result<StagedSummary> {
    let sql = format!(
        "SELECT count(*), min(staged_at) FROM staged
         WHERE target = $1 AND batch IS NULL AND ({IS_FREE} OR {GOES_FIRST})"
    );
    let (count, oldest): (i64, Option<i64>) = conn.query_said(&sql).bind(target).one().await?;
    Ok(StagedSummary { count: counted(count), oldest })
}
