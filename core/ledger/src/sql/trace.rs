//! Finding journeys by whatever name an officer has: event id, event key, dispatch id or subject.

use std::collections::HashMap;

use postroom_event::{DispatchId, EventKey};
use uuid::Uuid;

use super::{Conn, Result, attempt, blob, decision, from_json, held, id, invalid, small};
use crate::batch::batch_key;
use crate::journey::{Failing, Holding, Journey, Leg, State, Verdict};
use crate::kept::InvalidRow;

/// Most journeys that one trace shows.
pub(crate) const MOST: u32 = 1_000;
/// Hexadecimal digits of the id of a batch of records.
const BATCH_DIGITS: usize = 64;

/// Route, target, way: how a course lists its routes.
pub(crate) type Routes = Vec<(String, String, String)>;
type EventRow = (Vec<u8>, String, String, String, String, String, String, Option<String>, i64);

/// The journeys that `text` names, in order of time.
pub(crate) async fn trace(conn: &mut Conn, text: &str) -> Result<Vec<Journey>> {
    let mut journeys = Vec::new();
    for row in events(conn, text).await? {
        journeys.push(journey(conn, row).await?);
    }
    for row in invalid::named(conn, text, MOST).await? {
        journeys.push(invalid_journey(conn, row).await?);
    }
    journeys.sort_by_key(|journey| journey.received_at);
    Ok(journeys)
}

/// The journeys of all events about `subject`, in order of time.
pub(crate) async fn about(conn: &mut Conn, subject: &str) -> Result<Vec<Journey>> {
    let sql = "WITH found AS (
             SELECT event AS id FROM event_subject WHERE subject = $1
             UNION SELECT id FROM event WHERE id > (SELECT indexed_to FROM mark) AND subject = $1)
         SELECT event.key, system, source, event_id, event_type, subject, routes, correlation, received_at
         FROM found JOIN event ON event.id = found.id JOIN course ON course.id = event.course
         ORDER BY received_at, event.id";
    let mut journeys = Vec::new();
    for row in conn.query(sql).bind(subject).all().await? {
        journeys.push(journey(conn, row).await?);
    }
    Ok(journeys)
}

async fn events(conn: &mut Conn, text: &str) -> Result<Vec<EventRow>> {
    let mut keys = keys_by_event_id(conn, text).await?;
    if let Ok(uuid) = Uuid::parse_str(text) {
        keys.push(uuid);
        keys.extend(key_by_dispatch(conn, uuid).await?);
    }
    // The last part of the table has no index yet (`mark`).
    let sql = "WITH keys AS MATERIALIZED (SELECT asked.id AS key FROM {asked}),
         tail AS (SELECT id, key, subject FROM event WHERE id > (SELECT indexed_to FROM mark)),
         found AS (
             SELECT event AS id FROM event_key WHERE key IN (SELECT key FROM keys)
             UNION SELECT event FROM event_subject WHERE subject = $2
             UNION SELECT id FROM tail WHERE subject = $2 OR key IN (SELECT key FROM keys))
         SELECT event.key, system, source, event_id, event_type, subject, routes, correlation, received_at
         FROM found JOIN event ON event.id = found.id JOIN course ON course.id = event.course
         ORDER BY received_at, event.id LIMIT $3";
    conn.query_ids(sql, keys.into_iter()).bind(text).bind(i64::from(MOST)).all().await
}

/// An event id is unique within its source only: one candidate for each source.
async fn keys_by_event_id(conn: &mut Conn, text: &str) -> Result<Vec<Uuid>> {
    let sources: Vec<(String,)> = conn.query("SELECT DISTINCT source FROM course").all().await?;
    Ok(sources.iter().map(|(source,)| EventKey::new(source, text).0).collect())
}

/// The key of the event of a dispatch. One without a row of its own is found by deriving the ids of all.
async fn key_by_dispatch(conn: &mut Conn, dispatch: Uuid) -> Result<Option<Uuid>> {
    let row: Option<(Vec<u8>,)> = conn
        .query(
            "SELECT event FROM receipt WHERE dispatch = $1 UNION SELECT event FROM staged WHERE dispatch = $1
             UNION SELECT event FROM dead WHERE dispatch = $1 UNION SELECT event FROM held WHERE dispatch = $1
             UNION SELECT event FROM again WHERE dispatch = $1",
        )
        .bind(blob(dispatch))
        .optional()
        .await?;
    match row {
        Some((key,)) => Ok(Some(id(&key)?)),
        None if dispatch.get_version_num() == 5 => derive_all(conn, DispatchId(dispatch)).await,
        None => Ok(None),
    }
}

async fn derive_all(conn: &mut Conn, dispatch: DispatchId) -> Result<Option<Uuid>> {
    /// Events read at once.
    const PAGE: i64 = 10_000;
    let rows: Vec<(i64, String, String)> = conn.query("SELECT id, source, routes FROM course").all().await?;
    let mut courses = HashMap::new();
    for (course, source, routes) in rows {
        courses.insert(course, (source, from_json::<Routes>(&routes)?));
    }
    let key = |course: &i64, event: &str| {
        let (source, routes) = courses.get(course)?;
        let is_it =
            |(route, ..): &(String, String, String)| DispatchId::new(source, event, route) == dispatch;
        routes.iter().any(is_it).then(|| EventKey::new(source, event).0)
    };
    let mut after = 0;
    loop {
        let page: Vec<(i64, i64, String)> = conn
            .query("SELECT id, course, event_id FROM event WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(PAGE)
            .all()
            .await?;
        let Some((last, ..)) = page.last() else { return Ok(None) };
        after = *last;
        if let Some(found) = page.iter().find_map(|(_, course, event)| key(course, event)) {
            return Ok(Some(found));
        }
    }
}

async fn journey(conn: &mut Conn, row: EventRow) -> Result<Journey> {
    let (key, system, source, event, event_type, subject, routes, correlation, received_at) = row;
    let routes: Routes = from_json(&routes)?;
    let verdict = if routes.is_empty() { Verdict::NoRoute } else { Verdict::Routed };
    let mut legs = Vec::with_capacity(routes.len());
    for (route, target, way) in routes {
        let id = DispatchId::new(&source, &event, &route);
        legs.push(leg(conn, id, (route, target, way)).await?);
    }
    for (id, route, target) in again(conn, &key).await? {
        legs.push(leg(conn, id, (route, target, String::new())).await?);
    }
    let import = import_label(conn, &system, &[Some(&event), correlation.as_deref()]).await?;
    let key = Some(EventKey(id(&key)?));
    Ok(Journey {
        key,
        system,
        source,
        id: event,
        event_type,
        subject,
        correlation,
        received_at,
        verdict,
        import,
        legs,
    })
}

/// The replays of an event under ids of their own.
async fn again(conn: &mut Conn, event: &[u8]) -> Result<Vec<(DispatchId, String, String)>> {
    let rows: Vec<(Vec<u8>, String, String)> = conn
        .query(
            "SELECT dispatch, route, target FROM again JOIN way ON way.id = again.way WHERE event = $1 ORDER BY at",
        )
        .bind(event)
        .all()
        .await?;
    rows.into_iter().map(|(bytes, route, target)| Ok((DispatchId(id(&bytes)?), route, target))).collect()
}

async fn leg(conn: &mut Conn, id: DispatchId, (route, target, way): (String, String, String)) -> Result<Leg> {
    if way == "queue" {
        let (attempts, notes) = (Vec::new(), Vec::new());
        return Ok(Leg {
            id,
            route,
            target,
            state: State::Queued,
            held: None,
            released: Vec::new(),
            attempts,
            failed: None,
            notes,
        });
    }
    let state = state(conn, id).await?;
    let held = if state == State::Waiting { holding(conn, id).await? } else { None };
    let released = held::released(conn, id).await?;
    let mut attempts = attempt::of(conn, id).await?;
    if let State::Staged { batch: Some(batch), .. } | State::Delivered { batch: Some(batch), .. } = &state {
        attempts.extend(attempt::of(conn, batch_key(batch)).await?);
    }
    let notes = decision::notes_on_dead(conn, id).await?;
    let failed = if notes.is_empty() { None } else { failing(conn, id).await? };
    Ok(Leg { id, route, target, state, held, released, attempts, failed, notes })
}

async fn failing(conn: &mut Conn, dispatch: DispatchId) -> Result<Option<Failing>> {
    let row: Option<(i64, String, String)> = conn
        .query("SELECT failed_at, code, words FROM dead WHERE dispatch = $1 AND state = 'redriven'")
        .bind(blob(dispatch.0))
        .optional()
        .await?;
    Ok(row.map(|(at, code, words)| Failing { at, code, words }))
}

async fn state(conn: &mut Conn, dispatch: DispatchId) -> Result<State> {
    let dispatch = blob(dispatch.0);
    let receipt: Option<(i64, i64, Option<String>, Option<String>)> = conn
        .query(
            "SELECT delivered_at, attempts, receipt.batch, coalesce(receipt.reference, batch.reference)
             FROM receipt LEFT JOIN batch ON batch.id = receipt.batch WHERE dispatch = $1",
        )
        .bind(&dispatch)
        .optional()
        .await?;
    if let Some((at, attempts, batch, reference)) = receipt {
        return Ok(State::Delivered { at, attempts: small(attempts), batch, reference });
    }
    let staged: Option<(i64, Option<String>)> = conn
        .query("SELECT staged_at, batch FROM staged WHERE dispatch = $1")
        .bind(&dispatch)
        .optional()
        .await?;
    if let Some((at, batch)) = staged {
        return Ok(State::Staged { at, batch });
    }
    let dead: Option<(i64, i64, String, String, String)> = conn
        .query(
            "SELECT failed_at, attempts, code, words, state FROM dead
             WHERE dispatch = $1 AND state <> 'redriven'",
        )
        .bind(&dispatch)
        .optional()
        .await?;
    Ok(dead.map_or(State::Waiting, |(at, attempts, code, words, state)| State::Dead {
        at,
        attempts: small(attempts),
        code,
        words,
        discarded: state == "discarded",
    }))
}

async fn holding(conn: &mut Conn, dispatch: DispatchId) -> Result<Option<Holding>> {
    let row: Option<(i64, i64, Option<i64>, String, String)> = conn
        .query("SELECT held_at, attempts, next_at, code, words FROM held WHERE dispatch = $1")
        .bind(blob(dispatch.0))
        .optional()
        .await?;
    Ok(row.map(|(at, attempts, next_at, code, words)| Holding {
        at,
        attempts: small(attempts),
        next_at,
        code,
        words,
    }))
}

async fn invalid_journey(conn: &mut Conn, row: InvalidRow) -> Result<Journey> {
    let import = import_label(conn, &row.system, &[row.claims.id.as_deref()]).await?;
    Ok(Journey {
        key: None,
        system: row.system,
        source: row.claims.source.unwrap_or_default(),
        id: row.claims.id.unwrap_or_default(),
        event_type: row.claims.event_type.unwrap_or_default(),
        subject: row.claims.subject.unwrap_or_default(),
        correlation: None,
        received_at: row.received_at,
        verdict: Verdict::Invalid {
            number: row.id,
            code: row.code,
            place: row.place,
            words: row.words,
            state: row.state,
            notes: decision::notes_on_invalid(conn, row.id).await?,
        },
        import,
        legs: Vec::new(),
    })
}

/// An event that came in a batch starts its id, or is correlated, with the batch's id.
async fn import_label(conn: &mut Conn, system: &str, texts: &[Option<&str>]) -> Result<Option<String>> {
    for batch in texts.iter().flatten().filter_map(|text| text.get(..BATCH_DIGITS)) {
        let row: Option<(String,)> = conn
            .query("SELECT label FROM import WHERE system = $1 AND batch = $2 ORDER BY round DESC LIMIT 1")
            .bind(system)
            .bind(batch)
            .optional()
            .await?;
        if let Some((label,)) = row {
            return Ok(Some(label));
        }
    }
    Ok(None)
}
