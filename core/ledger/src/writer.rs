//! The one task that writes: it owns the writing connection and commits many callers at once.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

use postroom_event::EventKey;
use tokio::sync::{mpsc, oneshot};

use crate::apply::{self, Applied};
use crate::checkpoint::Checkpoints;
use crate::db::{self, Conn, Home};
use crate::entry::Entry;
use crate::file::File;
use crate::group::Group;
use crate::intern::Interned;
use crate::lease::Fence;
use crate::outbox::Wanting;
use crate::sql::{Result as SqlResult, event, lease};
use crate::tail::Tail;
use crate::{Failure, LedgerError};

/// Most requests that wait for the writer; a caller beyond that waits to be queued.
pub(crate) const QUEUED_REQUESTS: usize = 1_024;
/// Entries from which on no further caller is taken into the transaction.
const GROUP_ENTRIES: usize = 2_000;
/// Times a transaction is tried that met another hub's.
const TRIES: usize = 3;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;
pub(crate) type Doing<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// What a caller asks of the writer.
pub(crate) enum Request {
    /// Write these; grouped with others.
    Record(Call),
    /// Write one thing and answer; alone in its transaction.
    Alone(Box<dyn Task>),
}

/// One caller's entries.
pub(crate) struct Call {
    pub(crate) entries: Vec<Entry>,
    pub(crate) fence: Option<Fence>,
    pub(crate) reply: Reply<()>,
}

/// Something that is written alone.
pub(crate) trait Task: Send {
    fn run<'w>(self: Box<Self>, writer: &'w mut Writer) -> Doing<'w, ()>;
}

/// Work on the connection, and whom to tell.
pub(crate) struct Alone<T, W> {
    pub(crate) work: W,
    pub(crate) reply: Reply<T>,
}

impl<T, W> Task for Alone<T, W>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut Conn) -> Doing<'c, SqlResult<T>> + Send + 'static,
{
    fn run<'w>(self: Box<Self>, writer: &'w mut Writer) -> Doing<'w, ()> {
        Box::pin(async move {
            let Self { work, reply } = *self;
            let outcome = writer.alone(work).await;
            // A caller that has gone is not told.
            let _ = reply.send(outcome);
        })
    }
}

/// The writer's own state.
pub(crate) struct Writer {
    home: Home,
    /// Absent after it was lost; the next request opens another.
    conn: Option<Conn>,
    /// The file, where the ledger is one, and who moves its log into it.
    file: Option<File>,
    checkpoints: Option<Checkpoints>,
    interned: Interned,
    /// Where only this program writes.
    tail: Option<Arc<Tail>>,
    wanting: Arc<Wanting>,
}

impl Writer {
    pub(crate) fn new(home: Home, conn: Conn, tail: Option<Arc<Tail>>, wanting: Arc<Wanting>) -> Self {
        let (file, checkpoints) = match &home {
            Home::File(path) => (Some(File::new(path)), Some(Checkpoints::of(path))),
            Home::Server(_) => (None, None),
        };
        Self { home, conn: Some(conn), file, checkpoints, interned: Interned::default(), tail, wanting }
    }

    /// Serves requests until every sender is gone.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut put_back = None;
        loop {
            let request = match put_back.take() {
                Some(request) => Some(request),
                None => requests.recv().await,
            };
            match request {
                None => break,
                Some(Request::Record(call)) => {
                    let group = gather(call, &mut requests, &mut put_back);
                    self.record(group).await;
                }
                Some(Request::Alone(task)) => task.run(&mut self).await,
            }
        }
        if let Some(conn) = self.conn {
            // Nobody is left to be told; what was committed stays.
            let _ = conn.close().await;
        }
    }

    async fn record(&mut self, calls: Vec<Call>) {
        let mut outcome = self.write(&calls).await;
        for _ in 1..TRIES {
            if outcome.as_ref().is_err_and(LedgerError::is_conflict) {
                outcome = self.write(&calls).await;
            }
        }
        // What cannot be written for good must not take its neighbours along.
        if calls.len() > 1 && outcome.as_ref().is_err_and(|error| error.failure() == Failure::Permanent) {
            for call in calls {
                let outcome = self.write(std::slice::from_ref(&call)).await;
                answer(vec![call], &outcome);
            }
            return;
        }
        answer(calls, &outcome);
    }

    /// Writes all whose leases stand; the places of the others.
    async fn write(&mut self, calls: &[Call]) -> Result<HashSet<usize>, LedgerError> {
        self.index().await?;
        self.begin().await?;
        let written = self.apply(calls).await;
        let (stale, fresh) = self.end(written).await?;
        if let Some(tail) = &self.tail {
            tail.add(fresh);
        }
        Ok(stale)
    }

    /// Brings the index up to date when enough events wait for it.
    async fn index(&mut self) -> Result<(), LedgerError> {
        let Some(tail) = self.tail.clone().filter(|tail| tail.is_full()) else { return Ok(()) };
        self.alone(|conn| Box::pin(event::index(conn))).await?;
        tail.indexed();
        Ok(())
    }

    async fn apply(&mut self, calls: &[Call]) -> SqlResult<(HashSet<usize>, HashSet<EventKey>)> {
        let Self { conn, interned, tail, wanting, .. } = self;
        let conn = conn.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let stale = stale(conn, calls).await?;
        let fresh = calls.iter().enumerate().filter(|(number, _)| !stale.contains(number));
        let entries = || fresh.clone().flat_map(|(_, call)| &call.entries);
        let group = match tail {
            Some(tail) => Group::sort(entries(), |key| tail.contains(key)),
            None => {
                let keys: Vec<EventKey> = entries()
                    .filter_map(|entry| match entry {
                        Entry::Event(event) => Some(event.key),
                        _ => None,
                    })
                    .collect();
                let known = event::indexed(conn, &keys).await?;
                Group::sort(entries(), |key| known.contains(key))
            }
        };
        apply::all(Applied { conn, interned, tell: wanting.tell() }, &group).await?;
        Ok((stale, group.fresh))
    }

    pub(crate) async fn alone<T>(
        &mut self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> Doing<'c, SqlResult<T>>,
    ) -> Result<T, LedgerError> {
        self.begin().await?;
        let outcome = match &mut self.conn {
            Some(conn) => work(conn).await,
            None => Err(sqlx::Error::WorkerCrashed),
        };
        self.end(outcome).await
    }

    async fn begin(&mut self) -> Result<(), LedgerError> {
        if let Some(file) = &self.file {
            file.check()?;
        }
        if self.conn.is_none() {
            self.open().await?;
        }
        let Some(conn) = &mut self.conn else { return Err(LedgerError::Closed) };
        match conn.begin().await {
            Ok(()) => Ok(()),
            // Nothing was written yet, so a server that was restarted meanwhile is met again at once.
            Err(error) if db::is_lost(&error) => self.begin_anew().await,
            Err(error) => Err(LedgerError::database("locking")(error)),
        }
    }

    async fn begin_anew(&mut self) -> Result<(), LedgerError> {
        self.conn = None;
        self.open().await?.begin().await.map_err(LedgerError::database("locking"))
    }

    /// Opens another connection. What was interned may be another database's, where one was put back meanwhile.
    async fn open(&mut self) -> Result<&mut Conn, LedgerError> {
        self.interned.clear();
        let conn = self.home.writing().await.map_err(LedgerError::database("opening"))?;
        Ok(self.conn.insert(conn))
    }

    /// Commits what succeeded; anything else leaves no trace.
    async fn end<T>(&mut self, outcome: SqlResult<T>) -> Result<T, LedgerError> {
        let Some(conn) = &mut self.conn else { return Err(LedgerError::Closed) };
        let (doing, error) = match outcome {
            Ok(value) => match conn.commit().await {
                Ok(()) => {
                    self.checkpoints.iter_mut().for_each(Checkpoints::committed);
                    return Ok(value);
                }
                Err(error) => ("committing to", error),
            },
            Err(error) => ("writing to", error),
        };
        self.interned.clear();
        let rolled_back = conn.rollback().await;
        // SQLite may have rolled back already (a full disk); then this one is refused, and nothing is open either way.
        if db::is_lost(&error) || (self.file.is_none() && rolled_back.is_err()) {
            self.conn = None;
        }
        Err(LedgerError::database(doing)(error))
    }
}

/// Tells every caller.
fn answer(calls: Vec<Call>, outcome: &Result<HashSet<usize>, LedgerError>) {
    for (number, call) in calls.into_iter().enumerate() {
        let told = match (outcome, call.fence) {
            (Ok(stale), Some(fence)) if stale.contains(&number) => {
                Err(LedgerError::Fenced { lease: fence.name })
            }
            (Ok(_), _) => Ok(()),
            (Err(error), _) => Err(error.clone()),
        };
        // A caller that has gone is not told.
        let _ = call.reply.send(told);
    }
}

/// The places of callers whose lease somebody else took.
async fn stale(conn: &mut Conn, calls: &[Call]) -> SqlResult<HashSet<usize>> {
    let mut fences: Vec<&Fence> = calls.iter().filter_map(|call| call.fence.as_ref()).collect();
    fences.sort_by_key(|fence| (&fence.name, fence.epoch));
    fences.dedup();
    let mut lost = HashSet::new();
    for fence in fences {
        if !lease::stands(conn, fence).await? {
            lost.insert(fence);
        }
    }
    let is_lost = |call: &Call| call.fence.as_ref().is_some_and(|fence| lost.contains(fence));
    Ok(calls.iter().enumerate().filter(|(_, call)| is_lost(call)).map(|(number, _)| number).collect())
}

/// The first caller and those that wait already, up to [`GROUP_ENTRIES`]; a request of another kind is put back.
fn gather(first: Call, requests: &mut mpsc::Receiver<Request>, put_back: &mut Option<Request>) -> Vec<Call> {
    let mut entries = first.entries.len();
    let mut calls = vec![first];
    while entries < GROUP_ENTRIES {
        match requests.try_recv() {
            Ok(Request::Record(call)) => {
                entries += call.entries.len();
                calls.push(call);
            }
            Ok(other) => {
                *put_back = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::entry::{Body, Claims, InvalidEvent};

    fn invalid(size: usize) -> Entry {
        Entry::Invalid(InvalidEvent {
            system: "planning".into(),
            received_at: 1,
            code: "schema".into(),
            place: String::new(),
            words: "it does not fit".into(),
            content_type: None,
            headers: Vec::new(),
            body: Body::kept(&vec![b' '; size], size),
            claims: Claims::default(),
        })
    }

    fn call(entries: Vec<Entry>, reply: Reply<()>) -> Call {
        Call { entries, fence: None, reply }
    }

    async fn limit_pages(writer: &mut Writer, pages: u32) {
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        match &mut writer.conn {
            Some(Conn::Sqlite(conn)) => drop(sqlx::query(pragma).execute(conn).await.unwrap()),
            _ => panic!("a file"),
        }
    }

    async fn count(writer: &mut Writer) -> i64 {
        let conn = writer.conn.as_mut().unwrap();
        let (count,): (i64,) = conn.query("SELECT count(*) FROM invalid").one().await.unwrap();
        count
    }

    #[tokio::test]
    async fn a_full_disk_fails_every_caller_of_the_group_applies_nothing_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        crate::Ledger::open(&ledger).await.unwrap();
        let home = Home::file(&ledger);
        let conn = home.writing().await.unwrap();
        let tail = Some(Arc::new(Tail::new(HashSet::new())));
        let mut writer = Writer::new(home, conn, tail, Arc::default());
        limit_pages(&mut writer, 1).await;
        let (small, small_answer) = oneshot::channel();
        let (large, large_answer) = oneshot::channel();
        writer.record(vec![call(vec![invalid(1)], small), call(vec![invalid(1_000_000)], large)]).await;
        for answer in [small_answer, large_answer] {
            let error = answer.await.unwrap().unwrap_err();
            assert_eq!((error.failure(), error.kind()), (Failure::Transient, Kind::Full));
        }
        assert_eq!(count(&mut writer).await, 0);
        limit_pages(&mut writer, 100_000).await;
        let (reply, answer) = oneshot::channel();
        writer.record(vec![call(vec![invalid(1), invalid(1_000_000)], reply)]).await;
        answer.await.unwrap().unwrap();
        assert_eq!(count(&mut writer).await, 2);
    }

    #[tokio::test]
    async fn waiting_callers_share_a_transaction_up_to_the_limit_and_others_keep_their_turn() {
        let (send, mut requests) = mpsc::channel(10);
        for _ in 0..3 {
            let entries = vec![invalid(1); GROUP_ENTRIES / 2];
            send.send(Request::Record(call(entries, oneshot::channel().0))).await.unwrap();
        }
        fn work(conn: &mut Conn) -> Doing<'_, SqlResult<()>> {
            Box::pin(event::index(conn))
        }
        send.send(Request::Alone(Box::new(Alone { work, reply: oneshot::channel().0 }))).await.unwrap();
        let mut put_back = None;
        let first = call(vec![invalid(1)], oneshot::channel().0);
        assert_eq!(gather(first, &mut requests, &mut put_back).len(), 3, "one, and two halves");
        let first = call(vec![invalid(1)], oneshot::channel().0);
        assert_eq!(gather(first, &mut requests, &mut put_back).len(), 2);
        assert!(matches!(put_back, Some(Request::Alone(_))));
    }
}
