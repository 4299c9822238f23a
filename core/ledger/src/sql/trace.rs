//! Finding journeys by whatever name an officer has: event id, event key, dispatch id or subject.

use std::collections::HashMap;

use postroom_event::{DispatchId, EventKey};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Result, blob, from_json, id, id_list, invalid};
use crate::journey::{Journey, Leg, State, Verdict};
use crate::kept::InvalidRow;

/// Most journeys that one trace shows.
pub(crate) const MOST: u32 = 1_000;
/// Hexadecimal digits of the id of a batch of records.
const BATCH_DIGITS: usize = 64;

/// Route, target, way: how a course lists its routes.
type Routes = Vec<(String, String, String)>;
type EventRow = (Vec<u8>, String, String, String, String, String, String, Option<String>, i64);

/// The journeys that `text` names, in order of time.
pub(crate) async fn trace(conn: &mut SqliteConnection, text: &str) -> Result<Vec<Journey>> {
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

async fn events(conn: &mut SqliteConnection, text: &str) -> Result<Vec<EventRow>> {
    let mut keys = keys_by_event_id(conn, text).await?;
    if let Ok(uuid) = Uuid::parse_str(text) {
        keys.push(uuid);
        keys.extend(key_by_dispatch(conn, uuid).await?);
    }
    // The last part of the table has no index yet (`mark`).
    sqlx::query_as(
        "WITH asked AS MATERIALIZED (SELECT unhex(value) AS key FROM json_each(?1)),
         tail AS (SELECT id, key, subject FROM event WHERE id > (SELECT indexed_to FROM mark)),
         found AS (
             SELECT event AS id FROM event_key WHERE key IN (SELECT key FROM asked)
             UNION SELECT event FROM event_subject WHERE subject = ?2
             UNION SELECT id FROM tail WHERE subject = ?2 OR key IN (SELECT key FROM asked))
         SELECT key, system, source, event_id, event_type, subject, routes, correlation, received_at
         FROM found JOIN event USING (id) JOIN course ON course.id = event.course
         ORDER BY received_at, event.id LIMIT ?3",
    )
    .bind(id_list(keys.into_iter()))
    .bind(text)
    .bind(MOST)
    .fetch_all(conn)
    .await
}

/// An event id is unique within its source only: one candidate for each source.
async fn keys_by_event_id(conn: &mut SqliteConnection, text: &str) -> Result<Vec<Uuid>> {
    let sources: Vec<(String,)> =
        sqlx::query_as("SELECT DISTINCT source FROM course").fetch_all(conn).await?;
    Ok(sources.iter().map(|(source,)| EventKey::new(source, text).0).collect())
}

/// The key of the event of a dispatch. One without a row of its own is found by deriving the ids of all.
async fn key_by_dispatch(conn: &mut SqliteConnection, dispatch: Uuid) -> Result<Option<Uuid>> {
    let row: Option<(Vec<u8>,)> = sqlx::query_as(
        "SELECT event FROM receipt WHERE dispatch = ?1 UNION SELECT event FROM staged WHERE dispatch = ?1
         UNION SELECT event FROM dead WHERE dispatch = ?1",
    )
    .bind(blob(dispatch))
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some((key,)) => Ok(Some(id(&key)?)),
        None if dispatch.get_version_num() == 5 => derive_all(conn, DispatchId(dispatch)).await,
        None => Ok(None),
    }
}

async fn derive_all(conn: &mut SqliteConnection, dispatch: DispatchId) -> Result<Option<Uuid>> {
    /// Events read at once.
    const PAGE: i64 = 10_000;
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT id, source, routes FROM course").fetch_all(&mut *conn).await?;
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
        let page: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT id, course, event_id FROM event WHERE id > ? ORDER BY id LIMIT ?")
                .bind(after)
                .bind(PAGE)
                .fetch_all(&mut *conn)
                .await?;
        let Some((last, ..)) = page.last() else { return Ok(None) };
        after = *last;
        if let Some(found) = page.iter().find_map(|(_, course, event)| key(course, event)) {
            return Ok(Some(found));
        }
    }
}

async fn journey(conn: &mut SqliteConnection, row: EventRow) -> Result<Journey> {
    let (key, system, source, event, event_type, subject, routes, correlation, received_at) = row;
    let routes: Routes = from_json(&routes)?;
    let verdict = if routes.is_empty() { Verdict::NoRoute } else { Verdict::Routed };
    let mut legs = Vec::with_capacity(routes.len());
    for (route, target, way) in routes {
        let id = DispatchId::new(&source, &event, &route);
        let state = if way == "queue" { State::Queued } else { state(conn, id).await? };
        legs.push(Leg { id, route, target, state });
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

async fn state(conn: &mut SqliteConnection, dispatch: DispatchId) -> Result<State> {
    let dispatch = blob(dispatch.0);
    let receipt: Option<(i64, u32, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT delivered_at, attempts, receipt.batch, coalesce(receipt.reference, batch.reference)
         FROM receipt LEFT JOIN batch ON batch.id = receipt.batch WHERE dispatch = ?",
    )
    .bind(&dispatch)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some((at, attempts, batch, reference)) = receipt {
        return Ok(State::Delivered { at, attempts, batch, reference });
    }
    let staged: Option<(i64, Option<String>)> =
        sqlx::query_as("SELECT staged_at, batch FROM staged WHERE dispatch = ?")
            .bind(&dispatch)
            .fetch_optional(&mut *conn)
            .await?;
    if let Some((at, batch)) = staged {
        return Ok(State::Staged { at, batch });
    }
    let dead: Option<(i64, u32, String, String, bool)> = sqlx::query_as(
        "SELECT failed_at, attempts, code, words, state = 'discarded' FROM dead
         WHERE dispatch = ? AND state <> 'redriven'",
    )
    .bind(&dispatch)
    .fetch_optional(conn)
    .await?;
    Ok(dead.map_or(State::Waiting, |(at, attempts, code, words, discarded)| State::Dead {
        at,
        attempts,
        code,
        words,
        discarded,
    }))
}

async fn invalid_journey(conn: &mut SqliteConnection, row: InvalidRow) -> Result<Journey> {
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
        verdict: Verdict::Invalid { number: row.id, code: row.code, place: row.place, words: row.words },
        import,
        legs: Vec::new(),
    })
}

/// An event that came in a batch starts its id, or is correlated, with the batch's id.
async fn import_label(
    conn: &mut SqliteConnection,
    system: &str,
    texts: &[Option<&str>],
) -> Result<Option<String>> {
    for batch in texts.iter().flatten().filter_map(|text| text.get(..BATCH_DIGITS)) {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT label FROM import WHERE system = ? AND batch = ? ORDER BY round DESC LIMIT 1",
        )
        .bind(system)
        .bind(batch)
        .fetch_optional(&mut *conn)
        .await?;
        if let Some((label,)) = row {
            return Ok(Some(label));
        }
    }
    Ok(None)
}
