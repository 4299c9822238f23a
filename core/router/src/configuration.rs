//! The council's text that is at work. Another may take its place at any time: whoever works with the one ends what it has in
//! hand, and goes on with the other. It checks nothing; who replaces a text has proved it.

use std::sync::Arc;

use postroom_council::Council;
use tokio::sync::watch;

/// What a hub works with; shared by all that do.
#[derive(Clone)]
pub struct Configuration(Arc<Texts>);

struct Texts {
    /// What is to be worked with.
    now: watch::Sender<Arc<Council>>,
    /// What the last session began with, when nothing of an older one was in hand any more.
    begun: watch::Sender<Option<Arc<Council>>>,
}

impl Configuration {
    /// Begins with `council`.
    pub fn new(council: Arc<Council>) -> Self {
        Self(Arc::new(Texts { now: watch::Sender::new(council), begun: watch::Sender::new(None) }))
    }

    /// What is at work now.
    pub fn now(&self) -> Arc<Council> {
        Arc::clone(&self.0.now.borrow())
    }

    /// Puts `council` in the place of what is at work. Broker, prefix, ledger and data folder have to be the same.
    pub fn replace(&self, council: Arc<Council>) {
        self.0.now.send_replace(council);
    }

    /// Waits until a session has begun with `council`: no other text does anything from then on.
    pub async fn begun(&self, council: &Arc<Council>) {
        let is_it = |begun: &Option<Arc<Council>>| begun.as_ref().is_some_and(|it| Arc::ptr_eq(it, council));
        // The sender is here as long as this waits.
        let mut sees = self.0.begun.subscribe();
        let _gone = sees.wait_for(is_it).await;
    }

    /// Says that a session begins with `council`.
    pub(crate) fn begins(&self, council: &Arc<Council>) {
        self.0.begun.send_replace(Some(Arc::clone(council)));
    }

    /// Waits until `council` is not at work any more.
    pub(crate) async fn replaced(&self, council: &Arc<Council>) {
        let mut sees = self.0.now.subscribe();
        let _gone = sees.wait_for(|now| !Arc::ptr_eq(now, council)).await;
    }
}
