//! The board's side: what the back office tells of a request, of which the newest counts.

use chrono::{DateTime, Utc};
use postroom_connector::{ConnectorError, Failure};
use serde_json::{Map, Value};
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, TOLD, fields, unusable};

const TOKEN: &str = "token";
const ID: &str = "service_request_id";
const STATUS: &str = "status";
const UPDATED: &str = "updated_datetime";
const TIMES: [&str; 3] = ["requested_datetime", UPDATED, "expected_datetime"];
const STATUSES: [&str; 2] = ["open", "closed"];
/// Longest text of a field, in characters.
const MAX_CHARS: usize = 4_000;

/// What a message says of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    token: Option<String>,
    id: Option<String>,
    updated: DateTime<Utc>,
    /// Its fields, but for the token; none is null.
    told: Map<String, Value>,
}

impl Update {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it; no value is repeated.
    pub(crate) fn read(message: &Value) -> Result<Self, ConnectorError> {
        let refused = |words: String| ConnectorError::new(Failure::Permanent, words, "");
        let message = message.as_object().ok_or_else(|| refused("the message is no object".to_owned()))?;
        let mut told = Map::new();
        for (name, value) in message.iter().filter(|(_, value)| !value.is_null()) {
            let known = TOLD.iter().chain([&TOKEN]).find(|known| *known == name).ok_or_else(|| {
                refused(format!(
                    "the message has a field that a board does not keep; it keeps `token` and {}",
                    list()
                ))
            })?;
            if !fits(known, value) {
                return Err(refused(format!("`{known}` is not what GeoReport v2 has there")));
            }
            told.insert(name.clone(), value.clone());
        }
        let text = |value: Value| value.as_str().map(str::to_owned);
        let token = told.remove(TOKEN).and_then(text);
        let id = told.get(ID).cloned().and_then(text);
        if token.is_none() && id.is_none() {
            return Err(refused(format!("the message has neither `{ID}` nor `{TOKEN}`")));
        }
        let updated = told.get(UPDATED).and_then(instant);
        let updated = updated.ok_or_else(|| refused(format!("the message has no `{UPDATED}`")))?;
        Ok(Self { token, id, updated, told })
    }

    /// When it was told, as a field.
    fn time(&self) -> Map<String, Value> {
        self.told
            .get_key_value(UPDATED)
            .map(|(name, time)| (name.clone(), time.clone()))
            .into_iter()
            .collect()
    }

    /// What the receipt says of it.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.id.as_deref().or(self.token.as_deref())
    }
}

fn list() -> String {
    TOLD.map(|name| format!("`{name}`")).join(", ")
}

fn fits(name: &str, value: &Value) -> bool {
    match name {
        "lat" | "long" => value.is_number(),
        STATUS => value.as_str().is_some_and(|status| STATUSES.contains(&status)),
        _ if TIMES.contains(&name) => instant(value).is_some(),
        TOKEN | ID => value.as_str().is_some_and(|text| !text.is_empty() && text.len() <= MAX_CHARS),
        _ => value.as_str().is_some_and(|text| text.chars().count() <= MAX_CHARS),
    }
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.with_timezone(&Utc))
}

impl Store {
    /// Keeps what is told of a request. What is older than what is known changes nothing of that; of its token it says
    /// which request it is only where nothing newer has said so.
    ///
    /// # Errors
    /// Where it has no id, and its token is none of the server's; or the file cannot be used.
    pub(crate) async fn put(&self, update: &Update, now: DateTime<Utc>) -> Result<(), ConnectorError> {
        let mut work = self.pool().await?.begin_with("BEGIN IMMEDIATE").await.map_err(unusable)?;
        let (known, mut before) = match &update.token {
            Some(token) => of_token(&mut work, token).await?,
            None => (None, Map::new()),
        };
        match (update.id.as_ref().or(known.as_ref()), &update.token) {
            (Some(id), token) => {
                let is_older = told_at(&before) > Some(update.updated);
                if let (Some(token), Some(id)) = (token, &update.id)
                    && (known.is_none() || !is_older)
                {
                    point(&mut work, token, id, layered([update.time(), before.clone()])).await?;
                }
                // Since it has an id, its request says when it was told of last.
                if known.is_some() {
                    before.remove(UPDATED);
                }
                request(&mut work, id, before, (update, now)).await?;
            }
            (None, Some(token)) if !before.is_empty() => {
                let told = Value::Object(layered([before, update.told.clone()])).to_string();
                let sql = sqlx::query("UPDATE token SET told = ? WHERE token = ?").bind(told).bind(token);
                sql.execute(&mut *work).await.map_err(unusable)?;
            }
            (None, _) => {
                let words =
                    format!("the message has no `{ID}`, and its `{TOKEN}` is none that the server gave");
                return Err(ConnectorError::new(Failure::Permanent, words, ""));
            }
        }
        work.commit().await.map_err(unusable)
    }
}

/// The id of a token, where it has one, and what is known of its report; nothing where the server gave no such token.
async fn of_token(
    work: &mut Transaction<'_, Sqlite>,
    token: &str,
) -> Result<(Option<String>, Map<String, Value>), ConnectorError> {
    let row = sqlx::query("SELECT id, told FROM token WHERE token = ?").bind(token);
    let row = row.fetch_optional(&mut **work).await.map_err(unusable)?;
    Ok(row.map(|row| (row.get("id"), fields(row.get("told")))).unwrap_or_default())
}

/// Says that a token is the request `id`, and what is known of its report.
async fn point(
    work: &mut Transaction<'_, Sqlite>,
    token: &str,
    id: &str,
    told: Map<String, Value>,
) -> Result<(), ConnectorError> {
    let sql = sqlx::query("UPDATE token SET id = ?, told = ? WHERE token = ?");
    let sql = sql.bind(id).bind(Value::Object(told).to_string()).bind(token);
    sql.execute(&mut **work).await.map_err(unusable)?;
    Ok(())
}

/// Writes what is now known of the request `id`, of whose report `before` was known.
async fn request(
    work: &mut Transaction<'_, Sqlite>,
    id: &str,
    mut before: Map<String, Value>,
    (update, now): (&Update, DateTime<Utc>),
) -> Result<(), ConnectorError> {
    let row = sqlx::query("SELECT told FROM request WHERE id = ?").bind(id);
    let row = row.fetch_optional(&mut **work).await.map_err(unusable)?;
    let known = row.map(|row| fields(row.get("told"))).unwrap_or_default();
    let updated = told_at(&before).map_or(update.updated, |before| before.max(update.updated));
    if told_at(&known) > Some(updated) {
        return Ok(());
    }
    // The first report of a request says when it was asked for.
    if known.contains_key(TIMES[0]) {
        before.remove(TIMES[0]);
    }
    let mut told = layered([before, known, update.told.clone()]);
    told.insert(ID.to_owned(), id.into());
    told.entry(STATUS).or_insert_with(|| STATUSES[0].into());
    let requested = told.entry(TIMES[0]).or_insert_with(|| update.told[UPDATED].clone()).clone();
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    sqlx::query(
        "INSERT INTO request (id, status, service_code, requested, updated, changed, told) VALUES (?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, service_code = excluded.service_code, \
         requested = excluded.requested, updated = excluded.updated, changed = excluded.changed, told = excluded.told",
    )
    .bind(id)
    .bind(text(STATUS))
    .bind(text("service_code"))
    .bind(instant(&requested).unwrap_or(update.updated).timestamp())
    .bind(updated.timestamp_millis())
    .bind(now.timestamp())
    .bind(Value::Object(told).to_string())
    .execute(&mut **work)
    .await
    .map_err(unusable)?;
    Ok(())
}

/// When something was told; never is before all else.
fn told_at(told: &Map<String, Value>) -> Option<DateTime<Utc>> {
    told.get(UPDATED).and_then(instant)
}

/// All that was told, of each field the newest; of the same time the later one of the list.
fn layered<const N: usize>(mut told: [Map<String, Value>; N]) -> Map<String, Value> {
    told.sort_by_key(told_at);
    told.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_that_a_board_cannot_keep_is_refused_without_its_values() {
        let time = "2026-05-04T12:00:00Z";
        for (message, word) in [
            (json!([]), "no object"),
            (json!({"updated_datetime": time}), "neither"),
            (json!({"service_request_id": "", "updated_datetime": time}), "`service_request_id`"),
            (json!({"service_request_id": "1"}), "no `updated_datetime`"),
            (
                json!({"service_request_id": "1", "updated_datetime": "2026-05-04T12:00:00"}),
                "`updated_datetime`",
            ),
            (json!({"service_request_id": "1", "updated_datetime": time, "status": "Canary"}), "`status`"),
            (json!({"service_request_id": "1", "updated_datetime": time, "lat": "Canary"}), "`lat`"),
            (
                json!({"service_request_id": "1", "updated_datetime": time, "email": "Canary"}),
                "does not keep",
            ),
            (
                json!({"service_request_id": "1", "updated_datetime": time, "first_name": "Canary"}),
                "does not keep",
            ),
        ] {
            let error = Update::read(&message).expect_err("an error");
            assert_eq!(error.failure, Failure::Permanent, "{message}");
            assert!(
                error.words.contains(word) && !error.to_string().contains("Canary"),
                "{message}: {error}"
            );
        }
        let null =
            json!({"service_request_id": "1", "updated_datetime": time, "status_notes": null, "token": null});
        assert_eq!(Update::read(&null).expect("an update").told.len(), 2);
    }
}
