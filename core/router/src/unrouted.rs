//! What reached no queue, or was given up by one, goes where it belongs: back into its queue, into the holds of its lane,
//! to its ingress by way of the journal, or into the list of invalid events. It does not know why a queue is gone.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use postroom_broker::{Acker, Delivery, Message, Names, Outgoing, Publisher};
use postroom_event::DispatchId;
use postroom_ledger::{DeadLetter, Dispatch, Entry, HeldDispatch, NewJob, Reason};
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::decide::Unmappable;
use crate::decisions::{LetterSet, TAKE_UP};
use crate::entries::{foreign, now, whole};
use crate::outgoing::{APP_ID, SOURCE_HEADER, TYPE_HEADER};
use crate::session::{Session, WorkerError};
use crate::{Publishing, journal, lane_job, lease, overtaken, reconcile};

/// Unacked messages of `unrouted`; constant for ever (DESIGN 3.5).
const PREFETCH: u16 = 200;
/// Messages put back together.
const CHUNK: usize = 200;
/// How long nothing must come before the queue counts as empty, though some may be in another hub's hands.
const QUIET: Duration = Duration::from_secs(2);
/// The code of what is kept from `unrouted`.
const CODE: &str = "unrouted";
/// How the headers begin that the broker adds when a queue gives a message up.
const BROKERS_HEADERS: [&str; 4] = ["x-death", "x-first-death", "x-last-death", "x-delivery-count"];

/// Where a message was going.
enum Home<'a> {
    /// The lane of a target.
    Lane(&'a str),
    /// The queue that a system reads itself.
    To,
    /// The ingress of a source.
    Ingress(&'a str),
    /// Nothing of this hub.
    Nobody,
}

/// Drains the queue until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let (ground, queue) = (session.publishing(), session.broker.names().unrouted());
    let mut consumer = session.broker.consumer(&queue, PREFETCH).await?;
    let mut publisher = session.broker.publisher().await?;
    let acker = consumer.acker();
    let outcome = async {
        loop {
            let deliveries = tokio::select! {
                () = session.stop.cancelled() => return Ok(()),
                deliveries = consumer.next(CHUNK) => deliveries,
            };
            let deliveries = deliveries.ok_or_else(|| WorkerError::ConsumerEnded(queue.clone()))?;
            session.may_start()?;
            let returning = Returning { ground: &ground };
            returning.put(deliveries, publisher.as_mut(), acker.as_ref()).await?;
        }
    }
    .await;
    consumer.close().await;
    outcome
}

/// Drains what is there now, before any worker begins.
pub(crate) async fn drain(ground: &Publishing, stop: &CancellationToken) -> Result<(), WorkerError> {
    let queue = ground.broker.names().unrouted();
    if ground.broker.depth(&queue).await?.messages == 0 {
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
            let returning = Returning { ground };
            returning.put(deliveries, publisher.as_mut(), acker.as_ref()).await?;
            if ground.broker.depth(&queue).await?.messages == 0 {
                return Ok(());
            }
        }
    }
    .await;
    consumer.close().await;
    outcome
}

/// The putting back of one chunk.
struct Returning<'a> {
    ground: &'a Publishing,
}

/// What one chunk comes to.
#[derive(Default)]
struct Returned {
    publishes: Vec<Outgoing>,
    entries: Vec<Entry>,
    /// Held, by lane.
    held: BTreeMap<String, Vec<DispatchId>>,
}

impl Returning<'_> {
    /// Puts a chunk where it belongs, says so, and acks it.
    async fn put(
        &self,
        deliveries: Vec<Delivery>,
        publisher: &mut dyn Publisher,
        acker: &dyn Acker,
    ) -> Result<(), WorkerError> {
        self.all_there(&deliveries).await?;
        let (mut returned, mut told) = (Returned::default(), BTreeMap::new());
        let last = deliveries.last().map_or(0, |delivery| delivery.tag);
        let finished = self.finished(&deliveries).await?;
        for delivery in deliveries {
            let because = delivery.dropped_because().unwrap_or("no-queue").to_owned();
            *told.entry((delivery.bound_for().to_owned(), because)).or_insert(0) += 1;
            self.one(delivery, &finished, &mut returned).await?;
        }
        let Returned { publishes, entries, held } = returned;
        self.ground.record_all(entries).await?;
        journal::publish_all(publisher, publishes).await?;
        for (target, dispatches) in held {
            let (kind, reason) = (TAKE_UP.to_owned(), "its queue gave them up".to_owned());
            let set = LetterSet { dispatches, rate: u32::MAX, stale: false };
            let (params, actor) = (json!(set), "postroom".to_owned());
            self.ground.ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await?;
        }
        acker.ack_up_to(last).await?;
        for ((queue, because), messages) in &told {
            telemetry::queue_returned(queue, *messages, because);
        }
        Ok(())
    }

    /// A queue that is gone is made again, and reconciled, by the next session.
    async fn all_there(&self, deliveries: &[Delivery]) -> Result<(), WorkerError> {
        let broker = self.ground.broker.as_ref();
        let queues: HashSet<&str> = deliveries.iter().map(Delivery::bound_for).collect();
        for queue in queues {
            let own = !matches!(self.home(broker.names(), queue), Home::Nobody);
            if own && !broker.exists(queue).await? {
                return Err(WorkerError::QueueDeleted(queue.to_owned()));
            }
        }
        Ok(())
    }

    async fn finished(&self, deliveries: &[Delivery]) -> Result<HashSet<DispatchId>, WorkerError> {
        let told = deliveries.iter().filter_map(|delivery| lane_job::told("", delivery));
        Ok(self.ground.ledger.finished(&told.map(|dispatch| dispatch.id).collect::<Vec<_>>()).await?)
    }

    fn home(&self, names: &Names, queue: &str) -> Home<'_> {
        let council = &self.ground.council;
        for (system, target) in council.targets() {
            match target.is_queue() {
                true if names.to(&system.name) == queue => return Home::To,
                false if names.lane(&system.name) == queue => return Home::Lane(&system.name),
                _ => {}
            }
        }
        let mut sources = council.sources();
        let ingress = sources.find(|(system, _)| names.ingress(&system.name) == queue);
        ingress.map_or(Home::Nobody, |(system, _)| Home::Ingress(&system.name))
    }

    async fn one(
        &self,
        delivery: Delivery,
        finished: &HashSet<DispatchId>,
        returned: &mut Returned,
    ) -> Result<(), WorkerError> {
        let (ground, names) = (self.ground, self.ground.broker.names());
        let queue = delivery.bound_for().to_owned();
        match self.home(names, &queue) {
            Home::Lane(target) => match lane_job::told(target, &delivery) {
                Some(dispatch) if finished.contains(&dispatch.id) => {}
                Some(dispatch) if self.goes_first(target, &delivery) => {
                    self.hold(dispatch, &delivery, returned).await?;
                }
                Some(_) => returned.publishes.push(publish(names, queue, &delivery)),
                None => returned.entries.push(kept(target, &delivery)),
            },
            Home::To if delivery.header(SOURCE_HEADER).is_some() => {
                returned.publishes.push(publish(names, queue, &delivery));
            }
            Home::Ingress(system) if ground.council.journal => {
                let from = json!({"from": "first"});
                reconcile::note(&ground.ledger, lease::of_ingress(system), from).await?;
            }
            Home::Ingress(system) => returned.entries.push(kept(system, &delivery)),
            Home::To | Home::Nobody => returned.entries.push(kept(&queue, &delivery)),
        }
        Ok(())
    }

    /// Whether a dispatch is held, so that it comes before what is in its lane: the lane gave it up while others went on.
    /// One that never reached the lane goes into it, behind what came before.
    fn goes_first(&self, target: &str, delivery: &Delivery) -> bool {
        let side = self.ground.council.systems.get(target).and_then(|system| system.target.as_ref());
        delivery.dropped_because().is_some() && side.is_some_and(|side| side.batching.is_none())
    }

    async fn hold(
        &self,
        dispatch: Dispatch,
        delivery: &Delivery,
        returned: &mut Returned,
    ) -> Result<(), WorkerError> {
        let source = delivery.header(SOURCE_HEADER).unwrap_or_default();
        let (event, at, detail) = (whole(&cleaned(delivery)), now(), String::new());
        if let Some(by) = overtaken::by(&self.ground.ledger, &dispatch, source).await? {
            let reason = Reason { code: overtaken::CODE.to_owned(), words: overtaken::words(&by), detail };
            let id = dispatch.id.to_string();
            telemetry::dispatch_dead(&dispatch.target, &dispatch.route, &id, &reason.code, &reason.words);
            let letter = DeadLetter { dispatch, reason, failed_at: at, attempts: 0, event, message: None };
            returned.entries.push(Entry::Dead(letter));
            return Ok(());
        }
        let words = "its lane gave it up: a policy on the broker".to_owned();
        let lane = lease::of_lane(&dispatch.target);
        returned.held.entry(lane).or_default().push(dispatch.id);
        returned.entries.push(Entry::Held(HeldDispatch {
            dispatch,
            source: source.into(),
            event,
            message: None,
            reason: Reason { code: CODE.to_owned(), words, detail },
            attempts: 0,
            waits: 0,
            next_at: None,
            at,
        }));
        Ok(())
    }
}

/// What is not a dispatch of this hub, whole.
fn kept(system: &str, delivery: &Delivery) -> Entry {
    let words = "it reached no queue, and is nothing that this hub can put back".to_owned();
    foreign(system, delivery, &Unmappable { code: CODE, words })
}

/// The delivery without what the broker added.
fn cleaned(delivery: &Delivery) -> Delivery {
    let mut delivery = delivery.clone();
    delivery.headers.retain(|(name, _)| !BROKERS_HEADERS.iter().any(|added| name.starts_with(added)));
    delivery
}

/// The publish that puts a message into its queue again, as it was.
fn publish(names: &Names, queue: String, delivery: &Delivery) -> Outgoing {
    let Delivery { body, content_type, message_id, correlation_id, headers, timestamp, .. } =
        cleaned(delivery);
    let message_type = delivery.header(TYPE_HEADER).map(str::to_owned);
    let (user_id, app_id) = (None, Some(APP_ID.to_owned()));
    let message = Message {
        body,
        content_type,
        message_id,
        correlation_id,
        message_type,
        timestamp,
        user_id,
        app_id,
        headers,
    };
    Outgoing { exchange: names.deliveries(), routing_key: queue, message }
}
