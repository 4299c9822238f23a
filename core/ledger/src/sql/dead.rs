//! Dead letters.

use postroom_event::{DispatchId, EventKey};

use super::dispatch::{unended, way};
use super::kept::{self, Before, Kept};
use super::work::dead_is_business;
use super::{Conn, FromRow, Result, Row, attempt, blob, clean, counted, decision, held, insert, json_bytes};
use crate::entry::{DeadLetter, Dispatch, Reason};
use crate::hold::{BlockedSubject, Message};
use crate::intern::Interned;
use crate::kept::{DeadFilter, DeadGroup, DeadRow, DeadShown};
use crate::work::{ByConcern, bars};

/// The media type of a message that was kept as a value.
const JSON: &str = "application/json";

/// Writes dead letters; those that are new.
pub(crate) async fn bury<'e>(
    conn: &mut Conn,
    interned: &mut Interned,
    letters: &[&'e DeadLetter],
) -> Result<Vec<&'e DeadLetter>> {
    let unended = unended(conn, letters, |letter| (letter.dispatch.id, letter.failed_at)).await?;
    let mut rows = Vec::with_capacity(unended.rows.len());
    let (mut sent, mut fresh) = (Vec::new(), Vec::new());
    for letter in &unended.rows {
        rows.push((*letter, way(conn, interned, &letter.dispatch).await?));
        let was_held = unended.held.iter().any(|(id, _)| *id == letter.dispatch.id);
        (if was_held { &mut sent } else { &mut fresh }).push(bytes(letter)?);
    }
    insert_rows(conn, &rows).await?;
    kept::keep(conn, &fresh, Before::GiveWay).await?;
    kept::keep(conn, &sent, Before::Stay).await?;
    if !unended.held.is_empty() {
        held::end(conn, &unended.held).await?;
    }
    Ok(unended.rows)
}

fn bytes(letter: &DeadLetter) -> Result<Kept<'_>> {
    let message = match &letter.message {
        Some(value) => Some(Message { bytes: json_bytes(value)?, content_type: Some(JSON.to_owned()) }),
        None => None,
    };
    Ok(Kept { dispatch: letter.dispatch.id, event: &letter.event, message })
}

async fn insert_rows(conn: &mut Conn, rows: &[(&DeadLetter, i64)]) -> Result<()> {
    let head = "INSERT INTO dead (dispatch, event, way, event_type, subject, code, words, detail, failed_at, attempts)";
    insert(conn, (head, 10, AGAIN), rows, |query, (letter, way)| {
        query
            .bind(blob(letter.dispatch.id.0))
            .bind(blob(letter.dispatch.event.0))
            .bind(*way)
            .bind(letter.dispatch.event_type.to_string())
            .bind(letter.dispatch.subject.clone())
            .bind(letter.reason.code.clone())
            .bind(clean(&letter.reason.words))
            .bind(clean(&letter.reason.detail))
            .bind(letter.failed_at)
            .bind(i64::from(letter.attempts))
    })
    .await
}

/// A dead letter that was redriven and failed again is open again.
pub(crate) const AGAIN: &str = "ON CONFLICT (dispatch) DO UPDATE SET event = excluded.event, way = excluded.way,
    event_type = excluded.event_type, subject = excluded.subject, code = excluded.code, words = excluded.words,
    detail = excluded.detail, failed_at = excluded.failed_at, attempts = excluded.attempts, state = 'open',
    blocks = NULL, job = NULL";

/// Later dispatches of its source and subject wait for this one, while it is open; of what is staged, those behind the
/// position `behind`.
pub(crate) async fn block(conn: &mut Conn, dispatch: DispatchId, source: &str, behind: i64) -> Result<()> {
    conn.query("UPDATE dead SET blocks = $2, behind = $3 WHERE dispatch = $1 AND state = 'open'")
        .bind(blob(dispatch.0))
        .bind(source)
        .bind(behind)
        .execute()
        .await?;
    Ok(())
}

/// The subjects that wait behind an open dead letter.
pub(crate) async fn blocked(conn: &mut Conn, target: &str) -> Result<Vec<BlockedSubject>> {
    let rows: Vec<(Vec<u8>, String, String)> = conn
        .query(
            "SELECT dispatch, blocks, subject FROM dead JOIN way ON way.id = dead.way
             WHERE target = $1 AND state = 'open' AND blocks IS NOT NULL ORDER BY failed_at",
        )
        .bind(target)
        .all()
        .await?;
    rows.into_iter()
        .map(|(dispatch, source, subject)| {
            Ok(BlockedSubject { dispatch: DispatchId(super::id(&dispatch)?), source, subject })
        })
        .collect()
}

const COLUMNS: &str = "SELECT dead.dispatch, event, route, target, event_type, subject, code, words, detail,
    failed_at, attempts, state, blocks, job";
const JOINED: &str = "FROM dead JOIN way ON way.id = dead.way";
const FILTER: &str =
    "WHERE ($1 IS NULL OR target = $1) AND ($2 IS NULL OR route = $2) AND ($3 IS NULL OR code = $3)
      AND ($4 IS NULL OR subject = $4) AND ($5 IS NULL OR failed_at >= $5) AND ($6 IS NULL OR failed_at < $6)
      AND ($7 IS NULL OR state = $7)
      AND ($8 IS NULL OR CASE WHEN {is_business} THEN 'business' ELSE 'technical' END = $8)";

impl FromRow for DeadRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            dispatch: DispatchId(row.id("dispatch")?),
            event: EventKey(row.id("event")?),
            route: row.get("route")?,
            target: row.get("target")?,
            event_type: row.get("event_type")?,
            subject: row.get("subject")?,
            code: row.get("code")?,
            words: row.get("words")?,
            failed_at: row.get("failed_at")?,
            attempts: row.get("attempts")?,
            state: row.get("state")?,
            blocks: row.get::<Option<String>>("blocks")?.is_some(),
            job: row.get("job")?,
        })
    }
}

/// Dead letters, newest first.
pub(crate) async fn list(conn: &mut Conn, asked: &DeadFilter, most: u32) -> Result<Vec<DeadRow>> {
    let sql = format!("{COLUMNS} {JOINED} {} ORDER BY failed_at DESC, dead.dispatch LIMIT $11", filter());
    filtered(conn.query_said(&sql), asked).bind(i64::from(most)).all().await
}

/// The ids of dead letters, in the order in which they were given up: those of one subject in their own order.
pub(crate) async fn in_order(conn: &mut Conn, asked: &DeadFilter, most: u32) -> Result<Vec<DispatchId>> {
    let sql = format!(
        "SELECT dead.dispatch {JOINED} LEFT JOIN kept ON kept.dispatch = dead.dispatch {}
         ORDER BY kept.id, failed_at LIMIT $11",
        filter()
    );
    let rows: Vec<(Vec<u8>,)> = filtered(conn.query_said(&sql), asked).bind(i64::from(most)).all().await?;
    rows.iter().map(|row| super::id(&row.0).map(DispatchId)).collect()
}

/// Dead letters by target and reason, the largest group first.
pub(crate) async fn groups(conn: &mut Conn, asked: &DeadFilter) -> Result<Vec<DeadGroup>> {
    let sql = format!(
        "SELECT target, code, count(*), min(failed_at), max(failed_at) {JOINED} {}
         GROUP BY target, code ORDER BY count(*) DESC, target, code",
        filter()
    );
    let rows: Vec<(String, String, i64, i64, i64)> = filtered(conn.query_said(&sql), asked).all().await?;
    let group = |(target, code, count, oldest, newest)| DeadGroup {
        target,
        code,
        count: counted(count),
        oldest,
        newest,
    };
    Ok(rows.into_iter().map(group).collect())
}

fn filter() -> String {
    FILTER.replace("{is_business}", &dead_is_business("$9", "$10"))
}

fn filtered<'c>(query: super::Query<'c>, filter: &DeadFilter) -> super::Query<'c> {
    let concern = filter.concern.as_ref();
    query
        .bind(&filter.target)
        .bind(&filter.route)
        .bind(&filter.code)
        .bind(&filter.subject)
        .bind(filter.from)
        .bind(filter.until)
        .bind(&filter.state)
        .bind(concern.map(ByConcern::word))
        .bind(concern.map(|by| bars(&by.business.dead)))
        .bind(concern.map(|by| bars(&by.business.told_as)))
}

/// The dispatches of a frozen set: those that `job` redrove or discarded, in the order of their failing.
pub(crate) async fn of_job(conn: &mut Conn, job: i64) -> Result<Vec<DispatchId>> {
    let rows: Vec<(Vec<u8>,)> =
        conn.query("SELECT dispatch FROM dead WHERE job = $1 ORDER BY failed_at").bind(job).all().await?;
    rows.iter().map(|row| super::id(&row.0).map(DispatchId)).collect()
}

/// One dead letter, whole.
pub(crate) async fn show(conn: &mut Conn, dispatch: DispatchId) -> Result<Option<DeadShown>> {
    let sql = format!(
        "{COLUMNS}, content_type, headers, body, message, message_type
         FROM dead JOIN way ON way.id = dead.way LEFT JOIN kept ON kept.dispatch = dead.dispatch
         WHERE dead.dispatch = $1"
    );
    let shown: Option<DeadShown> = conn.query_said(&sql).bind(blob(dispatch.0)).optional().await?;
    let Some(mut shown) = shown else { return Ok(None) };
    shown.attempts = attempt::of(conn, dispatch).await?;
    shown.notes = decision::notes_on_dead(conn, dispatch).await?;
    Ok(Some(shown))
}

impl FromRow for DeadShown {
    fn from_row(row: &Row) -> Result<Self> {
        let listed = DeadRow::from_row(row)?;
        let (event, message) = kept::of_row(row)?;
        let letter = DeadLetter {
            dispatch: Dispatch {
                id: listed.dispatch,
                event: listed.event,
                route: listed.route.into(),
                target: listed.target.into(),
                event_type: listed.event_type.into(),
                subject: listed.subject,
            },
            reason: Reason { code: listed.code, words: listed.words, detail: row.get("detail")? },
            failed_at: listed.failed_at,
            attempts: super::small(listed.attempts),
            event,
            message: message.as_ref().and_then(|message| serde_json::from_slice(&message.bytes).ok()),
        };
        Ok(Self {
            letter,
            state: listed.state,
            blocks: listed.blocks,
            sent: message,
            attempts: Vec::new(),
            notes: Vec::new(),
        })
    }
}
