//! Forgetting what ended long ago, a little at a time.

use std::time::Duration;

use postroom_ledger::Pruned;
use postroom_telemetry as telemetry;

use crate::entries::now;
use crate::session::{Session, WorkerError};

/// Events looked at in one step.
const STEP_EVENTS: u32 = 1_000;
/// Wait between two steps while there is more to forget.
const STEP_EVERY: Duration = Duration::from_secs(2);
/// Wait once everything was looked at.
const ROUND_EVERY: Duration = Duration::from_secs(3_600);

/// Forgets until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let keep = i64::try_from(session.council.keep.as_micros()).unwrap_or(i64::MAX);
    let mut round = Pruned::default();
    while !session.stop.is_cancelled() {
        session.may_start()?;
        session.ledger.forget_sent(now()).await?;
        let step = session.ledger.prune(now().saturating_sub(keep), STEP_EVENTS).await?;
        round.events += step.events;
        round.receipts += step.receipts;
        round.dead += step.dead;
        round.invalid += step.invalid;
        if step.more {
            session.pause(STEP_EVERY).await;
            continue;
        }
        if round != Pruned::default() {
            telemetry::ledger_pruned(round.events, round.receipts, round.dead, round.invalid);
            round = Pruned::default();
        }
        session.pause(ROUND_EVERY).await;
    }
    Ok(())
}
