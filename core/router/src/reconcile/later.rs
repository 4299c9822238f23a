//! Which events that the ledger knows stand behind others in the journal that it does not know: by the order of the journal,
//! which is the one in which they were published.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroom_broker::Start;
use postroom_event::EventKey;

use crate::decide::Head;
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// Of each subject with an event that was missed: the known events behind it, with their places in the journal.
pub(crate) struct Later(HashMap<(String, String), Vec<(u64, EventKey)>>);

/// What was found for each job that has not ended, over every session of this hub. While an ingress takes in what was missed it
/// takes nothing else, so that stays as it is.
#[derive(Clone, Default)]
pub(crate) struct Laters(Arc<Mutex<HashMap<i64, Arc<Later>>>>);

impl Laters {
    pub(super) fn of(&self, job: i64) -> Option<Arc<Later>> {
        self.all().get(&job).cloned()
    }

    pub(super) fn keep(&self, job: i64, later: Option<&Arc<Later>>) {
        later.and_then(|later| self.all().insert(job, Arc::clone(later)));
    }

    pub(super) fn forget(&self, job: i64) {
        self.all().remove(&job);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<i64, Arc<Later>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Later {
    /// Reads the journal from `start` on; at `first` the first event of `system` was missed. An event that was published
    /// again stands where it came first.
    pub(crate) async fn look(
        session: &Session,
        system: &str,
        (start, first): (Start, u64),
    ) -> Result<Self, WorkerError> {
        let (council, broker) = (&session.council, session.broker.as_ref());
        let (mut later, mut seen) = (Self(HashMap::new()), HashSet::new());
        let Some(mut journal) = Journal::open(broker, start).await? else { return Ok(later) };
        while let Some(entries) = journal.next().await? {
            let own = |entry: &&postroom_broker::Entry| {
                journal::system_of(council, broker, &entry.delivery) == Some(system)
            };
            let events: Vec<_> = entries
                .iter()
                .filter(own)
                .filter_map(|entry| Some((entry.offset, journal::event_of(council, &entry.delivery)?)))
                .map(|(offset, event)| (offset, event.key(), (event.source, event.subject)))
                .filter(|(offset, key, _)| seen.insert(*key) && *offset >= first)
                .collect();
            let keys: Vec<EventKey> = events.iter().map(|(_, key, _)| *key).collect();
            let known = session.ledger.known(&keys).await?;
            for (offset, key, subject) in events {
                if !known.contains(&key) {
                    later.0.entry(subject).or_default();
                } else if let Some(behind) = later.0.get_mut(&subject) {
                    behind.push((offset, key));
                }
            }
        }
        journal.close().await;
        Ok(later)
    }

    /// The known events of the same source and subject behind the place `offset` of the journal.
    pub(crate) fn behind(&self, head: &Head, offset: u64) -> Vec<EventKey> {
        let subject = (head.source.clone(), head.subject.clone());
        let known = self.0.get(&subject).map(Vec::as_slice).unwrap_or_default();
        known.iter().filter(|(place, _)| *place > offset).map(|(_, key)| *key).collect()
    }
}
