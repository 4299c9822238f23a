//! A hub in small: what the real one does with a source, in its order, and dies where it is told to.

use std::collections::BTreeMap;

use postroom_event::{Reading, record_id};
use serde_json::Value;

use super::Secrets;
use crate::{Arrival, Batch, ConnectorError, Ending, Source};

/// Records that are read, published and recorded together.
const CHUNK: usize = 3;

/// Behind which the hub may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch has come.
    Arrived,
    /// Some of its records are read.
    Read,
    /// They are published and confirmed.
    Published,
    /// That is recorded.
    Advanced,
    /// The end of the batch and the cursor behind it are recorded.
    Ended,
    /// The batch is put away.
    Finished,
}

impl Step {
    pub(crate) const ALL: [Self; 6] =
        [Self::Arrived, Self::Read, Self::Published, Self::Advanced, Self::Ended, Self::Finished];
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// Nothing came any more.
    Quiet,
    /// It was killed.
    Killed,
}

/// What a ledger and a broker keep over the lives of a hub.
pub(crate) struct Hub {
    secrets: Secrets,
    /// The cursor that was recorded last.
    pub(crate) cursor: Option<String>,
    /// Position and whether it has ended, by batch.
    imports: BTreeMap<String, (usize, bool)>,
    /// Records in the order in which they were first published, each with the id that its events have.
    pub(crate) published: Vec<(String, Value)>,
    /// How often a record was published, with those that came again.
    pub(crate) publishes: u64,
}

impl Hub {
    /// One that was never run, and is told none of these.
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets, cursor: None, imports: BTreeMap::new(), published: Vec::new(), publishes: 0 }
    }

    /// Takes what the source has; dies behind the `nth` passing of a step, where it is told to.
    pub(crate) async fn run(
        &mut self,
        source: &mut dyn Source,
        dies: Option<(Step, u32)>,
    ) -> Result<Run, ConnectorError> {
        let mut death = Death(dies);
        loop {
            match source.next().await.inspect_err(|error| self.secrets.untold_by(error))? {
                Arrival::Idle => return Ok(Run::Quiet),
                Arrival::Refused(refused) => panic!("the source refused what was right: {}", refused.fault),
                Arrival::Batch(batch) => {
                    let taken = self.take(batch, &mut death).await;
                    if taken.inspect_err(|error| self.secrets.untold_by(error))? == Run::Killed {
                        return Ok(Run::Killed);
                    }
                }
            }
        }
    }

    async fn take(&mut self, mut batch: Box<dyn Batch>, death: &mut Death) -> Result<Run, ConnectorError> {
        if death.comes(Step::Arrived) {
            return Ok(Run::Killed);
        }
        let id = batch.id().to_owned();
        let (mut position, ended) = self.imports.get(&id).copied().unwrap_or_default();
        let cursor = batch.cursor();
        if ended {
            self.cursor = cursor.or(self.cursor.take());
            batch.finish(Ending::Repeated).await?;
            return Ok(Run::Quiet);
        }
        skip(batch.as_mut(), position).await?;
        loop {
            let readings = batch.read(CHUNK).await?;
            if readings.is_empty() {
                break;
            }
            if death.comes(Step::Read) {
                return Ok(Run::Killed);
            }
            position += readings.len();
            self.publish(&id, readings);
            if death.comes(Step::Published) {
                return Ok(Run::Killed);
            }
            self.imports.insert(id.clone(), (position, false));
            if death.comes(Step::Advanced) {
                return Ok(Run::Killed);
            }
        }
        self.imports.insert(id, (position, true));
        self.cursor = cursor.or(self.cursor.take());
        if death.comes(Step::Ended) {
            return Ok(Run::Killed);
        }
        batch.finish(Ending::Done).await?;
        Ok(if death.comes(Step::Finished) { Run::Killed } else { Run::Quiet })
    }

    fn publish(&mut self, batch: &str, readings: Vec<Reading>) {
        for reading in readings {
            let record = match reading {
                Reading::Record(record) => record,
                Reading::Refused(fault) => panic!("the source refused what was right: {fault}"),
            };
            let number = record.number.to_string();
            let id = match &record.key {
                Some(key) => record_id("conformance", key),
                None => format!("{batch}-{number}"),
            };
            self.publishes += 1;
            if !self.published.iter().any(|(known, _)| *known == id) {
                self.published.push((id, record.value));
            }
        }
    }
}

/// When the hub dies.
struct Death(Option<(Step, u32)>);

impl Death {
    fn comes(&mut self, step: Step) -> bool {
        let Some((at, left)) = &mut self.0 else { return false };
        if *at != step {
            return false;
        }
        *left = left.saturating_sub(1);
        *left == 0
    }
}

async fn skip(batch: &mut dyn Batch, mut left: usize) -> Result<(), ConnectorError> {
    while left > 0 {
        let read = batch.read(left.min(CHUNK)).await?.len();
        assert!(read > 0, "a batch that comes again is shorter than it was");
        left -= read;
    }
    Ok(())
}
