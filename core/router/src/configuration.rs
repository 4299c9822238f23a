//! The council's text that is at work. Another may take its place at any time: whoever works with the one ends what it has in
//! hand, and goes on with the other. It checks nothing; who replaces a text has proved it.

use std::sync::Arc;

use postroom_council::Council;
use tokio::sync::watch;

/// What a hub works with; shared by all that do.
#[derive(Clone)]
pub struct Configuration(Arc<watch::Sender<Arc<Council>>>);

impl Configuration {
    /// Begins with `council`.
    pub fn new(council: Arc<Council>) -> Self {
        Self(Arc::new(watch::Sender::new(council)))
    }

    /// What is at work now.
    pub fn now(&self) -> Arc<Council> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts `council` in the place of what is at work. Broker, prefix, ledger and data folder have to be the same.
    pub fn replace(&self, council: Arc<Council>) {
        self.0.send_replace(council);
    }

    /// Waits until `council` is not at work any more.
    pub(crate) async fn replaced(&self, council: &Arc<Council>) {
        let mut sees = self.0.subscribe();
        // The sender is here as long as this waits.
        let _gone = sees.wait_for(|now| !Arc::ptr_eq(now, council)).await;
    }
}
