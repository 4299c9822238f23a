//! The worker of one ingress: takes events in, decides, publishes the dispatches, records, and only then acks.
//!
//! Two halves run side by side: one decides and starts publishes, the other (`settle.rs`) awaits the confirms of earlier
//! chunks, writes the ledger and acks. Of one subject and target one publish is under way at a time (`traffic.rs`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use postroom_broker::{Consumer, Delivery, Publisher};
use postroom_event::EventKey;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::decide::Decider;
use crate::decisions::STEP_EVERY;
use crate::fail_point::FailPoint;
use crate::item::Item;
use crate::poison::{Suspect, Suspects};
use crate::reconcile::{Asked, Found, Missed};
use crate::redecide::Redecisions;
use crate::session::{Session, WorkerError};
use crate::settle::{Chunk, Repeated, Settler};
use crate::traffic::Traffic;

/// Unacked events of one ingress; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 1_000;
/// Most events decided, recorded and acked together.
const CHUNK: usize = 200;
/// Chunks whose confirms may be outstanding while the next is decided.
const PIPELINE: usize = 3;

/// Runs the ingress of `system` until the session stops. While it is halted nothing is in hand: the channel is closed.
pub(crate) async fn run(session: Session, system: String) -> Result<(), WorkerError> {
    while session.halts.until_allowed(&system, &session.stop).await {
        work(session.clone(), system.clone()).await?;
    }
    Ok(())
}

/// Works until the session stops, the system is halted, or it is asked to reconcile; then it is begun anew.
async fn work(session: Session, system: String) -> Result<(), WorkerError> {
    let queue = session.broker.names().ingress(&system);
    let mut consumer = session.broker.consumer(&queue, PREFETCH).await?;
    let traffic = Traffic::default();
    let mut settler = Settler::load(&session, &system, consumer.acker(), traffic.clone()).await?;
    let mut taker = Taker::new(&session, system, traffic).await?;
    let outcome = async {
        taker.take_missed(&mut settler).await?;
        if session.is_careful() {
            taker.recover(consumer.as_mut(), &mut settler).await?;
        }
        let (chunks, settled) = mpsc::channel(PIPELINE);
        // A task of its own, so that both halves may use a core; it ends with this one.
        let mut settling = JoinSet::new();
        settling.spawn(async move { settler.settle_all(settled).await });
        let settled = async {
            match settling.join_next().await {
                Some(Err(_)) => Err(WorkerError::Crashed("the settling of events".to_owned())),
                Some(Ok(settled)) => settled,
                None => Ok(()),
            }
        };
        tokio::try_join!(taker.take(consumer.as_mut(), chunks), settled)?;
        Ok(())
    }
    .await;
    consumer.close().await;
    outcome
}

/// The half that decides and publishes.
struct Taker<'a> {
    session: &'a Session,
    system: String,
    decider: Decider,
    publisher: Box<dyn Publisher>,
    traffic: Traffic,
    redecisions: Redecisions,
    /// Keys of the chunks that may not be in the ledger yet, newest last.
    recent: VecDeque<HashSet<EventKey>>,
    asked: Asked,
}

impl<'a> Taker<'a> {
    async fn new(session: &'a Session, system: String, traffic: Traffic) -> Result<Self, WorkerError> {
        let publisher = session.broker.publisher().await?;
        let user = session.broker.user().to_owned();
        let decider = Decider::new(Arc::clone(&session.council), Arc::clone(&session.table), user);
        let (redecisions, recent, asked) = (Redecisions::new(session), VecDeque::new(), Asked::new());
        Ok(Self { session, system, decider, publisher, traffic, redecisions, recent, asked })
    }

    /// Takes until the session stops or the ingress is asked to reconcile; `chunks` is closed by returning.
    async fn take(
        &mut self,
        consumer: &mut dyn Consumer,
        chunks: mpsc::Sender<Chunk>,
    ) -> Result<(), WorkerError> {
        let mut look = interval(STEP_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.session.wait_while_blocked().await;
            if self.asked.now(self.session).await? {
                return Ok(());
            }
            let chunk = tokio::select! {
                biased;
                _ = look.tick() => self.decide_again().await?,
                deliveries = self.next(consumer, CHUNK) => match deliveries? {
                    Some(deliveries) if deliveries.is_empty() => None,
                    Some(deliveries) => Some(self.decide(deliveries).await?),
                    None => return Ok(()),
                },
            };
            let Some(chunk) = chunk else { continue };
            if chunks.send(chunk).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Handles the redelivered burst after an unclean stop one by one (DESIGN 3.11), up to the first fresh event.
    async fn recover(
        &mut self,
        consumer: &mut dyn Consumer,
        settler: &mut Settler,
    ) -> Result<(), WorkerError> {
        loop {
            settler.release().await?;
            let deliveries = tokio::select! {
                biased;
                due = settler.due() => {
                    settler.attend(due).await?;
                    if let Some(chunk) = self.decide_again().await? {
                        settler.settle(chunk).await?;
                    }
                    continue;
                }
                deliveries = self.next(consumer, 1) => deliveries?,
            };
            let Some(deliveries) = deliveries else { return Ok(()) };
            if deliveries.is_empty() {
                if self.asked.now(self.session).await? {
                    self.take_missed(settler).await?;
                }
                continue;
            }
            let fresh = deliveries.iter().all(|delivery| !delivery.redelivered);
            self.take_with_care(deliveries, settler).await?;
            if fresh {
                return Ok(());
            }
        }
    }

    /// Takes one delivery, noting first that it is tried.
    async fn take_with_care(
        &mut self,
        deliveries: Vec<Delivery>,
        settler: &mut Settler,
    ) -> Result<(), WorkerError> {
        let mut suspects = Suspects::new(self.session);
        let body = deliveries.first().map(|delivery| delivery.body.clone()).unwrap_or_default();
        let chunk = match suspects.note(Suspect::Body(&body)).await? {
            None => self.decide(deliveries).await?,
            Some(refusal) => Chunk::poisoned(&self.system, deliveries, &refusal),
        };
        settler.settle(chunk).await?;
        suspects.spare().await
    }

    /// Takes in again what was lost with the queue, where somebody asked for it (DESIGN 3.12).
    async fn take_missed(&mut self, settler: &mut Settler) -> Result<(), WorkerError> {
        let (session, system) = (self.session, self.system.clone());
        let Some(mut missed) = Missed::asked(session, &system).await? else { return Ok(()) };
        while let Some(found) = missed.next().await? {
            if session.is_careful() {
                for one in found {
                    self.take_missed_with_care(&mut missed, one, settler).await?;
                }
                continue;
            }
            session.wait_while_blocked().await;
            let chunk = self.decide_missed(&mut missed, found).await?;
            settler.settle(chunk).await?;
        }
        Ok(())
    }

    /// Takes one event that was missed, noting first that it is tried.
    async fn take_missed_with_care(
        &mut self,
        missed: &mut Missed<'_>,
        (offset, delivery): Found,
        settler: &mut Settler,
    ) -> Result<(), WorkerError> {
        let (mut suspects, body) = (Suspects::new(self.session), delivery.body.clone());
        let chunk = match suspects.note(Suspect::Body(&body)).await? {
            None => self.decide_missed(missed, vec![(offset, delivery)]).await?,
            Some(refusal) => Chunk::poisoned(&self.system, vec![delivery], &refusal),
        };
        settler.settle(chunk).await?;
        suspects.spare().await
    }

    /// Decides about what was missed; what comes too late for its target is left out there.
    async fn decide_missed(
        &mut self,
        missed: &mut Missed<'_>,
        found: Vec<Found>,
    ) -> Result<Chunk, WorkerError> {
        let mut items = Vec::with_capacity(found.len());
        for (offset, delivery) in found {
            let mut decision = self.decider.decide(&self.system, &delivery);
            missed.skip(offset, &mut decision).await?;
            items.push(Item::taken(&self.system, delivery, decision));
        }
        self.publish(items).await
    }

    async fn next(
        &mut self,
        consumer: &mut dyn Consumer,
        most: usize,
    ) -> Result<Option<Vec<Delivery>>, WorkerError> {
        tokio::select! {
            biased;
            () = self.session.stop.cancelled() => Ok(None),
            () = self.session.halts.halted(&self.system) => Ok(None),
            () = sleep_until(self.asked.at()) => Ok(Some(Vec::new())),
            deliveries = consumer.next(most) => match deliveries {
                Some(deliveries) => Ok(Some(deliveries)),
                None => Err(WorkerError::ConsumerEnded(self.session.broker.names().ingress(&self.system))),
            },
        }
    }

    /// Decides about a chunk.
    async fn decide(&mut self, deliveries: Vec<Delivery>) -> Result<Chunk, WorkerError> {
        let last_tag = deliveries.last().map(|delivery| delivery.tag);
        let decided = |delivery| {
            let decision = self.decider.decide(&self.system, &delivery);
            Item::taken(&self.system, delivery, decision)
        };
        let items = deliveries.into_iter().map(decided).collect();
        Ok(Chunk { last_tag, ..self.publish(items).await? })
    }

    /// Decides again about what officers redrive.
    async fn decide_again(&mut self) -> Result<Option<Chunk>, WorkerError> {
        let Some((round, events)) = self.redecisions.next(self.session).await? else { return Ok(None) };
        let decided = |(number, delivery)| {
            let decision = self.decider.decide_kept(&self.system, &delivery);
            Item { redriven: Some(number), ..Item::taken(&self.system, delivery, decision) }
        };
        let items = events.into_iter().map(decided).collect();
        Ok(Some(Chunk { round: Some(round), ..self.publish(items).await? }))
    }

    /// Leaves out what is known, and starts the publishes of the others.
    async fn publish(&mut self, items: Vec<Item>) -> Result<Chunk, WorkerError> {
        let (mut items, repeated) = self.without_known(items).await?;
        let names = self.session.broker.names();
        self.session.may_start()?;
        let publishes: Vec<_> = {
            let mut under = self.traffic.under();
            items.iter_mut().flat_map(|item| item.set_out(names, &mut under)).collect()
        };
        FailPoint::IngressDecided.pass();
        let confirms =
            if publishes.is_empty() { None } else { Some(self.publisher.publish(publishes).await?) };
        Ok(Chunk { items, confirms, last_tag: None, repeated, round: None })
    }

    /// The items whose event was not taken before, neither in the ledger nor on its way there; and what was.
    async fn without_known(&mut self, items: Vec<Item>) -> Result<(Vec<Item>, Vec<Repeated>), WorkerError> {
        let keys: Vec<EventKey> = items.iter().filter_map(Item::key).collect();
        let known = self.session.ledger.known(&keys).await?;
        let mut fresh = HashSet::with_capacity(keys.len());
        let (mut kept, mut repeated) = (Vec::with_capacity(items.len()), Vec::new());
        for mut item in items {
            let again = item.key().filter(|key| {
                known.contains(key)
                    || self.recent.iter().any(|keys| keys.contains(key))
                    || !fresh.insert(*key)
            });
            if let Some(key) = again {
                repeated.push(Repeated { key, redelivered: item.delivery.redelivered });
                item.ends_here();
            } else {
                item.goes_on();
                kept.push(item);
            }
        }
        self.recent.push_back(fresh);
        if self.recent.len() > PIPELINE + 2 {
            self.recent.pop_front();
        }
        Ok((kept, repeated))
    }
}
