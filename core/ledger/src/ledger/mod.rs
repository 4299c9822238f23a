//! The ledger as the rest of the house sees it.

mod backup;
mod comparing;
mod deciding;
mod erasing;
mod holding;
mod reading;
mod referring;
mod taking;
mod work;
mod working;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use postroom_event::{DispatchId, EventKey};
use tokio::sync::{mpsc, oneshot};

use crate::LedgerError;
use crate::db::{Conn, Home, Reader, Readers};
use crate::entry::Entry;
use crate::file::Turn;
use crate::lease::Fence;
use crate::outbox::Wanting;
use crate::place::Place;
use crate::sql::{Result as SqlResult, dispatch, event, lease};
use crate::tail::Tail;
use crate::writer::{Alone, Call, Doing, QUEUED_REQUESTS, Request, Writer};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// An open ledger; clones share it. Its writer ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Ledger {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    /// The lease under which this one writes.
    fence: Option<Fence>,
}

/// What clones share.
#[derive(Debug)]
struct Shared {
    home: Home,
    readers: Readers,
    /// Where only one program writes.
    tail: Option<Arc<Tail>>,
    wanting: Arc<Wanting>,
    /// The event that the last step of pruning came to.
    pruned_to: AtomicI64,
}

impl Ledger {
    /// Opens the ledger in the file `path`, made if it is missing, and brings its tables up to date. A second process
    /// may open it to read and for small writes; only one may record events.
    ///
    /// # Errors
    /// When the file cannot be opened, is no ledger, or is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_home(Home::file(path)).await
    }

    /// Opens the ledger at `place` and brings its tables up to date. On a server any number of hubs may record.
    ///
    /// # Errors
    /// When it cannot be reached or opened, is no ledger, or is newer than this program.
    pub async fn open_at(place: &Place) -> Result<Self, LedgerError> {
        let home = match place {
            Place::File(path) => Home::file(path),
            Place::Url(url) => Home::server(url.expose()).map_err(LedgerError::database("opening"))?,
        };
        Self::open_home(home).await
    }

    /// Whether other hubs may record here too.
    pub fn is_shared(&self) -> bool {
        matches!(self.shared.home, Home::Server(_))
    }

    async fn open_home(home: Home) -> Result<Self, LedgerError> {
        let opening = LedgerError::database;
        let turn = match &home {
            Home::File(path) => Some(Turn::wait(path).await),
            Home::Server(_) => None,
        };
        let mut conn = home.writing().await.map_err(opening("opening"))?;
        match &mut conn {
            Conn::Sqlite(conn) => SQLITE.run_direct(None, conn, false).await?,
            Conn::Postgres(conn) => POSTGRES.run_direct(None, conn, false).await?,
        }
        drop(turn);
        let tail = if conn.is_alone() {
            Some(Arc::new(Tail::new(event::unindexed(&mut conn).await.map_err(opening("opening"))?)))
        } else {
            None
        };
        let wanting = Arc::new(Wanting::default());
        let (requests, received) = mpsc::channel(QUEUED_REQUESTS);
        tokio::spawn(Writer::new(home.clone(), conn, tail.clone(), Arc::clone(&wanting)).run(received));
        let readers = Readers::new(home.clone());
        let pruned_to = AtomicI64::new(0);
        let shared = Arc::new(Shared { home, readers, tail, wanting, pruned_to });
        Ok(Self { requests, shared, fence: None })
    }

    /// The same ledger, which writes only while nobody took the lease of `fence` since: after that each write is
    /// [`LedgerError::Fenced`], and does no harm to those of others.
    #[must_use]
    pub fn under(&self, fence: &Fence) -> Self {
        Self { fence: Some(fence.clone()), ..self.clone() }
    }

    /// Writes `entries`, all or none, and returns once they are committed. The keys of events are those that
    /// [`Self::known`] did not name.
    ///
    /// # Errors
    /// When nothing was written. A transient error is told to all callers whose entries shared the transaction, a permanent
    /// one only to the caller whose entries cannot be written.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        let fence = self.fence.clone();
        self.ask(Request::Record(Call { entries, fence, reply }), answer).await
    }

    /// Those of `keys` whose events were recorded before.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn known(&self, keys: &[EventKey]) -> Result<HashSet<EventKey>, LedgerError> {
        let (mut known, others) = match &self.shared.tail {
            Some(tail) => tail.split(keys),
            None => (HashSet::new(), keys.to_vec()),
        };
        if !others.is_empty() {
            let mut reader = self.reader().await?;
            let found = event::indexed(reader.conn(), &others).await;
            known.extend(reader.end(found).await?);
        }
        Ok(known)
    }

    /// Those of `ids` that need no delivery from their lane any more: delivered, staged, held (but for
    /// [`crate::LANE_FULL`]), dead or discarded.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn finished(&self, ids: &[DispatchId]) -> Result<HashSet<DispatchId>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dispatch::finished_on_lane(reader.conn(), ids).await;
        reader.end(found).await
    }

    /// Writes one thing alone in its transaction.
    async fn write<T, W>(&self, work: W) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Doing<'c, SqlResult<T>> + Send + 'static,
    {
        let Some(fence) = self.fence.clone() else { return self.write_alone(work).await };
        let lease = fence.name.clone();
        let written = self.write_alone(move |conn| {
            Box::pin(async move {
                let stands = lease::stands(conn, &fence).await?;
                if stands { work(conn).await.map(Some) } else { Ok(None) }
            })
        });
        written.await?.ok_or(LedgerError::Fenced { lease })
    }

    async fn write_alone<T, W>(&self, work: W) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Doing<'c, SqlResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Alone(Box::new(Alone { work, reply })), answer).await
    }

    async fn ask<T>(
        &self,
        request: Request,
        answer: oneshot::Receiver<Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        self.requests.send(request).await.map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    async fn reader(&self) -> Result<Reader<'_>, LedgerError> {
        self.shared.readers.reader().await
    }

    async fn consistent_reader(&self) -> Result<Reader<'_>, LedgerError> {
        self.shared.readers.consistent_reader().await
    }
}
