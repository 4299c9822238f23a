//! Forgetting what is old and ended. Its counts stay, so that the sums do.

use std::collections::{BTreeMap, HashMap, HashSet};

use postroom_event::DispatchId;
use uuid::Uuid;

use super::trace::Routes;
use super::{Conn, Result, event, from_json, id, place};
use crate::batch::batch_key;
use crate::waiting::Pruned;

/// Removes what is older than `before` among the `most` events after the event `after`, and as many invalid ones; where
/// to go on.
pub(crate) async fn step(
    conn: &mut Conn,
    before: i64,
    most: u32,
    after: i64,
) -> Result<(Pruned, Option<i64>)> {
    let mut pruned = Pruned::default();
    index_old(conn, before).await?;
    let rows: Vec<(i64, Vec<u8>, i64, String, i64)> = conn
        .query(
            "SELECT id, key, course, event_id, received_at FROM event
             WHERE id > $1 AND id <= (SELECT indexed_to FROM mark) ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(most))
        .all()
        .await?;
    let old: Vec<_> = rows.iter().take_while(|(.., received_at)| *received_at < before).collect();
    let next = old.last().filter(|_| old.len() == rows.len()).map(|(row, ..)| *row);
    let mut events = Vec::with_capacity(old.len());
    let courses = courses(conn).await?;
    for (row, key, course, event_id, _) in old {
        let dispatches = courses.get(course).map_or_else(Vec::new, |(source, routes)| {
            routes.iter().map(|route| DispatchId::new(source, event_id, route).0).collect()
        });
        events.push(Old { row: *row, key: id(key)?, course: *course, dispatches });
    }
    add_replays(conn, &mut events).await?;
    let open = open(conn, &events, before).await?;
    let gone: Vec<&Old> = events
        .iter()
        .filter(|event| !event.dispatches.iter().any(|dispatch| open.contains(dispatch)))
        .collect();
    remove_events(conn, &gone, &mut pruned).await?;
    lower_marks(conn).await?;
    remove_invalid(conn, before, most, &mut pruned).await?;
    if next.is_none() {
        remove_batches(conn, before, most).await?;
    }
    for sql in [
        "DELETE FROM job WHERE state IN ('done', 'cancelled') AND updated_at < $1",
        "DELETE FROM erased WHERE at < $1",
    ] {
        conn.query(sql).bind(before).execute().await?;
    }
    pruned.more = next.is_some();
    Ok((pruned, next))
}

/// Brings the indexes up to date where old events wait for it.
async fn index_old(conn: &mut Conn, before: i64) -> Result<()> {
    let first: Option<(i64,)> = conn
        .query("SELECT received_at FROM event WHERE id > (SELECT indexed_to FROM mark) ORDER BY id LIMIT 1")
        .optional()
        .await?;
    match first {
        Some((received_at,)) if received_at < before => event::index(conn).await,
        _ => Ok(()),
    }
}

/// An event that may go.
pub(super) struct Old {
    pub(super) row: i64,
    pub(super) key: Uuid,
    pub(super) course: i64,
    /// Those that are not in a queue of the target's own.
    pub(super) dispatches: Vec<Uuid>,
}

/// By course: its source, and the routes whose dispatches have rows of their own.
async fn courses(conn: &mut Conn) -> Result<HashMap<i64, (String, Vec<String>)>> {
    let rows: Vec<(i64, String, String)> = conn.query("SELECT id, source, routes FROM course").all().await?;
    let mut courses = HashMap::new();
    for (course, source, routes) in rows {
        let routes: Routes = from_json(&routes)?;
        let own = routes.into_iter().filter(|(.., way)| way != "queue").map(|(route, ..)| route).collect();
        courses.insert(course, (source, own));
    }
    Ok(courses)
}

/// The dispatches that have not ended, or not long enough ago.
async fn open(conn: &mut Conn, events: &[Old], before: i64) -> Result<HashSet<Uuid>> {
    let ids: Vec<Uuid> = events.iter().flat_map(|event| event.dispatches.iter().copied()).collect();
    let sql = "SELECT place FROM {asked}
               WHERE NOT EXISTS (SELECT 1 FROM receipt WHERE dispatch = asked.id AND delivered_at < $2)
                 AND NOT EXISTS (SELECT 1 FROM dead WHERE dispatch = asked.id AND state = 'discarded')";
    let rows: Vec<(i64,)> = conn.query_ids(sql, ids.iter().copied()).bind(before).all().await?;
    Ok(rows.iter().filter_map(|(number,)| ids.get(place(*number)).copied()).collect())
}

/// Adds what was delivered again under ids of its own.
async fn add_replays(conn: &mut Conn, events: &mut [Old]) -> Result<()> {
    let sql = "SELECT place, dispatch FROM {asked} CROSS JOIN again WHERE again.event = asked.id";
    let keys: Vec<Uuid> = events.iter().map(|event| event.key).collect();
    let rows: Vec<(i64, Vec<u8>)> = conn.query_ids(sql, keys.iter().copied()).all().await?;
    for (number, dispatch) in rows {
        if let Some(event) = events.get_mut(place(number)) {
            event.dispatches.push(id(&dispatch)?);
        }
    }
    Ok(())
}

async fn remove_events(conn: &mut Conn, gone: &[&Old], pruned: &mut Pruned) -> Result<()> {
    let dispatches: Vec<Uuid> = gone.iter().flat_map(|event| event.dispatches.iter().copied()).collect();
    remove_dispatches(conn, &dispatches, pruned).await?;
    remove_rows(conn, gone, pruned).await
}

/// Removes what is held of dispatches that have ended.
pub(super) async fn remove_dispatches(
    conn: &mut Conn,
    dispatches: &[Uuid],
    pruned: &mut Pruned,
) -> Result<()> {
    let receipts = "DELETE FROM receipt WHERE dispatch {among} RETURNING way";
    pruned.receipts = count_past(conn, (receipts, "receipt"), dispatches).await?;
    let discarded = "DELETE FROM dead WHERE state = 'discarded' AND dispatch {among}
                     RETURNING way";
    pruned.dead = count_past(conn, (discarded, "discarded"), dispatches).await?;
    // One that arrived after it was redriven is counted by its receipt.
    let redriven = "DELETE FROM dead WHERE dispatch {among}";
    pruned.dead += conn.query_ids(redriven, dispatches.iter().copied()).execute().await?;
    let again = "DELETE FROM again WHERE dispatch {among} RETURNING way";
    count_past(conn, (again, "again"), dispatches).await?;
    for sql in [
        "DELETE FROM kept WHERE dispatch {among}",
        "DELETE FROM sent WHERE dispatch {among}",
        "DELETE FROM attempt WHERE dispatch {among}",
        "DELETE FROM released WHERE dispatch {among}",
        "DELETE FROM note WHERE dispatch {among}",
    ] {
        conn.query_ids(sql, dispatches.iter().copied()).execute().await?;
    }
    Ok(())
}

/// Removes the outcomes of events.
pub(super) async fn remove_rows(conn: &mut Conn, gone: &[&Old], pruned: &mut Pruned) -> Result<()> {
    if conn.is_alone() {
        let keys = gone.iter().map(|event| event.key);
        let sql = "DELETE FROM event_key WHERE key {among}";
        conn.query_ids(sql, keys).execute().await?;
    }
    let mut counts = BTreeMap::<i64, i64>::new();
    for event in gone {
        remove_row(conn, event.row).await?;
        *counts.entry(event.course).or_default() += 1;
    }
    pruned.events = gone.len() as u64;
    add_past(conn, "event", counts).await
}

/// In a file a number that is free again is given to a new event: no mark stays above the newest. A server gives none twice, and
/// its mark stands above all.
pub(super) async fn lower_marks(conn: &mut Conn) -> Result<()> {
    if !conn.is_alone() {
        return Ok(());
    }
    let newest = "(SELECT coalesce(max(id), 0) FROM event)";
    for (table, mark) in [("mark", "indexed_to"), ("settled", "event")] {
        let sql = format!("UPDATE {table} SET {mark} = {newest} WHERE {mark} > {newest}");
        conn.query_said(&sql).execute().await?;
    }
    Ok(())
}

async fn remove_row(conn: &mut Conn, row: i64) -> Result<()> {
    if conn.is_alone() {
        conn.query(
            "DELETE FROM event_subject
             WHERE subject = (SELECT subject FROM event WHERE id = $1) AND event = $1",
        )
        .bind(row)
        .execute()
        .await?;
    }
    conn.query("DELETE FROM event WHERE id = $1").bind(row).execute().await.map(drop)
}

/// Removes rows and keeps their count by way.
async fn count_past(
    conn: &mut Conn,
    (sql, kind): (&'static str, &'static str),
    dispatches: &[Uuid],
) -> Result<u64> {
    let ways: Vec<(i64,)> = conn.query_ids(sql, dispatches.iter().copied()).all().await?;
    let mut counts = BTreeMap::<i64, i64>::new();
    for (way,) in &ways {
        *counts.entry(*way).or_default() += 1;
    }
    add_past(conn, kind, counts).await?;
    Ok(ways.len() as u64)
}

async fn add_past(conn: &mut Conn, kind: &'static str, counts: BTreeMap<i64, i64>) -> Result<()> {
    for (of, count) in counts {
        conn.query(
            "INSERT INTO past (kind, ref, count) VALUES ($1, $2, $3)
             ON CONFLICT (kind, ref) DO UPDATE SET count = past.count + excluded.count",
        )
        .bind(kind)
        .bind(of)
        .bind(count)
        .execute()
        .await?;
    }
    Ok(())
}

async fn remove_invalid(conn: &mut Conn, before: i64, most: u32, pruned: &mut Pruned) -> Result<()> {
    let rows: Vec<(i64, String, String)> = conn
        .query(
            "SELECT id, system, state FROM invalid WHERE state <> 'open' AND received_at < $1 ORDER BY id LIMIT $2",
        )
        .bind(before)
        .bind(i64::from(most))
        .all()
        .await?;
    for (number, system, state) in &rows {
        forget_invalid(conn, *number, system, state).await?;
    }
    pruned.invalid = rows.len() as u64;
    Ok(())
}

/// Forgets an invalid event on which somebody has decided.
pub(super) async fn forget_invalid(conn: &mut Conn, number: i64, system: &str, state: &str) -> Result<()> {
    for sql in ["DELETE FROM invalid WHERE id = $1", "DELETE FROM note WHERE invalid = $1"] {
        conn.query(sql).bind(number).execute().await?;
    }
    if state == "redriven" {
        return Ok(());
    }
    conn.query(
        "INSERT INTO past_invalid (system, count) VALUES ($1, 1)
         ON CONFLICT (system) DO UPDATE SET count = past_invalid.count + 1",
    )
    .bind(system)
    .execute()
    .await
    .map(drop)
}

/// Batches whose receipts are as old, with the attempts at them.
async fn remove_batches(conn: &mut Conn, before: i64, most: u32) -> Result<()> {
    let rows: Vec<(String,)> = conn
        .query("SELECT id FROM batch WHERE state <> 'open' AND ended_at < $1 ORDER BY id LIMIT $2")
        .bind(before)
        .bind(i64::from(most))
        .all()
        .await?;
    let keys = rows.iter().map(|(id,)| batch_key(id).0);
    conn.query_ids("DELETE FROM attempt WHERE dispatch {among}", keys).execute().await?;
    for (id,) in &rows {
        conn.query("DELETE FROM batch WHERE id = $1").bind(id).execute().await?;
    }
    Ok(())
}
