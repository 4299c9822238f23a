//! Outcomes of events: appended at once, indexed in bulk (in SQLite; a server's index is always up to date).

use std::collections::HashSet;

use postroom_event::EventKey;

use super::{Conn, Result, blob, id, insert, place, stored};
use crate::entry::{EventOutcome, Fate};
use crate::intern::Interned;

/// Appends the outcomes; the caller has seen to it that none is a duplicate.
pub(crate) async fn append(conn: &mut Conn, interned: &mut Interned, events: &[&EventOutcome]) -> Result<()> {
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        rows.push((*event, course(conn, interned, event).await?));
    }
    // Another hub may record the same event at this moment; then the first one stands.
    let end = if conn.is_alone() { "" } else { "ON CONFLICT (key) DO NOTHING" };
    let table = ("INSERT INTO event (key, course, event_id, subject, correlation, received_at)", 6, end);
    insert(conn, table, &rows, |query, (event, course)| {
        query
            .bind(blob(event.key.0))
            .bind(*course)
            .bind(event.id.clone())
            .bind(event.subject.clone())
            .bind(event.correlation.clone())
            .bind(event.received_at)
    })
    .await
}

/// The row that holds what `event` shares with others.
async fn course(conn: &mut Conn, interned: &mut Interned, event: &EventOutcome) -> Result<i64> {
    if let Some(found) = interned.course(event) {
        return Ok(found);
    }
    let routes: Vec<_> =
        event.dispatches.iter().map(|handed| (&*handed.route, &*handed.target, way(&handed.fate))).collect();
    let routes = super::json(&routes)?;
    conn.query(
        "INSERT INTO course (system, source, event_type, routes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(&*event.system)
    .bind(&*event.source)
    .bind(&*event.event_type)
    .bind(&routes)
    .execute()
    .await?;
    let (row,): (i64,) = conn
        .query("SELECT id FROM course WHERE system = $1 AND source = $2 AND event_type = $3 AND routes = $4")
        .bind(&*event.system)
        .bind(&*event.source)
        .bind(&*event.event_type)
        .bind(&routes)
        .one()
        .await?;
    interned.keep_course(event, row);
    Ok(row)
}

/// How a course names the way of a dispatch.
pub(crate) fn way(fate: &Fate) -> &'static str {
    match fate {
        Fate::Queued => "queue",
        Fate::InLane | Fate::Held(_) | Fate::Dead(_) => "own",
    }
}

/// Adds to the tally of duplicates.
pub(crate) async fn tally(conn: &mut Conn, system: &str, count: u64) -> Result<()> {
    conn.query(
        "INSERT INTO tally (system, duplicates) VALUES ($1, $2)
         ON CONFLICT (system) DO UPDATE SET duplicates = tally.duplicates + excluded.duplicates",
    )
    .bind(system)
    .bind(stored(count))
    .execute()
    .await?;
    Ok(())
}

/// Notes the newest times of systems, by kind; each pair once.
pub(crate) async fn note_latest(conn: &mut Conn, newest: &[(&'static str, &str, i64)]) -> Result<()> {
    let table = (
        "INSERT INTO latest (kind, system, at)",
        3,
        "ON CONFLICT (kind, system) DO UPDATE SET at = excluded.at WHERE latest.at < excluded.at",
    );
    insert(conn, table, newest, |query, (kind, system, at)| {
        query.bind(*kind).bind((*system).to_owned()).bind(*at)
    })
    .await
}

/// The newest time that was noted.
pub(crate) async fn latest(conn: &mut Conn, kind: &'static str, system: &str) -> Result<Option<i64>> {
    let row: Option<(i64,)> = conn
        .query("SELECT at FROM latest WHERE kind = $1 AND system = $2")
        .bind(kind)
        .bind(system)
        .optional()
        .await?;
    Ok(row.map(|(at,)| at))
}

/// Brings both indexes up to the newest event. Sorted, so that each page is written once.
pub(crate) async fn index(conn: &mut Conn) -> Result<()> {
    for sql in [
        "INSERT INTO event_key (key, event)
         SELECT key, id FROM event WHERE id > (SELECT indexed_to FROM mark) ORDER BY key
         ON CONFLICT DO NOTHING",
        "INSERT INTO event_subject (subject, event)
         SELECT subject, id FROM event WHERE id > (SELECT indexed_to FROM mark) ORDER BY subject, id",
        "UPDATE mark SET indexed_to = (SELECT coalesce(max(id), 0) FROM event)",
    ] {
        conn.query(sql).execute().await?;
    }
    Ok(())
}

/// The keys that are not indexed yet.
pub(crate) async fn unindexed(conn: &mut Conn) -> Result<HashSet<EventKey>> {
    let rows: Vec<(Vec<u8>,)> =
        conn.query("SELECT key FROM event WHERE id > (SELECT indexed_to FROM mark)").all().await?;
    rows.iter().map(|row| id(&row.0).map(EventKey)).collect()
}

/// Those of `keys` that are indexed, or were erased with what they are about.
pub(crate) async fn indexed(conn: &mut Conn, keys: &[EventKey]) -> Result<HashSet<EventKey>> {
    let sql = "SELECT asked.place FROM {asked} CROSS JOIN event_key AS known WHERE known.key = asked.id
               UNION ALL SELECT asked.place FROM {asked} CROSS JOIN erased WHERE erased.id = asked.id";
    those(conn, sql, keys).await
}

/// Those of `keys` whose events were erased with what they are about.
pub(crate) async fn erased(conn: &mut Conn, keys: &[EventKey]) -> Result<HashSet<EventKey>> {
    let sql = "SELECT asked.place FROM {asked} CROSS JOIN erased WHERE erased.id = asked.id";
    those(conn, sql, keys).await
}

async fn those(conn: &mut Conn, sql: &str, keys: &[EventKey]) -> Result<HashSet<EventKey>> {
    let rows: Vec<(i64,)> = conn.query_ids(sql, keys.iter().map(|key| key.0)).all().await?;
    Ok(rows.iter().filter_map(|row| keys.get(place(row.0)).copied()).collect())
}
