//! A batch of rows that are in memory, and what becomes of them when they are put away.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use postroom_connector::{Batch, ConnectorError, Ending, Failure};
use postroom_event::Reading;
use sha2::{Digest, Sha256};

use super::outbox::OutboxReader;
use super::progress::Turn;
use super::watermark::WatermarkReader;
use crate::cell::{Cell, hex};

/// Rows on their way.
pub(crate) struct RowsBatch {
    label: String,
    id: String,
    readings: VecDeque<Reading>,
    total: u64,
    more_wait: bool,
    away: Away,
    /// Held as long as the batch lives: the source reads nothing else meanwhile.
    _hand: Arc<()>,
}

/// What is done with the rows when they are put away.
pub(crate) enum Away {
    /// They are deleted or marked, by their ids.
    Outbox(Arc<OutboxReader>, Vec<Cell>),
    /// The reader goes on behind them.
    Watermark(Arc<WatermarkReader>, Turn),
}

impl RowsBatch {
    /// A batch of `readings`, whose rows have these digests, read from where `from` says.
    pub(crate) fn new(
        label: String,
        (from, digests): (&str, &[[u8; 32]]),
        readings: VecDeque<Reading>,
        away: Away,
        hand: Arc<()>,
    ) -> Self {
        let mut sha = Sha256::new();
        sha.update(from.len().to_be_bytes());
        sha.update(from);
        for digest in digests {
            sha.update(digest);
        }
        let (id, total) = (hex(&sha.finalize()), readings.len() as u64);
        Self { label, id, readings, total, more_wait: false, away, _hand: hand }
    }

    /// The same, behind which there is more to read at once.
    pub(crate) fn with_more(self, more_wait: bool) -> Self {
        Self { more_wait, ..self }
    }

    pub(crate) fn more_wait(&self) -> bool {
        self.more_wait
    }
}

#[async_trait]
impl Batch for RowsBatch {
    fn label(&self) -> &str {
        &self.label
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.total
    }

    fn cursor(&self) -> Option<String> {
        match &self.away {
            Away::Outbox(..) => None,
            Away::Watermark(reader, turn) => reader.cursor(turn),
        }
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        let many = limit.min(self.readings.len());
        Ok(self.readings.drain(..many).collect())
    }

    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError> {
        if ending == Ending::Done && !self.readings.is_empty() {
            return Err(ConnectorError::new(Failure::Permanent, "the rows were not read to their end", ""));
        }
        match self.away {
            Away::Outbox(reader, ids) => reader.take_away(ids).await,
            Away::Watermark(reader, turn) => {
                reader.go_on(turn);
                Ok(())
            }
        }
    }
}
