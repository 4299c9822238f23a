//! Reports that wait together, as a batch in memory: each sender is answered when all are taken.

use std::collections::VecDeque;

use async_trait::async_trait;
use postroom_connector::{Batch, ConnectorError, Ending, Failure};
use postroom_event::{Reading, Record};
use serde_json::Value;

use super::answering::{Answering, Pending};
use super::posted::hash;

/// A report that is taken once its record is.
pub(super) struct Taken {
    pub(super) record: Value,
    pub(super) pending: Pending,
}

pub(super) struct Reports {
    label: String,
    id: String,
    count: u64,
    readings: VecDeque<Reading>,
    pending: Vec<Pending>,
    answering: Answering,
}

impl Reports {
    pub(super) fn new(label: String, all: Vec<Taken>, answering: Answering) -> Self {
        let (mut readings, mut pending) = (VecDeque::new(), Vec::new());
        for (number, taken) in (1..).zip(all) {
            let key = Some(taken.pending.token.clone());
            readings.push_back(Reading::Record(Record { number, line: 0, key, value: taken.record }));
            pending.push(taken.pending);
        }
        let tokens: Vec<_> = pending.iter().map(|pending| ("token", pending.token.as_str())).collect();
        Self { label, id: hash(&tokens), count: pending.len() as u64, readings, pending, answering }
    }
}

/// Dropped before it is finished it drops the replies, and each says 503.
#[async_trait]
impl Batch for Reports {
    fn label(&self) -> &str {
        &self.label
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.count
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
        self.answering.answer(self.pending);
        Ok(())
    }
}
