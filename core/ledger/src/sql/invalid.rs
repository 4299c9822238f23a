//! Events that could not be understood.

use sha2::{Digest, Sha256};

use super::work::invalid_is_business;
use super::work_outbox::Fact;
use super::{
    Conn, FromRow, Result, Row, clean, clean_some, counted, decision, event, from_json, json, outbox, stored,
    work_outbox,
};
use crate::entry::{Body, Claims, InvalidEvent};
use crate::kept::{InvalidFilter, InvalidGroup, InvalidRow, InvalidShown};
use crate::outbox::Tell;
use crate::work::{ByConcern, bars};

/// Lists an invalid event; the same bytes while listed already count as a duplicate.
pub(crate) async fn add(conn: &mut Conn, invalid: &InvalidEvent, tell: &Tell) -> Result<()> {
    let added: Option<(i64,)> = conn.query(
        "INSERT INTO invalid (system, received_at, code, place, words, content_type, headers, body, body_sha256,
                              body_size, event_id, source, event_type, subject, fingerprint)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING
         RETURNING id",
    )
    .bind(&invalid.system)
    .bind(invalid.received_at)
    .bind(&invalid.code)
    .bind(clean(&invalid.place))
    .bind(clean(&invalid.words))
    .bind(clean_some(invalid.content_type.as_ref()))
    .bind(json(&invalid.headers)?)
    .bind(&invalid.body.bytes)
    .bind(invalid.body.sha256.as_slice())
    .bind(stored(invalid.body.size))
    .bind(clean_some(invalid.claims.id.as_ref()))
    .bind(clean_some(invalid.claims.source.as_ref()))
    .bind(clean_some(invalid.claims.event_type.as_ref()))
    .bind(clean_some(invalid.claims.subject.as_ref()))
    .bind(fingerprint(invalid)?)
    .optional()
    .await?;
    let Some((number,)) = added else { return event::tally(conn, &invalid.system, 1).await };
    if tell.receipts {
        outbox::invalid(conn, invalid).await?;
    }
    work_outbox::invalid(conn, number, Fact::RAISED, tell).await
}

/// What makes it the same event again: system, rule, content type, headers (but for the broker's own) and body.
fn fingerprint(invalid: &InvalidEvent) -> Result<Vec<u8>> {
    let mut headers: Vec<_> = invalid.headers.iter().filter(|(name, _)| name != "x-delivery-count").collect();
    headers.sort();
    let what = (&invalid.system, &invalid.code, &invalid.content_type, headers, invalid.body.sha256);
    Ok(Sha256::digest(json(&what)?).to_vec())
}

const COLUMNS: &str =
    "SELECT id, system, received_at, code, place, words, event_id, source, event_type, subject,
                       body_size, state";

impl FromRow for InvalidRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            system: row.get("system")?,
            received_at: row.get("received_at")?,
            code: row.get("code")?,
            place: row.get("place")?,
            words: row.get("words")?,
            claims: Claims {
                id: row.get("event_id")?,
                source: row.get("source")?,
                event_type: row.get("event_type")?,
                subject: row.get("subject")?,
            },
            body_size: row.count("body_size")?,
            state: row.get("state")?,
        })
    }
}

const FILTER: &str = "FROM invalid
    WHERE ($1 IS NULL OR system = $1) AND ($2 IS NULL OR code = $2) AND ($3 IS NULL OR subject = $3)
      AND ($4 IS NULL OR received_at >= $4) AND ($5 IS NULL OR received_at < $5) AND ($6 IS NULL OR state = $6)
      AND ($7 IS NULL OR CASE WHEN {is_business} THEN 'business' ELSE 'technical' END = $7)";

fn filter() -> String {
    FILTER.replace("{is_business}", &invalid_is_business("$8", "$9"))
}

fn filtered<'c>(query: super::Query<'c>, filter: &InvalidFilter) -> super::Query<'c> {
    let concern = filter.concern.as_ref();
    query
        .bind(&filter.system)
        .bind(&filter.code)
        .bind(&filter.subject)
        .bind(filter.from)
        .bind(filter.until)
        .bind(&filter.state)
        .bind(concern.map(ByConcern::word))
        .bind(concern.map(|by| bars(&by.business.invalid)))
        .bind(concern.map(|by| by.business.teller.clone()))
}

/// Invalid events, newest first, at most `most`.
pub(crate) async fn list(conn: &mut Conn, asked: &InvalidFilter, most: u32) -> Result<Vec<InvalidRow>> {
    let sql = format!("{COLUMNS} {} ORDER BY id DESC LIMIT $10", filter());
    filtered(conn.query_said(&sql), asked).bind(i64::from(most)).all().await
}

/// The numbers of invalid events, oldest first, at most `most`.
pub(crate) async fn in_order(conn: &mut Conn, asked: &InvalidFilter, most: u32) -> Result<Vec<i64>> {
    let sql = format!("SELECT id {} ORDER BY id LIMIT $10", filter());
    let rows: Vec<(i64,)> = filtered(conn.query_said(&sql), asked).bind(i64::from(most)).all().await?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// Invalid events by system and rule, the largest group first.
pub(crate) async fn groups(conn: &mut Conn, asked: &InvalidFilter) -> Result<Vec<InvalidGroup>> {
    let sql = format!(
        "SELECT system, code, count(*), min(received_at), max(received_at) {}
         GROUP BY system, code ORDER BY count(*) DESC, system, code",
        filter()
    );
    let rows: Vec<(String, String, i64, i64, i64)> = filtered(conn.query_said(&sql), asked).all().await?;
    let group = |(system, code, count, oldest, newest)| InvalidGroup {
        system,
        code,
        count: counted(count),
        oldest,
        newest,
    };
    Ok(rows.into_iter().map(group).collect())
}

/// Invalid events that claim the id or the subject `text`.
pub(crate) async fn named(conn: &mut Conn, text: &str, most: u32) -> Result<Vec<InvalidRow>> {
    let sql = format!("{COLUMNS} FROM invalid WHERE event_id = $1 OR subject = $1 ORDER BY id LIMIT $2");
    conn.query_said(&sql).bind(text).bind(i64::from(most)).all().await
}

/// One invalid event, whole.
pub(crate) async fn show(conn: &mut Conn, id: i64) -> Result<Option<InvalidShown>> {
    let sql = format!("{COLUMNS}, content_type, headers, body, body_sha256 FROM invalid WHERE id = $1");
    let shown: Option<InvalidShown> = conn.query_said(&sql).bind(id).optional().await?;
    let Some(mut shown) = shown else { return Ok(None) };
    shown.notes = decision::notes_on_invalid(conn, id).await?;
    Ok(Some(shown))
}

impl FromRow for InvalidShown {
    fn from_row(row: &Row) -> Result<Self> {
        let sha256: Vec<u8> = row.get("body_sha256")?;
        let summary = InvalidRow::from_row(row)?;
        let body = Body {
            bytes: row.get("body")?,
            sha256: sha256.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?,
            size: summary.body_size,
        };
        let headers = from_json(&row.get::<String>("headers")?)?;
        let content_type = row.get("content_type")?;
        Ok(Self { summary, content_type, headers, body, notes: Vec::new() })
    }
}
