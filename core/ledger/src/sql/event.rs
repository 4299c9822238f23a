//! Outcomes of events: appended at once, indexed in bulk.

use std::collections::HashSet;

use postroom_event::EventKey;
use sqlx::SqliteConnection;

use super::{Result, blob, counted, id, id_list, insert, stored};
use crate::entry::{EventOutcome, Fate};
use crate::intern::Interned;

/// Appends the outcomes; the caller has seen to it that none is a duplicate.
pub(crate) async fn append(
    conn: &mut SqliteConnection,
    interned: &mut Interned,
    events: &[&EventOutcome],
) -> Result<()> {
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        rows.push((*event, course(conn, interned, event).await?));
    }
    let table = ("INSERT INTO event (key, course, event_id, subject, correlation, received_at)", 6, "");
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
async fn course(conn: &mut SqliteConnection, interned: &mut Interned, event: &EventOutcome) -> Result<i64> {
    if let Some(found) = interned.course(event) {
        return Ok(found);
    }
    let routes: Vec<_> =
        event.dispatches.iter().map(|handed| (&*handed.route, &*handed.target, way(&handed.fate))).collect();
    let row: (i64,) = sqlx::query_as(
        "INSERT INTO course (system, source, event_type, routes) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET system = excluded.system RETURNING id",
    )
    .bind(&*event.system)
    .bind(&*event.source)
    .bind(&*event.event_type)
    .bind(super::json(&routes)?)
    .fetch_one(conn)
    .await?;
    interned.keep_course(event, row.0);
    Ok(row.0)
}

/// How a course names the way of a dispatch.
pub(crate) fn way(fate: &Fate) -> &'static str {
    match fate {
        Fate::Queued => "queue",
        Fate::InLane | Fate::Dead(_) => "own",
    }
}

/// Adds to the tally of duplicates.
pub(crate) async fn tally(conn: &mut SqliteConnection, system: &str, count: u64) -> Result<()> {
    sqlx::query(
        "INSERT INTO tally (system, duplicates) VALUES (?, ?)
         ON CONFLICT (system) DO UPDATE SET duplicates = duplicates + excluded.duplicates",
    )
    .bind(system)
    .bind(stored(count))
    .execute(conn)
    .await?;
    Ok(())
}

/// Brings both indexes up to the newest event. Sorted, so that each page is written once.
pub(crate) async fn index(conn: &mut SqliteConnection) -> Result<()> {
    sqlx::query(
        "INSERT INTO event_key (key, event)
         SELECT key, id FROM event WHERE id > (SELECT indexed_to FROM mark) ORDER BY key
         ON CONFLICT DO NOTHING",
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO event_subject (subject, event)
         SELECT subject, id FROM event WHERE id > (SELECT indexed_to FROM mark) ORDER BY subject, id",
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query("UPDATE mark SET indexed_to = (SELECT coalesce(max(id), 0) FROM event)")
        .execute(conn)
        .await?;
    Ok(())
}

/// The keys that are not indexed yet.
pub(crate) async fn unindexed(conn: &mut SqliteConnection) -> Result<HashSet<EventKey>> {
    let rows: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT key FROM event WHERE id > (SELECT indexed_to FROM mark)")
            .fetch_all(conn)
            .await?;
    rows.iter().map(|row| id(&row.0).map(EventKey)).collect()
}

/// Those of `keys` that are indexed.
pub(crate) async fn indexed(conn: &mut SqliteConnection, keys: &[EventKey]) -> Result<HashSet<EventKey>> {
    let rows: Vec<(i64,)> = sqlx::query_as(
        "SELECT asked.key FROM json_each(?) AS asked
         CROSS JOIN event_key AS known ON known.key = unhex(asked.value)",
    )
    .bind(id_list(keys.iter().map(|key| key.0)))
    .fetch_all(conn)
    .await?;
    let place = |number: i64| usize::try_from(counted(number)).ok();
    Ok(rows.iter().filter_map(|row| keys.get(place(row.0)?).copied()).collect())
}
