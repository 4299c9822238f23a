//! What went past a dispatch that was given up.

use postroom_event::DispatchId;

use super::trace::Routes;
use super::{Conn, Result, blob, from_json};
use crate::entry::Dispatch;

/// Later events of a subject looked at in one go.
const PAGE: i64 = 200;

/// A later event of the same source and subject: its row, id, source and routes.
type Later = (i64, String, String, String);

/// The id of the first later event of the same source and subject whose dispatch to the same target goes on or has gone.
pub(crate) async fn by(conn: &mut Conn, dispatch: &Dispatch) -> Result<Option<String>> {
    let mut after = 0;
    loop {
        let page = later(conn, dispatch, after).await?;
        let Some((last, ..)) = page.last() else { return Ok(None) };
        after = *last;
        for (_, event, source, routes) in page {
            for (route, target, _) in from_json::<Routes>(&routes)? {
                if *target == *dispatch.target && !is_given_up(conn, &source, &event, &route).await? {
                    return Ok(Some(event));
                }
            }
        }
    }
}

/// The last part of the table `event` has no index yet (`mark`).
async fn later(conn: &mut Conn, dispatch: &Dispatch, after: i64) -> Result<Vec<Later>> {
    let sql = "WITH own AS (
             SELECT event.id, source FROM event JOIN course ON course.id = event.course
             WHERE event.id IN (
                 SELECT event FROM event_key WHERE key = $1
                 UNION SELECT id FROM event WHERE id > (SELECT indexed_to FROM mark) AND key = $1)),
         later AS (
             SELECT event AS id FROM event_subject WHERE subject = $2 AND event > (SELECT max(id) FROM own)
             UNION SELECT id FROM event WHERE id > (SELECT indexed_to FROM mark) AND subject = $2
                 AND id > (SELECT max(id) FROM own))
         SELECT event.id, event_id, course.source, routes
         FROM later JOIN event ON event.id = later.id JOIN course ON course.id = event.course
         WHERE course.source IN (SELECT source FROM own) AND event.id > $3 ORDER BY event.id LIMIT $4";
    conn.query(sql).bind(blob(dispatch.event.0)).bind(&dispatch.subject).bind(after).bind(PAGE).all().await
}

async fn is_given_up(conn: &mut Conn, source: &str, event: &str, route: &str) -> Result<bool> {
    let row: Option<(i64,)> = conn
        .query("SELECT failed_at FROM dead WHERE dispatch = $1 AND state <> 'redriven'")
        .bind(blob(DispatchId::new(source, event, route).0))
        .optional()
        .await?;
    Ok(row.is_some())
}
