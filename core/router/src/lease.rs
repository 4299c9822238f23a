//! Who may work where (DESIGN 3.6): this hub's leases, taken, prolonged and given back, and what a worker is told of its
//! own. Knows no queue and no event.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroom_ledger::{Fence, LEASE_TIME, Ledger, LedgerError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// How often leases are prolonged.
const RENEW_EVERY: Duration = Duration::from_millis(2_500);
/// How often a hub looks whether the lease of another has ended.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the lease of the only hub on a ledger is in force.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// What the only hub on a ledger calls itself: after a kill its leases are its own again at once.
const ALONE: &str = "hub";

/// The lease of whoever takes in what `system` publishes, and keeps what waits for queues because of it.
pub fn of_ingress(system: &str) -> String {
    format!("ingress.{system}")
}

/// The lease of whoever delivers to `system` by its connector.
pub fn of_lane(system: &str) -> String {
    format!("lane.{system}")
}

/// The lease of whoever does what is done once for the whole hub.
pub const OF_HUB: &str = "hub";

/// The leases of this hub. Clones share them.
#[derive(Clone)]
pub(crate) struct Leases {
    ledger: Ledger,
    owner: Arc<str>,
    held: Arc<Mutex<HashMap<String, Held>>>,
}

struct Held {
    fence: Fence,
    ends: watch::Sender<Instant>,
}

/// A lease as its worker knows it: what its writes are fenced with, and until when it may start anything.
#[derive(Debug, Clone)]
pub(crate) struct Tenure {
    pub(crate) fence: Fence,
    /// Whether the work of whoever had the lease before stopped in the middle.
    pub(crate) unclean: bool,
    ends: watch::Receiver<Instant>,
}

impl Leases {
    /// The leases of this hub on `ledger`, none yet.
    pub(crate) fn new(ledger: Ledger) -> Self {
        let owner = if ledger.is_shared() { Uuid::new_v4().to_string() } else { ALONE.to_owned() };
        Self { ledger, owner: owner.into(), held: Arc::default() }
    }

    /// Takes `lease`, unless another hub has it.
    pub(crate) async fn take(&self, lease: &str) -> Result<Option<Tenure>, LedgerError> {
        let others = self.ledger.leases().await?;
        if others.iter().any(|other| other.fence.name == lease && *other.owner != *self.owner) {
            return Ok(None);
        }
        let asked = Instant::now();
        let Some(taken) = self.ledger.acquire(lease, &self.owner).await? else { return Ok(None) };
        let (ends, told) =
            watch::channel(asked + if self.ledger.is_shared() { LEASE_TIME } else { FOR_EVER });
        let fence = taken.lease.fence;
        self.held().insert(lease.to_owned(), Held { fence: fence.clone(), ends });
        Ok(Some(Tenure { fence, unclean: !taken.given_back, ends: told }))
    }

    /// Gives a lease back: its worker has stopped, with nothing left in the middle.
    pub(crate) async fn give_back(&self, tenure: &Tenure) -> Result<(), LedgerError> {
        self.forget(tenure);
        self.ledger.release(&tenure.fence).await
    }

    /// Prolongs it no longer.
    pub(crate) fn forget(&self, tenure: &Tenure) {
        let mut held = self.held();
        if held.get(&tenure.fence.name).is_some_and(|known| known.fence == tenure.fence) {
            held.remove(&tenure.fence.name);
        }
    }

    /// Prolongs what is held, for ever. While the ledger does not answer, leases run out by themselves; not those of a
    /// hub that is alone (its lock on the broker says so), which a slow disk must not stop.
    pub(crate) async fn prolong(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if !self.ledger.is_shared() {
                continue;
            }
            let fences: Vec<Fence> = self.held().values().map(|held| held.fence.clone()).collect();
            let asked = Instant::now();
            let Ok(renewed) = self.ledger.renew(&fences).await else { continue };
            let mut held = self.held();
            for lease in &renewed {
                if let Some(known) = held.get(&lease.fence.name).filter(|known| known.fence == lease.fence) {
                    known.ends.send_replace(asked + LEASE_TIME);
                }
            }
            held.retain(|_, known| {
                let asked_for = fences.contains(&known.fence);
                let stands = !asked_for || renewed.iter().any(|lease| lease.fence == known.fence);
                if !stands {
                    // Another hub has it.
                    known.ends.send_replace(asked);
                }
                stands
            });
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenure {
    /// Until when its worker may start anything.
    pub(crate) fn ends(&self) -> Instant {
        *self.ends.borrow()
    }

    /// Whether nothing may be started any more.
    pub(crate) fn is_over(&self) -> bool {
        self.ends() <= Instant::now()
    }

    /// Waits until it is prolonged.
    pub(crate) async fn prolonged(&mut self) {
        if self.ends.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is over: not prolonged in time, or taken by another hub.
    pub(crate) async fn over(mut self) {
        loop {
            let ends = self.ends();
            tokio::select! {
                () = sleep_until(ends) => if self.is_over() { return },
                changed = self.ends.changed() => if changed.is_err() { return },
            }
        }
    }
}
