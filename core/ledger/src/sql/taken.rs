//! Events that were taken, and how far their dispatches came, many in one statement.

use std::collections::HashMap;

use postroom_event::{DispatchId, EventKey};
use uuid::Uuid;

use super::trace::Routes;
use super::{Conn, Result, from_json, id, json, place};
use crate::taken::{Made, Stage, Taken};

/// Most events of one page.
pub(crate) const PAGE: usize = 2_000;

/// Row, key, source, id, subject and routes of an event.
type EventRow = (i64, Vec<u8>, String, String, String, String);

/// Those of `keys` that were taken, in the order of recording.
pub(crate) async fn by_key(conn: &mut Conn, keys: &[EventKey]) -> Result<Vec<Taken>> {
    // The last part of the table has no index yet (`mark`).
    let sql = "WITH keys AS MATERIALIZED (SELECT asked.id AS key FROM {asked}),
         found AS (
             SELECT event AS id FROM event_key WHERE key IN (SELECT key FROM keys)
             UNION SELECT id FROM event WHERE id > (SELECT indexed_to FROM mark) AND key IN (SELECT key FROM keys))
         SELECT event.id, key, source, event_id, subject, routes
         FROM found JOIN event ON event.id = found.id JOIN course ON course.id = event.course ORDER BY event.id";
    let rows = conn.query_ids(sql, keys.iter().map(|key| key.0)).all().await?;
    whole(conn, rows).await
}

/// The first [`PAGE`] events about `subjects` that were recorded after the event in `row`, in that order.
pub(crate) async fn after(conn: &mut Conn, row: i64, subjects: &[&str]) -> Result<Vec<Taken>> {
    let sql = "WITH found AS (
             SELECT id FROM (SELECT event AS id FROM event_subject WHERE subject {listed} AND event > $2
                             ORDER BY event LIMIT $3) AS indexed
             UNION SELECT id FROM (SELECT id FROM event WHERE id > (SELECT indexed_to FROM mark) AND id > $2
                                   AND subject {listed} ORDER BY id LIMIT $3) AS tail)
         SELECT event.id, key, source, event_id, subject, routes
         FROM found JOIN event ON event.id = found.id JOIN course ON course.id = event.course
         ORDER BY event.id LIMIT $3";
    let most = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let rows = conn.query_said(sql).bind(json(&subjects)?).bind(row).bind(most).all().await?;
    whole(conn, rows).await
}

/// The events with their dispatches.
async fn whole(conn: &mut Conn, rows: Vec<EventRow>) -> Result<Vec<Taken>> {
    let (mut taken, mut own) = (Vec::with_capacity(rows.len()), Vec::new());
    for (row, key, source, event, subject, routes) in rows {
        let mut dispatches = Vec::new();
        for (route, target, way) in from_json::<Routes>(&routes)? {
            let made = DispatchId::new(&source, &event, &route);
            if way != "queue" {
                own.push(made);
            }
            dispatches.push(Made { id: made, route, target, stage: Stage::Queued });
        }
        taken.push(Taken { row, key: EventKey(id(&key)?), source, id: event, subject, dispatches });
    }
    for (event, made) in again(conn, &taken).await? {
        own.push(made.id);
        taken[event].dispatches.push(made);
    }
    let stages = stages(conn, &own).await?;
    for made in taken.iter_mut().flat_map(|event| &mut event.dispatches) {
        made.stage = stages.get(&made.id).copied().unwrap_or(made.stage);
    }
    Ok(taken)
}

/// The replays of events under ids of their own, in order of time, each with the place of its event.
async fn again(conn: &mut Conn, taken: &[Taken]) -> Result<Vec<(usize, Made)>> {
    let sql = "SELECT place, dispatch, route, target
         FROM {asked} CROSS JOIN again JOIN way ON way.id = again.way WHERE again.event = asked.id ORDER BY at";
    let keys = taken.iter().map(|event| event.key.0);
    let rows: Vec<(i64, Vec<u8>, String, String)> = conn.query_ids(sql, keys).all().await?;
    let made = |(number, dispatch, route, target): (i64, Vec<u8>, _, _)| {
        let made = Made { id: DispatchId(id(&dispatch)?), route, target, stage: Stage::Waiting };
        Ok((place(number), made))
    };
    rows.into_iter().map(made).collect()
}

/// How far dispatches came that are in no queue of their target's own.
async fn stages(conn: &mut Conn, ids: &[DispatchId]) -> Result<HashMap<DispatchId, Stage>> {
    let sql = "SELECT place, CASE
             WHEN EXISTS (SELECT 1 FROM receipt WHERE dispatch = asked.id) THEN 'delivered'
             WHEN EXISTS (SELECT 1 FROM staged WHERE dispatch = asked.id) THEN 'staged'
             WHEN EXISTS (SELECT 1 FROM dead WHERE dispatch = asked.id AND state <> 'redriven')
                 THEN (SELECT state FROM dead WHERE dispatch = asked.id)
             WHEN EXISTS (SELECT 1 FROM held WHERE dispatch = asked.id) THEN 'held'
             ELSE 'waiting' END
         FROM {asked}";
    let asked = ids.iter().map(|id| -> Uuid { id.0 });
    let rows: Vec<(i64, String)> = conn.query_ids(sql, asked).all().await?;
    let stage = |word: &str| match word {
        "delivered" => Stage::Delivered,
        "staged" => Stage::Staged,
        "open" => Stage::Dead,
        "discarded" => Stage::Discarded,
        "held" => Stage::Held,
        _ => Stage::Waiting,
    };
    let found = rows.iter().filter_map(|(number, word)| Some((*ids.get(place(*number))?, stage(word))));
    Ok(found.collect())
}
