//! Finding the dispatches of a lane that have neither ended nor been held. They have no rows of their own: their ids
//! are derived from the outcomes of events, so that handing to a lane costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};

use super::dispatch::finished;
use super::trace::Routes;
use super::{Conn, Result, from_json, id};
use crate::entry::Dispatch;
use crate::hold::LANE_FULL;
use crate::waiting::{WaitingDispatch, WaitingPage};

/// Events looked at together, at first and at most.
const SPANS: (i64, i64) = (1_000, 16_000);
/// Where several hubs write, an event younger than this may still be overtaken, in the order of rows, by one that another hub
/// commits late.
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
    let settled: Option<(i64,)> =
        conn.query("SELECT event FROM settled WHERE target = $1").bind(target).optional().await?;
    let mut at = after.max(settled.map_or(0, |(event,)| event));
    let erasures = erasures(conn).await?;
    let mut page = WaitingPage { clear_to: at, began_at: at, erasures, ..WaitingPage::default() };
    if after == 0 {
        page.found = again(conn, target).await?;
    }
    let (mut span, longest) = SPANS;
    let mut is_clear = page.found.is_empty() && !is_entering(conn, target).await?;
    while let Some(last) = last_of_span(conn, at, span).await? {
        let waiting = waiting(conn, &lanes, (at, last), target).await?;
        is_clear &= is_old(conn, (at, last)).await?;
        if is_clear {
            page.clear_to = waiting.first().map_or(last, |(row, _)| row - 1);
            is_clear = waiting.is_empty();
        }
        page.found.extend(waiting.into_iter().map(|(_, waiting)| waiting));
        (at, span) = (last, longest.min(2 * span));
        if page.found.len() >= most {
            page.next = Some(at);
            break;
        }
    }
    Ok(page)
}

/// Whether any dispatch of the target is on its way into its lane, where it waits again.
async fn is_entering(conn: &mut Conn, target: &str) -> Result<bool> {
    let sql = "SELECT position FROM held WHERE target = $1 AND code = $2 LIMIT 1";
    let entering: Option<(i64,)> = conn.query(sql).bind(target).bind(LANE_FULL).optional().await?;
    Ok(entering.is_some())
}

/// The last event of so many rows behind `at`; none at the end.
async fn last_of_span(conn: &mut Conn, at: i64, span: i64) -> Result<Option<i64>> {
    let rows = "SELECT id FROM event WHERE id > $1 ORDER BY id LIMIT $2";
    let sql = format!("SELECT max(id) FROM ({rows}) AS span");
    let (last,): (Option<i64>,) = conn.query_said(&sql).bind(at).bind(span).one().await?;
    Ok(last)
}

/// Whether no event can be committed any more before the last of those behind `after` and up to `last`.
async fn is_old(conn: &mut Conn, (after, last): (i64, i64)) -> Result<bool> {
    if conn.is_alone() {
        return Ok(true);
    }
    let sql = "SELECT coalesce(max(received_at), 0) < {now} - $3 FROM event WHERE id > $1 AND id <= $2";
    let (is_old,): (bool,) = conn.query_said(sql).bind(after).bind(last).bind(MARGIN_MICROS).one().await?;
    Ok(is_old)
}

/// Those of the events behind `after` and up to `last` that wait, each with its event's row, in their order.
async fn waiting(
    conn: &mut Conn,
    lanes: &BTreeMap<i64, Lane>,
    (after, last): (i64, i64),
    target: &str,
) -> Result<Vec<(i64, WaitingDispatch)>> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let courses: Vec<String> = lanes.keys().map(i64::to_string).collect();
    let sql = format!(
        "SELECT id, key, course, event_id, subject, received_at FROM event
         WHERE id > $1 AND id <= $2 AND course IN ({}) ORDER BY id",
        courses.join(", ")
    );
    let events: Vec<EventRow> = conn.query_said(&sql).bind(after).bind(last).all().await?;
    let mut candidates = candidates(lanes, &events, target)?;
    let ids: Vec<DispatchId> = candidates.iter().map(|(_, waiting)| waiting.dispatch.id).collect();
    let finished = finished(conn, &ids).await?;
    candidates.retain(|(_, waiting)| !finished.contains(&waiting.dispatch.id));
    Ok(candidates)
}

async fn lanes(conn: &mut Conn, target: &str) -> Result<BTreeMap<i64, Lane>> {
    let rows: Vec<(i64, String, String, String)> =
        conn.query("SELECT id, source, event_type, routes FROM course").all().await?;
    let mut lanes = BTreeMap::new();
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
    lanes: &BTreeMap<i64, Lane>,
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

/// How often a subject was erased. The numbers of erased events may be given to new ones.
async fn erasures(conn: &mut Conn) -> Result<i64> {
    let (erasures,): (i64,) = conn.query("SELECT count(*) FROM erasure").one().await?;
    Ok(erasures)
}

/// Notes that nothing up to where a page found nothing waits for `target` any more, so that nobody looks there again.
pub(crate) async fn settle(conn: &mut Conn, target: &str, page: &WaitingPage) -> Result<()> {
    if erasures(conn).await? != page.erasures {
        return Ok(());
    }
    conn.query(
        "INSERT INTO settled (target, event) VALUES ($1, $2)
         ON CONFLICT (target) DO UPDATE SET event = excluded.event WHERE settled.event < excluded.event",
    )
    .bind(target)
    .bind(page.clear_to)
    .execute()
    .await?;
    Ok(())
}

/// What had ended waits again: the next look begins at the first event.
pub(crate) async fn unsettle(conn: &mut Conn) -> Result<()> {
    conn.query("DELETE FROM settled").execute().await.map(drop)
}
