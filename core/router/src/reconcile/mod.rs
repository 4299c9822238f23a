//! What was lost with a queue is taken in again (DESIGN 3.12): events from the journal that the ledger does not know,
//! dispatches of a lane that have not ended. For a queue that its system reads itself, a replay is proposed.
//!
//! That a queue is gone is noted as a job before it is made again, so that a hub that stops in between goes on.

mod lane;
mod missed;

use std::collections::HashSet;

use postroom_broker::{Broker, BrokerError, Names, Topology};
use postroom_council::Council;
use postroom_ledger::{Job, JobFilter, JobState, Ledger, LedgerError, NewJob};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

pub(crate) use lane::{Late, resend};
pub(crate) use missed::{Asked, Missed};

use crate::entries::now;
use crate::journal::{self, Journal};
use crate::lease;
use crate::session::{Connected, WorkerError};
use crate::{PublishError, Publishing, unrouted};

/// The kind of job that takes in again what was lost with a queue.
pub const RECONCILE: &str = "reconcile";
/// The kind of job that nobody carries out: it proposes a replay to a system whose own queue was deleted.
pub const PROPOSED_REPLAY: &str = "proposed-replay";
/// Who asks for what the hub finds out by itself.
const HUB: &str = "postroom";

/// What a reconcile of the whole hub would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lost {
    /// Events in the journal that the ledger does not know, by source system; those on their way are among them.
    pub events: std::collections::BTreeMap<String, u64>,
    /// Dispatches that were handed to a lane and have neither ended nor are held, by target.
    pub dispatches: std::collections::BTreeMap<String, u64>,
}

/// Declares every object. Before, it is noted what was in the queues that are gone; what went between that look and the
/// declaration is noted behind it.
pub(crate) async fn declare(
    broker: &dyn Broker,
    ledger: &Ledger,
    council: &Council,
    topology: &Topology,
) -> Result<(), WorkerError> {
    let names = broker.names();
    let mut missing = HashSet::new();
    for queue in queues(names, topology) {
        if !broker.exists(&queue).await? {
            missing.insert(queue);
        }
    }
    let journal = council.journal && broker.exists(&names.journal()).await?;
    let noting = Noting { ledger, names, topology, journal };
    noting.note(&missing).await?;
    let made = broker.redeclare_missing(topology).await?;
    let mut late: HashSet<String> = made.iter().map(|one| one.name().to_owned()).collect();
    late.retain(|queue| !missing.contains(queue));
    noting.note(&late).await
}

/// Every queue whose loss is noted.
fn queues(names: &Names, topology: &Topology) -> Vec<String> {
    let ingresses = topology.sources.iter().map(|system| names.ingress(system));
    let lanes = topology.lanes.iter().map(|target| names.lane(target));
    ingresses.chain(lanes).chain(topology.queues.iter().map(|target| names.to(target))).collect()
}

/// The noting of queues that are gone.
struct Noting<'a> {
    ledger: &'a Ledger,
    names: &'a Names,
    topology: &'a Topology,
    /// Whether there is a journal from which an ingress can be filled again.
    journal: bool,
}

impl Noting<'_> {
    async fn note(&self, gone: &HashSet<String>) -> Result<(), WorkerError> {
        let Self { ledger, names, topology, journal } = self;
        for system in topology.sources.iter().filter(|_| *journal) {
            let ingress = names.ingress(system);
            if gone.contains(&ingress) {
                told_missing(ledger, system, &ingress).await?;
                note(ledger, lease::of_ingress(system), json!({})).await?;
            }
        }
        for target in &topology.lanes {
            let lane = names.lane(target);
            if gone.contains(&lane) && !ledger.unreceived(target, 0, 1).await?.found.is_empty() {
                telemetry::queue_deleted(&lane);
                note(ledger, lease::of_lane(target), json!({})).await?;
            }
        }
        for target in topology.queues.iter().filter(|target| gone.contains(&names.to(target))) {
            if ledger.sums().await?.targets.get(target).is_some_and(|sums| sums.delivered > 0) {
                telemetry::queue_deleted(&names.to(target));
                telemetry::replay_proposed(target);
                submit(ledger, PROPOSED_REPLAY, target.clone(), json!({})).await?;
            }
        }
        Ok(())
    }
}

/// An ingress from which nothing was ever taken is a new one: nobody deleted it.
async fn told_missing(ledger: &Ledger, system: &str, queue: &str) -> Result<(), LedgerError> {
    if ledger.last_recorded_at(system).await?.is_some() {
        telemetry::queue_deleted(queue);
    }
    Ok(())
}

/// What is done before any worker begins: lanes that were made again get back what they had, in its order, and what
/// reached no queue goes where it belongs.
pub(crate) async fn before_work(connected: &Connected) -> Result<(), WorkerError> {
    let ground = connected.ground();
    let lanes = connected.council.targets().filter(|(_, target)| !target.is_queue());
    for lane in lanes.map(|(system, _)| lease::of_lane(&system.name)) {
        while let Some(job) = open(&ground.ledger, RECONCILE, &lane).await? {
            carry_out(&ground, &job, Late::Impossible).await?;
        }
    }
    unrouted::drain(&ground, &connected.stop).await
}

/// Carries out the reconcile of a lane.
pub(crate) async fn carry_out(ground: &Publishing, job: &Job, late: Late) -> Result<(), WorkerError> {
    let Some(target) = job.target.strip_prefix(&lease::of_lane("")) else { return Ok(()) };
    let resent = resend(ground, target, late).await?;
    telemetry::lane_reconciled(target, resent.sent, resent.overtaken, resent.lost);
    ground.ledger.finish(job.id, json!(resent), now()).await?;
    Ok(())
}

/// The oldest job of that kind under a lease that has not ended.
pub(crate) async fn open(ledger: &Ledger, kind: &str, lease: &str) -> Result<Option<Job>, LedgerError> {
    for state in [JobState::Running, JobState::Cancelling, JobState::Submitted] {
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            target: Some(lease.to_owned()),
            state: Some(state),
            ..JobFilter::default()
        };
        if !ledger.jobs(&filter, 1).await?.is_empty() {
            return ledger.next_job(&[kind.to_owned()], &[lease.to_owned()], now()).await;
        }
    }
    Ok(None)
}

/// Submits a reconcile that the hub itself asks for, unless one waits already.
pub(crate) async fn note(ledger: &Ledger, lease: String, params: Value) -> Result<(), LedgerError> {
    let filter = JobFilter {
        kind: Some(RECONCILE.to_owned()),
        target: Some(lease.clone()),
        state: Some(JobState::Submitted),
        ..JobFilter::default()
    };
    if ledger.jobs(&filter, 1).await?.is_empty() {
        submit(ledger, RECONCILE, lease, params).await?;
    }
    Ok(())
}

async fn submit(ledger: &Ledger, kind: &str, target: String, params: Value) -> Result<i64, LedgerError> {
    let reason = "a queue was deleted".to_owned();
    let (kind, actor) = (kind.to_owned(), HUB.to_owned());
    ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await
}

/// Submits a reconcile of everything, journal and lanes: after a ledger was put back, or by an officer. The jobs.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn reconcile(
    ledger: &Ledger,
    council: &Council,
    actor: &str,
    reason: &str,
) -> Result<Vec<i64>, LedgerError> {
    let ingresses = council.sources().map(|(system, _)| lease::of_ingress(&system.name));
    let lanes = council.targets().filter(|(_, target)| !target.is_queue());
    let lanes = lanes.map(|(system, _)| lease::of_lane(&system.name));
    let mut jobs = Vec::new();
    for target in ingresses.chain(lanes) {
        let (kind, actor, reason) = (RECONCILE.to_owned(), actor.to_owned(), reason.to_owned());
        let params = json!({"from": "first"});
        jobs.push(ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await?);
    }
    Ok(jobs)
}

/// What [`reconcile`] would do now.
///
/// # Errors
/// When the broker or the ledger cannot be read.
pub async fn lost(ground: &Publishing) -> Result<Lost, PublishError> {
    Ok(look(ground).await?)
}

async fn look(ground: &Publishing) -> Result<Lost, WorkerError> {
    let mut lost = Lost::default();
    let remembered = journal::remembered(&ground.council, now());
    if let Some(mut journal) = Journal::open(ground.broker.as_ref(), remembered).await? {
        while let Some(entries) = journal.next().await? {
            let mut keys = std::collections::BTreeMap::new();
            for entry in &entries {
                let system = journal::system_of(&ground.council, ground.broker.as_ref(), &entry.delivery);
                let event = journal::event_of(&ground.council, &entry.delivery);
                if let (Some(system), Some(event)) = (system, event) {
                    keys.insert(event.key(), system);
                }
            }
            let known = ground.ledger.known(&keys.keys().copied().collect::<Vec<_>>()).await?;
            for (_, system) in keys.iter().filter(|(key, _)| !known.contains(key)) {
                *lost.events.entry((*system).to_owned()).or_default() += 1;
            }
        }
        journal.close().await;
    }
    for (system, _) in ground.council.targets().filter(|(_, target)| !target.is_queue()) {
        let waiting = lane::waiting(&ground.ledger, &system.name).await?;
        if !waiting.is_empty() {
            lost.dispatches.insert(system.name.clone(), waiting.values().map(Vec::len).sum::<usize>() as u64);
        }
    }
    Ok(lost)
}

impl From<BrokerError> for PublishError {
    fn from(error: BrokerError) -> Self {
        WorkerError::from(error).into()
    }
}
