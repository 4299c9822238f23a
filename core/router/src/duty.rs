//! What one lease covers: which workers stand under it, from the taking of the lease to its end, and again.

use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{Connectors, Sink};
use postroom_council::Council;
use postroom_telemetry as telemetry;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};

use crate::health::Standing;
use crate::late::{LateSink, LateSource, Maker};
use crate::lease::{self, LOOK_EVERY, Leases, Tenure};
use crate::poison::take_back;
use crate::session::{Connected, Session, WorkerError};
use crate::staging::BatchTarget;
use crate::supervise::DRAIN_TIMEOUT;
use crate::{
    batches, delivery, ingress, intake, receipts, replay, retention, silence, staging, sums, unrouted, watch,
    work_items,
};

/// How long the giving back of a lease is waited for.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// A piece of work that one hub does at a time.
#[derive(Clone)]
pub(crate) enum Duty {
    /// Take in what a system publishes, and read it by its connector where it has one.
    TakeIn(String),
    /// Deliver to a system by its connector.
    Deliver(String),
    /// What is done once for the whole hub.
    Watch,
}

/// A worker that ended before it was asked to.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) worker: String,
    pub(crate) error: WorkerError,
}

/// The workers under one lease.
type Workers = JoinSet<Result<(), Failed>>;

impl Duty {
    /// Every duty of a hub for `council`.
    pub(crate) fn all(council: &Council, connectors: &Connectors) -> Vec<Self> {
        let sources = council.sources().map(|(system, _)| Self::TakeIn(system.name.clone()));
        let targets = council.targets().filter(|(_, target)| connectors.sink(&target.connector).is_some());
        let targets = targets.map(|(system, _)| Self::Deliver(system.name.clone()));
        sources.chain(targets).chain([Self::Watch]).collect()
    }

    /// The name of its lease.
    pub(crate) fn lease(&self) -> String {
        match self {
            Self::TakeIn(system) => lease::of_ingress(system),
            Self::Deliver(system) => lease::of_lane(system),
            Self::Watch => lease::OF_HUB.to_owned(),
        }
    }

    /// How long its queue is to be left alone yet, which the broker does not serve.
    fn wait(&self, connected: &Connected) -> Duration {
        let names = connected.broker.names();
        let queue = match self {
            Self::TakeIn(system) => names.ingress(system),
            Self::Deliver(system) => names.lane(system),
            Self::Watch => return Duration::ZERO,
        };
        connected.unserved.wait(&queue, Instant::now())
    }

    /// Does it whenever this hub has the lease, until the session stops.
    pub(crate) async fn run(self, connected: Connected, leases: Leases) -> Result<(), Failed> {
        let name = self.lease();
        let failed = |error| Failed { worker: name.clone(), error };
        while !connected.stop.is_cancelled() {
            let wait = self.wait(&connected);
            if !wait.is_zero() {
                connected.pause(wait).await;
                continue;
            }
            let taken = leases.take(&name).await.map_err(|error| failed(error.into()))?;
            let Some(tenure) = taken else {
                connected.health.stands(&name, Standing::Elsewhere);
                connected.pause(LOOK_EVERY).await;
                continue;
            };
            if tenure.unclean {
                telemetry::lease_recovering(&name);
            }
            connected.health.stands(&name, Standing::Here);
            let ended = self.serve(&connected, &tenure).await;
            connected.health.stands(&name, Standing::Nobody);
            match &ended {
                // What crashed is recovered with care by whoever takes it next.
                ended if is_crash(ended) => leases.forget(&tenure),
                // If the ledger does not answer, the next one waits until the lease has run out. Why it ended is told soon.
                _ => drop(timeout(GIVE_BACK, leases.give_back(&tenure)).await),
            }
            match ended {
                Ok(()) if connected.stop.is_cancelled() => break,
                Ok(()) => telemetry::lease_lost(&name),
                Err(Failed { error, .. }) if error.is_lease_over() => telemetry::lease_lost(&name),
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    /// Works until the lease or the session ends; or a worker, and the others with it.
    async fn serve(&self, connected: &Connected, tenure: &Tenure) -> Result<(), Failed> {
        let session = connected.under(tenure.clone());
        let mut workers = Workers::new();
        self.start(connected, &session, &mut workers);
        let mut result = tokio::select! {
            () = session.stop.cancelled() => Ok(()),
            () = tenure.clone().over() => Ok(()),
            Some(ended) = workers.join_next() => self.outcome(ended),
        };
        session.stop.cancel();
        let drain = async {
            while let Some(ended) = workers.join_next().await {
                let ended = self.outcome(ended);
                if result.is_ok() || is_crash(&ended) {
                    result = ended;
                }
            }
        };
        let _cut_short = timeout(DRAIN_TIMEOUT, drain).await;
        workers.shutdown().await;
        if !is_crash(&result) {
            // What cannot be written counts as one try of those that are due.
            drop(take_back(&session).await);
        }
        result
    }

    fn outcome(&self, ended: Result<Result<(), Failed>, JoinError>) -> Result<(), Failed> {
        ended.unwrap_or_else(|error| {
            let worker = self.lease();
            // A worker that was cut short has left nothing that the next one does not find.
            if error.is_panic() {
                Err(Failed { worker, error: WorkerError::Crashed("a worker".to_owned()) })
            } else {
                Ok(())
            }
        })
    }

    fn start(&self, connected: &Connected, session: &Session, workers: &mut Workers) {
        let (council, connectors) = (&connected.council, &connected.connectors);
        match self {
            Self::TakeIn(name) => {
                let side = council.systems.get(name).and_then(|system| system.source.as_ref());
                let kind = side.and_then(|side| Some((side, connectors.source(&side.connector)?)));
                if let Some((side, kind)) = kind {
                    let source = LateSource::new(Maker::new(connectors, kind.name(), &side.settings));
                    spawn(workers, "intake", name, intake::run(session.clone(), name.clone(), source));
                }
                spawn(workers, "ingress", name, ingress::run(session.clone(), name.clone()));
                spawn(workers, "replay", name, replay::run(session.clone()));
            }
            Self::Deliver(name) => {
                let side = council.systems.get(name).and_then(|system| system.target.as_ref());
                let kind = side.and_then(|side| Some((side, connectors.sink(&side.connector)?)));
                let Some((side, kind)) = kind else { return };
                let sink = LateSink::new(Maker::new(connectors, kind.name(), &side.settings));
                let sink: Arc<dyn Sink> = Arc::new(sink);
                let (session, target) = (session.clone(), name.clone());
                spawn(workers, "replay", name, replay::run(session.clone()));
                match side.batching.clone() {
                    None => {
                        let work = delivery::run(session, target, sink, kind.manner());
                        spawn(workers, "delivery", name, work);
                    }
                    Some(batching) => {
                        let batches = BatchTarget { target: target.clone(), sink, batching };
                        spawn(workers, "staging", name, staging::run(session.clone(), target));
                        spawn(workers, "batches", name, batches::run(session, batches));
                    }
                }
            }
            Self::Watch => {
                spawn(workers, "watch", "broker", watch::run(session.clone()));
                spawn(workers, "receipts", "of sources", receipts::run(session.clone()));
                if council.tells_work() {
                    spawn(workers, "work items", "of the ledger", work_items::run(session.clone()));
                }
                spawn(workers, "silence", "of sources", silence::run(session.clone()));
                spawn(workers, "sums", "of the ledger", sums::run(session.clone()));
                spawn(workers, "watch", "unrouted", unrouted::run(session.clone()));
                spawn(workers, "watch", "ledger", retention::run(session.clone()));
            }
        }
    }
}

fn is_crash(ended: &Result<(), Failed>) -> bool {
    matches!(ended, Err(Failed { error: WorkerError::Crashed(_), .. }))
}

fn spawn(
    workers: &mut Workers,
    kind: &str,
    system: &str,
    work: impl Future<Output = Result<(), WorkerError>> + Send + 'static,
) {
    let worker = format!("{kind} {system}");
    workers.spawn(async move { work.await.map_err(|error| Failed { worker, error }) });
}
