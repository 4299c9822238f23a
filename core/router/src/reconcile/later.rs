//! Which events that the ledger knows stand behind others in the journal that it does not know: by the order of the journal,
//! which is the one in which they were published.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroom_broker::Start;
use postroom_event::EventKey;

use crate::decide::Head;
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// The known events behind those that were missed, once it was looked for them.
#[derive(Default)]
pub(crate) struct Later {
    /// Of each subject with an event that was missed: the known events behind it, with their places in the journal.
    behind: HashMap<(String, String), Vec<(u64, EventKey)>>,
    /// Events of what was looked at, while it is.
    seen: HashSet<EventKey>,
    /// The place of the first that was missed, once it is known.
    first: Option<u64>,
    /// Behind the last entry that was looked at; all are where it is whole.
    reached: u64,
    is_whole: bool,
}

/// What was found for each job that has not ended, over every session of this hub. While an ingress takes in what was missed it
/// takes nothing else, so that stays as it is.
#[derive(Clone, Default)]
pub(crate) struct Laters(Arc<Mutex<HashMap<i64, Later>>>);

impl Laters {
    pub(super) fn take(&self, job: i64) -> Later {
        self.all().remove(&job).unwrap_or_default()
    }

    pub(super) fn keep(&self, job: i64, later: Later) {
        self.all().insert(job, later);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<i64, Later>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Later {
    /// Reads the journal from `start` on, or from where it stopped; at `first` the first event of `system` was missed. An event
    /// that was published again stands where it came first.
    pub(crate) async fn look(
        &mut self,
        session: &Session,
        system: &str,
        (start, first): (Start, u64),
    ) -> Result<(), WorkerError> {
        if self.is_whole {
            return Ok(());
        }
        let (council, broker) = (&session.council, session.broker.as_ref());
        let first = *self.first.get_or_insert(first);
        let start = if self.reached > 0 { Start::Offset(self.reached.saturating_sub(1)) } else { start };
        let Some(mut journal) = Journal::open(broker, start).await? else { return Ok(()) };
        while let Some(entries) = journal.next().await? {
            let own = entries.iter().filter(|entry| {
                entry.offset >= self.reached
                    && journal::system_of(council, broker, &entry.delivery) == Some(system)
            });
            let events: Vec<_> = own
                .filter_map(|entry| Some((entry.offset, journal::event_of(council, &entry.delivery)?)))
                .map(|(offset, event)| (offset, event.key(), (event.source, event.subject)))
                .collect();
            let behind = events.iter().filter(|(offset, ..)| *offset >= first);
            let keys: Vec<EventKey> = behind.map(|(_, key, _)| *key).collect();
            let known = session.ledger.known(&keys).await?;
            for (offset, key, subject) in events {
                if !self.seen.insert(key) || offset < first {
                    continue;
                }
                if !known.contains(&key) {
                    self.behind.entry(subject).or_default();
                } else if let Some(behind) = self.behind.get_mut(&subject) {
                    behind.push((offset, key));
                }
            }
            self.reached = entries.last().map_or(self.reached, |last| last.offset + 1);
        }
        journal.close().await;
        (self.is_whole, self.seen) = (true, HashSet::new());
        Ok(())
    }

    /// The known events of the same source and subject behind the place `offset` of the journal.
    pub(crate) fn behind(&self, head: &Head, offset: u64) -> Vec<EventKey> {
        let subject = (head.source.clone(), head.subject.clone());
        let known = self.behind.get(&subject).map(Vec::as_slice).unwrap_or_default();
        known.iter().filter(|(place, _)| *place > offset).map(|(_, key)| *key).collect()
    }
}
