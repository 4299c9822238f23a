//! Dispatches that wait in the ledger until their target takes them.

use std::collections::HashMap;

use postroom_event::{DispatchId, EventKey};

use super::dispatch::{Ending, waiting, way};
use super::kept::{self, Before, Kept};
use super::{Conn, FromRow, Result, Row, blob, clean, counted, insert};
use crate::entry::{Dispatch, Reason};
use crate::hold::{HeldDispatch, HoldFilter, HoldListed, HoldRow, HoldSummaries, HoldSummary};
use crate::intern::Interned;
use crate::journey::Released;

/// Holds dispatches in the order given; those that were not held before.
pub(crate) async fn hold<'e>(
    conn: &mut Conn,
    interned: &mut Interned,
    items: &[&'e HeldDispatch],
) -> Result<Vec<&'e HeldDispatch>> {
    let fresh = waiting(conn, items, |item| (item.dispatch.id, item.at)).await?;
    let mut rows = Vec::with_capacity(fresh.len());
    for item in &fresh {
        rows.push((*item, way(conn, interned, &item.dispatch).await?));
    }
    let head =
        "INSERT INTO held (dispatch, event, way, target, source, event_type, subject, code, words, detail,
                attempts, waits, next_at, held_at)";
    insert(conn, (head, 14, ""), &rows, |query, (item, way)| {
        query
            .bind(blob(item.dispatch.id.0))
            .bind(blob(item.dispatch.event.0))
            .bind(*way)
            .bind(item.dispatch.target.to_string())
            .bind(item.source.to_string())
            .bind(item.dispatch.event_type.to_string())
            .bind(item.dispatch.subject.clone())
            .bind(item.reason.code.clone())
            .bind(clean(&item.reason.words))
            .bind(clean(&item.reason.detail))
            .bind(i64::from(item.attempts))
            .bind(i64::from(item.waits))
            .bind(item.next_at)
            .bind(item.at)
    })
    .await?;
    let bytes: Vec<_> = fresh
        .iter()
        .map(|item| Kept { dispatch: item.dispatch.id, event: &item.event, message: item.message.clone() })
        .collect();
    kept::keep(conn, &bytes, Before::GiveWay).await?;
    Ok(fresh)
}

/// Ends holds whose dispatches arrived.
pub(crate) async fn release(conn: &mut Conn, endings: &[Ending]) -> Result<()> {
    if endings.is_empty() {
        return Ok(());
    }
    end(conn, endings).await?;
    let dispatches: Vec<_> = endings.iter().map(|(id, _)| *id).collect();
    kept::forget(conn, &dispatches).await
}

/// Ends holds; their bytes stay, and what a journey tells of them.
pub(crate) async fn end(conn: &mut Conn, endings: &[Ending]) -> Result<()> {
    type Ended = (Vec<u8>, i64, String, String, i64);
    let sql = "DELETE FROM held WHERE dispatch {among} RETURNING dispatch, position, code, words, held_at";
    let rows: Vec<Ended> = conn.query_ids(sql, endings.iter().map(|(id, _)| id.0)).all().await?;
    // The first word on a dispatch stands.
    let times: HashMap<_, _> = endings.iter().rev().map(|(id, at)| (blob(id.0), *at)).collect();
    let timed = rows.into_iter().filter_map(|row| Some((*times.get(&row.0)?, row)));
    let timed: Vec<(i64, Ended)> = timed.collect();
    let table = ("INSERT INTO released (dispatch, position, code, words, held_at, at)", 6, "");
    insert(conn, table, &timed, |query, (at, (dispatch, position, code, words, held_at))| {
        query
            .bind(dispatch.clone())
            .bind(*position)
            .bind(code.clone())
            .bind(words.clone())
            .bind(*held_at)
            .bind(*at)
    })
    .await
}

/// The holds of a dispatch that have ended, in their order.
pub(crate) async fn released(conn: &mut Conn, dispatch: DispatchId) -> Result<Vec<Released>> {
    conn.query("SELECT code, words, held_at, at FROM released WHERE dispatch = $1 ORDER BY position")
        .bind(blob(dispatch.0))
        .all()
        .await
}

impl FromRow for Released {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            held_at: row.get("held_at")?,
            at: row.get("at")?,
            code: row.get("code")?,
            words: row.get("words")?,
        })
    }
}

/// Notes that a held dispatch was tried again in vain.
pub(crate) async fn retried(
    conn: &mut Conn,
    dispatch: DispatchId,
    (attempts, waits): (u32, u16),
    next_at: Option<i64>,
) -> Result<()> {
    conn.query("UPDATE held SET attempts = $2, waits = $3, next_at = $4 WHERE dispatch = $1")
        .bind(blob(dispatch.0))
        .bind(i64::from(attempts))
        .bind(i64::from(waits))
        .bind(next_at)
        .execute()
        .await?;
    Ok(())
}

const LIGHT: &str = "SELECT held.dispatch, held.source, held.subject, held.attempts, next_at, held_at, way.route, waits, held.code,
    CASE WHEN EXISTS (SELECT 1 FROM dead JOIN way AS led ON led.id = dead.way
                      WHERE dead.subject = held.subject AND dead.blocks = held.source AND dead.state = 'open'
                        AND led.target = held.target) THEN 1 ELSE 0 END AS behind";

impl FromRow for HoldRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            dispatch: DispatchId(super::id(&row.at::<Vec<u8>>(0)?)?),
            source: row.at(1)?,
            subject: row.at(2)?,
            attempts: super::small(row.at(3)?),
            next_at: row.at(4)?,
            held_at: row.at(5)?,
            route: row.at(6)?,
            waits: u16::try_from(super::small(row.at(7)?)).unwrap_or(u16::MAX),
            code: row.at(8)?,
            behind_dead_letter: row.at::<i32>(9)? == 1,
        })
    }
}

/// Every hold of `target`, in order.
pub(crate) async fn rows(conn: &mut Conn, target: &str) -> Result<Vec<HoldRow>> {
    let sql =
        format!("{LIGHT} FROM held JOIN way ON way.id = held.way WHERE held.target = $1 ORDER BY position");
    conn.query_said(&sql).bind(target).all().await
}

impl FromRow for HoldListed {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            hold: HoldRow::from_row(row)?,
            event: EventKey(row.id("event")?),
            target: row.get("target")?,
            event_type: row.get("event_type")?,
            words: row.get("words")?,
        })
    }
}

/// Holds for people, in order, at most `most`.
pub(crate) async fn list(conn: &mut Conn, filter: &HoldFilter, most: u32) -> Result<Vec<HoldListed>> {
    let sql = format!(
        "{LIGHT}, event, held.target, event_type, words
         FROM held JOIN way ON way.id = held.way
         WHERE ($1 IS NULL OR held.target = $1) AND ($2 IS NULL OR route = $2)
           AND ($3 IS NULL OR held.subject = $3) AND ($4 IS NULL OR code = $4)
         ORDER BY position LIMIT $5"
    );
    conn.query_said(&sql)
        .bind(&filter.target)
        .bind(&filter.route)
        .bind(&filter.subject)
        .bind(&filter.code)
        .bind(i64::from(most))
        .all()
        .await
}

impl FromRow for HeldDispatch {
    fn from_row(row: &Row) -> Result<Self> {
        let (event, message) = kept::of_row(row)?;
        Ok(Self {
            dispatch: Dispatch {
                id: DispatchId(row.id("dispatch")?),
                event: EventKey(row.id("event")?),
                route: row.get::<String>("route")?.into(),
                target: row.get::<String>("target")?.into(),
                event_type: row.get::<String>("event_type")?.into(),
                subject: row.get("subject")?,
            },
            source: row.get::<String>("source")?.into(),
            event,
            message,
            reason: Reason { code: row.get("code")?, words: row.get("words")?, detail: row.get("detail")? },
            attempts: row.small("attempts")?,
            waits: u16::try_from(row.small("waits")?).unwrap_or(u16::MAX),
            next_at: row.get("next_at")?,
            at: row.get("held_at")?,
        })
    }
}

/// Holds whole, in their order.
pub(crate) async fn whole(conn: &mut Conn, dispatches: &[DispatchId]) -> Result<Vec<HeldDispatch>> {
    let sql =
        "SELECT held.dispatch, event, route, held.target, source, event_type, subject, code, words, detail,
                      attempts, waits, next_at, held_at, content_type, headers, body, message, message_type
               FROM {asked} CROSS JOIN held JOIN way ON way.id = held.way
               LEFT JOIN kept ON kept.dispatch = held.dispatch
               WHERE held.dispatch = asked.id ORDER BY position";
    conn.query_ids(sql, dispatches.iter().map(|id| id.0)).all().await
}

/// How much each target has in holds.
pub(crate) async fn summaries(conn: &mut Conn) -> Result<HoldSummaries> {
    let rows: Vec<(String, i64, i64)> =
        conn.query("SELECT target, count(*), min(held_at) FROM held GROUP BY target").all().await?;
    let summary = |(target, count, oldest)| (target, HoldSummary { count: counted(count), oldest });
    Ok(rows.into_iter().map(summary).collect())
}
