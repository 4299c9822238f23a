//! The ledger as the rest of the house sees it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::LedgerError;
use crate::batch::{StagedBatch, StagedSummary};
use crate::entry::Entry;
use crate::file::{self, File};
use crate::import::{Import, NewImport, RefusedRecord};
use crate::journey::Journey;
use crate::kept::{DeadFilter, DeadRow, DeadShown, InvalidRow, InvalidShown};
use crate::sql::{Result as SqlResult, dead, dispatch, event, import, invalid, run, staged, sums, trace};
use crate::sums::Sums;
use crate::tail::Tail;
use crate::writer::{QUEUED_REQUESTS, Reply, Request, Writer};

/// Connections that read at the same time.
const READERS: u32 = 3;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// An open ledger; clones share it. Its writer ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Ledger {
    requests: mpsc::Sender<Request>,
    readers: SqlitePool,
    tail: Arc<Tail>,
}

impl Ledger {
    /// Opens the ledger in the file `path`, made if it is missing, and brings its tables up to date. A second process
    /// may open it to read and for small writes; only one may record events.
    ///
    /// # Errors
    /// When the file cannot be opened, is no ledger, or is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let opening = LedgerError::database;
        let mut conn = file::writing(path).connect().await.map_err(opening("opening"))?;
        MIGRATIONS.run(&mut conn).await?;
        let tail = event::unindexed(&mut conn).await.map_err(opening("opening"))?;
        let tail = Arc::new(Tail::new(tail));
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(file::reading(path));
        let (requests, received) = mpsc::channel(QUEUED_REQUESTS);
        tokio::spawn(Writer::new(conn, File::new(path), Arc::clone(&tail)).run(received));
        Ok(Self { requests, readers, tail })
    }

    /// Writes `entries`, all or none, and returns once they are committed. The keys of events are those that
    /// [`Self::known`] did not name.
    ///
    /// # Errors
    /// When nothing was written; callers whose entries shared the transaction get the same error.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<(), LedgerError> {
        self.ask(|reply| Request::Record(entries, reply)).await
    }

    /// Those of `keys` whose events were recorded before.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn known(&self, keys: &[EventKey]) -> Result<HashSet<EventKey>, LedgerError> {
        let (mut known, others) = self.tail.split(keys);
        if !others.is_empty() {
            let mut conn = self.reader().await?;
            known.extend(read(event::indexed(&mut conn, &others).await)?);
        }
        Ok(known)
    }

    /// Those of `ids` that need no delivery any more: delivered, staged, dead or discarded.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn finished(&self, ids: &[DispatchId]) -> Result<HashSet<DispatchId>, LedgerError> {
        let mut conn = self.reader().await?;
        read(dispatch::finished(&mut conn, ids).await)
    }

    /// The batch of `target` that is assigned and not ended, with the same id and items each time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_batch(&self, target: &str) -> Result<Option<StagedBatch>, LedgerError> {
        let mut snapshot = self.snapshot().await?;
        read(staged::open(&mut snapshot, target).await)
    }

    /// The open batch of `target`, else a new one of its first `max` staged dispatches; none when nothing is staged.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn assign_batch(
        &self,
        target: &str,
        max: usize,
        at: i64,
    ) -> Result<Option<StagedBatch>, LedgerError> {
        let target = target.to_owned();
        self.ask(|reply| Request::AssignBatch { target, max, at, reply }).await
    }

    /// What waits for the next batch of `target`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn staged_summary(&self, target: &str) -> Result<StagedSummary, LedgerError> {
        let mut conn = self.reader().await?;
        read(staged::summary(&mut conn, target).await)
    }

    /// The latest round of a batch of records, begun if the batch was never seen.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn open_import(&self, new: NewImport) -> Result<Import, LedgerError> {
        self.ask(|reply| Request::OpenImport(new, reply)).await
    }

    /// A further round of a batch of records; a round that is open goes on.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn import_again(&self, new: NewImport) -> Result<Import, LedgerError> {
        self.ask(|reply| Request::ImportAgain(new, reply)).await
    }

    /// The latest round of a batch of records.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn import(&self, system: &str, batch: &str) -> Result<Option<Import>, LedgerError> {
        let mut conn = self.reader().await?;
        read(import::latest(&mut conn, system, batch).await)
    }

    /// The imports of `system` (or of all), newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn imports(&self, system: Option<&str>, most: u32) -> Result<Vec<Import>, LedgerError> {
        let mut conn = self.reader().await?;
        read(import::list(&mut conn, system, most).await)
    }

    /// The refused records of a batch, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn refused_records(
        &self,
        system: &str,
        batch: &str,
        most: u32,
    ) -> Result<Vec<RefusedRecord>, LedgerError> {
        let mut conn = self.reader().await?;
        read(import::refused(&mut conn, system, batch, most).await)
    }

    /// How often each of `keys` was tried since it last survived; absent: never.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn tried(&self, keys: &[EventKey]) -> Result<HashMap<EventKey, u32>, LedgerError> {
        let mut conn = self.reader().await?;
        read(run::tried(&mut conn, keys).await)
    }

    /// Begins a run of the hub.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn start_run(&self, at: i64) -> Result<RunStart, LedgerError> {
        let clean = self.ask(|reply| Request::StartRun(at, reply)).await?;
        Ok(RunStart { clean })
    }

    /// Ends the run cleanly.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn end_run(&self, at: i64) -> Result<(), LedgerError> {
        self.ask(|reply| Request::EndRun(at, reply)).await
    }

    /// The three sums, all of one moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn sums(&self) -> Result<Sums, LedgerError> {
        let mut snapshot = self.snapshot().await?;
        read(sums::count(&mut snapshot).await)
    }

    /// The journeys of what `text` names (event id, event key, dispatch id or subject), in order of time, at most 1,000.
    /// A dispatch that has no row of its own is found by going through all events.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn trace(&self, text: &str) -> Result<Vec<Journey>, LedgerError> {
        let mut snapshot = self.snapshot().await?;
        read(trace::trace(&mut snapshot, text).await)
    }

    /// Dead letters, newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_list(&self, filter: &DeadFilter, most: u32) -> Result<Vec<DeadRow>, LedgerError> {
        let mut conn = self.reader().await?;
        read(dead::list(&mut conn, filter, most).await)
    }

    /// One dead letter, whole.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_show(&self, dispatch: DispatchId) -> Result<Option<DeadShown>, LedgerError> {
        let mut conn = self.reader().await?;
        read(dead::show(&mut conn, dispatch).await)
    }

    /// Invalid events of `system` (or of all), newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_list(
        &self,
        system: Option<&str>,
        most: u32,
    ) -> Result<Vec<InvalidRow>, LedgerError> {
        let mut conn = self.reader().await?;
        read(invalid::list(&mut conn, system, most).await)
    }

    /// One invalid event, whole.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_show(&self, id: i64) -> Result<Option<InvalidShown>, LedgerError> {
        let mut conn = self.reader().await?;
        read(invalid::show(&mut conn, id).await)
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, LedgerError> {
        read(self.readers.acquire().await)
    }

    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        read(self.readers.begin().await)
    }
}

/// How the hub was left by its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStart {
    /// The run before ended cleanly, or there was none.
    pub clean: bool,
}

fn read<T>(outcome: SqlResult<T>) -> Result<T, LedgerError> {
    outcome.map_err(LedgerError::database("reading"))
}
