//! Attempts that failed.

use postroom_event::DispatchId;

use super::{Conn, FromRow, Result, Row, blob, clean, insert, known, small};
use crate::hold::{Attempt, AttemptOutcome};

/// Notes attempts; one that is noted already stays as it is.
pub(crate) async fn add(conn: &mut Conn, dispatch: DispatchId, attempts: &[Attempt]) -> Result<()> {
    let table = (
        "INSERT INTO attempt (dispatch, started_at, number, took, outcome, words)",
        6,
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
        })
    }
}

/// The failed attempts at a dispatch, in their order.
pub(crate) async fn of(conn: &mut Conn, dispatch: DispatchId) -> Result<Vec<Attempt>> {
    conn.query(
        "SELECT number, started_at, took, outcome, words FROM attempt WHERE dispatch = $1
         ORDER BY started_at, number",
    )
    .bind(blob(dispatch.0))
    .all()
    .await
}
