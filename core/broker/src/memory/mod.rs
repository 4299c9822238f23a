//! The port on a broker in this process, with faults to order: for tests and for simulation.
//!
//! It keeps what the hub relies on: order, redelivery as RabbitMQ's quorum queues do it (in order while the prefetch is
//! constant), a single active consumer, alternate exchanges, full queues, delivery limits with dead-lettering, streams,
//! confirms. It has no disk, no permissions and no clock but the one it is told.

mod chance;
mod queue;
mod read;
mod routing;
mod session;
mod state;
mod taking;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use self::{chance::Chance, queue::Queue, session::Session, state::State};
pub use self::{chance::Odds, session::MemoryBroker};
use crate::{Delivery, Names};

/// What happens to a publish that a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not arrive, and the broker says so.
    Nacked,
    /// It does not arrive, and the answer never comes.
    Lost,
    /// It arrives, and the answer never comes.
    Unanswered,
    /// It arrives in the first of the queues that it reaches and in no other, and the broker says no: so ends a publish
    /// to a full queue and a free one.
    Partial,
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

    /// From now on every publish for which no fault was ordered meets one with these odds, the same for the same `seed`.
    pub fn fail_by_chance(&self, seed: u64, odds: Odds) {
        self.shared.change(|state| state.chance = Some(Chance::new(seed, odds)));
    }

    /// Queue `queue` refuses publishes while it holds `most` messages that are ready.
    pub fn limit(&self, queue: &str, most: usize) {
        self.queue(queue, |queue| queue.limit = Some(most));
    }

    /// Queue `queue` takes any number of messages again.
    pub fn unlimit(&self, queue: &str) {
        self.queue(queue, |queue| queue.limit = None);
    }

    /// A policy gives `queue` this delivery limit; the smaller one of argument and policy wins. What comes back more
    /// often is dead-lettered where the queue says so, and else gone.
    pub fn limit_deliveries(&self, queue: &str, limit: u64) {
        self.queue(queue, |queue| queue.policy = Some(limit));
    }

    /// The policy of [`Self::limit_deliveries`] is taken away.
    pub fn unlimit_deliveries(&self, queue: &str) {
        self.queue(queue, |queue| queue.policy = None);
    }

    /// Ends every session now; what is unacked goes back to its queue.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// Cancels every consumer of `queue` and takes back what they hold, as RabbitMQ 4.3 does with what is unacked for too
    /// long: their channels stay open, and what they still ack is ignored without an error.
    pub fn cancel(&self, queue: &str) {
        self.shared.change(|state| state.cancel(queue));
    }

    /// Cancels the active consumer of `queue` alone: the next one becomes active at once, while the first still holds
    /// what it has, until its channel closes. So it is after `basic.cancel`.
    pub fn overlap(&self, queue: &str) {
        self.shared.change(|state| state.overlap(queue));
    }

    /// Deletes `queue` with all that is in it, and cancels its consumers.
    pub fn delete(&self, queue: &str) {
        self.shared.change(|state| state.delete(queue));
    }

    /// Serves `queue` no more and loses what is in it, as RabbitMQ 3.10 does with what was declared right before its end: it refuses
    /// publishes, and whoever consumes it loses the session, until it is deleted.
    pub fn stop_serving(&self, queue: &str) {
        self.shared.change(|state| {
            state.cancel(queue);
            state.purge(queue);
        });
        self.queue(queue, |queue| queue.is_unserved = true);
    }

    /// How many sessions ended because they consumed what is not served.
    pub fn ended_by_consuming(&self) -> u64 {
        self.shared.state().ended_by_consuming
    }

    /// Ends every session once it has read so many entries of streams.
    pub fn cut_after_reading(&self, entries: usize) {
        self.shared.change(|state| state.most_read = Some(entries));
    }

    /// Counts no entry of a stream from now on, as RabbitMQ for some seconds after its start.
    pub fn miscount(&self) {
        self.shared.change(|state| state.miscounts = true);
    }

    /// How often a stream was opened to be read.
    pub fn readers(&self) -> u64 {
        self.shared.state().readers
    }

    /// Deletes everything that is ready in `queue`.
    pub fn purge(&self, queue: &str) {
        self.shared.change(|state| state.purge(queue));
    }

    /// Deletes every binding of `queue`, and nothing of what is in it.
    pub fn unbind(&self, queue: &str) {
        self.shared.change(|state| state.unbind(queue));
    }

    /// Asks every session to pause publishing; what is published meanwhile is answered after [`Self::unblock`].
    pub fn block(&self) {
        self.shared.change(|state| state.blocked = true);
    }

    /// Lets every session publish again.
    pub fn unblock(&self) {
        self.shared.change(State::unblock);
    }

    /// Sets the clock by which entries of streams are dated, in seconds since 1970-01-01T00:00:00Z; it starts at 0 and
    /// stands still.
    pub fn set_time(&self, seconds: u64) {
        self.shared.change(|state| state.now = seconds);
    }

    /// Puts a delivery at the end of `queue` as it is, but for its tag: with properties that no [`crate::Message`] has.
    pub fn put(&self, queue: &str, delivery: Delivery) {
        self.shared.change(|state| state.put(queue, delivery));
    }

    /// What is ready in `queue`, in its order, but for what was sent to a consumer; of a stream every entry. Nothing when
    /// there is no such queue.
    pub fn ready(&self, queue: &str) -> Vec<Delivery> {
        self.shared.state().ready(queue)
    }

    fn queue(&self, name: &str, change: impl FnOnce(&mut Queue)) {
        self.shared.change(|state| {
            if let Some(queue) = state.queues.get_mut(name) {
                change(queue);
            }
        });
    }
}
