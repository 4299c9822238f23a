//! What every worker of one session with the broker shares, and how a worker ends.

use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Broker, BrokerError};
use postroom_council::Council;
use postroom_ledger::{Ledger, LedgerError};
use tokio_util::sync::CancellationToken;

use crate::{Publishing, Table};

/// How long a worker waits while the broker is blocked before it looks again.
pub(crate) const BLOCKED_LOOK: Duration = Duration::from_millis(200);

/// What every worker of one session shares.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) council: Arc<Council>,
    pub(crate) table: Arc<Table>,
    pub(crate) ledger: Ledger,
    pub(crate) broker: Arc<dyn Broker>,
    /// Cancelled when the hub is asked to stop, and when the session ends.
    pub(crate) stop: CancellationToken,
    /// Whether the redelivered burst is handled one by one (DESIGN 3.11).
    pub(crate) careful: bool,
}

/// Why a worker ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// The session with the broker is over: what is unacked comes again.
    #[error("{0}")]
    Broker(#[from] BrokerError),
    /// The consumer's stream ended.
    #[error("the broker ended the consumer of `{0}`")]
    ConsumerEnded(String),
    /// A part of the worker ended on a defect.
    #[error("{0} ended on a defect")]
    Crashed(String),
    /// A publish was neither confirmed nor refused.
    #[error("a publish was not answered")]
    Unanswered,
    /// The ledger cannot be read or written: nothing is acked.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl Session {
    /// What an intake needs of it.
    pub(crate) fn publishing(&self) -> Publishing {
        Publishing {
            council: Arc::clone(&self.council),
            ledger: self.ledger.clone(),
            broker: Arc::clone(&self.broker),
        }
    }

    /// Waits while the broker takes no messages, or until the session stops.
    pub(crate) async fn wait_while_blocked(&self) {
        while self.broker.blocked() && !self.stop.is_cancelled() {
            self.pause(BLOCKED_LOOK).await;
        }
    }

    /// Waits, or less when the session stops.
    pub(crate) async fn pause(&self, length: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(length) => {}
        }
    }
}
