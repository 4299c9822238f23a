//! A table or view that is read whole: all rows of one moment, in one transaction that only reads, into a file of this machine, and
//! from there as one batch. It does not know what it read before: the hub knows a batch by the id of its content.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::{Batch, ConnectorError, Ending, Failure};
use postroom_event::Reading;

use super::plan::Plan;
use super::spool::{Limits, Spool, Spooled};
use super::{Due, Found};
use crate::database::dotted;
use crate::line::{Line, Session};
use crate::settings::{What, Whole};

/// Most rows of a table, most bytes of a row, and most bytes of all of them on this machine.
const LIMITS: Limits =
    Limits { rows: 20_000_000, row_bytes: 16 * 1024 * 1024, bytes: 8 * 1024 * 1024 * 1024 };
/// Most bytes of rows that one call gives, but for a single row that is larger.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Longest until a table is read again whose batch came to nothing.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct WholeReader {
    line: Arc<Line>,
    whole: Whole,
    what: What,
    /// The table as it is written in a statement.
    table: String,
    folder: PathBuf,
}

/// What happens when a batch is put away.
pub(super) struct Done {
    pub(super) due: Arc<Due>,
    pub(super) every: Duration,
    /// Held as long as the batch lives: nothing else is read meanwhile.
    pub(super) _hand: Arc<()>,
}

/// All rows of a table, on their way.
struct WholeBatch {
    label: String,
    plan: Plan,
    spooled: Spooled,
    /// How many were taken from the file.
    taken: u64,
    /// What the next call gives; kept here so that a caller may stop waiting and come back.
    chunk: Vec<Reading>,
    chunk_bytes: usize,
    done: Done,
}

impl WholeReader {
    /// A reader that keeps rows in `folder` until they are taken.
    pub(crate) fn new(line: Arc<Line>, whole: Whole, what: What, folder: PathBuf) -> Arc<Self> {
        let table = dotted(line.database.as_ref(), &whole.table);
        Arc::new(Self { line, whole, what, table, folder })
    }

    /// Reads all rows.
    pub(super) async fn look(self: Arc<Self>, done: Done) -> Found {
        let mut session = self.line.session().await?;
        let begun = session.say(self.line.database.begin_reading()).await;
        begun.map_err(|trouble| trouble.doing("beginning to read the table"))?;
        let order = self.whole.order.iter().map(|column| ("whole.order", column.as_str()));
        let plan = Plan::learn(&mut session, &self.table, &order.collect::<Vec<_>>(), &self.what).await?;
        let spool = Spool::open(self.folder.clone(), &plan.head(), LIMITS).await?;
        let spooled = self.copy(&mut session, &plan, spool).await?;
        session.say("COMMIT").await.map_err(|trouble| trouble.doing("ending to read the table"))?;
        // Closed, and not kept: a connection remembers the columns that the table had, and the next look is far.
        drop(session);
        let (label, pause) = (self.whole.table.join("."), AGAIN.min(done.every));
        let (chunk, chunk_bytes) = (Vec::new(), 0);
        Ok(Some((Box::new(WholeBatch { label, plan, spooled, taken: 0, chunk, chunk_bytes, done }), pause)))
    }

    async fn copy(
        &self,
        session: &mut Session<'_>,
        plan: &Plan,
        mut spool: Spool,
    ) -> Result<Spooled, ConnectorError> {
        let mut rows = session.stream(&self.query(plan));
        while let Some(row) = rows.next().await.map_err(|trouble| trouble.doing("reading the table"))? {
            spool.put(&row).await?;
        }
        spool.end().await
    }

    fn query(&self, plan: &Plan) -> String {
        let database = self.line.database.as_ref();
        let order = self.whole.order.iter().map(|column| format!("q.{}", database.quoted(column)));
        let order = order.collect::<Vec<_>>().join(", ");
        format!("SELECT {} FROM {} q ORDER BY {order}", plan.selected(database), self.table)
    }
}

#[async_trait]
impl Batch for WholeBatch {
    fn label(&self) -> &str {
        &self.label
    }

    fn id(&self) -> &str {
        &self.spooled.id
    }

    fn len(&self) -> u64 {
        self.spooled.rows
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        while self.chunk.len() < limit && self.chunk_bytes < CHUNK_BYTES {
            let Some((row, bytes)) = self.spooled.next().await? else { break };
            self.taken += 1;
            // By its batch and its number a row is known: the same content is the same batch.
            self.chunk.push(self.plan.reading(self.taken, None, &row));
            self.chunk_bytes += bytes;
        }
        if self.chunk.is_empty() && self.taken < self.spooled.rows {
            let words = "the rows in the data folder are fewer than were written";
            return Err(ConnectorError::new(Failure::Transient, words, ""));
        }
        self.chunk_bytes = 0;
        Ok(std::mem::take(&mut self.chunk))
    }

    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError> {
        if ending == Ending::Done && self.taken < self.spooled.rows {
            return Err(ConnectorError::new(Failure::Permanent, "the rows were not read to their end", ""));
        }
        self.done.due.put_off(self.done.every);
        Ok(())
    }
}
