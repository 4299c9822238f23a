//! What was lost with a queue is taken in again (DESIGN 3.12): events from the journal that the ledger does not know,
//! dispatches of a lane that have not ended. For a queue that its system reads itself, a replay is proposed.
//!
//! That a queue is gone is noted as a job before it is made again, so that a hub that stops in between goes on.

mod ahead;
mod along;
mod asked;
mod due;
mod emptied;
mod first_place;
mod further;
mod lane;
mod later;
mod missed;
mod noting;
mod sieve;

use std::time::Duration;

use postroom_broker::BrokerError;
use postroom_ledger::{Job, JobFilter, JobState, Ledger, LedgerError};
use postroom_telemetry as telemetry;
use serde_json::json;

pub(crate) use along::{Along, Part, When};
pub use asked::{Lost, accept_restore, lost, reconcile};
pub(crate) use emptied::Emptied;
use lane::{Late, Resent, resend};
pub(crate) use later::Laters;
pub(crate) use missed::{Asked, Missed};
pub(crate) use noting::{declare, note};
use noting::{is_noted, noted_by_hub};
pub(crate) use sieve::{Found, Sieve};

use crate::entries::now;
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

impl From<BrokerError> for PublishError {
    fn from(error: BrokerError) -> Self {
        WorkerError::from(error).into()
    }
}
