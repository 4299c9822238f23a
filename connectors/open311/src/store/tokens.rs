//! The server's side: a token for each report, the same again for the same report.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use postroom_connector::ConnectorError;
use serde_json::{Map, Value};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite};
use uuid::Uuid;

use super::{Store, fields, unusable};

/// A report that was posted, as far as it is kept.
pub(crate) struct Posted {
    /// A hash of all of it.
    pub(crate) content: String,
    /// How long the same report is the same, and not another one.
    pub(crate) within: Duration,
    /// What may be told of it once it has an id: nothing of its reporter.
    pub(crate) told: Map<String, Value>,
}

/// What a report was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) token: String,
    /// When it was first posted.
    pub(crate) requested: String,
}

const REQUESTED: &str = "requested_datetime";

/// What can be the same no more needs no hash.
pub(super) fn forget_hashes(now: DateTime<Utc>, within: Duration) -> Query<'static, Sqlite, SqliteArguments> {
    let since = now.timestamp() - i64::try_from(within.as_secs()).unwrap_or_default();
    sqlx::query("UPDATE token SET content = NULL WHERE content IS NOT NULL AND taken < ?").bind(since)
}

impl Store {
    /// A token for a report; the one that it has, where it comes again.
    pub(crate) async fn give(&self, posted: &Posted, now: DateTime<Utc>) -> Result<Given, ConnectorError> {
        let mut work = self.pool().await?.begin_with("BEGIN IMMEDIATE").await.map_err(unusable)?;
        forget_hashes(now, posted.within).execute(&mut *work).await.map_err(unusable)?;
        let known =
            sqlx::query("SELECT token, told FROM token WHERE content = ? ORDER BY taken DESC LIMIT 1");
        let known = known.bind(&posted.content).fetch_optional(&mut *work).await.map_err(unusable)?;
        if let Some(row) = known {
            let requested = fields(row.get("told")).remove(REQUESTED);
            let requested = requested.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
            return Ok(Given { token: row.get("token"), requested });
        }
        let given = Given {
            token: Uuid::new_v4().to_string(),
            requested: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        let mut told = posted.told.clone();
        told.insert(REQUESTED.to_owned(), given.requested.clone().into());
        sqlx::query("INSERT INTO token (token, content, taken, told) VALUES (?, ?, ?, ?)")
            .bind(&given.token)
            .bind(&posted.content)
            .bind(now.timestamp())
            .bind(Value::Object(told).to_string())
            .execute(&mut *work)
            .await
            .map_err(unusable)?;
        work.commit().await.map_err(unusable)?;
        Ok(given)
    }

    /// The id that a token has by now; the outer nothing where no such token was given.
    pub(crate) async fn id_of(&self, token: &str) -> Result<Option<Option<String>>, ConnectorError> {
        let row = sqlx::query("SELECT id FROM token WHERE token = ?").bind(token);
        let row = row.fetch_optional(self.pool().await?).await.map_err(unusable)?;
        Ok(row.map(|row| row.get("id")))
    }
}
