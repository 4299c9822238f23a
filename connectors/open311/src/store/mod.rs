//! What server and board keep together: tokens that were given, and requests as the back office tells them, in a file of
//! their own. It never holds a value of a reporter: of a report it knows its token, its service, its time and a hash.

mod board;
mod search;
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
    /// Tokens.
    Server,
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
        // FULL: with NORMAL the last commits are lost when the power fails, and a token was told already.
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
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
            Side::Server => "DELETE FROM token WHERE taken < ?",
            Side::Board => "DELETE FROM request WHERE changed < ?",
        };
        sqlx::query(sql).bind(oldest).execute(pool).await.map_err(unusable)?;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A store, and the folder in which it is.
    struct Kept(Store, tempfile::TempDir);

    fn kept() -> Kept {
        let folder = tempfile::tempdir().expect("a folder");
        Kept(store(&folder, Side::Board), folder)
    }

    fn store(folder: &tempfile::TempDir, side: Side) -> Store {
        let settings = Settings {
            table: toml::Table::new(),
            data: folder.path().to_owned(),
            system: "reports".to_owned(),
        };
        Store::new(&settings, None, side, 30)
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn posted(content: &str) -> Posted {
        let told = json!({"service_code": "potholes", "service_name": "Potholes"});
        let told = told.as_object().expect("an object").clone();
        Posted { content: content.to_owned(), within: Duration::from_secs(60), told }
    }

    fn update(message: &Value) -> Update {
        Update::read(message).expect("an update")
    }

    async fn told(store: &Store, id: &str) -> Option<Map<String, Value>> {
        store.search(&Search::Ids(vec![id.to_owned()])).await.expect("an answer").pop()
    }

    #[tokio::test]
    async fn the_same_report_has_its_token_again_for_a_while_and_then_another() {
        let Kept(store, _folder) = kept();
        let noon = at("2026-05-04T12:00:00Z");
        let first = store.give(&posted("a"), noon).await.expect("a token");
        let again = store.give(&posted("a"), noon + chrono::Duration::seconds(59)).await.expect("a token");
        assert_eq!(first, again);
        let other = store.give(&posted("b"), noon).await.expect("a token");
        let later = store.give(&posted("a"), noon + chrono::Duration::seconds(61)).await.expect("a token");
        assert!(other.token != first.token && later.token != first.token);
    }

    #[tokio::test]
    async fn an_id_that_the_board_learns_is_that_of_its_token_and_two_tokens_may_have_one() {
        let Kept(store, _folder) = kept();
        let noon = at("2026-05-04T12:00:00Z");
        let mut tokens = Vec::new();
        for content in ["a", "b"] {
            tokens.push(store.give(&posted(content), noon).await.expect("a token").token);
        }
        assert_eq!(store.id_of(&tokens[0]).await.expect("an answer"), Some(None));
        for token in &tokens {
            let message = json!({"token": token, "service_request_id": "W-1", "updated_datetime": "2026-05-04T13:00:00+01:00"});
            store.put(&update(&message), noon).await.expect("put");
            assert_eq!(store.id_of(token).await.expect("an answer"), Some(Some("W-1".to_owned())));
        }
        assert_eq!(store.id_of("none").await.expect("an answer"), None);
        let told = told(&store, "W-1").await.expect("a request");
        assert_eq!(told["service_name"], "Potholes");
        assert_eq!(told["requested_datetime"], "2026-05-04T12:00:00Z");
        assert_eq!(told["status"], "open");
    }

    #[tokio::test]
    async fn an_older_update_never_overwrites_a_newer_one_and_what_is_not_said_stays() {
        let Kept(store, _folder) = kept();
        let now = at("2026-05-06T12:00:00Z");
        for (status, notes, time) in [
            ("closed", Some("Done"), "2026-05-05T12:00:00Z"),
            ("open", Some("Looked at"), "2026-05-05T12:59:59+01:00"),
            ("closed", None, "2026-05-05T12:00:01Z"),
        ] {
            let message = json!({"service_request_id": "W-1", "status": status, "status_notes": notes, "updated_datetime": time});
            store.put(&update(&message), now).await.expect("put");
        }
        let told = told(&store, "W-1").await.expect("a request");
        assert_eq!((&told["status"], &told["status_notes"]), (&json!("closed"), &json!("Done")));
        assert_eq!(told["updated_datetime"], "2026-05-05T12:00:01Z");
    }

    #[tokio::test]
    async fn what_is_too_old_is_forgotten() {
        let Kept(board, folder) = kept();
        let server = store(&folder, Side::Server);
        let then = at("2026-05-04T12:00:00Z");
        let token = server.give(&posted("a"), then).await.expect("a token").token;
        let message = json!({"service_request_id": "W-1", "updated_datetime": "2026-05-04T12:00:00Z"});
        board.put(&update(&message), then).await.expect("put");
        let later = then + chrono::Duration::days(31);
        server.clean(later).await.expect("cleaned");
        assert_eq!(server.id_of(&token).await.expect("an answer"), None);
        assert!(told(&server, "W-1").await.is_some(), "a request is the board's");
        board.clean(later).await.expect("cleaned");
        assert!(told(&board, "W-1").await.is_none());
    }

    #[tokio::test]
    async fn a_file_that_is_removed_or_replaced_takes_nothing_more() {
        let Kept(store, folder) = kept();
        let noon = at("2026-05-04T12:00:00Z");
        store.give(&posted("a"), noon).await.expect("a token");
        std::fs::remove_dir_all(folder.path().join("open311")).expect("removed");
        for what in ["removed", "replaced"] {
            let error = store.give(&posted("b"), noon).await.expect_err(what);
            assert_eq!(error.failure, Failure::Down, "{what}");
            std::fs::create_dir_all(folder.path().join("open311")).expect("a folder");
            std::fs::write(folder.path().join("open311/reports.sqlite"), "").expect("a file");
        }
    }

    #[tokio::test]
    async fn requests_are_found_by_time_status_and_service_the_newest_first() {
        let Kept(store, _folder) = kept();
        let now = at("2026-05-06T12:00:00Z");
        for (id, status, code, time) in [
            ("1", "open", "a", "2026-05-01T00:00:00Z"),
            ("2", "closed", "b", "2026-05-02T00:00:00Z"),
            ("3", "open", "b", "2026-05-03T00:00:00Z"),
        ] {
            let message = json!({"service_request_id": id, "status": status, "service_code": code,
                "requested_datetime": time, "updated_datetime": time});
            store.put(&update(&message), now).await.expect("put");
        }
        for (from, statuses, codes, expected) in [
            ("2026-05-01T00:00:00Z", &[][..], &[][..], &["3", "2", "1"][..]),
            ("2026-05-01T00:00:01Z", &[], &[], &["3", "2"]),
            ("2026-05-01T00:00:00Z", &["open"], &[], &["3", "1"]),
            ("2026-05-01T00:00:00Z", &["open", "closed"], &["b"], &["3", "2"]),
            ("2026-05-01T00:00:00Z", &[], &["c"], &[]),
        ] {
            let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            let wanted = Search::Range {
                from: at(from),
                until: at("2026-05-03T00:00:00Z"),
                statuses: own(statuses),
                codes: own(codes),
            };
            let found = store.search(&wanted).await.expect("an answer");
            let ids: Vec<_> = found.iter().map(|told| told["service_request_id"].clone()).collect();
            assert_eq!(ids, expected, "{from} {statuses:?} {codes:?}");
        }
    }
}
