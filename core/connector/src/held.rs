//! A batch that is held in memory: what was posted, or a page of an answer. It does not know where it came from.

use std::collections::VecDeque;

use async_trait::async_trait;
use postroom_event::Reading;
use sha2::{Digest, Sha256};

use crate::{Batch, ConnectorError, Ending, Failure};

/// Records in memory, and what is done when they are taken.
pub struct HeldBatch {
    label: String,
    id: String,
    records: u64,
    readings: VecDeque<Reading>,
    cursor: Option<String>,
    finish: Box<dyn FnOnce() + Send>,
}

impl HeldBatch {
    /// A batch of these, known by `id` wherever it comes again.
    pub fn new(label: String, id: String, readings: Vec<Reading>) -> Self {
        let records = readings.len() as u64;
        Self { label, id, records, readings: readings.into(), cursor: None, finish: Box::new(|| {}) }
    }

    /// The same, behind which the source goes on at `cursor`.
    #[must_use]
    pub fn cursor(self, cursor: Option<String>) -> Self {
        Self { cursor, ..self }
    }

    /// The same; once it is taken, `finish` is called. Where it never is, `finish` is dropped.
    #[must_use]
    pub fn then(self, finish: impl FnOnce() + Send + 'static) -> Self {
        Self { finish: Box::new(finish), ..self }
    }
}

#[async_trait]
impl Batch for HeldBatch {
    fn label(&self) -> &str {
        &self.label
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.records
    }

    fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        let count = limit.min(self.readings.len());
        Ok(self.readings.drain(..count).collect())
    }

    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError> {
        if ending == Ending::Done && !self.readings.is_empty() {
            let words = "the batch was not read to its end";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        (self.finish)();
        Ok(())
    }
}

/// SHA-256 of `parts`, in hex; each with its length before it, so that no two lists of parts give the same.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
