//! The second reading of a file: gives its records, a bounded number at a time, and proves at the end that they were
//! those of the first.

use std::sync::Arc;

use async_trait::async_trait;
use postroom_connector::{Batch, ConnectorError, Ending, Failure, RefusedBatch};
use postroom_event::Reading;
use postroom_format::{ReadError, Readings};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::away::{Away, changed};
use crate::failure::{failed, interrupted};
use crate::inspect::Inspected;
use crate::tally::{Tally, counted};

/// Most bytes of the file behind the records that one call gives, but for a single record that is larger.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// A file that was checked whole and is now read.
pub(crate) struct FileBatch {
    label: String,
    id: String,
    records: u64,
    progress: Progress,
    away: Option<Away>,
    /// Held as long as the batch lives: the source takes no other file meanwhile.
    _hand: Option<Arc<()>>,
}

enum Progress {
    Ready(Pass),
    /// A chunk is being read; kept here so that a caller may stop waiting and come back.
    Reading(JoinHandle<Chunk>),
    Ended,
    Failed,
}

/// What reading a chunk brought: the pass where there is more, and the records.
type Chunk = (Option<Pass>, Result<Vec<Reading>, ConnectorError>);

/// The second reading.
struct Pass {
    readings: Readings,
    tally: Arc<Tally>,
    id: String,
    left: u64,
}

impl FileBatch {
    /// A batch of the file, to be put away at the end where `away` says how.
    pub(crate) fn new(
        inspected: Inspected,
        away: Option<Away>,
        hand: Option<Arc<()>>,
    ) -> Result<Self, ConnectorError> {
        let Inspected { opened, format, id, records } = inspected;
        let (reader, tally) = counted(&opened.file).map_err(failed("reading the file"))?;
        let pass = Pass { readings: format.read(reader), tally, id: id.clone(), left: records };
        Ok(Self { label: opened.name, id, records, progress: Progress::Ready(pass), away, _hand: hand })
    }
}

impl Pass {
    /// The next records, at most `limit`; at least one, where there is more.
    fn chunk(mut self, limit: usize) -> Chunk {
        let until = self.tally.bytes() + CHUNK_BYTES;
        let mut chunk = Vec::new();
        while chunk.is_empty() || (chunk.len() < limit && self.tally.bytes() < until) {
            match self.readings.next() {
                Some(Ok(reading)) => match self.left.checked_sub(1) {
                    Some(left) => {
                        self.left = left;
                        chunk.push(reading);
                    }
                    None => return (None, Err(changed())),
                },
                Some(Err(ReadError::Io(error))) => return (None, Err(failed("reading the file")(error))),
                None if self.left == 0 && self.tally.hex() == self.id => return (None, Ok(chunk)),
                Some(Err(ReadError::Refused(_))) | None => return (None, Err(changed())),
            }
        }
        (Some(self), Ok(chunk))
    }
}

#[async_trait]
impl Batch for FileBatch {
    fn label(&self) -> &str {
        &self.label
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.records
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        let handle = match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::Ready(pass) => spawn_blocking(move || pass.chunk(limit)),
            Progress::Reading(handle) => handle,
            Progress::Ended => {
                self.progress = Progress::Ended;
                return Ok(Vec::new());
            }
            Progress::Failed => return Err(changed()),
        };
        self.progress = Progress::Reading(handle);
        let Progress::Reading(handle) = &mut self.progress else { return Err(changed()) };
        let joined = handle.await;
        self.progress = Progress::Failed;
        let (pass, chunk) = joined.map_err(interrupted)?;
        let chunk = chunk?;
        self.progress = pass.map_or(Progress::Ended, Progress::Ready);
        Ok(chunk)
    }

    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError> {
        if ending == Ending::Done && !matches!(self.progress, Progress::Ended) {
            let words = "the file was not read to its end";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        let Some(away) = self.away.clone() else { return Ok(()) };
        spawn_blocking(move || away.done()).await.map_err(interrupted)?
    }

    async fn refuse(self: Box<Self>, refused: &RefusedBatch) -> Result<(), ConnectorError> {
        let (Some(away), refused) = (self.away.clone(), refused.clone()) else { return Ok(()) };
        spawn_blocking(move || away.refused(&refused)).await.map_err(interrupted)?
    }
}
