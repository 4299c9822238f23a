//! The bytes of what is dead or held.

use postroom_event::DispatchId;

use super::{Conn, Result, Row, blob, clean_some, from_json, insert, json};
use crate::entry::Whole;
use crate::hold::Message;

/// What is kept of one dispatch.
pub(crate) struct Kept<'e> {
    pub(crate) dispatch: DispatchId,
    pub(crate) event: &'e Whole,
    pub(crate) message: Option<Message>,
}

/// What happens to bytes that are kept already.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Before {
    /// They give way.
    GiveWay,
    /// They stay: what was held was sent in these very bytes.
    Stay,
}

/// Keeps bytes.
pub(crate) async fn keep(conn: &mut Conn, rows: &[Kept<'_>], before: Before) -> Result<()> {
    let rows = rows.iter().map(|row| Ok((row, json(&row.event.headers)?))).collect::<Result<Vec<_>>>()?;
    let head = "INSERT INTO kept (dispatch, content_type, headers, body, message, message_type)";
    let end = match before {
        Before::GiveWay => {
            "ON CONFLICT (dispatch) DO UPDATE SET content_type = excluded.content_type, headers = excluded.headers,
             body = excluded.body, message = excluded.message, message_type = excluded.message_type"
        }
        Before::Stay => "ON CONFLICT (dispatch) DO NOTHING",
    };
    insert(conn, (head, 6, end), &rows, |query, (row, headers)| {
        query
            .bind(blob(row.dispatch.0))
            .bind(clean_some(row.event.content_type.as_ref()))
            .bind(headers.clone())
            .bind(row.event.body.clone())
            .bind(row.message.as_ref().map(|message| message.bytes.clone()))
            .bind(row.message.as_ref().and_then(|message| clean_some(message.content_type.as_ref())))
    })
    .await
}

/// Forgets the bytes of dispatches.
pub(crate) async fn forget(conn: &mut Conn, dispatches: &[DispatchId]) -> Result<()> {
    let ids = dispatches.iter().map(|id| id.0);
    conn.query_ids("DELETE FROM kept WHERE dispatch {among}", ids).execute().await?;
    Ok(())
}

/// The event and the message of a row that is joined with `kept`; an event whose bytes have expired is empty.
pub(crate) fn of_row(row: &Row) -> Result<(Whole, Option<Message>)> {
    let headers: Option<String> = row.get("headers")?;
    let body: Option<Vec<u8>> = row.get("body")?;
    let event = Whole {
        content_type: row.get("content_type")?,
        headers: headers.as_deref().map(from_json).transpose()?.unwrap_or_default(),
        body: body.unwrap_or_default(),
    };
    let message: Option<Vec<u8>> = row.get("message")?;
    let content_type: Option<String> = row.get("message_type")?;
    Ok((event, message.map(|bytes| Message { bytes, content_type })))
}
