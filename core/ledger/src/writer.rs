//! The one task that writes: it owns the writing connection and commits many callers at once.

use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::LedgerError;
use crate::batch::StagedBatch;
use crate::entry::Entry;
use crate::file::File;
use crate::group::Group;
use crate::import::{Import, NewImport};
use crate::intern::Interned;
use crate::sql::{Result as SqlResult, dead, dispatch, event, import, invalid, run, staged};
use crate::tail::Tail;

/// Most requests that wait for the writer; a caller beyond that waits to be queued.
pub(crate) const QUEUED_REQUESTS: usize = 1_024;
/// Entries from which on no further caller is taken into the transaction.
const GROUP_ENTRIES: usize = 2_000;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What a caller asks of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    /// Write these; grouped with others.
    Record(Vec<Entry>, Reply<()>),
    /// Write one thing and answer; alone in its transaction.
    OpenImport(NewImport, Reply<Import>),
    ImportAgain(NewImport, Reply<Import>),
    AssignBatch {
        target: String,
        max: usize,
        at: i64,
        reply: Reply<Option<StagedBatch>>,
    },
    StartRun(i64, Reply<bool>),
    EndRun(i64, Reply<()>),
}

/// The writer's own state.
#[derive(Debug)]
pub(crate) struct Writer {
    conn: SqliteConnection,
    file: File,
    interned: Interned,
    tail: Arc<Tail>,
}

impl Writer {
    pub(crate) fn new(conn: SqliteConnection, file: File, tail: Arc<Tail>) -> Self {
        Self { conn, file, interned: Interned::default(), tail }
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
                Some(Request::Record(entries, reply)) => {
                    let group = gather((entries, reply), &mut requests, &mut put_back);
                    self.record(group).await;
                }
                Some(other) => self.answer(other).await,
            }
        }
        // Nobody is left to be told; what was committed stays.
        let _ = self.conn.close().await;
    }

    async fn record(&mut self, callers: Vec<(Vec<Entry>, Reply<()>)>) {
        let outcome = self.write(&callers).await;
        for (_, reply) in callers {
            // A caller that has gone is not told.
            let _ = reply.send(outcome.clone());
        }
    }

    async fn write(&mut self, callers: &[(Vec<Entry>, Reply<()>)]) -> Result<(), LedgerError> {
        self.index().await?;
        let tail = Arc::clone(&self.tail);
        let group = Group::sort(callers.iter().flat_map(|(entries, _)| entries), &tail);
        self.begin().await?;
        let applied = self.apply(&group).await;
        self.end(applied).await?;
        self.tail.add(group.fresh);
        Ok(())
    }

    /// Brings the index up to date when enough events wait for it.
    async fn index(&mut self) -> Result<(), LedgerError> {
        if !self.tail.is_full() {
            return Ok(());
        }
        self.begin().await?;
        let indexed = event::index(&mut self.conn).await;
        self.end(indexed).await?;
        self.tail.indexed();
        Ok(())
    }

    async fn apply(&mut self, group: &Group<'_>) -> SqlResult<()> {
        let Self { conn, interned, .. } = self;
        if !group.events.is_empty() {
            event::append(conn, interned, &group.events).await?;
        }
        for (system, count) in &group.duplicates {
            event::tally(conn, system, *count).await?;
        }
        if !group.delivered.is_empty() {
            dispatch::deliver(conn, interned, &group.delivered).await?;
        }
        if !group.staged.is_empty() {
            staged::stage(conn, interned, &group.staged).await?;
        }
        if !group.dead.is_empty() {
            dead::bury(conn, interned, &group.dead).await?;
        }
        for entry in &group.rest {
            apply_one(conn, entry).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request) {
        // A caller that has gone is not told.
        match request {
            Request::Record(entries, reply) => self.record(vec![(entries, reply)]).await,
            Request::OpenImport(new, reply) => {
                let _ = reply.send(self.alone(async |conn| import::open(conn, &new).await).await);
            }
            Request::ImportAgain(new, reply) => {
                let _ = reply.send(self.alone(async |conn| import::again(conn, &new).await).await);
            }
            Request::AssignBatch { target, max, at, reply } => {
                let assign = async |conn: &mut _| staged::assign(conn, &target, max, at).await;
                let _ = reply.send(self.alone(assign).await);
            }
            Request::StartRun(at, reply) => {
                let _ = reply.send(self.alone(async |conn| run::start(conn, at).await).await);
            }
            Request::EndRun(at, reply) => {
                let _ = reply.send(self.alone(async |conn| run::end(conn, at).await).await);
            }
        }
    }

    async fn alone<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> SqlResult<T>,
    ) -> Result<T, LedgerError> {
        self.begin().await?;
        let outcome = work(&mut self.conn).await;
        self.end(outcome).await
    }

    async fn begin(&mut self) -> Result<(), LedgerError> {
        self.file.check()?;
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut self.conn).await;
        begun.map(drop).map_err(LedgerError::database("locking"))
    }

    /// Commits what succeeded; anything else leaves no trace.
    async fn end<T>(&mut self, outcome: SqlResult<T>) -> Result<T, LedgerError> {
        let ended = match outcome {
            Ok(value) => match sqlx::query("COMMIT").execute(&mut self.conn).await {
                Ok(_) => return Ok(value),
                Err(error) => LedgerError::database("committing to")(error),
            },
            Err(error) => LedgerError::database("writing to")(error),
        };
        self.interned.clear();
        // SQLite may have rolled back already (a full disk); then this one is refused, and nothing is open either way.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.conn).await;
        Err(ended)
    }
}

/// The first caller and those that wait already, up to [`GROUP_ENTRIES`]; a request of another kind is put back.
fn gather(
    first: (Vec<Entry>, Reply<()>),
    requests: &mut mpsc::Receiver<Request>,
    put_back: &mut Option<Request>,
) -> Vec<(Vec<Entry>, Reply<()>)> {
    let mut entries = first.0.len();
    let mut callers = vec![first];
    while entries < GROUP_ENTRIES {
        match requests.try_recv() {
            Ok(Request::Record(more, reply)) => {
                entries += more.len();
                callers.push((more, reply));
            }
            Ok(other) => {
                *put_back = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    callers
}

/// Entries that are few, one by one.
async fn apply_one(conn: &mut SqliteConnection, entry: &Entry) -> SqlResult<()> {
    match entry {
        Entry::Invalid(event) => invalid::add(conn, event).await,
        Entry::BatchDelivered { id, reference, at } => {
            staged::deliver(conn, id, reference.as_deref(), *at).await
        }
        Entry::BatchRefused { id, reason, at } => staged::refuse(conn, id, reason, *at).await,
        Entry::Advanced(step) => import::advance(conn, step).await,
        Entry::ImportDone(key, at) => import::finish(conn, key, *at).await,
        Entry::ImportRepeated(key, at) => import::repeat(conn, key, *at).await,
        Entry::ImportRefused(refused) => import::refuse(conn, refused).await,
        Entry::Trying(keys) => run::try_keys(conn, keys).await,
        Entry::Survived(keys) => run::survive(conn, keys).await,
        // Written in bulk before.
        Entry::Event(_)
        | Entry::Duplicates { .. }
        | Entry::Staged(_)
        | Entry::Delivered(_)
        | Entry::Dead(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sqlx::ConnectOptions;

    use super::*;
    use crate::Failure;
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

    async fn limit_pages(writer: &mut Writer, pages: u32) {
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(pragma).execute(&mut writer.conn).await.unwrap();
    }

    async fn count(writer: &mut Writer) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM invalid").fetch_one(&mut writer.conn).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_fails_every_caller_of_the_group_applies_nothing_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        crate::Ledger::open(&ledger).await.unwrap();
        let conn = crate::file::writing(&ledger).connect().await.unwrap();
        let mut writer = Writer::new(conn, File::new(&ledger), Arc::new(Tail::new(HashSet::new())));
        limit_pages(&mut writer, 1).await;
        let (small, small_answer) = oneshot::channel();
        let (large, large_answer) = oneshot::channel();
        writer.record(vec![(vec![invalid(1)], small), (vec![invalid(1_000_000)], large)]).await;
        for answer in [small_answer, large_answer] {
            assert_eq!(answer.await.unwrap().unwrap_err().failure(), Failure::Transient);
        }
        assert_eq!(count(&mut writer).await, 0);
        limit_pages(&mut writer, 100_000).await;
        let (reply, answer) = oneshot::channel();
        writer.record(vec![(vec![invalid(1), invalid(1_000_000)], reply)]).await;
        answer.await.unwrap().unwrap();
        assert_eq!(count(&mut writer).await, 2);
    }

    #[tokio::test]
    async fn waiting_callers_share_a_transaction_up_to_the_limit_and_others_keep_their_turn() {
        let (send, mut requests) = mpsc::channel(10);
        for _ in 0..3 {
            send.send(Request::Record(vec![invalid(1); GROUP_ENTRIES / 2], oneshot::channel().0))
                .await
                .unwrap();
        }
        send.send(Request::EndRun(1, oneshot::channel().0)).await.unwrap();
        let mut put_back = None;
        let first = (vec![invalid(1)], oneshot::channel().0);
        assert_eq!(gather(first, &mut requests, &mut put_back).len(), 3, "one, and two halves");
        let first = (vec![invalid(1)], oneshot::channel().0);
        assert_eq!(gather(first, &mut requests, &mut put_back).len(), 2);
        assert!(matches!(put_back, Some(Request::EndRun(1, _))));
    }
}
