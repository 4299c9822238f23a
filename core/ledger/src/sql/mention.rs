//! What is about something else, or about nobody knows what, and holds the identifier of a subject.

use postroom_event::DispatchId;
use serde_json::Value;

use super::subject::{self, Means};
use super::{Conn, Result, from_json_bytes, id, xref};
use crate::kept::InvalidShown;
use crate::sought::Sought;
use crate::subject::{Mention, MentionedIn};
use crate::xref::XrefFilter;

/// Everything that mentions a subject, or one of its `dispatches`.
pub(crate) async fn all(
    conn: &mut Conn,
    sought: &Sought<'_>,
    dispatches: &[DispatchId],
) -> Result<Vec<Mention>> {
    let mut found = told(conn, sought).await?;
    found.extend(records(conn, sought).await?);
    found.extend(xrefs(conn, sought).await?);
    for id in dispatches {
        let of_it = told(conn, &Sought::dispatch(sought.subject, &id.to_string())).await?;
        let new = of_it.into_iter().filter(|one| !found.iter().any(|known| known.place == one.place));
        found.extend(new.collect::<Vec<_>>());
    }
    Ok(found)
}

/// What is kept of events and messages that mention it.
async fn told(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let mut found = letters(conn, sought).await?;
    found.extend(holds(conn, sought).await?);
    found.extend(staged(conn, sought).await?);
    found.extend(events(conn, sought).await?);
    Ok(found)
}

/// Dispatch, target, state, body, message.
type Whole = (Vec<u8>, String, String, Option<Vec<u8>>, Option<Vec<u8>>);

/// Those whose event or message means the subject, as `place` makes of them; they are open as `is_open` says.
fn meant(
    rows: Vec<Whole>,
    sought: &Sought<'_>,
    place: fn(DispatchId) -> MentionedIn,
    is_open: fn(&str) -> bool,
) -> Result<Vec<Mention>> {
    let means = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| sought.is_in(bytes));
    let meant = rows.into_iter().filter(|(.., body, message)| means(body) || means(message));
    meant
        .map(|(dispatch, system, state, ..)| {
            let is_open = is_open(&state);
            Ok(Mention { place: place(DispatchId(id(&dispatch)?)), system, is_open })
        })
        .collect()
}

async fn letters(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let sql = format!(
        "SELECT dead.dispatch, target,
                CASE WHEN EXISTS (SELECT 1 FROM held WHERE held.dispatch = dead.dispatch) THEN 'held' ELSE state END,
                body, message FROM dead JOIN way ON way.id = dead.way
         JOIN kept ON kept.dispatch = dead.dispatch WHERE subject <> $2 AND ({} OR {}) ORDER BY failed_at",
        conn.holds("body", "$1"),
        conn.holds("message", "$1")
    );
    let rows = asked(conn, &sql, sought).await?;
    meant(rows, sought, |id| MentionedIn::DeadLetter { id }, |state| matches!(state, "open" | "held"))
}

async fn holds(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let sql = format!(
        "SELECT held.dispatch, target, code, body, message FROM held JOIN kept ON kept.dispatch = held.dispatch
         WHERE subject <> $2 AND ({} OR {}) ORDER BY position",
        conn.holds("body", "$1"),
        conn.holds("message", "$1")
    );
    meant(asked(conn, &sql, sought).await?, sought, |id| MentionedIn::Hold { id }, |_| true)
}

async fn staged(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let sql = format!(
        "SELECT dispatch, target, '', body, message FROM staged
         WHERE subject <> $2 AND ({} OR {}) ORDER BY position",
        conn.holds("body", "$1"),
        conn.holds("message", "$1")
    );
    meant(asked(conn, &sql, sought).await?, sought, |id| MentionedIn::Staged { id }, |_| true)
}

async fn asked(conn: &mut Conn, sql: &str, sought: &Sought<'_>) -> Result<Vec<Whole>> {
    conn.query_said(sql).bind(sought.needle().as_bytes()).bind(sought.subject).all().await
}

/// Invalid events that claim another subject, or none.
async fn events(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let found = subject::invalid_of(conn, sought, Means::Mentions).await?;
    let mention = |event: InvalidShown| Mention {
        place: MentionedIn::InvalidEvent { id: event.summary.id },
        is_open: event.summary.state == "open",
        system: event.summary.system,
    };
    Ok(found.into_iter().map(mention).collect())
}

/// What is kept of records, and what snapshots in hand have of them, by one of their values.
async fn records(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let sql = format!(
        "SELECT record.id, system, stage, kept.content FROM snapshot_kept AS kept
         JOIN snapshot_key AS record ON record.id = kept.key JOIN snapshot ON snapshot.id = record.snapshot WHERE {}
         UNION ALL
         SELECT record.id, system, stage, pending.content FROM snapshot_pending AS pending
         JOIN snapshot_key AS record ON record.snapshot = pending.snapshot AND record.key = pending.key
         JOIN snapshot ON snapshot.id = pending.snapshot WHERE {}",
        conn.holds("kept.content", "$1"),
        conn.holds("pending.content", "$1")
    );
    let rows: Vec<(i64, String, String, Vec<u8>)> =
        conn.query_said(&sql).bind(sought.needle().as_bytes()).all().await?;
    let mut found = Vec::new();
    for (id, system, stage, content) in rows {
        let content: Value = from_json_bytes(&content)?;
        if sought.is_in_json(&content) {
            let is_open = matches!(stage.as_str(), "comparing" | "publishing");
            found.push(Mention { place: MentionedIn::Record { id, content }, system, is_open });
        }
    }
    Ok(found)
}

/// Cross-references of other things whose id is the identifier, or whose key is without more around it.
async fn xrefs(conn: &mut Conn, sought: &Sought<'_>) -> Result<Vec<Mention>> {
    let named = || Some(sought.needle().to_owned());
    let mut rows = xref::list(conn, &XrefFilter { id: named(), ..XrefFilter::default() }, u32::MAX).await?;
    let by_key = xref::list(conn, &XrefFilter { key: named(), ..XrefFilter::default() }, u32::MAX).await?;
    rows.extend(by_key.into_iter().filter(|row| row.id != sought.needle()));
    let others = rows.into_iter().filter(|row| row.of.key != sought.subject);
    let mention = |row: crate::xref::Xref| Mention {
        place: MentionedIn::CrossReference { kind: row.of.kind, key: row.of.key },
        system: row.of.system,
        is_open: false,
    };
    Ok(others.map(mention).collect())
}
