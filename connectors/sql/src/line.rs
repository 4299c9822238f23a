//! The connections to one database: a bounded number of them, opened when they are needed, kept while they are sound. Knows no
//! statement.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use postroom_connector::{ConnectorError, ExposeSecret, Failure, PeerOf, Settings, SettingsError, TlsServer};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::cell::Cell;
use crate::database::{Column, Connection, Database, Rows};
use crate::failure::Trouble;
use crate::settings::{Access, Password};
use crate::statement::Statement;

/// How long a connection may have been idle to be used without asking whether it is still there.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for the answer to that question.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How old a connection may be to be used: the next one meets the server as it is by then, with its certificate.
const OLDEST: Duration = Duration::from_secs(3_600);

/// How long may be waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For one answer, and for the next row of many.
    pub(crate) step: Duration,
    /// For everything that is done in one session, the connection included.
    pub(crate) session: Duration,
}

/// The way to one database.
pub(crate) struct Line {
    pub(crate) database: Arc<dyn Database>,
    patience: Patience,
    password: Password,
    /// Whose certificate is looked at, where it is met over TLS.
    server: Option<Arc<TlsServer>>,
    turns: Semaphore,
    idle: Mutex<VecDeque<Kept>>,
}

/// A connection that nobody uses now.
struct Kept {
    connection: Box<dyn Connection>,
    opened: Instant,
    since: Instant,
}

/// A connection in use. Dropped, it is closed and what is not committed is undone; [`Self::release`] keeps it for the next.
pub(crate) struct Session<'l> {
    line: &'l Line,
    connection: Box<dyn Connection>,
    opened: Instant,
    until: Instant,
    _turn: SemaphorePermit<'l>,
}

/// Rows that the database is still giving.
pub(crate) struct RowStream<'s> {
    rows: BoxStream<'s, sqlx::Result<Vec<Cell>>>,
    step: Duration,
    until: Instant,
}

impl Line {
    /// At most `most` connections to `peer`, by the access that the settings give.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub(crate) fn new(
        access: &Access,
        settings: &Settings,
        peer: PeerOf,
        most: usize,
    ) -> Result<Self, SettingsError> {
        let server = access.tls_server(peer).map(Arc::new);
        let (database, password) = (access.database(), access.password(settings)?);
        let (turns, idle) = (Semaphore::new(most), Mutex::default());
        Ok(Self { database, patience: access.patience, password, server, turns, idle })
    }

    /// A connection that answers, and the time until which it may be used.
    ///
    /// # Errors
    /// When the database cannot be reached, or every connection is in use for too long.
    pub(crate) async fn session(&self) -> Result<Session<'_>, ConnectorError> {
        let until = Instant::now() + self.patience.session;
        let turn = timeout_at(until, self.turns.acquire()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(ConnectorError::new(Failure::Transient, "all connections are in use", ""));
        };
        while let Some(Kept { mut connection, opened, since }) = self.kept() {
            if opened.elapsed() >= OLDEST {
                continue;
            }
            let ask = Instant::now() + PING_TIMEOUT;
            if since.elapsed() < FRESH
                || matches!(timeout_at(ask.min(until), connection.ping()).await, Ok(Ok(())))
            {
                return Ok(Session { line: self, connection, opened, until, _turn: turn });
            }
        }
        let password = self.password.read();
        let password = password.map_err(|error| {
            ConnectorError::new(Failure::Down, "the password of the database cannot be read", error)
        })?;
        let by = (Instant::now() + self.patience.connect).min(until);
        let connecting = within(by, self.database.connect(password.expose_secret())).await;
        let connection = connecting.map_err(|trouble| trouble.connecting())?;
        if let Some(server) = self.server.clone() {
            // Beside each connection that came about, and never without one: MySQL shuts out who breaks off too often in a
            // row (`max_connect_errors`).
            tokio::spawn(async move { server.look().await });
        }
        Ok(Session { line: self, connection, opened: Instant::now(), until, _turn: turn })
    }

    fn kept(&self) -> Option<Kept> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back()
    }
}

impl Session<'_> {
    /// The database at the other end.
    pub(crate) fn database(&self) -> &dyn Database {
        self.line.database.as_ref()
    }

    /// Until when the next answer is waited for.
    fn step(&self) -> Instant {
        self.until.min(Instant::now() + self.line.patience.step)
    }

    /// Keeps the connection: it is in no transaction.
    pub(crate) fn release(self) {
        let kept = Kept { connection: self.connection, opened: self.opened, since: Instant::now() };
        self.line.idle.lock().unwrap_or_else(PoisonError::into_inner).push_back(kept);
    }

    /// The columns that a query would give.
    pub(crate) async fn columns(&mut self, sql: &str) -> Result<Vec<Column>, Trouble> {
        within(self.step(), self.connection.columns(sql)).await
    }

    /// Runs a query; its rows.
    pub(crate) async fn rows(&mut self, sql: &str, values: Vec<Cell>) -> Result<Rows, Trouble> {
        within(self.step(), self.connection.rows(sql, values)).await
    }

    /// Runs a query without values, whose rows are never all in memory.
    pub(crate) fn stream(&mut self, sql: &str) -> RowStream<'_> {
        let (step, until) = (self.line.patience.step, self.until);
        RowStream { rows: self.connection.stream(sql), step, until }
    }

    /// Says something that has no values, such as `COMMIT`.
    pub(crate) async fn say(&mut self, sql: &str) -> Result<(), Trouble> {
        within(self.step(), self.connection.say(sql)).await
    }

    /// Runs a statement with values of `message`; the rows that it returns.
    pub(crate) async fn state(
        &mut self,
        statement: &Statement,
        message: &serde_json::Value,
    ) -> Result<Rows, Trouble> {
        let sql = within(self.step(), self.connection.spell(statement)).await?;
        let values = statement.values(message).into_iter().map(|value| self.database().given(value));
        let values = values.collect();
        self.rows(&sql, values).await
    }
}

impl RowStream<'_> {
    /// The next row; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Cell>>, Trouble> {
        within(self.until.min(Instant::now() + self.step), self.rows.try_next()).await
    }
}

async fn within<T>(until: Instant, step: impl Future<Output = sqlx::Result<T>>) -> Result<T, Trouble> {
    match timeout_at(until, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Trouble::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SinkSettings;

    /// Lets time pass, which else only waits for the other side.
    async fn pass(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_an_hour() {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("a.db"), "").expect("a file");
        let text = "url = 'sqlite:a.db'\nstatement = 'INSERT INTO a (n) VALUES (:n)'\n\
                    receipts = { table = 'r', create = true }";
        let table = text.parse().expect("TOML");
        let settings = Settings { table, data: data.path().to_owned(), system: "housing".to_owned() };
        let access = SinkSettings::read(&settings).expect("settings").access;
        let line = Line::new(&access, &settings, PeerOf::new(&settings, "target.url"), 1).expect("a line");
        let says = async |sql| {
            let mut session = line.session().await.expect("a session");
            let said = session.say(sql).await.is_ok();
            session.release();
            said
        };
        // Such a table is there for its own connection.
        assert!(says("CREATE TEMPORARY TABLE mine (n)").await);
        pass(OLDEST / 2).await;
        assert!(says("SELECT n FROM mine").await);
        pass(OLDEST / 2).await;
        assert!(!says("SELECT n FROM mine").await);
    }
}
