//! What reached no queue, or was given up by one, goes where it belongs (`returning.rs` says where): back into its queue,
//! into the holds of its lane, to its ingress by way of the journal, or into the lists of dead letters and invalid events.
//! It does not know why a queue is gone.
//!
//! A dispatch of an event that the ledger does not know yet waits: where a hub was killed before it wrote the event down,
//! that is decided again, and what is before it of its subject must enter the queue first.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use postroom_broker::{Acker, Consumer, Delivery, Publisher};
use postroom_event::{DispatchId, EventKey};
use postroom_lane::OLDEST_UNACKED;
use postroom_ledger::NewJob;
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::decisions::{LetterSet, TAKE_UP};
use crate::entries::now;
use crate::resend::{Patience, Published, publish_all};
use crate::returning::{Returned, Returning};
use crate::session::{Session, WorkerError};
use crate::{Publishing, lane_job};

/// Unacked messages of `unrouted`; constant for ever (DESIGN 3.5).
const PREFETCH: u16 = 200;
/// Messages put back together.
const CHUNK: usize = 200;
/// How often it is looked whether events are in the ledger by now.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a dispatch waits for its event; then it is the only trace of it, and goes on alone.
const ALONE_AFTER: Duration = Duration::from_secs(60);
/// How long nothing must come before the queue counts as empty, though some may be in another hub's hands.
const QUIET: Duration = Duration::from_secs(2);

/// Drains the queue until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let queue = session.broker.names().unrouted();
    session.pause(session.unserved.wait(&queue, Instant::now())).await;
    while !session.stop.is_cancelled() {
        let mut consumer = session.consumer(&queue, PREFETCH).await?;
        let outcome = beside_work(&session, consumer.as_mut()).await;
        consumer.close().await;
        outcome?;
    }
    Ok(())
}

/// Puts back what comes beside the others' work, until the session stops or what waits has waited for so long that it has to be
/// delivered anew.
async fn beside_work(session: &Session, consumer: &mut dyn Consumer) -> Result<(), WorkerError> {
    let ground = session.publishing();
    let mut publisher = session.broker.publisher().await?;
    let acker = consumer.acker();
    let drain = Drain { ground: &ground, patience: Patience::Until(&session.stop) };
    let mut early: Vec<Early> = Vec::new();
    loop {
        let deliveries = tokio::select! {
            () = session.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY), if !early.is_empty() => Some(Vec::new()),
            deliveries = consumer.next(CHUNK) => deliveries,
        };
        let ended = || WorkerError::ConsumerEnded(ground.broker.names().unrouted());
        let deliveries = deliveries.ok_or_else(ended)?;
        session.may_start()?;
        drain.all_bound(&deliveries)?;
        let now = Instant::now();
        early.extend(deliveries.into_iter().map(|delivery| Early { came: now, since: now, delivery }));
        if session.halts.is_any() {
            // The ingress that would take the event may be halted.
            early.iter_mut().for_each(|early| early.since = now);
        }
        let known = drain.known(early.iter().map(|early| &early.delivery)).await?;
        let is_due =
            |early: &Early| early.since.elapsed() >= ALONE_AFTER || is_ready(&early.delivery, &known);
        let (ready, waiting): (Vec<_>, Vec<_>) = early.into_iter().partition(is_due);
        early = waiting;
        if !ready.is_empty() {
            let ready = ready.into_iter().map(|early| early.delivery).collect();
            drain.put(ready, publisher.as_mut(), acker.as_ref()).await?;
        }
        if early.iter().any(|early| early.came.elapsed() >= OLDEST_UNACKED) {
            return Ok(());
        }
    }
}

/// A dispatch whose event is not known yet: when it came, and since when nothing hinders its event.
struct Early {
    came: Instant,
    since: Instant,
    delivery: Delivery,
}

/// Drains what is there now, before any worker begins. What its queue refuses, and what waits for its event, stays, and is
/// put back beside the others' work.
pub(crate) async fn drain(ground: &Publishing, stop: &CancellationToken) -> Result<(), WorkerError> {
    let queue = ground.broker.names().unrouted();
    let mut left = ground.broker.depth(&queue).await?.messages;
    if left == 0 {
        return Ok(());
    }
    let mut consumer = ground.broker.consumer(&queue, PREFETCH).await?;
    let mut publisher = ground.broker.publisher().await?;
    let acker = consumer.acker();
    let outcome = async {
        loop {
            let deliveries = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(QUIET) => return Ok(()),
                deliveries = consumer.next(CHUNK) => deliveries,
            };
            let deliveries = deliveries.ok_or_else(|| WorkerError::ConsumerEnded(queue.clone()))?;
            left = left.saturating_sub(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
            let drain = Drain { ground, patience: Patience::Never };
            let known = drain.known(deliveries.iter()).await?;
            let ready = deliveries.into_iter().filter(|delivery| is_ready(delivery, &known)).collect();
            match drain.put(ready, publisher.as_mut(), acker.as_ref()).await {
                Err(WorkerError::Refused(_)) => return Ok(()),
                put => put?,
            }
            // What this consumer has not taken yet does not lie in the queue any more.
            if left == 0 {
                left = ground.broker.depth(&queue).await?.messages;
                if left == 0 {
                    return Ok(());
                }
            }
        }
    }
    .await;
    consumer.close().await;
    outcome
}

/// The putting back of one chunk.
struct Drain<'a> {
    ground: &'a Publishing,
    patience: Patience<'a>,
}

impl Drain<'_> {
    /// Puts a chunk where it belongs, says so, and acks it; what patience does not last for stays.
    async fn put(
        &self,
        deliveries: Vec<Delivery>,
        publisher: &mut dyn Publisher,
        acker: &dyn Acker,
    ) -> Result<(), WorkerError> {
        self.all_there(&deliveries).await?;
        let (mut returned, mut told) = (Returned::default(), BTreeMap::new());
        let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
        let finished = self.finished(&deliveries).await?;
        let returning = Returning { ground: self.ground };
        for delivery in deliveries {
            let because = delivery.dropped_because().unwrap_or("no-queue").to_owned();
            *told.entry((delivery.bound_for().to_owned(), because)).or_insert(0) += 1;
            returning.one(delivery, &finished, &mut returned).await?;
        }
        let Returned { publishes, entries, held } = returned;
        self.ground.ledger.record(entries).await?;
        for (target, dispatches) in held {
            let (kind, reason) = (TAKE_UP.to_owned(), "its queue gave them up".to_owned());
            let set = LetterSet { dispatches, rate: u32::MAX, stale: false };
            let (params, actor) = (json!(set), "postroom".to_owned());
            self.ground.ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await?;
        }
        if publish_all(publisher, publishes, self.patience).await? == Published::Stopped {
            return Ok(());
        }
        for tag in tags {
            acker.ack(tag).await?;
        }
        for ((queue, because), messages) in &told {
            telemetry::queue_returned(queue, *messages, because);
        }
        Ok(())
    }

    /// What reached no queue although that is there has lost its binding: the next session makes it again, and puts back
    /// what is here before anything new goes there. What came through here before waits for a queue that was full.
    fn all_bound(&self, deliveries: &[Delivery]) -> Result<(), WorkerError> {
        let returning = Returning { ground: self.ground };
        let unbound = deliveries.iter().find(|delivery| {
            !delivery.redelivered
                && delivery.dropped_because().is_none()
                && returning.is_own(delivery.bound_for())
        });
        match unbound {
            Some(delivery) => Err(WorkerError::QueueDeleted(delivery.bound_for().to_owned())),
            None => Ok(()),
        }
    }

    /// A queue that is gone is made again, and reconciled, by the next session.
    async fn all_there(&self, deliveries: &[Delivery]) -> Result<(), WorkerError> {
        let (broker, returning) = (self.ground.broker.as_ref(), Returning { ground: self.ground });
        let queues: HashSet<&str> = deliveries.iter().map(Delivery::bound_for).collect();
        for queue in queues {
            if returning.is_own(queue) && !broker.exists(queue).await? {
                return Err(WorkerError::QueueDeleted(queue.to_owned()));
            }
        }
        Ok(())
    }

    /// Which of the events that they are dispatches of are in the ledger.
    async fn known(
        &self,
        deliveries: impl Iterator<Item = &Delivery>,
    ) -> Result<HashSet<EventKey>, WorkerError> {
        let keys: Vec<EventKey> = deliveries.filter_map(event).collect();
        Ok(self.ground.ledger.known(&keys).await?)
    }

    async fn finished(&self, deliveries: &[Delivery]) -> Result<HashSet<DispatchId>, WorkerError> {
        let told = deliveries.iter().filter_map(|delivery| lane_job::told("", delivery));
        Ok(self.ground.ledger.finished(&told.map(|dispatch| dispatch.id).collect::<Vec<_>>()).await?)
    }
}

/// The event that a message is a dispatch of, if it is one.
fn event(delivery: &Delivery) -> Option<EventKey> {
    lane_job::told("", delivery).map(|dispatch| dispatch.event)
}

/// Whether a message waits for nothing: its event is known, or it is no dispatch.
fn is_ready(delivery: &Delivery, known: &HashSet<EventKey>) -> bool {
    event(delivery).is_none_or(|event| known.contains(&event))
}
