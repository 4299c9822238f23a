//! What every worker of one session with the broker shares, and how a worker ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Broker, BrokerError, Confirms, Consumer, Publication};
use postroom_connector::Connectors;
use postroom_council::Council;
use postroom_lane::OLDEST_UNACKED;
use postroom_ledger::{Entry, Ledger, LedgerError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::halts::{Halts, SLOW_WRITE};
use crate::health::Health;
use crate::lease::Tenure;
use crate::poison::Noted;
use crate::reconcile::Laters;
use crate::unserved::Unserved;
use crate::{Publishing, Table};

/// How long answers are waited for once a session is over. A queue that is deleted answers nothing.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long a worker waits while the broker is blocked before it looks again.
pub(crate) const BLOCKED_LOOK: Duration = Duration::from_millis(200);

/// A session with the broker, before any work is begun in it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) council: Arc<Council>,
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) table: Arc<Table>,
    pub(crate) ledger: Ledger,
    pub(crate) broker: Arc<dyn Broker>,
    /// When the session was opened, before anything was declared in it; in microseconds since the epoch.
    pub(crate) since: i64,
    /// What halts the work.
    pub(crate) halts: Halts,
    pub(crate) laters: Laters,
    pub(crate) unserved: Unserved,
    pub(crate) health: Arc<Health>,
    /// Cancelled when the hub is asked to stop, and when the session ends.
    pub(crate) stop: CancellationToken,
}

/// What the workers under one lease share.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) council: Arc<Council>,
    pub(crate) table: Arc<Table>,
    /// The ledger, written under the lease.
    pub(crate) ledger: Ledger,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) since: i64,
    /// What halts the work.
    pub(crate) halts: Halts,
    /// What reconciles found out in earlier sessions.
    pub(crate) laters: Laters,
    /// The queues that the broker does not serve.
    pub(crate) unserved: Unserved,
    /// Cancelled when the hub is asked to stop, when the session ends, and when the lease is over.
    pub(crate) stop: CancellationToken,
    /// The lease under which its workers work.
    pub(crate) tenure: Tenure,
    /// What they try with care.
    pub(crate) noted: Noted,
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
    /// A queue, or what is bound to it, is gone: the next session makes it again and reconciles.
    #[error("the queue `{0}`, or its binding, was deleted")]
    QueueDeleted(String),
    /// A part of the worker ended on a defect.
    #[error("{0} ended on a defect")]
    Crashed(String),
    /// The lease could not be prolonged in time.
    #[error("the lease is over")]
    LeaseOver,
    /// A queue takes no more messages.
    #[error("the broker refused a message for `{0}`: a queue is full")]
    Refused(String),
    /// A publish was neither confirmed nor refused.
    #[error("a publish was not answered")]
    Unanswered,
    /// The ledger cannot be read or written: nothing is acked.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl WorkerError {
    /// Whether another hub may work there now, so that this one has only to let go.
    pub(crate) fn is_lease_over(&self) -> bool {
        matches!(self, Self::LeaseOver | Self::Ledger(LedgerError::Fenced { .. }))
    }
}

impl Connected {
    /// What the workers under a lease work with.
    pub(crate) fn under(&self, tenure: Tenure) -> Session {
        Session {
            council: Arc::clone(&self.council),
            table: Arc::clone(&self.table),
            ledger: self.ledger.under(&tenure.fence),
            broker: Arc::clone(&self.broker),
            since: self.since,
            halts: self.halts.clone(),
            laters: self.laters.clone(),
            unserved: self.unserved.clone(),
            stop: self.stop.child_token(),
            tenure,
            noted: Noted::default(),
        }
    }

    /// What is done without a lease, because doing it twice does no harm.
    pub(crate) fn ground(&self) -> Publishing {
        Publishing {
            council: Arc::clone(&self.council),
            ledger: self.ledger.clone(),
            broker: Arc::clone(&self.broker),
            halts: self.halts.clone(),
        }
    }

    /// Waits, or less when the session stops.
    pub(crate) async fn pause(&self, length: Duration) {
        pause(&self.stop, length).await;
    }
}

impl Session {
    /// Whether the redelivered burst is handled one by one (DESIGN 3.11).
    pub(crate) fn is_careful(&self) -> bool {
        self.tenure.unclean
    }

    /// A consumer of the queue of its duty, which holds so many unacked deliveries at most.
    pub(crate) async fn consumer(
        &self,
        queue: &str,
        prefetch: u16,
    ) -> Result<Box<dyn Consumer>, WorkerError> {
        let opened = self.broker.consumer(queue, prefetch).await;
        match &opened {
            Ok(_) => self.unserved.is_well(queue),
            Err(BrokerError::Unserved { detail, .. }) => {
                self.unserved.failed(queue, detail, Instant::now());
            }
            Err(_) => {}
        }
        Ok(opened?)
    }

    /// Whether anything may still be started under the lease.
    pub(crate) fn may_start(&self) -> Result<(), WorkerError> {
        if self.tenure.is_over() { Err(WorkerError::LeaseOver) } else { Ok(()) }
    }

    /// Writes to the ledger, while nobody else took the lease.
    pub(crate) async fn record(&self, entries: Vec<Entry>) -> Result<(), LedgerError> {
        let mut write = pin!(self.ledger.record(entries));
        if let Ok(written) = tokio::time::timeout(SLOW_WRITE, &mut write).await {
            return written;
        }
        let _slow = self.halts.slow_write();
        write.await
    }

    /// What an intake needs of it.
    pub(crate) fn publishing(&self) -> Publishing {
        Publishing {
            council: Arc::clone(&self.council),
            ledger: self.ledger.clone(),
            broker: Arc::clone(&self.broker),
            halts: self.halts.clone(),
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
        pause(&self.stop, length).await;
    }
}

/// The answers to what was sent. Once `stop` is cancelled they are waited for a little only: what is not answered then comes
/// again under its id.
pub(crate) async fn answers(
    stop: &CancellationToken,
    confirms: Confirms,
) -> Result<Vec<Publication>, WorkerError> {
    let mut answers = pin!(confirms.wait());
    tokio::select! {
        biased;
        answers = &mut answers => Ok(answers),
        () = stop.cancelled() => {
            tokio::time::timeout(LAST_ANSWERS, answers).await.map_err(|_| WorkerError::Unanswered)
        }
    }
}

/// Waits until the broker has taken nothing for so long that what is unacked has to be given back.
pub(crate) async fn blocked_for_long(broker: &dyn Broker) {
    let mut since = Instant::now();
    while since.elapsed() < OLDEST_UNACKED {
        tokio::time::sleep(BLOCKED_LOOK).await;
        if !broker.blocked() {
            since = Instant::now();
        }
    }
}

/// Waits, or less when `stop` is cancelled.
pub(crate) async fn pause(stop: &CancellationToken, length: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}
