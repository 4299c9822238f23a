//! The keys of the newest events, in memory until the ledger's index has them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use postroom_event::EventKey;

/// Events after which the index is brought up to date: what is not in it yet is looked through by every question about keys
/// and subjects, and many at once hold the writer up.
pub(crate) const TAIL_EVENTS: usize = 8_192;

/// Shared by the writer, which adds, and the readers, which ask.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    /// Not in the index yet.
    newest: HashSet<EventKey>,
    /// In the index since the last time; kept so that a duplicate still under way is caught.
    before: HashSet<EventKey>,
}

impl Tail {
    pub(crate) fn new(newest: HashSet<EventKey>) -> Self {
        Self(Mutex::new(Generations { newest, before: HashSet::new() }))
    }

    pub(crate) fn contains(&self, key: &EventKey) -> bool {
        let tail = self.lock();
        tail.newest.contains(key) || tail.before.contains(key)
    }

    /// Splits `keys` into those that are here, and the others in their order.
    pub(crate) fn split(&self, keys: &[EventKey]) -> (HashSet<EventKey>, Vec<EventKey>) {
        let tail = self.lock();
        let mut here = HashSet::new();
        let mut others = Vec::with_capacity(keys.len());
        for key in keys {
            if tail.newest.contains(key) || tail.before.contains(key) {
                here.insert(*key);
            } else {
                others.push(*key);
            }
        }
        (here, others)
    }

    pub(crate) fn add(&self, keys: impl IntoIterator<Item = EventKey>) {
        self.lock().newest.extend(keys);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lock().newest.len() >= TAIL_EVENTS
    }

    /// The index has caught up.
    pub(crate) fn indexed(&self) {
        let mut tail = self.lock();
        tail.before = std::mem::take(&mut tail.newest);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
