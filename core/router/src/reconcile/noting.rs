//! The noting of queues that are gone, before they are made again.

use std::collections::HashSet;

use postroom_broker::{Broker, Names, Topology};
use postroom_council::Council;
use postroom_ledger::{Job, JobFilter, JobState, Ledger, LedgerError, NewJob};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

use super::{PROPOSED_REPLAY, RECONCILE, first_place};
use crate::entries::now;
use crate::lease;
use crate::session::WorkerError;

/// Jobs under one lease among which that of the hub is looked for.
const MOST_LOOKED_AT: u32 = 100;
/// Who asks for what the hub finds out by itself.
const HUB: &str = "postroom";

/// Declares every object. Before, it is noted what was in the queues that are gone; what went between that look and the
/// declaration is noted behind it. The jobs of lanes.
pub(crate) async fn declare(
    broker: &dyn Broker,
    ledger: &Ledger,
    council: &Council,
    topology: &Topology,
) -> Result<Vec<i64>, WorkerError> {
    let names = broker.names();
    let mut missing = HashSet::new();
    for queue in queues(names, topology) {
        if !broker.exists(&queue).await? {
            missing.insert(queue);
        }
    }
    let journal = council.journal && broker.exists(&names.journal()).await?;
    let mut noting = Noting { ledger, names, topology, journal, lanes: Vec::new(), ingresses: Vec::new() };
    noting.note(&missing).await?;
    if council.journal {
        first_place::note(broker, ledger, &topology.sources).await?;
    }
    let made = broker.redeclare_missing(topology).await?;
    let mut late: HashSet<String> = made.iter().map(|one| one.name().to_owned()).collect();
    late.retain(|queue| !missing.contains(queue));
    noting.note(&late).await?;
    let Noting { lanes, ingresses, .. } = noting;
    if !ingresses.is_empty() {
        // What comes behind that is in the queues that were made.
        let end = first_place::end(broker).await?;
        for job in ingresses {
            ledger.progress(job, 0, end, now()).await?;
        }
    }
    Ok(lanes)
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
    /// The jobs of lanes and of ingresses.
    lanes: Vec<i64>,
    ingresses: Vec<i64>,
}

impl Noting<'_> {
    /// Notes what was in them.
    async fn note(&mut self, gone: &HashSet<String>) -> Result<(), WorkerError> {
        let Self { ledger, names, topology, journal, lanes, ingresses } = self;
        for system in topology.sources.iter().filter(|_| *journal) {
            let ingress = names.ingress(system);
            if gone.contains(&ingress) {
                told_missing(ledger, system, &ingress).await?;
                ingresses.push(note(ledger, lease::of_ingress(system), json!({})).await?);
            }
        }
        for target in &topology.lanes {
            let lane = names.lane(target);
            if gone.contains(&lane) && !ledger.unreceived(target, 0, 1).await?.found.is_empty() {
                telemetry::queue_deleted(&lane);
                lanes.push(note(ledger, lease::of_lane(target), json!({})).await?);
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

/// Whether the hub itself asked for it, because a queue was gone.
pub(super) fn is_noted(job: &Job) -> bool {
    job.actor == HUB
}

/// The reconcile under `lease` that the hub itself asked for, if there is one in that state.
pub(super) async fn noted_by_hub(
    ledger: &Ledger,
    lease: &str,
    state: JobState,
) -> Result<Option<Job>, LedgerError> {
    let filter = JobFilter {
        kind: Some(RECONCILE.to_owned()),
        target: Some(lease.to_owned()),
        state: Some(state),
        ..JobFilter::default()
    };
    Ok(ledger.jobs(&filter, MOST_LOOKED_AT).await?.into_iter().find(is_noted))
}

/// Submits a reconcile that the hub itself asks for, unless one waits already; its number.
pub(crate) async fn note(ledger: &Ledger, lease: String, params: Value) -> Result<i64, LedgerError> {
    match noted_by_hub(ledger, &lease, JobState::Submitted).await? {
        Some(job) => Ok(job.id),
        None => submit(ledger, RECONCILE, lease, params).await,
    }
}

async fn submit(ledger: &Ledger, kind: &str, target: String, params: Value) -> Result<i64, LedgerError> {
    let reason = "a queue was deleted".to_owned();
    let (kind, actor) = (kind.to_owned(), HUB.to_owned());
    ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await
}
