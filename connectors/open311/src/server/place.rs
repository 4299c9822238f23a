//! The place at which the server is met: held by the source, used by its counter, and free the moment the source is gone.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use postroom_listener::{Asked, Claim};

/// Whoever holds the place; it is let go when this is dropped.
pub(super) struct Place(Visits);

/// Whoever comes to the place.
#[derive(Clone)]
pub(super) struct Visits(Arc<Mutex<Option<Claim>>>);

impl Place {
    pub(super) fn new(claim: Claim) -> Self {
        Self(Visits(Arc::new(Mutex::new(Some(claim)))))
    }

    pub(super) fn visits(&self) -> Visits {
        self.0.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A task that is aborted would let it go some time later, and the next source would find it taken.
        drop(self.0.lock().take());
    }
}

impl Visits {
    /// The next request; nothing where the place was let go.
    pub(super) async fn next(&self) -> Option<Asked> {
        poll_fn(|context| match self.lock().as_mut() {
            Some(claim) => pin!(claim.next()).poll(context),
            None => Poll::Ready(None),
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Option<Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
