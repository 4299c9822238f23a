//! Up to where the journal is recorded, for the next session: a queue is taken in its order, so once as many are taken as
//! waited when the journal's end was looked at, everything before that end is.

use std::time::Duration;

use postroom_broker::{Broker, BrokerError, Start};
use postroom_ledger::Ledger;
use tokio::time::Instant;

use crate::entries::journal_read;
use crate::ingress::PREFETCH;
use crate::journal::Journal;
use crate::session::{Session, WorkerError};

/// How often a place is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long a queue may be behind the journal with the same event.
const BEHIND: Duration = Duration::from_secs(2);

/// Notes the end of the journal as the first place of each of `systems` that has none: what a journal holds already is not
/// for a new ledger. Called before anything is declared, so that what comes in later is behind that place.
pub(crate) async fn note_first(
    broker: &dyn Broker,
    ledger: &Ledger,
    systems: &[String],
) -> Result<(), WorkerError> {
    let mut first = None;
    for system in systems {
        if ledger.journal_place(system).await?.is_none() {
            let position = match first {
                Some(position) => position,
                None => *first.insert(end(broker, Start::First).await?),
            };
            ledger.record(vec![journal_read(system, position)]).await?;
        }
    }
    Ok(())
}

/// The looking for the next place.
pub(crate) struct Place {
    /// The last one.
    noted: u64,
    at: Instant,
    step: Step,
    /// Deliveries taken.
    taken: u64,
}

enum Step {
    /// The journal is looked at next.
    Journal,
    /// Then the queue, to find out when everything before that place is taken.
    Queue(u64),
    /// So many must be taken, or none be left.
    Taking { position: u64, until: u64, is_empty: bool },
}

impl Place {
    pub(crate) async fn begin(session: &Session, system: &str) -> Result<Self, WorkerError> {
        let noted = session.ledger.journal_place(system).await?.map_or(0, |place| place.position);
        Ok(Self { noted, at: Instant::now() + LOOK_EVERY, step: Step::Journal, taken: 0 })
    }

    /// The journal was read along with the queue up to here.
    pub(crate) fn is_at(&mut self, position: u64) {
        self.noted = position;
    }

    /// Counts what was taken.
    pub(crate) fn taken(&mut self, deliveries: usize) {
        self.taken += deliveries as u64;
    }

    /// The place that is reached: everything before it is taken. Cheap until it is due.
    pub(crate) async fn reached(
        &mut self,
        session: &Session,
        system: &str,
        is_idle: bool,
    ) -> Result<Option<u64>, WorkerError> {
        if !session.council.journal || Instant::now() < self.at {
            return Ok(None);
        }
        let broker = session.broker.as_ref();
        match self.step {
            Step::Journal => {
                let position = end(broker, Start::Offset(self.noted.saturating_sub(1))).await?;
                let is_news = position > self.noted;
                self.step = if is_news { Step::Queue(position) } else { Step::Journal };
                self.at = Instant::now() + if is_news { BEHIND } else { LOOK_EVERY };
            }
            Step::Queue(position) => {
                let waiting = broker.depth(&broker.names().ingress(system)).await?.messages;
                let until = self.taken + u64::from(waiting) + u64::from(PREFETCH);
                self.step = Step::Taking { position, until, is_empty: waiting == 0 };
            }
            Step::Taking { position, until, is_empty } => {
                if self.taken >= until || (is_idle && is_empty) {
                    self.at = Instant::now() + LOOK_EVERY;
                    (self.step, self.noted) = (Step::Journal, position);
                    return Ok(Some(position));
                }
                if is_idle {
                    self.step = Step::Queue(position);
                }
            }
        }
        Ok(None)
    }
}

/// The offset behind the last entry of the journal, which is read from `start` on at most; 0 when it is empty.
async fn end(broker: &dyn Broker, start: Start) -> Result<u64, WorkerError> {
    match broker.depth(&broker.names().journal()).await {
        Err(BrokerError::Missing { .. }) => return Ok(0),
        depth => {
            if depth?.messages == 0 {
                return Ok(0);
            }
        }
    }
    let Some(journal) = Journal::open(broker, start).await? else { return Ok(0) };
    let last = journal.last();
    journal.close().await;
    Ok(last.map_or(0, |last| last + 1))
}
