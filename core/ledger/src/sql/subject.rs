//! Finding what is held of a subject: by the columns that name it, and by looking into bytes for its identifier.

use std::collections::BTreeSet;

use postroom_event::{DispatchId, claimed_subject};

use super::{
    Conn, FromRow, Result, Row, dead, from_json_bytes, held, id, invalid, job, kept, mention, outbox, sent,
    trace, xref,
};
use crate::erasure::unnamed;
use crate::job::{Job, JobFilter};
use crate::kept::InvalidShown;
use crate::outbox::Receipt;
use crate::sought::Sought;
use crate::subject::{StagedKept, SubjectHeld};
use crate::xref::XrefFilter;

/// Everything that is held of a subject.
pub(crate) async fn held_of(conn: &mut Conn, subject: &str) -> Result<SubjectHeld> {
    let sought = Sought::new(subject);
    let mut found = SubjectHeld { events: trace::about(conn, subject).await?, ..SubjectHeld::default() };
    for dispatch in letters(conn, subject).await? {
        found.dead.extend(dead::show(conn, dispatch).await?);
    }
    found.invalid = invalid_of(conn, &sought, Means::Claims).await?;
    let holds = dispatches(conn, "SELECT dispatch FROM held WHERE subject = $1", subject).await?;
    found.held = held::whole(conn, &holds).await?;
    found.staged = staged(conn, subject).await?;
    let of_it = XrefFilter { key: Some(subject.to_owned()), ..XrefFilter::default() };
    found.xrefs = xref::list(conn, &of_it, u32::MAX).await?;
    found.receipts = untold(conn, subject).await?;
    let ids = found.events.iter().map(|event| event.id.clone()).collect();
    found.jobs = jobs(conn, subject, &ids).await?;
    let legs = found.events.iter().flat_map(|event| &event.legs);
    let all: Vec<DispatchId> = legs.map(|leg| leg.id).chain(letters(conn, subject).await?).collect();
    found.sent = sent::of(conn, &all, i64::MIN).await?;
    found.mentions = mention::all(conn, &sought, &all).await?;
    Ok(found)
}

/// The dead letters of a subject, whatever was decided on them.
pub(super) async fn letters(conn: &mut Conn, subject: &str) -> Result<Vec<DispatchId>> {
    dispatches(conn, "SELECT dispatch FROM dead WHERE subject = $1 ORDER BY failed_at", subject).await
}

async fn dispatches(conn: &mut Conn, sql: &'static str, subject: &str) -> Result<Vec<DispatchId>> {
    let rows: Vec<(Vec<u8>,)> = conn.query(sql).bind(subject).all().await?;
    rows.iter().map(|row| id(&row.0).map(DispatchId)).collect()
}

/// How an invalid event is the matter of a subject.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// It claims the subject.
    Claims,
    /// It claims another one or none, and holds the identifier.
    Mentions,
}

/// The invalid events that claim a subject, or only mention it.
pub(super) async fn invalid_of(
    conn: &mut Conn,
    sought: &Sought<'_>,
    means: Means,
) -> Result<Vec<InvalidShown>> {
    let sql = format!(
        "SELECT id FROM invalid WHERE subject = $3 OR {} OR {} ORDER BY id",
        conn.holds("body", "$1"),
        conn.holds("headers", "$2")
    );
    let needle = sought.needle();
    let query = conn.query_said(&sql).bind(needle.as_bytes()).bind(needle).bind(sought.subject);
    let rows: Vec<(i64,)> = query.all().await?;
    let mut found = Vec::new();
    for (number,) in rows {
        let event = invalid::show(conn, number).await?;
        found.extend(event.filter(|event| meaning(event, sought) == Some(means)));
    }
    Ok(found)
}

/// How an invalid event that may be the matter of a subject is so.
fn meaning(event: &InvalidShown, sought: &Sought<'_>) -> Option<Means> {
    let body = event.body.bytes.as_deref();
    let decoded = event.summary.claims.subject.clone();
    let claimed = decoded
        .or_else(|| claimed_subject(event.content_type.as_deref(), &event.headers, body.unwrap_or_default()));
    if claimed.as_deref() == Some(sought.subject) {
        return Some(Means::Claims);
    }
    let says = |(_, value): &(String, String)| sought.is_in_text(value);
    let mentions = body.is_some_and(|bytes| sought.is_in(bytes)) || event.headers.iter().any(says);
    mentions.then_some(Means::Mentions)
}

async fn staged(conn: &mut Conn, subject: &str) -> Result<Vec<StagedKept>> {
    conn.query(
        "SELECT dispatch, route, staged.target, staged_at, batch, message, content_type, headers, body,
                'application/json' AS message_type
         FROM staged JOIN way ON way.id = staged.way WHERE subject = $1 ORDER BY position",
    )
    .bind(subject)
    .all()
    .await
}

impl FromRow for StagedKept {
    fn from_row(row: &Row) -> Result<Self> {
        let (event, message) = kept::of_row(row)?;
        Ok(Self {
            dispatch: DispatchId(row.id("dispatch")?),
            route: row.get("route")?,
            target: row.get("target")?,
            at: row.get("staged_at")?,
            batch: row.get("batch")?,
            message: message.map(|message| from_json_bytes(&message.bytes)).transpose()?.unwrap_or_default(),
            event,
        })
    }
}

/// What sources are still to be told of the events of a subject.
async fn untold(conn: &mut Conn, subject: &str) -> Result<Vec<Receipt>> {
    let all = outbox::tellable(conn, u32::MAX).await?;
    Ok(all.into_iter().filter(|receipt| receipt.subject == subject).collect())
}

/// The jobs that name a subject, or one of its events.
pub(super) async fn jobs(conn: &mut Conn, subject: &str, events: &BTreeSet<String>) -> Result<Vec<Job>> {
    let all = job::list(conn, &JobFilter::default(), u32::MAX).await?;
    let names = |job: &Job| {
        let tells = |value| unnamed(value, subject, events).is_some();
        tells(&job.params) || job.outcome.as_ref().is_some_and(tells)
    };
    Ok(all.into_iter().filter(names).collect())
}
