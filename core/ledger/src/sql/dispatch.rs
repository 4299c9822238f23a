//! Receipts, and how far a dispatch has come: it is in `receipt`, `staged` or `dead`, or in none while it waits.

use std::collections::HashSet;

use postroom_event::DispatchId;
use sqlx::SqliteConnection;

use super::{Result, blob, counted, id_list, insert};
use crate::entry::{Delivered, Dispatch};
use crate::intern::Interned;

/// Those of `ids` that are delivered, staged, dead or discarded; a redriven one is not.
pub(crate) async fn finished(conn: &mut SqliteConnection, ids: &[DispatchId]) -> Result<HashSet<DispatchId>> {
    let rows: Vec<(i64,)> = sqlx::query_as(
        "SELECT asked.key FROM json_each(?) AS asked
         WHERE EXISTS (SELECT 1 FROM receipt WHERE dispatch = unhex(asked.value))
            OR EXISTS (SELECT 1 FROM staged WHERE dispatch = unhex(asked.value))
            OR EXISTS (SELECT 1 FROM dead WHERE dispatch = unhex(asked.value) AND state <> 'redriven')",
    )
    .bind(id_list(ids.iter().map(|id| id.0)))
    .fetch_all(conn)
    .await?;
    let place = |number: i64| usize::try_from(counted(number)).ok();
    Ok(rows.iter().filter_map(|row| ids.get(place(row.0)?).copied()).collect())
}

/// Those of `rows` whose dispatch is not finished yet, each dispatch once: the first word on a dispatch stands.
pub(crate) async fn unfinished<'e, T>(
    conn: &mut SqliteConnection,
    rows: &[&'e T],
    dispatch: impl Fn(&T) -> &Dispatch,
) -> Result<Vec<&'e T>> {
    let ids: Vec<_> = rows.iter().map(|row| dispatch(row).id).collect();
    let mut seen = finished(conn, &ids).await?;
    Ok(rows.iter().filter(|row| seen.insert(dispatch(row).id)).copied().collect())
}

/// Writes receipts.
pub(crate) async fn deliver(
    conn: &mut SqliteConnection,
    interned: &mut Interned,
    receipts: &[&Delivered],
) -> Result<()> {
    let mut rows = Vec::with_capacity(receipts.len());
    for receipt in unfinished(conn, receipts, |receipt| &receipt.dispatch).await? {
        rows.push((receipt, way(conn, interned, &receipt.dispatch).await?));
    }
    let table = ("INSERT INTO receipt (dispatch, event, way, attempts, delivered_at, reference)", 6, "");
    insert(conn, table, &rows, |query, (receipt, way)| {
        query
            .bind(blob(receipt.dispatch.id.0))
            .bind(blob(receipt.dispatch.event.0))
            .bind(*way)
            .bind(receipt.attempts)
            .bind(receipt.at)
            .bind(receipt.reference.clone())
    })
    .await
}

/// The row of a dispatch's route and target.
pub(crate) async fn way(
    conn: &mut SqliteConnection,
    interned: &mut Interned,
    dispatch: &Dispatch,
) -> Result<i64> {
    if let Some(found) = interned.way(dispatch) {
        return Ok(found);
    }
    let row: (i64,) = sqlx::query_as(
        "INSERT INTO way (route, target) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET route = excluded.route RETURNING id",
    )
    .bind(&*dispatch.route)
    .bind(&*dispatch.target)
    .fetch_one(conn)
    .await?;
    interned.keep_way(dispatch, row.0);
    Ok(row.0)
}
