//! Dead letters.

use postroom_event::{DispatchId, EventKey};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Row, SqliteConnection};

use super::dispatch::{unfinished, way};
use super::{Result, blob, counted, from_json, id, json};
use crate::entry::{DeadLetter, Dispatch, Reason, Whole};
use crate::intern::Interned;
use crate::kept::{DeadFilter, DeadRow, DeadShown};

/// Writes dead letters.
pub(crate) async fn bury(
    conn: &mut SqliteConnection,
    interned: &mut Interned,
    letters: &[&DeadLetter],
) -> Result<()> {
    for letter in unfinished(conn, letters, |letter| &letter.dispatch).await? {
        let way = way(conn, interned, &letter.dispatch).await?;
        insert(conn, letter, way).await?;
    }
    Ok(())
}

async fn insert(conn: &mut SqliteConnection, letter: &DeadLetter, way: i64) -> Result<()> {
    sqlx::query(
        "INSERT OR REPLACE INTO dead (dispatch, event, way, event_type, subject, code, words, detail, failed_at,
                                      attempts, content_type, headers, body, message)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(blob(letter.dispatch.id.0))
    .bind(blob(letter.dispatch.event.0))
    .bind(way)
    .bind(&*letter.dispatch.event_type)
    .bind(&letter.dispatch.subject)
    .bind(&letter.reason.code)
    .bind(&letter.reason.words)
    .bind(&letter.reason.detail)
    .bind(letter.failed_at)
    .bind(letter.attempts)
    .bind(&letter.event.content_type)
    .bind(json(&letter.event.headers)?)
    .bind(&letter.event.body)
    .bind(letter.message.as_ref().map(json).transpose()?)
    .execute(conn)
    .await?;
    Ok(())
}

const COLUMNS: &str =
    "SELECT dispatch, event, route, target, event_type, subject, code, words, detail, failed_at,
                       attempts, state";

impl FromRow<'_, SqliteRow> for DeadRow {
    fn from_row(row: &SqliteRow) -> Result<Self> {
        Ok(Self {
            dispatch: DispatchId(id(row.try_get("dispatch")?)?),
            event: EventKey(id(row.try_get("event")?)?),
            route: row.try_get("route")?,
            target: row.try_get("target")?,
            event_type: row.try_get("event_type")?,
            subject: row.try_get("subject")?,
            code: row.try_get("code")?,
            words: row.try_get("words")?,
            failed_at: row.try_get("failed_at")?,
            attempts: row.try_get("attempts")?,
            state: row.try_get("state")?,
        })
    }
}

/// Dead letters, newest first.
pub(crate) async fn list(
    conn: &mut SqliteConnection,
    filter: &DeadFilter,
    most: u32,
) -> Result<Vec<DeadRow>> {
    let sql = format!(
        "{COLUMNS} FROM dead JOIN way ON way.id = dead.way
         WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR route = ?2) AND (?3 IS NULL OR code = ?3)
           AND (?4 IS NULL OR state = ?4)
         ORDER BY failed_at DESC, dispatch LIMIT ?5"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(&filter.target)
        .bind(&filter.route)
        .bind(&filter.code)
        .bind(&filter.state)
        .bind(most)
        .fetch_all(conn)
        .await
}

/// One dead letter, whole.
pub(crate) async fn show(conn: &mut SqliteConnection, dispatch: DispatchId) -> Result<Option<DeadShown>> {
    let sql = format!(
        "{COLUMNS}, content_type, headers, body, message FROM dead JOIN way ON way.id = dead.way
         WHERE dispatch = ?"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(blob(dispatch.0)).fetch_optional(conn).await?;
    row.map(|row| whole(&row)).transpose()
}

fn whole(row: &SqliteRow) -> Result<DeadShown> {
    let DeadRow {
        dispatch,
        event,
        route,
        target,
        event_type,
        subject,
        code,
        words,
        failed_at,
        attempts,
        state,
    } = DeadRow::from_row(row)?;
    let message: Option<String> = row.try_get("message")?;
    let letter = DeadLetter {
        dispatch: Dispatch {
            id: dispatch,
            event,
            route: route.into(),
            target: target.into(),
            event_type: event_type.into(),
            subject,
        },
        reason: Reason { code, words, detail: row.try_get("detail")? },
        failed_at,
        attempts: u32::try_from(counted(attempts)).unwrap_or(u32::MAX),
        event: Whole {
            content_type: row.try_get("content_type")?,
            headers: from_json(row.try_get("headers")?)?,
            body: row.try_get("body")?,
        },
        message: message.as_deref().map(from_json).transpose()?,
    };
    Ok(DeadShown { letter, state })
}
