//! What people decide on dead letters and invalid events, and the notes of it.

use std::collections::HashSet;

use postroom_event::DispatchId;

use super::work_outbox::Fact;
use super::{Conn, FromRow, Result, Row, blob, clean, id, insert, known, outbox, unreceived, work_outbox};
use crate::entry::Broken;
use crate::kept::{Action, Decision, Note};
use crate::outbox::Tell;
use crate::work::Happened;

/// Decides on those of `dispatches` that are open dead letters; they are returned in the order given.
pub(crate) async fn on_dead(
    conn: &mut Conn,
    dispatches: &[DispatchId],
    (action, decision): (Action, &Decision),
    tell: &Tell,
) -> Result<Vec<DispatchId>> {
    let sql = "UPDATE dead SET state = $2, job = $3
               WHERE state = 'open' AND dispatch {among} RETURNING dispatch";
    let rows: Vec<(Vec<u8>,)> = conn
        .query_ids(sql, dispatches.iter().map(|id| id.0))
        .bind(action.as_stored())
        .bind(decision.job)
        .all()
        .await?;
    let changed = rows.iter().map(|row| id(&row.0).map(DispatchId)).collect::<Result<HashSet<_>>>()?;
    let changed: Vec<_> = dispatches.iter().filter(|id| changed.contains(*id)).copied().collect();
    let table = ("INSERT INTO note (dispatch, action, actor, reason, job, at)", 6, "");
    insert(conn, table, &changed, |query, dispatch| noted(query.bind(blob(dispatch.0)), action, decision))
        .await?;
    match action {
        Action::Discarded if tell.receipts => outbox::discarded(conn, &changed, decision.at).await?,
        Action::Discarded => {}
        Action::Redriven => unreceived::unsettle(conn).await?,
    }
    work_outbox::dead(conn, changed.iter().copied(), settled(action, decision), tell).await?;
    Ok(changed)
}

/// Decides on those of `numbers` that are open invalid events; they are returned in the order given.
pub(crate) async fn on_invalid(
    conn: &mut Conn,
    numbers: &[i64],
    (action, decision): (Action, &Decision),
    tell: &Tell,
) -> Result<Vec<i64>> {
    let mut changed = Vec::new();
    for number in numbers {
        let done = conn
            .query("UPDATE invalid SET state = $2 WHERE id = $1 AND state = 'open'")
            .bind(*number)
            .bind(action.as_stored())
            .execute()
            .await?;
        if done > 0 {
            changed.push(*number);
            work_outbox::invalid(conn, *number, settled(action, decision), tell).await?;
        }
    }
    note_invalid(conn, &changed, (action, decision)).await?;
    Ok(changed)
}

/// Notes that an open invalid event was decided again in vain, and which rule it breaks now.
pub(crate) async fn still_invalid(
    conn: &mut Conn,
    number: i64,
    (broken, decision): (&Broken, &Decision),
    tell: &Tell,
) -> Result<()> {
    let was: Option<(String,)> = conn
        .query("SELECT code FROM invalid WHERE id = $1 AND state = 'open'")
        .bind(number)
        .optional()
        .await?;
    let is_item = |code: &str| tell.work.as_ref().is_some_and(|business| business.is_event(code));
    if !is_item(&broken.code) {
        work_outbox::invalid(conn, number, settled(Action::Redriven, decision), tell).await?;
    }
    let done = conn
        .query("UPDATE invalid SET code = $2, place = $3, words = $4 WHERE id = $1 AND state = 'open'")
        .bind(number)
        .bind(&broken.code)
        .bind(clean(&broken.place))
        .bind(clean(&broken.words))
        .execute()
        .await?;
    if was.is_some_and(|(code,)| !is_item(&code)) {
        work_outbox::invalid(conn, number, Fact(Happened::Raised, Some(decision.at)), tell).await?;
    }
    let changed: Vec<_> = (done > 0).then_some(number).into_iter().collect();
    note_invalid(conn, &changed, (Action::Redriven, decision)).await
}

/// That a decision settles an item of the work list.
fn settled(action: Action, decision: &Decision) -> Fact {
    let happened = match action {
        Action::Discarded => Happened::Discarded,
        Action::Redriven => Happened::Redriven,
    };
    Fact(happened, Some(decision.at))
}

async fn note_invalid(
    conn: &mut Conn,
    numbers: &[i64],
    (action, decision): (Action, &Decision),
) -> Result<()> {
    let table = ("INSERT INTO note (invalid, action, actor, reason, job, at)", 6, "");
    insert(conn, table, numbers, |query, number| noted(query.bind(*number), action, decision)).await
}

fn noted<'c>(query: super::Query<'c>, action: Action, decision: &Decision) -> super::Query<'c> {
    query
        .bind(action.as_stored())
        .bind(decision.actor.clone())
        .bind(decision.reason.clone())
        .bind(decision.job)
        .bind(decision.at)
}

impl FromRow for Note {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            action: known(Action::from_stored(&row.get::<String>("action")?))?,
            actor: row.get("actor")?,
            reason: row.get("reason")?,
            job: row.get("job")?,
            at: row.get("at")?,
        })
    }
}

/// The notes on a dead letter, in order of time.
pub(crate) async fn notes_on_dead(conn: &mut Conn, dispatch: DispatchId) -> Result<Vec<Note>> {
    conn.query("SELECT action, actor, reason, job, at FROM note WHERE dispatch = $1 ORDER BY id")
        .bind(blob(dispatch.0))
        .all()
        .await
}

/// The notes on an import whose refused records were looked at, in order of time.
pub(crate) async fn notes_on_import(conn: &mut Conn, number: i64) -> Result<Vec<Note>> {
    conn.query("SELECT action, actor, reason, job, at FROM note WHERE import = $1 ORDER BY id")
        .bind(number)
        .all()
        .await
}

/// The notes on an invalid event, in order of time.
pub(crate) async fn notes_on_invalid(conn: &mut Conn, number: i64) -> Result<Vec<Note>> {
    conn.query("SELECT action, actor, reason, job, at FROM note WHERE invalid = $1 ORDER BY id")
        .bind(number)
        .all()
        .await
}
