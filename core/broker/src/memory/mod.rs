//! The port on a broker in this process, with faults to order: for tests and for simulation.
//!
//! It keeps what the hub relies on: order, redelivery of what is unacked in order and flagged, prefetch, a single active
//! consumer, alternate exchanges, full queues, confirms. It has no clock, no disk, no permissions, no delivery limit and
//! no dead-lettering, and a stream is to it a queue that nobody reads.

mod routing;
mod session;
mod state;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

pub use self::session::MemoryBroker;
use self::{session::Session, state::State};
use crate::{Delivery, Names};

/// What happens to a publish that a fault was ordered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not arrive, and the broker says so.
    Nacked,
    /// It does not arrive, and the answer never comes.
    Lost,
    /// It arrives, and the answer never comes.
    Unanswered,
}

/// A broker in this process; clones are the same broker.
#[derive(Clone, Default)]
pub struct Server {
    shared: Arc<Shared>,
}

/// The state, and a bell that rings whenever it has changed.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_waiters();
        changed
    }

    /// Looks at every state until `look` finds what it waits for.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    /// A broker without any object.
    pub fn new() -> Self {
        Self::default()
    }

    /// A session of `user` with objects under `prefix`.
    pub fn connect(&self, prefix: &str, user: &str) -> MemoryBroker {
        let session = Session::open(Arc::clone(&self.shared), user);
        MemoryBroker::new(self.clone(), session, Names::new(prefix))
    }

    /// The next `count` publishes end with `fault`, after those that were ordered before.
    pub fn fail_next(&self, fault: Fault, count: usize) {
        self.shared.change(|state| state.faults.extend(std::iter::repeat_n(fault, count)));
    }

    /// Queue `queue` refuses publishes while it holds `most` messages that are ready.
    pub fn limit(&self, queue: &str, most: usize) {
        self.shared.change(|state| state.limit(queue, Some(most)));
    }

    /// Queue `queue` takes any number of messages again.
    pub fn unlimit(&self, queue: &str) {
        self.shared.change(|state| state.limit(queue, None));
    }

    /// Ends every session now; what is unacked goes back to its queue.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// Cancels every consumer of `queue`, as a broker does that moves or deletes it.
    pub fn cancel(&self, queue: &str) {
        self.shared.change(|state| state.cancel(queue));
    }

    /// Deletes `queue` with all that is in it, and cancels its consumers.
    pub fn delete(&self, queue: &str) {
        self.shared.change(|state| state.delete(queue));
    }

    /// Asks every session to pause publishing.
    pub fn block(&self) {
        self.shared.change(|state| state.blocked = true);
    }

    /// Lets every session publish again.
    pub fn unblock(&self) {
        self.shared.change(|state| state.blocked = false);
    }

    /// Puts a delivery at the end of `queue` as it is, but for its tag: with properties that no [`crate::Message`] has.
    pub fn put(&self, queue: &str, delivery: Delivery) {
        self.shared.change(|state| state.put(queue, delivery));
    }

    /// What is ready in `queue`, in its order; nothing when there is no such queue.
    pub fn ready(&self, queue: &str) -> Vec<Delivery> {
        self.shared.state().ready(queue)
    }
}
