//! What one ingress keeps for targets that read their own queue: dispatches that the broker did not confirm, what comes
//! behind them, and what an officer sends again. Each target has a desk; its attempts are publishes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use postroom_broker::{Message as Published, Names, Outgoing as Publish, Publication, Publisher};
use postroom_connector::{ConnectorError, Failure, Outgoing, Receipt};
use postroom_event::{Received, decode};
use postroom_lane::{Attempt, Input, Settings, WriteNumber};
use postroom_ledger::{Dispatch, Entry, Message};
use tokio::time::Instant;

use crate::decide::Way;
use crate::decisions::Decided;
use crate::desk::Desk;
use crate::entries;
use crate::fail_point::FailPoint;
use crate::ingress::PREFETCH;
use crate::item::{Stage, Step};
use crate::outgoing::{APP_ID, told};
use crate::session::{Session, WorkerError};
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
        for (target, _) in session.council.targets().filter(|(_, target)| target.is_queue()) {
            let ours = |source: &str| owns.iter().any(|owned| owned == source);
            let limits = Settings { prefetch: usize::from(PREFETCH), ..Settings::default() };
            let desk = Desk::load(session, &target.name, limits, ours).await?;
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

    /// Keeps a dispatch that was not confirmed, or may not be published; it is held with the next commit.
    pub(crate) fn keep(&mut self, step: Step<'_>) -> Result<(), WorkerError> {
        let Step { delivery, head, dispatch, leg } = step;
        let Some(desk) = self.desks.get_mut(&dispatch.target) else { return Err(WorkerError::Unanswered) };
        let Way::Queue(body) = &dispatch.way else { return Err(WorkerError::Unanswered) };
        self.tag += 1;
        let about = Dispatch {
            id: dispatch.id,
            event: head.key,
            route: Arc::clone(&dispatch.route),
            target: Arc::clone(&dispatch.target),
            event_type: head.event_type.as_str().into(),
            subject: head.subject.clone(),
        };
        let arrival = desk.arrival(&about, &head.source, self.tag);
        desk.take_in(&arrival, || {
            let outgoing = Outgoing {
                dispatch: about.id,
                event_type: head.event_type.clone(),
                subject: head.subject.clone(),
                message: serde_json::from_slice(body).unwrap_or_default(),
                traceparent: head.trace.as_ref().map(|trace| trace.parent.clone()),
            };
            let message = Message { bytes: body.to_vec(), content_type: Some(JSON.to_owned()) };
            Work::new(about, head.source.as_str().into(), entries::whole(delivery), Ok(outgoing))
                .stored(Some(message))
        });
        desk.tell(Input::Unconfirmed(arrival));
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
        match decided {
            Decided::Redriven(held) => {
                if let Some(desk) = self.desks.get_mut(&held.dispatch.target) {
                    desk.decided(decided);
                }
            }
            // A desk that does not have it has nothing to give up.
            Decided::Discarded(_) => self.desks.values_mut().for_each(|desk| desk.decided(decided)),
        }
    }
}

/// Publishes what its desk starts, and tells it what came of each.
async fn release(
    session: &Session,
    desk: &mut Desk,
    starts: Vec<(Attempt, Outgoing)>,
    publisher: &mut dyn Publisher,
) -> Result<(), WorkerError> {
    let (names, max_body) = (session.broker.names(), session.council.max_body);
    let publishes = starts
        .iter()
        .filter_map(|(attempt, _)| desk.work(attempt.dispatch).map(|work| publish(names, work, max_body)));
    let (started_at, began) = (entries::now(), Instant::now());
    let answers = publisher.publish(publishes.collect()).await?.wait().await;
    FailPoint::ReleaseAnswered.pass();
    for ((attempt, _), answer) in starts.iter().zip(answers) {
        let failed = |failure, words| Err(ConnectorError::new(failure, words, ""));
        let result = match answer {
            Publication::Confirmed(_) => Ok(Receipt::default()),
            Publication::Nacked => {
                failed(Failure::Transient, "the queue of the target takes no more messages")
            }
            Publication::Unknown => failed(Failure::Unknown, "the broker did not confirm it"),
        };
        desk.ended(attempt.dispatch, Tried { started_at, took: began.elapsed(), result });
    }
    Ok(())
}

const JSON: &str = "application/json";

/// The message of a dispatch from the holds, as it was made, for the queue of its target.
fn publish(names: &Names, work: &Work, max_body: usize) -> Publish {
    let Dispatch { id, route, target, event_type, subject, .. } = &work.dispatch;
    let (content_type, headers) = (work.event.content_type.as_deref(), work.event.headers.as_slice());
    let body = work.event.body.clone().into();
    let event: Option<postroom_event::Event> =
        decode(&Received { content_type, headers, body: &body }, max_body).ok();
    let (message, trace) = (work.message(), traced::by_header(&work.event.headers));
    let told = told([event_type, &work.source, route, subject]).into_iter();
    Publish {
        exchange: names.deliveries(),
        routing_key: names.to(target),
        message: Published {
            body: message.map(|message| message.bytes).unwrap_or_default().into(),
            content_type: Some(JSON.to_owned()),
            message_id: Some(id.to_string()),
            message_type: Some(event_type.to_string()),
            correlation_id: event.map(|event| event.id),
            app_id: Some(APP_ID.to_owned()),
            headers: told.chain(traced::headers(trace.as_ref())).collect(),
            ..Published::default()
        },
    }
}
