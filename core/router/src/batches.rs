//! The worker that hands staged messages over when a batch is due. A batch keeps its id until it is finished, so that
//! a second run of any step is recognised by the sink.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use postroom_broker::Backoff;
use postroom_connector::{ConnectorError, Failure, Handover, Outgoing, Receipt};
use postroom_lane::LONGEST_RETRY_AFTER;
use postroom_ledger::{Entry, LaneState, LedgerError, StagedBatch};
use postroom_telemetry::{self as telemetry, Span};
use tokio::time::Instant;

use crate::attempt::{again, once};
use crate::decisions;
use crate::entries;
use crate::fail_point::FailPoint;
use crate::session::{Session, WorkerError};
use crate::staging::BatchTarget;
use crate::traced;
use crate::work::failed;

/// How often the worker looks whether a batch is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// First and longest wait before a batch is tried again.
const RETRY_WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Hands over the batches of one target, and stages again what officers redrive, until the session stops.
pub(crate) async fn run(session: Session, target: BatchTarget) -> Result<(), WorkerError> {
    let again = decisions::stage_again(session.clone());
    tokio::try_join!(hand_over_all(&session, &target), again)?;
    Ok(())
}

async fn hand_over_all(session: &Session, target: &BatchTarget) -> Result<(), WorkerError> {
    let mut reach = Reach { session, target: &target.target, down_since: None };
    reach.note().await?;
    while session.halts.until_allowed(&target.target, &session.stop).await {
        match due(session, target).await? {
            Some(due) => hand_over(session, target, due, &mut reach).await?,
            None => session.pause(LOOK_EVERY).await,
        }
    }
    Ok(())
}

/// Whether the target can be reached: said once, and again when it can. One batch is tried at a time, so it needs no breaker.
struct Reach<'a> {
    session: &'a Session,
    target: &'a str,
    /// Since when it cannot, in microseconds since the epoch.
    down_since: Option<i64>,
}

impl Reach<'_> {
    /// Takes in how an attempt ended.
    async fn tried(&mut self, result: &Result<Receipt, ConnectorError>) -> Result<(), LedgerError> {
        if self.session.stop.is_cancelled() {
            return Ok(());
        }
        let is_down = result.as_ref().is_err_and(|error| error.failure == Failure::Down);
        match self.down_since {
            None if is_down => {
                let now = Utc::now();
                telemetry::target_down(self.target, &now.to_rfc3339());
                self.down_since = Some(now.timestamp_micros());
            }
            Some(since) if !is_down => {
                self.down_since = None;
                let seconds = (entries::now() - since) / 1_000_000;
                telemetry::target_back(self.target, seconds.try_into().unwrap_or(0));
            }
            None | Some(_) => return Ok(()),
        }
        self.note().await
    }

    async fn note(&self) -> Result<(), LedgerError> {
        let (target, down_since) = (self.target.to_owned(), self.down_since);
        self.session.ledger.note_lane(LaneState { target, down_since, in_hand: 0, at: entries::now() }).await
    }
}

/// A batch to be handed over.
struct Due {
    batch: StagedBatch,
    /// Whether an attempt before may have arrived: the sink looks it up first, where it can.
    may_have_arrived: bool,
}

impl Due {
    async fn attempt(&self, target: &BatchTarget, handover: &Handover) -> Result<Receipt, ConnectorError> {
        match self.may_have_arrived {
            true => again(target.sink.as_ref(), handover).await,
            false => once(target.sink.as_ref(), handover).await,
        }
    }
}

/// The batch to hand over now: one that was begun, or what is due.
async fn due(session: &Session, target: &BatchTarget) -> Result<Option<Due>, WorkerError> {
    if let Some(batch) = session.ledger.open_batch(&target.target).await? {
        return Ok(Some(Due { batch, may_have_arrived: true }));
    }
    let staged = session.ledger.staged_summary(&target.target).await?;
    let oldest = staged.oldest.and_then(DateTime::from_timestamp_micros).unwrap_or_default();
    let count = usize::try_from(staged.count).unwrap_or(usize::MAX);
    if !target.batching.due(Utc::now(), oldest, count) {
        return Ok(None);
    }
    let assigned =
        session.ledger.assign_batch(&target.target, target.batching.max_items, entries::now()).await?;
    Ok(assigned.map(|batch| Due { batch, may_have_arrived: false }))
}

/// Tries until the batch arrived, is refused for good, or the session stops.
async fn hand_over(
    session: &Session,
    target: &BatchTarget,
    mut due: Due,
    reach: &mut Reach<'_>,
) -> Result<(), WorkerError> {
    let id = due.batch.id.clone();
    let handover = Handover { id: id.clone(), items: due.batch.items.iter().map(outgoing).collect() };
    let mut waits = Backoff::new(RETRY_WAITS.0, RETRY_WAITS.1);
    let (mut told, mut attempts) = (false, due.batch.attempts);
    while session.halts.until_allowed(&target.target, &session.stop).await {
        session.may_start()?;
        let (span, started_at, began) =
            (Span::deliver(&target.target, &id, None), entries::now(), Instant::now());
        let result = due.attempt(target, &handover).await;
        FailPoint::BatchAnswered.pass();
        let took = began.elapsed();
        telemetry::attempt_took(&target.target, traced::outcome(&result), took.as_secs_f64());
        traced::end(span, &result);
        let was_down = reach.down_since.is_some();
        let error = match &result {
            Ok(receipt) => {
                let reference = receipt.reference.clone();
                let delivered = Entry::BatchDelivered { id: id.clone(), reference, at: entries::now() };
                session.record(vec![delivered]).await?;
                reach.tried(&result).await?;
                let reference = receipt.reference.as_deref().unwrap_or_default();
                telemetry::batch_delivered(&target.target, &id, handover.items.len(), reference);
                return Ok(());
            }
            Err(error) => error,
        };
        // Of those that do not reach the target, the first tells all.
        if !was_down || error.failure != Failure::Down {
            attempts += 1;
            let attempt = failed(attempts, (started_at, took), error);
            session.record(vec![Entry::BatchTried { id: id.clone(), attempt }]).await?;
        }
        reach.tried(&result).await?;
        if error.failure == Failure::Permanent {
            let reason = entries::connector_reason(entries::refused_code(error), error);
            let holding = session.council.holding(&target.target);
            let refused = Entry::BatchRefused { id: id.clone(), reason, holding, at: entries::now() };
            session.record(vec![refused]).await?;
            telemetry::batch_refused(&target.target, &id, handover.items.len(), &error.words);
            return Ok(());
        }
        if !told {
            telemetry::batch_retried(&target.target, &id, &error.to_string());
            told = true;
        }
        due.may_have_arrived |= error.failure == Failure::Unknown;
        let asked = error.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        session.pause(waits.next_delay().max(asked)).await;
    }
    Ok(())
}

fn outgoing(item: &postroom_ledger::StagedItem) -> Outgoing {
    Outgoing {
        dispatch: item.dispatch,
        event_type: item.event_type.clone(),
        subject: item.subject.clone(),
        message: Arc::new(item.message.clone()),
        traceparent: None,
    }
}
