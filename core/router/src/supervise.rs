//! Sessions with the broker, one after another: connect, declare, start the workers, and begin again when one ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_broker::{Backoff, Broker, BrokerError, Failure, Topology};
use postroom_connector::{Connectors, Sink};
use postroom_council::Council;
use postroom_ledger::Ledger;
use postroom_telemetry as telemetry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::entries::now;
use crate::session::{Session, WorkerError};
use crate::staging::BatchTarget;
use crate::{Table, batches, delivery, ingress, intake, staging, watch};

/// Longest wait for the workers of a session to finish what they have in hand.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// A session that lasted this long was a success: the next failure waits shortly again.
const STEADY: Duration = Duration::from_secs(5);

/// Opens one session with the broker.
pub type Connect =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<dyn Broker>, BrokerError>> + Send>> + Send + Sync>;

/// The hub at work.
pub struct Hub {
    council: Arc<Council>,
    connectors: Arc<Connectors>,
    ledger: Ledger,
    table: Arc<Table>,
    connect: Connect,
    stop: CancellationToken,
}

/// Why the hub ended.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Settings that passed the check were refused by their connector.
    #[error("system `{system}`: {error}")]
    Settings {
        /// The system.
        system: String,
        /// Which setting.
        error: postroom_connector::SettingsError,
    },
    /// Another hub works on this prefix.
    #[error("{0}")]
    Locked(BrokerError),
    /// The ledger cannot be used.
    #[error("{0}")]
    Ledger(#[from] postroom_ledger::LedgerError),
}

/// How one session ended.
enum Ended {
    /// The hub was asked to stop.
    Stopped,
    /// A worker or the broker failed: begin again; whether a worker crashed.
    Failed { crashed: bool },
}

type Workers = JoinSet<(String, Result<(), WorkerError>)>;

impl Hub {
    /// A hub for `council`, which ends when `stop` is cancelled.
    pub fn new(
        council: Arc<Council>,
        connectors: Arc<Connectors>,
        ledger: Ledger,
        connect: Connect,
        stop: CancellationToken,
    ) -> Self {
        let table = Arc::new(Table::new(Arc::clone(&council)));
        Self { council, connectors, ledger, table, connect, stop }
    }

    /// Works until it is asked to stop.
    ///
    /// # Errors
    /// What a person must mend before the hub can start.
    pub async fn run(&self) -> Result<(), HubError> {
        let started = Instant::now();
        let mut careful = !self.ledger.start_run(now()).await?.clean;
        if careful {
            telemetry::hub_recovering();
        }
        let mut waits = Backoff::reconnecting();
        let mut first = true;
        while let Some(broker) = self.connected(&mut waits, first).await? {
            first = false;
            let begun = Instant::now();
            match self.session(broker, careful, started).await? {
                Ended::Stopped => break,
                Ended::Failed { crashed } => careful = crashed,
            }
            if begun.elapsed() >= STEADY {
                waits.reset();
            }
            self.pause(waits.next_delay()).await;
        }
        self.ledger.end_run(now()).await?;
        Ok(())
    }

    /// A session whose objects are declared and whose lock is held; `None` when the hub is asked to stop. Only the first
    /// session gives way to another hub: after a cut, the broker may still take the lock to be held by the lost session.
    async fn connected(&self, waits: &mut Backoff, first: bool) -> Result<Option<Arc<dyn Broker>>, HubError> {
        let mut told = false;
        while !self.stop.is_cancelled() {
            let error = match self.prepared().await {
                Ok(broker) => {
                    telemetry::broker_connected(&self.council.prefix);
                    return Ok(Some(broker));
                }
                Err(error @ BrokerError::Locked { .. }) if first => {
                    telemetry::broker_locked(&self.council.prefix);
                    return Err(HubError::Locked(error));
                }
                Err(error) => error,
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

    async fn prepared(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        let broker = tokio::select! {
            () = self.stop.cancelled() => return Err(BrokerError::Lost {
                doing: "connecting".into(), detail: "the hub is stopping".into(),
            }),
            broker = (self.connect)() => broker?,
        };
        broker.lock().await?;
        broker.declare(&self.topology()).await?;
        Ok(broker)
    }

    /// Every object that this council needs.
    pub fn topology(&self) -> Topology {
        let names = |systems: Vec<&str>| systems.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let targets = |queue: bool| {
            let all = self.council.targets().filter(move |(_, target)| target.is_queue() == queue);
            names(all.map(|(system, _)| system.name.as_str()).collect())
        };
        Topology {
            sources: names(self.council.sources().map(|(system, _)| system.name.as_str()).collect()),
            lanes: targets(false),
            queues: targets(true),
            journal: self.council.journal,
        }
    }

    async fn session(
        &self,
        broker: Arc<dyn Broker>,
        careful: bool,
        started: Instant,
    ) -> Result<Ended, HubError> {
        let session = Session {
            council: Arc::clone(&self.council),
            table: Arc::clone(&self.table),
            ledger: self.ledger.clone(),
            broker: Arc::clone(&broker),
            stop: self.stop.child_token(),
            careful,
        };
        let mut workers = self.start(&session)?;
        telemetry::hub_ready(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut crashed = false;
        let failed: Option<String> = tokio::select! {
            () = self.stop.cancelled() => None,
            reason = broker.lost() => Some(reason),
            Some(ended) = workers.join_next() => Some(tell(ended, &mut crashed)),
        };
        session.stop.cancel();
        let drain = async {
            while let Some(ended) = workers.join_next().await {
                if failed.is_none() {
                    tell(ended, &mut crashed);
                }
            }
        };
        let _cut_short = tokio::time::timeout(DRAIN_TIMEOUT, drain).await;
        workers.shutdown().await;
        broker.close().await;
        Ok(match failed {
            None => Ended::Stopped,
            Some(reason) => {
                telemetry::broker_lost(&reason);
                Ended::Failed { crashed }
            }
        })
    }

    fn start(&self, session: &Session) -> Result<Workers, HubError> {
        let mut workers = Workers::new();
        for (system, side) in self.council.sources() {
            let (session, name) = (session.clone(), system.name.clone());
            if let Some(kind) = self.connectors.source(&side.connector) {
                let source = kind.build(&side.settings).map_err(settings(&name))?;
                spawn(&mut workers, "intake", &name, intake::run(session.clone(), name.clone(), source));
            }
            spawn(&mut workers, "ingress", &name, ingress::run(session, name.clone()));
        }
        for (system, target) in self.council.targets() {
            let (session, name) = (session.clone(), system.name.clone());
            let Some(kind) = self.connectors.sink(&target.connector) else { continue };
            let sink: Arc<dyn Sink> = kind.build(&target.settings).map_err(settings(&name))?.into();
            match &target.batching {
                None => spawn(&mut workers, "delivery", &name, delivery::run(session, name.clone(), sink)),
                Some(batching) => {
                    let batches = BatchTarget { target: name.clone(), sink, batching: batching.clone() };
                    spawn(&mut workers, "staging", &name, staging::run(session.clone(), name.clone()));
                    spawn(&mut workers, "batches", &name, batches::run(session, batches));
                }
            }
        }
        spawn(&mut workers, "watch", "broker", watch::run(session.clone()));
        Ok(workers)
    }

    async fn pause(&self, length: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(length) => {}
        }
    }
}

fn settings(system: &str) -> impl FnOnce(postroom_connector::SettingsError) -> HubError + '_ {
    move |error| HubError::Settings { system: system.to_owned(), error }
}

fn spawn(
    workers: &mut Workers,
    kind: &str,
    system: &str,
    work: impl Future<Output = Result<(), WorkerError>> + Send + 'static,
) {
    let name = format!("{kind} {system}");
    workers.spawn(async move { (name, work.await) });
}

/// Tells how a worker ended, and gives the reason.
fn tell(
    ended: Result<(String, Result<(), WorkerError>), tokio::task::JoinError>,
    crashed: &mut bool,
) -> String {
    match ended {
        Ok((worker, Err(error @ WorkerError::Ledger(_)))) => {
            telemetry::ledger_failed(&telemetry::chain(&error));
            format!("{worker}: {}", telemetry::chain(&error))
        }
        Ok((worker, Err(error))) => {
            telemetry::worker_restarted(&worker, &telemetry::chain(&error));
            format!("{worker}: {}", telemetry::chain(&error))
        }
        Ok((worker, Ok(()))) => format!("{worker} ended"),
        Err(error) => {
            *crashed = error.is_panic();
            telemetry::worker_crashed("a worker");
            "a worker crashed".to_owned()
        }
    }
}
