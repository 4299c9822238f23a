//! Attempts that failed.

use postroom_event::DispatchId;

use super::{Conn, FromRow, Result, Row, blob, clean, insert, known, small};
use crate::batch::batch_key;
use crate::hold::{Attempt, AttemptOutcome};

/// Notes attempts; one that is noted already stays as it is.
pub(crate) async fn add(conn: &mut Conn, dispatch: DispatchId, attempts: &[Attempt]) -> Result<()> {
    let table = (
        "INSERT INTO attempt (dispatch, started_at, number, took, outcome, words, detail)",
        7,
        "ON CONFLICT DO NOTHING",
    );
    insert(conn, table, attempts, |query, attempt| {
        query
            .bind(blob(dispatch.0))
            .bind(attempt.started_at)
            .bind(i64::from(attempt.number))
            .bind(attempt.took)
            .bind(attempt.outcome.as_stored())
            .bind(clean(&attempt.words))
            .bind(clean(&attempt.detail))
    })
    .await
}

impl FromRow for Attempt {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            number: small(row.get("number")?),
            started_at: row.get("started_at")?,
            took: row.get("took")?,
            outcome: known(AttemptOutcome::from_stored(&row.get::<String>("outcome")?))?,
            words: row.get("words")?,
            detail: row.get("detail")?,
        })
    }
}

/// The failed attempts at a dispatch, in their order.
pub(crate) async fn of(conn: &mut Conn, dispatch: DispatchId) -> Result<Vec<Attempt>> {
    conn.query(
        "SELECT number, started_at, took, outcome, words, detail FROM attempt WHERE dispatch = $1
         ORDER BY started_at, number",
    )
    .bind(blob(dispatch.0))
    .all()
    .await
}

/// How many attempts at a dispatch failed.
pub(crate) async fn count(conn: &mut Conn, dispatch: DispatchId) -> Result<u32> {
    let (count,): (i64,) =
        conn.query("SELECT count(*) FROM attempt WHERE dispatch = $1").bind(blob(dispatch.0)).one().await?;
    Ok(small(count))
}

/// The attempts at a batch become those of each of its dispatches.
pub(crate) async fn share(conn: &mut Conn, batch: &str) -> Result<()> {
    let key = batch_key(batch);
    conn.query(
        "INSERT INTO attempt (dispatch, started_at, number, took, outcome, words, detail)
         SELECT staged.dispatch, started_at, number, took, outcome, words, detail
         FROM staged CROSS JOIN attempt WHERE staged.batch = $1 AND attempt.dispatch = $2
         ON CONFLICT DO NOTHING",
    )
    .bind(batch)
    .bind(blob(key.0))
    .execute()
    .await?;
    conn.query("DELETE FROM attempt WHERE dispatch = $1").bind(blob(key.0)).execute().await.map(drop)
}
