//! What becomes of one message that reached no queue or was given up by one: where it was going, and whether it goes there
//! again, is held before what waits there, or is a dead letter. It publishes and acks nothing.

use std::collections::{BTreeMap, HashSet};

use postroom_broker::{Delivery, Message, Names, Outgoing};
use postroom_event::DispatchId;
use postroom_ledger::{DeadLetter, Dispatch, Entry, HeldDispatch, Reason, Whole};
use postroom_telemetry as telemetry;
use serde_json::json;

use crate::decide::Unmappable;
use crate::entries::{foreign, now, whole};
use crate::outgoing::{APP_ID, SOURCE_HEADER, TYPE_HEADER};
use crate::session::WorkerError;
use crate::{Publishing, lane_job, lease, overtaken, reconcile};

/// The code of what is kept, or held, from `unrouted`.
const CODE: &str = "unrouted";
/// How the headers begin that the broker adds when a queue gives a message up.
const BROKERS_HEADERS: [&str; 4] = ["x-death", "x-first-death", "x-last-death", "x-delivery-count"];
/// Header: how often a message was put back.
const RETURNS_HEADER: &str = "postroom-returned";
/// A message is put back so often; then it is a dead letter.
const MOST_RETURNS: u32 = 5;
/// Why a queue gives up what its reader does not want: RabbitMQ's words.
const UNWANTED: [&str; 2] = ["rejected", "delivery_limit"];

/// Where a message was going.
enum Home<'a> {
    /// The lane of a target.
    Lane(&'a str),
    /// The queue that a system reads itself.
    To(&'a str),
    /// The ingress of a source.
    Ingress(&'a str),
    /// Nothing of this hub.
    Nobody,
}

/// What one chunk comes to.
#[derive(Default)]
pub(crate) struct Returned {
    pub(crate) publishes: Vec<Outgoing>,
    pub(crate) entries: Vec<Entry>,
    /// Held, by lane.
    pub(crate) held: BTreeMap<String, Vec<DispatchId>>,
}

/// The sorting of one chunk.
pub(crate) struct Returning<'a> {
    pub(crate) ground: &'a Publishing,
}

impl Returning<'_> {
    /// Whether `queue` is one of this hub's.
    pub(crate) fn is_own(&self, queue: &str) -> bool {
        !matches!(self.home(self.ground.broker.names(), queue), Home::Nobody)
    }

    fn home(&self, names: &Names, queue: &str) -> Home<'_> {
        let council = &self.ground.council;
        for (system, target) in council.targets() {
            match target.is_queue() {
                true if names.to(&system.name) == queue => return Home::To(&system.name),
                false if names.lane(&system.name) == queue => return Home::Lane(&system.name),
                _ => {}
            }
        }
        let mut sources = council.sources();
        let ingress = sources.find(|(system, _)| names.ingress(&system.name) == queue);
        ingress.map_or(Home::Nobody, |(system, _)| Home::Ingress(&system.name))
    }

    /// Sorts one message; `finished` are the dispatches among the chunk that have ended.
    pub(crate) async fn one(
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
                Some(dispatch) if returns(&delivery) >= MOST_RETURNS => {
                    returned.entries.push(lost(dispatch, whole(&cleaned(&delivery)), given_up()));
                }
                Some(_) => returned.publishes.push(publish(names, queue, &delivery)),
                None => returned.entries.push(kept(target, &delivery)),
            },
            Home::To(target) => match (lane_job::told(target, &delivery), why_not_back(&delivery)) {
                (Some(dispatch), Some(why)) => returned.entries.extend(unwanted(dispatch, &delivery, why)),
                (Some(_), None) => returned.publishes.push(publish(names, queue, &delivery)),
                (None, _) => returned.entries.push(kept(&queue, &delivery)),
            },
            Home::Ingress(system) if ground.council.journal => {
                let from = json!({"from": "first"});
                reconcile::note(&ground.ledger, lease::of_ingress(system), from).await?;
            }
            Home::Ingress(system) => returned.entries.push(kept(system, &delivery)),
            Home::Nobody => returned.entries.push(kept(&queue, &delivery)),
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
        let event = whole(&cleaned(delivery));
        if let Some(by) = overtaken::by(&self.ground.ledger, &dispatch).await? {
            let why = Unmappable { code: overtaken::CODE, words: overtaken::words(&by) };
            returned.entries.push(lost(dispatch, event, why));
            return Ok(());
        }
        let words = "its lane gave it up: a policy on the broker".to_owned();
        returned.held.entry(lease::of_lane(&dispatch.target)).or_default().push(dispatch.id);
        returned.entries.push(Entry::Held(HeldDispatch {
            dispatch,
            source: source.into(),
            event,
            message: None,
            reason: Reason { code: CODE.to_owned(), words, detail: String::new() },
            attempts: 0,
            waits: 0,
            next_at: None,
            at: now(),
        }));
        Ok(())
    }
}

/// Why a message does not go back into the queue of its system: that would come behind later ones, and without end.
fn why_not_back(delivery: &Delivery) -> Option<Unmappable> {
    match delivery.dropped_because() {
        Some(because) if UNWANTED.contains(&because) => {
            let words = "its system rejected it, or gave it back until the queue gave it up".to_owned();
            Some(Unmappable { code: "rejected", words })
        }
        Some(because) => {
            let words = format!("a policy on the broker dropped it from the queue of its system: {because}");
            Some(Unmappable { code: "dropped", words })
        }
        None => (returns(delivery) >= MOST_RETURNS).then(given_up),
    }
}

fn given_up() -> Unmappable {
    let words = format!("it was put back {MOST_RETURNS} times, and its queue did not keep it");
    Unmappable { code: CODE, words }
}

/// A message that its system does not want: a dispatch of its own, as it was delivered when it was queued. Its message is
/// kept; its event is in the journal.
fn unwanted(first: Dispatch, delivery: &Delivery, why: Unmappable) -> [Entry; 2] {
    let replay = format!("{} {}", why.code, first.id);
    let source = delivery.header(SOURCE_HEADER).unwrap_or_default();
    let event = delivery.correlation_id.as_deref().unwrap_or_default();
    let dispatch = Dispatch { id: DispatchId::again(source, event, &first.route, &replay), ..first };
    tell_dead(&dispatch, &why);
    let letter = DeadLetter {
        dispatch: dispatch.clone(),
        reason: Reason { code: why.code.to_owned(), words: why.words, detail: String::new() },
        failed_at: now(),
        attempts: 1,
        event: Whole::default(),
        message: serde_json::from_slice(&delivery.body).ok(),
    };
    [Entry::Again { dispatches: vec![dispatch], replay, at: now() }, Entry::Dead(letter)]
}

fn lost(dispatch: Dispatch, event: Whole, why: Unmappable) -> Entry {
    tell_dead(&dispatch, &why);
    let reason = Reason { code: why.code.to_owned(), words: why.words, detail: String::new() };
    Entry::Dead(DeadLetter { dispatch, reason, failed_at: now(), attempts: 0, event, message: None })
}

fn tell_dead(dispatch: &Dispatch, why: &Unmappable) {
    let id = dispatch.id.to_string();
    telemetry::dispatch_dead(&dispatch.target, &dispatch.route, &id, why.code, &why.words);
}

/// What is not a dispatch of this hub, whole.
fn kept(system: &str, delivery: &Delivery) -> Entry {
    let words = "it reached no queue, and is nothing that this hub can put back".to_owned();
    foreign(system, delivery, &Unmappable { code: CODE, words })
}

/// How often a message was put back.
fn returns(delivery: &Delivery) -> u32 {
    delivery.header(RETURNS_HEADER).and_then(|times| times.parse().ok()).unwrap_or(0)
}

/// The delivery without what the broker added.
fn cleaned(delivery: &Delivery) -> Delivery {
    let mut delivery = delivery.clone();
    delivery.headers.retain(|(name, _)| !BROKERS_HEADERS.iter().any(|added| name.starts_with(added)));
    delivery
}

/// The publish that puts a message into its queue again, as it was but for how often that happened.
fn publish(names: &Names, queue: String, delivery: &Delivery) -> Outgoing {
    let times = returns(delivery) + 1;
    let Delivery { body, content_type, message_id, correlation_id, mut headers, timestamp, .. } =
        cleaned(delivery);
    headers.retain(|(name, _)| name != RETURNS_HEADER);
    headers.push((RETURNS_HEADER.to_owned(), times.to_string()));
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
