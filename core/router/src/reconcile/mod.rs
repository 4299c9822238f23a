//! What was lost with a queue is taken in again (DESIGN 3.12): events from the journal that the ledger does not know,
//! dispatches of a lane that have not ended. For a queue that its system reads itself, a replay is proposed.
//!
//! That a queue is gone is noted as a job before it is made again, so that a hub that stops in between goes on.

mod along;
mod due;
mod emptied;
mod first_place;
mod further;
mod lane;
mod later;
mod missed;
mod sieve;

use std::collections::HashSet;
use std::time::Duration;

use postroom_broker::{Broker, BrokerError, Names, Topology};
use postroom_council::Council;
use postroom_ledger::{Job, JobFilter, JobState, Ledger, LedgerError, NewJob};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

pub(crate) use along::{Along, Part, When};
pub(crate) use emptied::Emptied;
use lane::{Late, Resent, resend};
pub(crate) use later::Laters;
pub(crate) use missed::{Asked, Missed};
pub(crate) use sieve::{Found, Sieve};

use crate::entries::now;
use crate::journal::{self, Journal};
use crate::lease::{self, Leases};
use crate::resend::Patience;
use crate::session::{Connected, Session, WorkerError};
use crate::{PublishError, Publishing, unrouted};

/// The kind of job that takes in again what was lost with a queue.
pub const RECONCILE: &str = "reconcile";
/// The kind of job that nobody carries out: it proposes a replay to a system whose own queue was deleted.
pub const PROPOSED_REPLAY: &str = "proposed-replay";
/// How long before a place in the journal an event may have come that is published again behind it.
const AGAIN_WITHIN: Duration = Duration::from_secs(3_600);
/// How often it is looked whether what is unsure has arrived.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Jobs under one lease among which that of the hub is looked for.
const MOST_LOOKED_AT: u32 = 100;
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

/// What is done before any worker begins: lanes that were made again get back what they had, in its order, and what
/// reached no queue goes where it belongs. `noted` are the jobs of the lanes that were gone when this session declared them.
pub(crate) async fn before_work(
    connected: &Connected,
    leases: &Leases,
    noted: &[i64],
) -> Result<(), WorkerError> {
    let lanes = connected.council.targets().filter(|(_, target)| !target.is_queue());
    for lane in lanes.map(|(system, _)| lease::of_lane(&system.name)) {
        let running = noted_by_hub(&connected.ledger, &lane, JobState::Running).await?;
        let submitted = noted_by_hub(&connected.ledger, &lane, JobState::Submitted).await?;
        for job in running.into_iter().chain(submitted) {
            let alone = noted.contains(&job.id) && !connected.ledger.is_shared();
            let late = if alone { Late::Impossible } else { Late::Deleted };
            fill(connected, leases, (&job, late)).await?;
        }
    }
    unrouted::drain(&connected.ground(), &connected.stop).await
}

/// Fills a lane under its lease. Where another hub has that, or the lane takes nothing, its own worker does it later.
async fn fill(connected: &Connected, leases: &Leases, (job, late): (&Job, Late)) -> Result<(), WorkerError> {
    let Some(tenure) = leases.take(&job.target).await? else { return Ok(()) };
    let session = connected.under(tenure.clone());
    let done = carry_out(&session.publishing(), job, (late, Patience::Never)).await;
    if tenure.unclean {
        // Whoever delivers there next is as careful as it would have been.
        leases.forget(&tenure);
    } else {
        leases.give_back(&tenure).await?;
    }
    match done {
        Err(WorkerError::Refused(_)) => Ok(()),
        Err(error) if error.is_lease_over() => Ok(()),
        done => done,
    }
}

/// Carries out the reconcile of a lane by whoever delivers there.
pub(crate) async fn carry_out_late(session: &Session, job: &Job) -> Result<(), WorkerError> {
    let late = if is_noted(job) { Late::Deleted } else { Late::Asked };
    carry_out(&session.publishing(), job, (late, Patience::Until(&session.stop))).await
}

/// Whether the hub itself asked for it, because a queue was gone.
fn is_noted(job: &Job) -> bool {
    job.actor == HUB
}

/// Carries out the reconcile of a lane; it stays open when patience ends before.
async fn carry_out(
    ground: &Publishing,
    job: &Job,
    (late, patience): (Late, Patience<'_>),
) -> Result<(), WorkerError> {
    let Some(target) = job.target.strip_prefix(&lease::of_lane("")) else { return Ok(()) };
    let ledger = &ground.ledger;
    if job.state == JobState::Cancelling {
        return Ok(ledger.finish(job.id, json!(Resent::default()), now()).await?);
    }
    let Some((mut resent, mut unsure)) = resend(ground, target, (late, patience)).await? else {
        return Ok(());
    };
    while !unsure.is_empty() {
        let state = ledger.progress(job.id, resent.sent, resent.sent + unsure.len() as u64, now()).await?;
        if state == Some(JobState::Cancelling) || !patience.waits(LOOK_EVERY).await {
            break;
        }
        unsure = lane::settle(ground, unsure, &mut resent).await?;
    }
    resent.left = unsure.len() as u64;
    if patience.lasts() {
        telemetry::lane_reconciled(target, resent.sent, resent.overtaken, resent.lost, resent.left);
        ledger.finish(job.id, json!(resent), now()).await?;
    }
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

/// The reconcile under `lease` that the hub itself asked for, if there is one in that state.
async fn noted_by_hub(ledger: &Ledger, lease: &str, state: JobState) -> Result<Option<Job>, LedgerError> {
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

/// Accepts a ledger that was put back, and submits the reconcile of everything, so that what came after the copy was made is
/// taken in again before anything new. The jobs.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn accept_restore(
    ledger: &Ledger,
    council: &Council,
    actor: &str,
    reason: &str,
) -> Result<Vec<i64>, LedgerError> {
    let jobs = reconcile(ledger, council, actor, reason).await?;
    ledger.acknowledge_restore().await?;
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
            lost.dispatches.insert(system.name.clone(), waiting.len() as u64);
        }
    }
    Ok(lost)
}

impl From<BrokerError> for PublishError {
    fn from(error: BrokerError) -> Self {
        WorkerError::from(error).into()
    }
}
