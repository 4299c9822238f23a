//! Finding the dispatches of a lane that have neither ended nor been held. They have no rows of their own: their ids
//! are derived from the outcomes of events, so that handing to a lane costs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};

use super::dispatch::finished;
use super::trace::Routes;
use super::{Conn, Result, from_json, id};
use crate::entry::Dispatch;
use crate::waiting::{WaitingDispatch, WaitingPage};

/// Events read at once.
const PAGE: i64 = 10_000;
/// An event younger than this may still be overtaken, in the order of rows, by one that another hub commits late.
const MARGIN_MICROS: i64 = 600_000_000;

/// What the events of one course share, for one target.
struct Lane {
    source: Arc<str>,
    event_type: Arc<str>,
    /// The routes that lead into the lane.
    routes: Vec<Arc<str>>,
}

type EventRow = (i64, Vec<u8>, i64, String, String, i64);

/// The dispatches to `target` that wait, from the event after `after`, at most about `most`.
pub(crate) async fn page(conn: &mut Conn, target: &str, after: i64, most: usize) -> Result<WaitingPage> {
    let lanes = lanes(conn, target).await?;
    let (now,): (i64,) = conn.query_said("SELECT {now}").one().await?;
    let settled: Option<(i64,)> =
        conn.query("SELECT event FROM settled WHERE target = $1").bind(target).optional().await?;
    let mut at = after.max(settled.map_or(0, |(event,)| event));
    let mut page = WaitingPage { clear_to: at, began_at: at, ..WaitingPage::default() };
    if after == 0 {
        page.found = again(conn, target).await?;
    }
    loop {
        let events: Vec<EventRow> = conn
            .query(
                "SELECT id, key, course, event_id, subject, received_at FROM event WHERE id > $1 ORDER BY id LIMIT $2",
            )
            .bind(at)
            .bind(PAGE)
            .all()
            .await?;
        let Some((last, ..)) = events.last() else { return Ok(page) };
        at = *last;
        let candidates = candidates(&lanes, &events, target)?;
        let ids: Vec<DispatchId> = candidates.iter().map(|(_, waiting)| waiting.dispatch.id).collect();
        let finished = finished(conn, &ids).await?;
        let waiting: Vec<_> =
            candidates.into_iter().filter(|(_, waiting)| !finished.contains(&waiting.dispatch.id)).collect();
        page.clear_to = clear_to(&page, &events, waiting.first().map(|(row, _)| *row), now);
        page.found.extend(waiting.into_iter().map(|(_, waiting)| waiting));
        if page.found.len() >= most {
            page.next = Some(at);
            return Ok(page);
        }
    }
}

fn clear_to(page: &WaitingPage, events: &[EventRow], first: Option<i64>, now: i64) -> i64 {
    if !page.found.is_empty() {
        return page.clear_to;
    }
    let clear = |(row, .., received_at): &&EventRow| {
        first.is_none_or(|first| *row < first) && *received_at < now - MARGIN_MICROS
    };
    events.iter().take_while(clear).last().map_or(page.clear_to, |(row, ..)| *row)
}

async fn lanes(conn: &mut Conn, target: &str) -> Result<HashMap<i64, Lane>> {
    let rows: Vec<(i64, String, String, String)> =
        conn.query("SELECT id, source, event_type, routes FROM course").all().await?;
    let mut lanes = HashMap::new();
    for (course, source, event_type, routes) in rows {
        let routes: Routes = from_json(&routes)?;
        let own = routes.into_iter().filter(|(_, to, way)| to == target && way != "queue");
        let routes: Vec<Arc<str>> = own.map(|(route, ..)| route.into()).collect();
        if !routes.is_empty() {
            lanes.insert(course, Lane { source: source.into(), event_type: event_type.into(), routes });
        }
    }
    Ok(lanes)
}

/// Every dispatch of the events into the lane, with its event's row.
fn candidates(
    lanes: &HashMap<i64, Lane>,
    events: &[EventRow],
    target: &str,
) -> Result<Vec<(i64, WaitingDispatch)>> {
    let target: Arc<str> = target.into();
    let mut candidates = Vec::new();
    for (row, key, course, event_id, subject, received_at) in events {
        let Some(lane) = lanes.get(course) else { continue };
        for route in &lane.routes {
            let dispatch = Dispatch {
                id: DispatchId::new(&lane.source, event_id, route),
                event: EventKey(id(key)?),
                route: Arc::clone(route),
                target: Arc::clone(&target),
                event_type: Arc::clone(&lane.event_type),
                subject: subject.clone(),
            };
            let (source, event_id) = (Arc::clone(&lane.source), event_id.clone());
            let (replay, received_at) = (None, *received_at);
            candidates.push((*row, WaitingDispatch { dispatch, source, event_id, replay, received_at }));
        }
    }
    Ok(candidates)
}

/// The replays under ids of their own that wait.
async fn again(conn: &mut Conn, target: &str) -> Result<Vec<WaitingDispatch>> {
    type Row = (Vec<u8>, Vec<u8>, String, String, String, String, String, String, i64);
    let rows: Vec<Row> = conn
        .query(
            "WITH replayed AS MATERIALIZED (SELECT again.*, route FROM again JOIN way ON way.id = again.way
                                            WHERE target = $1),
             tail AS (SELECT id, key FROM event WHERE id > (SELECT indexed_to FROM mark)),
             found AS MATERIALIZED (
                 SELECT replayed.event AS key, event_key.event AS id FROM replayed
                 JOIN event_key ON event_key.key = replayed.event
                 UNION SELECT tail.key, tail.id FROM tail WHERE tail.key IN (SELECT event FROM replayed))
             SELECT replayed.dispatch, replayed.event, route, source, event_type, event_id, subject, replay, replayed.at
             FROM replayed JOIN found ON found.key = replayed.event JOIN event ON event.id = found.id
             JOIN course ON course.id = event.course ORDER BY replayed.at, replayed.dispatch",
        )
        .bind(target)
        .all()
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for (dispatch, event, route, source, event_type, event_id, subject, replay, received_at) in rows {
        let dispatch = Dispatch {
            id: DispatchId(id(&dispatch)?),
            event: EventKey(id(&event)?),
            route: route.into(),
            target: target.into(),
            event_type: event_type.into(),
            subject,
        };
        let (source, replay) = (source.into(), Some(replay));
        found.push(WaitingDispatch { dispatch, source, event_id, replay, received_at });
    }
    let ids: Vec<DispatchId> = found.iter().map(|waiting| waiting.dispatch.id).collect();
    let finished = finished(conn, &ids).await?;
    found.retain(|waiting| !finished.contains(&waiting.dispatch.id));
    Ok(found)
}

/// Notes that nothing up to `event` waits for `target` any more, so that nobody looks there again.
pub(crate) async fn settle(conn: &mut Conn, target: &str, event: i64) -> Result<()> {
    conn.query(
        "INSERT INTO settled (target, event) VALUES ($1, $2)
         ON CONFLICT (target) DO UPDATE SET event = excluded.event WHERE settled.event < excluded.event",
    )
    .bind(target)
    .bind(event)
    .execute()
    .await?;
    Ok(())
}

/// What had ended waits again: the next look begins at the first event.
pub(crate) async fn unsettle(conn: &mut Conn) -> Result<()> {
    conn.query("DELETE FROM settled").execute().await.map(drop)
}
