//! What one ingress keeps for the queues of targets and lanes: dispatches that the broker did not confirm, what comes
//! behind them, and what an officer sends again. Each target has a desk; its attempts are publishes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use postroom_broker::{Message as Published, Names, Outgoing as Publish, Publication, Publisher};
use postroom_connector::{ConnectorError, Failure, Outgoing, Receipt};
use postroom_event::{Received, decode};
use postroom_lane::{Attempt, Input, Settings, WriteNumber};
use postroom_ledger::{Dispatch, Entry, Message, Whole};
use tokio::time::Instant;

use crate::decide::{Head, Way};
use crate::decisions::Decided;
use crate::desk::Desk;
use crate::entries;
use crate::fail_point::FailPoint;
use crate::ingress::PREFETCH;
use crate::item::{Stage, Step};
use crate::outgoing::{APP_ID, REPLAY_HEADER, told};
use crate::session::{Session, WorkerError, answers};
use crate::taker::Taker;
use crate::traced;
use crate::work::{Tried, Work};

/// The desks of one ingress.
pub(crate) struct Keeper {
    session: Session,
    /// By target.
    desks: BTreeMap<Arc<str>, Desk>,
    /// Stands for the deliveries of what is kept; those are acked by their chunk.
    tag: u64,
}

/// What was taken to be written, by target.
pub(crate) type Written = Vec<(Arc<str>, WriteNumber)>;

impl Keeper {
    /// The keeper of what `system` states, with everything that the ledger keeps of it.
    pub(crate) async fn load(session: &Session, system: &str) -> Result<Self, WorkerError> {
        let source = session.council.systems.get(system).and_then(|system| system.source.as_ref());
        let owns = source.map_or(&[][..], |source| &source.owns);
        let mut desks = BTreeMap::new();
        for (target, side) in session.council.targets() {
            let ours = |source: &str| owns.iter().any(|owned| owned == source);
            let limits = Settings { prefetch: usize::from(PREFETCH), ..Settings::default() };
            let taker = if side.is_queue() { Taker::Queue } else { Taker::Lane };
            let desk = Desk::load(session, &target.name, (taker, limits), ours).await?;
            desks.insert(target.name.as_str().into(), desk);
        }
        Ok(Self { session: session.clone(), desks, tag: 0 })
    }

    /// The targets of which something is kept, or which take nothing now.
    pub(crate) fn targets(&self) -> HashSet<Arc<str>> {
        let kept = self.desks.iter().filter(|(_, desk)| !desk.is_idle());
        kept.map(|(target, _)| Arc::clone(target)).collect()
    }

    /// Whether a dispatch may be published.
    pub(crate) fn may_pass(&self, step: &Step<'_>) -> bool {
        let desk = self.desks.get(&step.dispatch.target);
        desk.is_none_or(|desk| desk.may_pass(&step.head.source, &step.head.subject))
    }

    /// Keeps a dispatch that was not confirmed, or may not or cannot be published: with the next commit it is held, or dead.
    pub(crate) fn keep(&mut self, step: Step<'_>) -> Result<(), WorkerError> {
        let Step { delivery, head, dispatch, leg } = step;
        let Some(desk) = self.desks.get_mut(&dispatch.target) else { return Err(WorkerError::Unanswered) };
        self.tag += 1;
        let about = Dispatch {
            id: dispatch.id,
            event: head.key,
            route: Arc::clone(&dispatch.route),
            target: Arc::clone(&dispatch.target),
            event_type: head.event_type.as_str().into(),
            subject: head.subject.clone(),
        };
        desk.prolonged(self.session.tenure.ends());
        let arrival = desk.arrival(&about, &head.source, self.tag);
        let (source, event) = (head.source.as_str().into(), entries::whole_of(delivery, dispatch));
        let (work, input) = match &dispatch.way {
            Way::Queue(body) => (mapped(about, head, event, body), Input::Unconfirmed(arrival.clone())),
            Way::Lane | Way::Unfiltered(_) => {
                (Work::unmapped(about, source, event), Input::Unconfirmed(arrival.clone()))
            }
            Way::Unsendable(why) => {
                (Work::new(about, source, event, Err(why.clone())), Input::Unsendable(arrival.clone()))
            }
            Way::Skipped(_) => return Err(WorkerError::Unanswered),
        };
        desk.take_in(&arrival, || work);
        desk.tell(input);
        if !desk.is_asking() {
            return Err(WorkerError::LeaseOver);
        }
        leg.stage = Stage::Kept;
        Ok(())
    }

    /// Adds what the desks want written to `entries`; once that is committed, [`Self::committed`].
    pub(crate) fn take_writes(&mut self, entries: &mut Vec<Entry>) -> Written {
        let mut written = Vec::new();
        for (target, desk) in &mut self.desks {
            if let Some((more, last)) = desk.take_writes() {
                entries.extend(more);
                written.push((Arc::clone(target), last));
            }
        }
        written
    }

    /// The ledger has what was taken.
    pub(crate) fn committed(&mut self, written: Written) {
        for (target, last) in written {
            if let Some(desk) = self.desks.get_mut(&target) {
                desk.tell(Input::Committed(last));
            }
        }
    }

    /// Does what the desks ask for until they ask for nothing.
    pub(crate) async fn work(&mut self, publisher: &mut dyn Publisher) -> Result<(), WorkerError> {
        for desk in self.desks.values_mut() {
            while desk.is_asking() {
                desk.commit().await?;
                // Its chunk acks it.
                desk.take_acks();
                let starts = desk.take_starts().await?;
                if !starts.is_empty() {
                    release(&self.session, desk, starts, publisher).await?;
                }
                desk.suspects.spare().await?;
            }
            if desk.over().is_some() {
                return Err(WorkerError::LeaseOver);
            }
        }
        Ok(())
    }

    /// When time is to be told.
    pub(crate) fn wake(&self) -> Instant {
        let wakes = self.desks.values().map(Desk::wake);
        wakes.min().unwrap_or_else(|| self.session.tenure.ends())
    }

    /// Time passed.
    pub(crate) fn passed(&mut self) {
        self.desks.values_mut().for_each(|desk| desk.tell(Input::Passed));
    }

    /// The lease is prolonged.
    pub(crate) fn prolonged(&mut self, ends: Instant) {
        self.desks.values_mut().for_each(|desk| desk.prolonged(ends));
    }

    /// Tells each lane what halts it.
    pub(crate) fn heed(&mut self) {
        self.desks.values_mut().for_each(Desk::heed);
    }

    /// Takes in what officers decided on dead letters.
    pub(crate) fn decided(&mut self, decided: &Decided) {
        let concerns = |target: &str| match decided {
            Decided::Redriven(held) => *held.dispatch.target == *target,
            Decided::Discarded(_) => true,
        };
        let desks = self.desks.iter_mut().filter(|(target, _)| concerns(target));
        desks.for_each(|(_, desk)| desk.decided(decided));
    }
}

/// A dispatch whose message is made.
fn mapped(about: Dispatch, head: &Head, event: Whole, body: &[u8]) -> Work {
    let outgoing = Outgoing {
        dispatch: about.id,
        event_type: head.event_type.clone(),
        subject: head.subject.clone(),
        message: serde_json::from_slice(body).unwrap_or_default(),
        traceparent: head.trace.as_ref().map(|trace| trace.parent.clone()),
    };
    let message = Message { bytes: body.to_vec(), content_type: Some(JSON.to_owned()) };
    Work::new(about, head.source.as_str().into(), event, Ok(outgoing)).stored(Some(message))
}

/// Publishes what its desk starts, and tells it what came of each.
async fn release(
    session: &Session,
    desk: &mut Desk,
    starts: Vec<(Attempt, Outgoing)>,
    publisher: &mut dyn Publisher,
) -> Result<(), WorkerError> {
    let (names, max_body) = (session.broker.names(), session.council.max_body);
    let publishes = starts.iter().filter_map(|(attempt, _)| {
        let work = desk.work(attempt.dispatch)?;
        let event = event_id(work, max_body);
        let publish = if desk.taker == Taker::Lane {
            entering(names, work, event)
        } else {
            publish(names, work, event)
        };
        Some((attempt.dispatch, publish))
    });
    let (dispatches, publishes): (Vec<_>, Vec<_>) = publishes.unzip();
    let (started_at, began) = (entries::now(), Instant::now());
    let confirms = publisher.publish(publishes).await?;
    let answers = answers(&session.stop, confirms).await?;
    FailPoint::ReleaseAnswered.pass();
    for (dispatch, answer) in dispatches.into_iter().zip(answers) {
        let failed = |failure, words| Err(ConnectorError::new(failure, words, ""));
        let result = match answer {
            Publication::Confirmed(_) => Ok(Receipt::default()),
            // A lane takes the same dispatch twice without harm, and is never given up.
            Publication::Nacked | Publication::Unknown if desk.taker == Taker::Lane => {
                failed(Failure::Down, "the queue of the lane takes no more messages")
            }
            Publication::Nacked => {
                failed(Failure::Transient, "the queue of the target takes no more messages")
            }
            Publication::Unknown => failed(Failure::Unknown, "the broker did not confirm it"),
        };
        desk.ended(dispatch, Tried { started_at, took: began.elapsed(), result });
    }
    Ok(())
}

const JSON: &str = "application/json";

/// The CloudEvents id of the event of a dispatch.
fn event_id(work: &Work, max_body: usize) -> Option<String> {
    let (content_type, headers) = (work.event.content_type.as_deref(), work.event.headers.as_slice());
    let body = work.event.body.clone().into();
    let event: Option<postroom_event::Event> =
        decode(&Received { content_type, headers, body: &body }, max_body).ok();
    event.map(|event| event.id)
}

/// The event of a dispatch from the holds, as it was received, for the queue of its lane.
fn entering(names: &Names, work: &Work, event: Option<String>) -> Publish {
    let Dispatch { id, route, target, event_type, subject, .. } = &work.dispatch;
    let told = told([event_type, &work.source, route, subject]);
    Publish {
        exchange: names.deliveries(),
        routing_key: names.lane(target),
        message: Published {
            body: work.event.body.clone().into(),
            content_type: work.event.content_type.clone(),
            message_id: Some(id.to_string()),
            correlation_id: event,
            app_id: Some(APP_ID.to_owned()),
            headers: work.event.headers.iter().cloned().chain(told).collect(),
            ..Published::default()
        },
    }
}

/// The message of a dispatch from the holds, as it was made, for the queue of its target.
fn publish(names: &Names, work: &Work, event: Option<String>) -> Publish {
    let Dispatch { id, route, target, event_type, subject, .. } = &work.dispatch;
    let (message, trace) = (work.message(), traced::by_header(&work.event.headers));
    let replay = work.event.headers.iter().filter(|(name, _)| name == REPLAY_HEADER).cloned();
    let told = told([event_type, &work.source, route, subject]).into_iter().chain(replay);
    Publish {
        exchange: names.deliveries(),
        routing_key: names.to(target),
        message: Published {
            body: message.map(|message| message.bytes).unwrap_or_default().into(),
            content_type: Some(JSON.to_owned()),
            message_id: Some(id.to_string()),
            message_type: Some(event_type.to_string()),
            correlation_id: event,
            app_id: Some(APP_ID.to_owned()),
            headers: told.chain(traced::headers(trace.as_ref())).collect(),
            ..Published::default()
        },
    }
}
