//! Sessions with the broker, one after another: connect, declare, start the workers, and begin again when one ends.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_broker::{Backoff, Broker, BrokerError, Failure};
use postroom_connector::Connectors;
use postroom_council::Council;
use postroom_ledger::{Ledger, LedgerError, Watermark};
use postroom_telemetry as telemetry;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Table;
use crate::configuration::Configuration;
use crate::duty::{Duty, Failed};
use crate::entries::now;
use crate::expiry::{Certificates, Own};
use crate::halts::Halts;
use crate::health::Health;
use crate::lease::Leases;
use crate::reconcile::{self, Laters};
use crate::refusals;
use crate::session::{Connected, WorkerError, blocked_for_long, pause};
use crate::topology::topology;
use crate::unserved::Unserved;
use crate::work_items::want_told;

/// Longest wait for the workers of a session to finish what they have in hand.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// A session that lasted this long was a success: the next failure waits shortly again.
const STEADY: Duration = Duration::from_secs(5);
/// How often it is noted in the data folder how far the ledger is: a copy that is put back is noticed if it is older.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Why a session ends in which what is unacked grows too old.
const BLOCKED: &str = "it blocks for too long";

/// Opens one session with the broker.
pub type Connect =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<dyn Broker>, BrokerError>> + Send>> + Send + Sync>;

/// The hub at work.
pub struct Hub {
    configuration: Configuration,
    connectors: Arc<Connectors>,
    ledger: Ledger,
    watermark: Watermark,
    connect: Connect,
    leases: Leases,
    halts: Halts,
    laters: Laters,
    unserved: Unserved,
    health: Arc<Health>,
    certificates: Certificates,
    stop: CancellationToken,
}

/// Why the hub ended.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Another hub works on this prefix.
    #[error("{0}")]
    Locked(BrokerError),
    /// The ledger cannot be used.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// A session with the broker in which everything is declared.
struct Prepared {
    council: Arc<Council>,
    broker: Arc<dyn Broker>,
    /// When it was opened, in microseconds since the epoch.
    since: i64,
    /// The jobs of the lanes that were gone.
    noted: Vec<i64>,
}

/// How one session ended.
enum Ended {
    /// The hub was asked to stop.
    Stopped,
    /// Another text is at work now: go on with it.
    Replaced,
    /// A worker or the broker failed, for this reason: begin again.
    Failed(String),
}

impl Hub {
    /// A hub for `council`, which ends when `stop` is cancelled.
    pub fn new(
        council: Arc<Council>,
        connectors: Arc<Connectors>,
        ledger: Ledger,
        connect: Connect,
        stop: CancellationToken,
    ) -> Self {
        let watermark = Watermark::below(&council.data);
        let configuration = Configuration::new(council);
        let leases = Leases::new(ledger.clone());
        let halts = Halts::default();
        let health = Arc::new(Health::new(configuration.clone(), ledger.clone(), halts.clone()));
        let (laters, unserved) = (Laters::default(), Unserved::default());
        let certificates = Certificates::new(configuration.clone(), Arc::clone(&connectors), Own::default());
        Self {
            configuration,
            connectors,
            ledger,
            watermark,
            connect,
            leases,
            halts,
            laters,
            unserved,
            health,
            certificates,
            stop,
        }
    }

    /// The same, which watches the certificates of its `own` beside those of the systems.
    #[must_use]
    pub fn watching(self, own: Own) -> Self {
        let certificates = Certificates::new(self.configuration.clone(), Arc::clone(&self.connectors), own);
        Self { certificates, ..self }
    }

    /// The council's text that it works with, which may be replaced while it works.
    pub fn configuration(&self) -> Configuration {
        self.configuration.clone()
    }

    /// How it is, for those who watch it.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Works until it is asked to stop.
    ///
    /// # Errors
    /// What a person must mend before the hub can start.
    pub async fn run(&self) -> Result<(), HubError> {
        tokio::select! {
            ended = self.work() => ended,
            never = self.health.keep_looking() => match never {},
            never = self.certificates.keep_looking(&self.ledger) => match never {},
            never = self.keep_noting() => match never {},
            never = refusals::keep_telling() => match never {},
        }
    }

    async fn work(&self) -> Result<(), HubError> {
        let started = Instant::now();
        self.watermark.note(&self.ledger).await?;
        self.ledger.start_run(now()).await?;
        self.announce(&self.configuration.now());
        self.halts.look(&self.ledger).await?;
        let mut waits = Backoff::reconnecting();
        let mut first = true;
        while let Some(prepared) = self.connected(&mut waits, first).await? {
            first = false;
            let begun = Instant::now();
            self.configuration.begins(&prepared.council);
            match self.session(prepared, started).await {
                Ended::Stopped => break,
                Ended::Replaced => continue,
                Ended::Failed(reason) => telemetry::broker_lost(&reason),
            }
            if begun.elapsed() >= STEADY {
                waits.reset();
            }
            self.pause(waits.next_delay()).await;
            self.halts.until_writable(&self.ledger, &mut waits, &self.stop).await;
        }
        self.ledger.end_run(now()).await?;
        // What could not be noted is told by the next start, if it matters then.
        let _not_noted = self.watermark.note(&self.ledger).await;
        Ok(())
    }

    /// Says what is asked of the ledger and of whoever listens, before anything is done with `council`; once more does no harm.
    fn announce(&self, council: &Council) {
        want_told(council, &self.ledger);
        for (_, side) in council.sources() {
            if let Some(kind) = self.connectors.source(&side.connector) {
                kind.announce(&side.settings);
            }
        }
        for (_, target) in council.targets() {
            if let Some(kind) = self.connectors.sink(&target.connector) {
                kind.announce(&target.settings);
            }
        }
    }

    /// A session whose objects are declared and whose lock is held; `None` when the hub is asked to stop. Only the first
    /// session gives way to another hub: after a cut, the broker may still take the lock to be held by the lost session.
    async fn connected(&self, waits: &mut Backoff, first: bool) -> Result<Option<Prepared>, HubError> {
        let mut told = false;
        while !self.stop.is_cancelled() {
            let error = match self.prepared().await {
                Ok(prepared) => {
                    telemetry::broker_connected(&prepared.council.prefix);
                    return Ok(Some(prepared));
                }
                Err(WorkerError::Broker(error @ BrokerError::Locked { .. })) if first => {
                    telemetry::broker_locked(&self.configuration.now().prefix);
                    return Err(HubError::Locked(error));
                }
                Err(WorkerError::Broker(error)) => error,
                Err(error) => {
                    self.halts.ledger_failed(&telemetry::chain(&error));
                    self.halts.until_writable(&self.ledger, waits, &self.stop).await;
                    self.pause(waits.next_delay()).await;
                    continue;
                }
            };
            if !told {
                match error.failure() {
                    Failure::Transient => telemetry::broker_waiting(&telemetry::chain(&error)),
                    Failure::Permanent => telemetry::broker_refused(&telemetry::chain(&error)),
                }
                told = true;
            }
            self.pause(waits.next_delay()).await;
        }
        Ok(None)
    }

    async fn prepared(&self) -> Result<Prepared, WorkerError> {
        let broker = tokio::select! {
            () = self.stop.cancelled() => return Err(WorkerError::Broker(BrokerError::Lost {
                doing: "connecting".into(), detail: "the hub is stopping".into(),
            })),
            broker = (self.connect)() => broker?,
        };
        if !self.ledger.is_shared() {
            broker.lock().await?;
        }
        self.look_behind().await?;
        let council = self.configuration.now();
        self.announce(&council);
        let topology = topology(&council);
        let since = now();
        let noted = reconcile::declare(broker.as_ref(), &self.ledger, &council, &topology).await?;
        Ok(Prepared { council, broker, since, noted })
    }

    /// Whether the ledger was put back since the last session: a server can be under a hub that works.
    async fn look_behind(&self) -> Result<(), LedgerError> {
        self.watermark.compare(&self.ledger).await?;
        self.halts.look(&self.ledger).await
    }

    /// Notes how far the ledger is, for ever. What cannot be noted is with the next, and told by the next start.
    async fn keep_noting(&self) -> Infallible {
        loop {
            tokio::time::sleep(NOTE_EVERY).await;
            let _not_noted = self.watermark.note(&self.ledger).await;
        }
    }

    async fn session(&self, prepared: Prepared, started: Instant) -> Ended {
        let Prepared { council, broker, since, noted } = prepared;
        let connected = Connected {
            council: Arc::clone(&council),
            connectors: Arc::clone(&self.connectors),
            table: Arc::new(Table::new(Arc::clone(&council))),
            ledger: self.ledger.clone(),
            broker: Arc::clone(&broker),
            since,
            halts: self.halts.clone(),
            laters: self.laters.clone(),
            unserved: self.unserved.clone(),
            health: Arc::clone(&self.health),
            stop: self.stop.child_token(),
        };
        let work = async {
            let begin = async {
                self.configuration.at_work(&council).await;
                reconcile::before_work(&connected, &self.leases, &noted).await
            };
            let before = tokio::select! {
                before = begin => before,
                () = self.stop.cancelled() => return Ended::Stopped,
                () = self.configuration.replaced(&council) => return Ended::Replaced,
                () = blocked_for_long(broker.as_ref()) => return Ended::Failed(BLOCKED.to_owned()),
            };
            if let Err(error) = before {
                let failed = Failed { worker: "reconcile".to_owned(), error };
                return Ended::Failed(self.tell(Ok(Err(failed))));
            }
            let mut duties = JoinSet::new();
            let all = Duty::all(&council, &self.connectors);
            self.health.opened(Arc::clone(&broker), all.iter().map(Duty::lease));
            for duty in all {
                duties.spawn(duty.run(connected.clone(), self.leases.clone()));
            }
            telemetry::hub_ready(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
            let ends = tokio::select! {
                () = self.stop.cancelled() => Ended::Stopped,
                () = self.configuration.replaced(&council) => Ended::Replaced,
                reason = broker.lost() => Ended::Failed(reason),
                () = blocked_for_long(broker.as_ref()) => Ended::Failed(BLOCKED.to_owned()),
                Some(ended) = duties.join_next() => Ended::Failed(self.tell(ended)),
            };
            self.health.closed();
            connected.stop.cancel();
            while let Some(ended) = duties.join_next().await {
                if !matches!(ends, Ended::Failed(_)) {
                    self.tell(ended);
                }
            }
            ends
        };
        let ended = tokio::select! {
            ended = work => ended,
            never = self.leases.prolong() => match never {},
            never = self.halts.watch(&self.ledger) => match never {},
        };
        broker.close().await;
        ended
    }

    /// Tells how a duty ended, and gives the reason.
    fn tell(&self, ended: Result<Result<(), Failed>, JoinError>) -> String {
        let Ok(ended) = ended else {
            telemetry::worker_crashed("a worker");
            return "a worker crashed".to_owned();
        };
        let Err(Failed { worker, error }) = ended else { return "a duty ended".to_owned() };
        let reason = telemetry::chain(&error);
        match error {
            WorkerError::Ledger(_) => self.halts.ledger_failed(&reason),
            WorkerError::Crashed(_) => telemetry::worker_crashed(&worker),
            _ => telemetry::worker_restarted(&worker, &reason),
        }
        format!("{worker}: {reason}")
    }

    async fn pause(&self, length: Duration) {
        pause(&self.stop, length).await;
    }
}
