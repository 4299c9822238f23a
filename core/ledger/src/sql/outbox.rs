//! The outbox of receipts. At the writing of an outcome its event's row may not be there yet, so the reading finds it.

use std::collections::HashSet;

use postroom_event::{DispatchId, EventKey};

use super::{Conn, FromRow, Result, Row, blob, clean_some, insert, known};
use crate::entry::{Dispatch, EventOutcome, Fate, InvalidEvent};
use crate::outbox::{Outcome, Receipt};

/// One outcome.
pub(crate) struct Line {
    event: EventKey,
    dispatch: Option<DispatchId>,
    outcome: Outcome,
    route: Option<String>,
    target: Option<String>,
    reference: Option<String>,
    code: Option<String>,
    at: i64,
}

impl Line {
    /// An outcome of a dispatch.
    pub(crate) fn of(outcome: Outcome, dispatch: &Dispatch, at: i64) -> Self {
        Self {
            event: dispatch.event,
            dispatch: Some(dispatch.id),
            outcome,
            route: Some(dispatch.route.to_string()),
            target: Some(dispatch.target.to_string()),
            reference: None,
            code: None,
            at,
        }
    }

    pub(crate) fn reference(self, reference: Option<&String>) -> Self {
        Self { reference: clean_some(reference), ..self }
    }

    pub(crate) fn code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    /// An outcome of an event.
    pub(crate) fn event(outcome: Outcome, event: EventKey, at: i64) -> Self {
        let (route, target, reference, code) = (None, None, None, None);
        Self { event, dispatch: None, outcome, route, target, reference, code, at }
    }

    /// What the deciding of an event came to at once: no route, or the queues that have it.
    pub(crate) fn decided(event: &EventOutcome) -> Vec<Self> {
        if event.dispatches.is_empty() {
            return vec![Self::event(Outcome::NoRoute, event.key, event.received_at)];
        }
        let queued = event.dispatches.iter().filter(|handed| matches!(handed.fate, Fate::Queued));
        queued
            .map(|handed| Self {
                dispatch: Some(DispatchId::new(&event.source, &event.id, &handed.route)),
                route: Some(handed.route.to_string()),
                target: Some(handed.target.to_string()),
                ..Self::event(Outcome::Delivered, event.key, event.received_at)
            })
            .collect()
    }
}

/// Appends outcomes.
pub(crate) async fn append(conn: &mut Conn, lines: &[Line]) -> Result<()> {
    let head = "INSERT INTO outbox (event, dispatch, outcome, route, target, reference, code, at)";
    insert(conn, (head, 8, ""), lines, |query, line| {
        query
            .bind(blob(line.event.0))
            .bind(line.dispatch.map(|id| blob(id.0)))
            .bind(line.outcome.as_stored())
            .bind(line.route.clone())
            .bind(line.target.clone())
            .bind(line.reference.clone())
            .bind(line.code.clone())
            .bind(line.at)
    })
    .await
}

/// Appends that an event could not be understood.
pub(crate) async fn invalid(conn: &mut Conn, event: &InvalidEvent) -> Result<()> {
    conn.query(
        "INSERT INTO outbox (outcome, system, source, event_id, event_type, subject, code, at)
         VALUES ('invalid', $1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&event.system)
    .bind(clean_some(event.claims.source.as_ref()))
    .bind(clean_some(event.claims.id.as_ref()))
    .bind(clean_some(event.claims.event_type.as_ref()))
    .bind(clean_some(event.claims.subject.as_ref()))
    .bind(&event.code)
    .bind(event.received_at)
    .execute()
    .await?;
    Ok(())
}

/// Appends that dead letters were discarded.
pub(crate) async fn discarded(conn: &mut Conn, dispatches: &[DispatchId], at: i64) -> Result<()> {
    conn.query_ids(
        "INSERT INTO outbox (event, dispatch, outcome, route, target, code, at)
         SELECT event, dispatch, 'discarded', route, target, code, $2 FROM dead JOIN way ON way.id = dead.way
         WHERE dispatch {among}",
        dispatches.iter().map(|id| id.0),
    )
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Appends what a batch came to, for each dispatch that is still staged in it.
pub(crate) async fn batch(
    conn: &mut Conn,
    (batch, outcome): (&str, Outcome),
    (reference, code): (Option<&str>, Option<&str>),
    at: i64,
) -> Result<()> {
    conn.query(
        "INSERT INTO outbox (event, dispatch, outcome, route, target, reference, code, at)
         SELECT event, dispatch, $2, route, way.target, $3, $4, $5 FROM staged JOIN way ON way.id = staged.way
         WHERE batch = $1 ORDER BY position",
    )
    .bind(batch)
    .bind(outcome.as_stored())
    .bind(reference)
    .bind(code)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

impl FromRow for Receipt {
    fn from_row(row: &Row) -> Result<Self> {
        let id = |name| -> Result<Option<uuid::Uuid>> {
            row.get::<Option<Vec<u8>>>(name)?.map(|bytes| super::id(&bytes)).transpose()
        };
        let text = |name| -> Result<String> { Ok(row.get::<Option<String>>(name)?.unwrap_or_default()) };
        Ok(Self {
            position: row.get("position")?,
            system: text("system")?,
            event: id("event")?.map(EventKey),
            source: text("source")?,
            id: text("event_id")?,
            event_type: text("event_type")?,
            subject: text("subject")?,
            outcome: known(Outcome::from_stored(&row.get::<String>("outcome")?))?,
            dispatch: id("dispatch")?.map(DispatchId),
            route: row.get("route")?,
            target: row.get("target")?,
            reference: row.get("reference")?,
            code: row.get("code")?,
            at: row.get("at")?,
        })
    }
}

/// The oldest lines of the outbox that can be told, at most `most`; those of systems that want none are dropped.
pub(crate) async fn oldest(conn: &mut Conn, wanting: &HashSet<String>, most: u32) -> Result<Vec<Receipt>> {
    let found = tellable(conn, most).await?;
    let (wanted, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|receipt| wanting.contains(&receipt.system));
    let others: Vec<i64> = others.iter().map(|receipt| receipt.position).collect();
    sent(conn, &others).await?;
    Ok(wanted)
}

/// The oldest lines of the outbox that can be told, at most `most`.
pub(super) async fn tellable(conn: &mut Conn, most: u32) -> Result<Vec<Receipt>> {
    conn.query(
            "WITH line AS MATERIALIZED (SELECT * FROM outbox ORDER BY position LIMIT $1),
             tail AS (SELECT id, key FROM event WHERE id > (SELECT indexed_to FROM mark)),
             found AS MATERIALIZED (
                 SELECT line.event AS key, event_key.event AS id FROM line JOIN event_key ON event_key.key = line.event
                 UNION SELECT tail.key, tail.id FROM tail WHERE tail.key IN (SELECT event FROM line))
             SELECT line.position, coalesce(line.system, course.system) AS system, line.event,
                    coalesce(line.source, course.source) AS source, coalesce(line.event_id, event.event_id) AS event_id,
                    coalesce(line.event_type, course.event_type) AS event_type,
                    coalesce(line.subject, event.subject) AS subject, line.outcome, line.dispatch, line.route,
                    line.target, line.reference, line.code, line.at
             FROM line LEFT JOIN found ON found.key = line.event LEFT JOIN event ON event.id = found.id
             LEFT JOIN course ON course.id = event.course
             WHERE line.event IS NULL OR event.id IS NOT NULL
             ORDER BY line.position",
        )
        .bind(i64::from(most))
        .all()
        .await
}

/// Removes lines that were published, or need not be.
pub(crate) async fn sent(conn: &mut Conn, positions: &[i64]) -> Result<()> {
    for position in positions {
        conn.query("DELETE FROM outbox WHERE position = $1").bind(*position).execute().await?;
    }
    Ok(())
}
