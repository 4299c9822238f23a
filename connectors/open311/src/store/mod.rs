//! What server and board keep together: tokens that were given, and requests as the back office tells them, in a file of
//! their own. It never holds a value of a reporter: of a report it knows its token, its service, its time and a hash.

mod board;
mod search;
#[cfg(test)]
mod tests;
mod tokens;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use postroom_connector::{ConnectorError, Failure, Settings};
use serde_json::{Map, Value};
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

pub(crate) use board::Update;
pub(crate) use search::{MOST_REQUESTS, Search};
use tokens::forget_hashes;
pub(crate) use tokens::{Given, Posted};

/// Connections to the file.
const CONNECTIONS: u32 = 4;
/// Longest wait for a connection, or for the lock of another.
const BUSY: Duration = Duration::from_secs(5);
/// Time between two looks for what is too old.
const CLEANING: Duration = Duration::from_secs(3_600);
/// Days that something is kept, unless the settings say otherwise.
pub(crate) const KEEP_DAYS: u32 = 365;
/// Most days that the settings may say.
pub(crate) const MOST_KEEP_DAYS: u32 = 3_660;

const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY, content TEXT, taken INTEGER NOT NULL, \
     id TEXT, told TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS token_content ON token (content, taken)",
    "CREATE INDEX IF NOT EXISTS token_taken ON token (taken)",
    "CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, status TEXT NOT NULL, service_code TEXT, \
     requested INTEGER NOT NULL, updated INTEGER NOT NULL, changed INTEGER NOT NULL, told TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS request_requested ON request (requested)",
];

/// The fields that the server tells of a request, in the order of the specification.
pub(crate) const TOLD: [&str; 17] = [
    "service_request_id",
    "status",
    "status_notes",
    "service_name",
    "service_code",
    "description",
    "agency_responsible",
    "service_notice",
    "requested_datetime",
    "updated_datetime",
    "expected_datetime",
    "address",
    "address_id",
    "zipcode",
    "lat",
    "long",
    "media_url",
];

/// Who keeps something in the file, and forgets it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// Tokens, and a hash of each report as long as the same one is the same.
    Server { same_within: Duration },
    /// Requests.
    Board,
}

/// The file, opened when it is first asked.
pub(crate) struct Store {
    path: PathBuf,
    side: Side,
    keep_days: u32,
    /// With the file that was opened.
    pool: OnceCell<(SqlitePool, (u64, u64))>,
    /// When it was last looked for what is too old.
    cleaned: Mutex<Option<Instant>>,
}

impl Store {
    /// The file of a system, under the data folder: where `store` says, or at a place of its own.
    pub(crate) fn new(settings: &Settings, store: Option<&Path>, side: Side, keep_days: u32) -> Self {
        let own = PathBuf::from(format!("open311/{}.sqlite", settings.system));
        let path = settings.path(store.unwrap_or(&own));
        Self { path, side, keep_days, pool: OnceCell::new(), cleaned: Mutex::new(None) }
    }

    async fn pool(&self) -> Result<&SqlitePool, ConnectorError> {
        let (pool, opened) = self.pool.get_or_try_init(|| self.open()).await?;
        // A file that was removed or replaced would go on taking what nobody could read any more.
        if self.identity().await? == *opened { Ok(pool) } else { Err(unusable("its file was replaced")) }
    }

    /// Which file it is: device and inode.
    async fn identity(&self) -> Result<(u64, u64), ConnectorError> {
        let file = tokio::fs::metadata(&self.path).await.map_err(unusable)?;
        Ok((file.dev(), file.ino()))
    }

    async fn open(&self) -> Result<(SqlitePool, (u64, u64)), ConnectorError> {
        if let Some(folder) = self.path.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(unusable)?;
        }
        // What is deleted is overwritten. FULL: with NORMAL the last commits are lost when the power fails, and a token was told already.
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY);
        let pool = pool.connect_with(options).await.map_err(unusable)?;
        for table in TABLES {
            sqlx::query(table).execute(&pool).await.map_err(unusable)?;
        }
        Ok((pool, self.identity().await?))
    }

    /// Forgets what nobody has told anything of for too long; does nothing where that was done lately.
    pub(crate) async fn clean(&self, now: DateTime<Utc>) -> Result<(), ConnectorError> {
        let mut cleaned = self.cleaned.lock().await;
        if cleaned.is_some_and(|at| at.elapsed() < CLEANING) {
            return Ok(());
        }
        let oldest = (now - chrono::Duration::days(i64::from(self.keep_days))).timestamp();
        let pool = self.pool().await?;
        let sql = match self.side {
            Side::Server { same_within } => {
                forget_hashes(now, same_within).execute(pool).await.map_err(unusable)?;
                "DELETE FROM token WHERE taken < ?"
            }
            Side::Board => "DELETE FROM request WHERE changed < ?",
        };
        sqlx::query(sql).bind(oldest).execute(pool).await.map_err(unusable)?;
        // Until then the log beside the file still has what the file has no more.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await.map_err(unusable)?;
        *cleaned = Some(Instant::now());
        Ok(())
    }
}

/// What it means that the file cannot be used: no message and no report is to blame.
#[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
fn unusable(error: impl ToString) -> ConnectorError {
    ConnectorError::new(Failure::Down, "the store of the reports cannot be used", error.to_string())
}

/// Fields as they were written; none where they cannot be read.
fn fields(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}
