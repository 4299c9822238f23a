//! Receipts, and how far a dispatch has come: it is in `receipt`, `staged`, `held` or `dead`, or in none while it waits.

use std::collections::HashSet;

use postroom_event::DispatchId;

use super::{Conn, Result, blob, clean_some, held, insert, place};
use crate::entry::{Delivered, Dispatch};
use crate::hold::LANE_FULL;
use crate::intern::Interned;

/// What the ledger holds of a dispatch that no longer waits in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Delivered, staged, dead or discarded; or erased since.
    Ended,
    /// Held.
    Held,
    /// Held as [`LANE_FULL`]: on its way into its lane.
    Entering,
}

/// A dispatch, and when something ended its hold.
pub(crate) type Ending = (DispatchId, i64);

/// The standing of those of `ids` that have one, each with its place; a redriven dead letter has none.
async fn standing(conn: &mut Conn, ids: &[DispatchId]) -> Result<Vec<(usize, Standing)>> {
    const ASK: &str = "SELECT place, (SELECT code FROM held WHERE dispatch = asked.id)
         FROM {asked}
         WHERE EXISTS (SELECT 1 FROM receipt WHERE dispatch = asked.id)
            OR EXISTS (SELECT 1 FROM staged WHERE dispatch = asked.id)
            OR EXISTS (SELECT 1 FROM dead WHERE dispatch = asked.id AND state <> 'redriven')
            OR EXISTS (SELECT 1 FROM held WHERE dispatch = asked.id)
            OR EXISTS (SELECT 1 FROM erased WHERE erased.id = asked.id)";
    let rows: Vec<(i64, Option<String>)> = conn.query_ids(ASK, ids.iter().map(|id| id.0)).all().await?;
    let standing = |held: Option<String>| match held.as_deref() {
        None => Standing::Ended,
        Some(LANE_FULL) => Standing::Entering,
        Some(_) => Standing::Held,
    };
    Ok(rows.into_iter().map(|(number, held)| (place(number), standing(held))).collect())
}

/// Those of `ids` whose standing is `wanted`.
async fn that_stand(
    conn: &mut Conn,
    ids: &[DispatchId],
    wanted: impl Fn(Standing) -> bool,
) -> Result<Vec<DispatchId>> {
    let all = standing(conn, ids).await?.into_iter();
    let found = all.filter(|(_, standing)| wanted(*standing));
    Ok(found.filter_map(|(place, _)| ids.get(place).copied()).collect())
}

/// Those of `ids` that need no delivery from their lane any more.
pub(crate) async fn finished_on_lane(conn: &mut Conn, ids: &[DispatchId]) -> Result<HashSet<DispatchId>> {
    let found = that_stand(conn, ids, |standing| standing != Standing::Entering).await?;
    Ok(found.into_iter().collect())
}

/// Ends the holds of those that have entered their lane by `at`, where nothing else came of them meanwhile.
pub(crate) async fn enter(conn: &mut Conn, ids: &[DispatchId], at: i64) -> Result<()> {
    let entering = that_stand(conn, ids, |standing| standing == Standing::Entering).await?;
    let endings: Vec<Ending> = entering.into_iter().map(|id| (id, at)).collect();
    held::release(conn, &endings).await
}

/// Those of `ids` that are delivered, staged, held, dead or discarded; a redriven one is not.
pub(crate) async fn finished(conn: &mut Conn, ids: &[DispatchId]) -> Result<HashSet<DispatchId>> {
    let standing = standing(conn, ids).await?;
    Ok(standing.iter().filter_map(|(place, _)| ids.get(*place).copied()).collect())
}

/// The rows whose dispatch has not ended yet, each dispatch once: the first word on a dispatch stands.
pub(crate) struct Unended<'e, T> {
    pub(crate) rows: Vec<&'e T>,
    /// Those among them that are held, each until its row's time.
    pub(crate) held: Vec<Ending>,
}

pub(crate) async fn unended<'e, T>(
    conn: &mut Conn,
    rows: &[&'e T],
    ending: impl Fn(&T) -> Ending,
) -> Result<Unended<'e, T>> {
    let ids: Vec<_> = rows.iter().map(|row| ending(row).0).collect();
    let (mut seen, mut held) = (HashSet::new(), Vec::new());
    for (place, standing) in standing(conn, &ids).await? {
        match (rows.get(place).map(|row| ending(row)), standing) {
            (Some((id, _)), Standing::Ended) => drop(seen.insert(id)),
            (Some(held_until), Standing::Held | Standing::Entering) => held.push(held_until),
            (None, _) => {}
        }
    }
    let rows = rows.iter().filter(|row| seen.insert(ending(row).0)).copied().collect();
    Ok(Unended { rows, held })
}

/// The rows whose dispatch waits in its lane, or on its way there, each dispatch once; the hold on the way ends.
pub(crate) async fn waiting<'e, T>(
    conn: &mut Conn,
    rows: &[&'e T],
    ending: impl Fn(&T) -> Ending,
) -> Result<Vec<&'e T>> {
    let ids: Vec<_> = rows.iter().map(|row| ending(row).0).collect();
    let (mut seen, mut entering) = (HashSet::new(), Vec::new());
    for (place, standing) in standing(conn, &ids).await? {
        match (rows.get(place).map(|row| ending(row)), standing) {
            (Some(held_until), Standing::Entering) => entering.push(held_until),
            (Some((id, _)), Standing::Ended | Standing::Held) => drop(seen.insert(id)),
            (None, _) => {}
        }
    }
    held::release(conn, &entering).await?;
    Ok(rows.iter().filter(|row| seen.insert(ending(row).0)).copied().collect())
}

/// Writes receipts; those that are new.
pub(crate) async fn deliver<'e>(
    conn: &mut Conn,
    interned: &mut Interned,
    receipts: &[&'e Delivered],
) -> Result<Vec<&'e Delivered>> {
    let unended = unended(conn, receipts, |receipt| (receipt.dispatch.id, receipt.at)).await?;
    held::release(conn, &unended.held).await?;
    let mut rows = Vec::with_capacity(unended.rows.len());
    for receipt in &unended.rows {
        rows.push((*receipt, way(conn, interned, &receipt.dispatch).await?));
    }
    let table = ("INSERT INTO receipt (dispatch, event, way, attempts, delivered_at, reference)", 6, "");
    insert(conn, table, &rows, |query, (receipt, way)| {
        query
            .bind(blob(receipt.dispatch.id.0))
            .bind(blob(receipt.dispatch.event.0))
            .bind(*way)
            .bind(i64::from(receipt.attempts))
            .bind(receipt.at)
            .bind(clean_some(receipt.reference.as_ref()))
    })
    .await?;
    Ok(unended.rows)
}

/// The row of a dispatch's route and target.
pub(crate) async fn way(conn: &mut Conn, interned: &mut Interned, dispatch: &Dispatch) -> Result<i64> {
    if let Some(found) = interned.way(dispatch) {
        return Ok(found);
    }
    conn.query("INSERT INTO way (route, target) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(&*dispatch.route)
        .bind(&*dispatch.target)
        .execute()
        .await?;
    let (row,): (i64,) = conn
        .query("SELECT id FROM way WHERE route = $1 AND target = $2")
        .bind(&*dispatch.route)
        .bind(&*dispatch.target)
        .one()
        .await?;
    interned.keep_way(dispatch, row);
    Ok(row)
}

/// Notes dispatches that are made beside those of the events' outcomes.
pub(crate) async fn again(
    conn: &mut Conn,
    interned: &mut Interned,
    dispatches: &[Dispatch],
    (replay, at): (&str, i64),
) -> Result<()> {
    let mut rows = Vec::with_capacity(dispatches.len());
    for dispatch in dispatches {
        rows.push((dispatch, way(conn, interned, dispatch).await?));
    }
    let table = ("INSERT INTO again (dispatch, event, way, replay, at)", 5, "ON CONFLICT DO NOTHING");
    insert(conn, table, &rows, |query, (dispatch, way)| {
        query
            .bind(blob(dispatch.id.0))
            .bind(blob(dispatch.event.0))
            .bind(*way)
            .bind(replay.to_owned())
            .bind(at)
    })
    .await
}
