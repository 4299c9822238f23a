//! The worker of one ingress: takes events in, decides, publishes the dispatches, records, and only then acks.
//!
//! Two halves run side by side: one decides and starts publishes, the other awaits the confirms of earlier chunks,
//! writes the ledger and acks. Chunks are settled in order, so an ack never runs ahead of a record.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use postroom_broker::{Acker, Confirms, Consumer, Delivery, Publisher};
use postroom_event::EventKey;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::decide::{Decider, Decision, Verdict};
use crate::entries;
use crate::item::Item;
use crate::poison::Poison;
use crate::session::{Session, WorkerError};

/// Unacked events of one ingress; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 1_000;
/// Most events decided, recorded and acked together.
const CHUNK: usize = 200;
/// Chunks whose confirms may be outstanding while the next is decided.
const PIPELINE: usize = 3;

/// Events that were decided and whose dispatches are being published.
struct Chunk {
    items: Vec<Item>,
    confirms: Option<Confirms>,
    last_tag: u64,
    repeated: u64,
}

/// Runs the ingress of `system` until the session stops.
pub(crate) async fn run(session: Session, system: String) -> Result<(), WorkerError> {
    let queue = session.broker.names().ingress(&system);
    let mut consumer = session.broker.consumer(&queue, PREFETCH).await?;
    let publisher = session.broker.publisher().await?;
    let settler =
        Settler { session: session.clone(), system: system.as_str().into(), acker: consumer.acker() };
    let mut taker = Taker::new(&session, system, publisher);
    let outcome = async {
        if session.careful {
            taker.recover(consumer.as_mut(), &settler).await?;
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
    /// Keys of the chunks that may not be in the ledger yet, newest last.
    recent: VecDeque<HashSet<EventKey>>,
}

impl<'a> Taker<'a> {
    fn new(session: &'a Session, system: String, publisher: Box<dyn Publisher>) -> Self {
        let user = session.broker.user().to_owned();
        let decider = Decider::new(Arc::clone(&session.council), Arc::clone(&session.table), user);
        Self { session, system, decider, publisher, recent: VecDeque::new() }
    }

    /// Takes until the session stops; `chunks` is closed by returning.
    async fn take(
        &mut self,
        consumer: &mut dyn Consumer,
        chunks: mpsc::Sender<Chunk>,
    ) -> Result<(), WorkerError> {
        loop {
            self.session.wait_while_blocked().await;
            let Some(deliveries) = self.next(consumer, CHUNK).await? else { return Ok(()) };
            let chunk = self.decide(deliveries).await?;
            if chunks.send(chunk).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Handles the redelivered burst after an unclean stop one by one (DESIGN 3.11), up to the first fresh event.
    async fn recover(&mut self, consumer: &mut dyn Consumer, settler: &Settler) -> Result<(), WorkerError> {
        let poison = Poison::new(&self.session.ledger);
        loop {
            let Some(deliveries) = self.next(consumer, 1).await? else { return Ok(()) };
            let fresh = deliveries.iter().all(|delivery| !delivery.redelivered);
            let body = deliveries.first().map(|delivery| delivery.body.clone()).unwrap_or_default();
            let chunk = match poison.note(&body).await? {
                None => self.decide(deliveries).await?,
                Some(refusal) => Chunk::poisoned(deliveries, &refusal),
            };
            settler.settle(chunk).await?;
            poison.forget(&body).await?;
            if fresh {
                return Ok(());
            }
        }
    }

    async fn next(
        &mut self,
        consumer: &mut dyn Consumer,
        most: usize,
    ) -> Result<Option<Vec<Delivery>>, WorkerError> {
        tokio::select! {
            biased;
            () = self.session.stop.cancelled() => Ok(None),
            deliveries = consumer.next(most) => match deliveries {
                Some(deliveries) => Ok(Some(deliveries)),
                None => Err(WorkerError::ConsumerEnded(self.session.broker.names().ingress(&self.system))),
            },
        }
    }

    /// Decides about a chunk, leaves out what is known, and starts its publishes.
    async fn decide(&mut self, deliveries: Vec<Delivery>) -> Result<Chunk, WorkerError> {
        let last_tag = deliveries.last().map_or(0, |delivery| delivery.tag);
        let items: Vec<Item> = deliveries
            .into_iter()
            .map(|delivery| Item { decision: self.decider.decide(&self.system, &delivery), delivery })
            .collect();
        let taken = items.len();
        let items = self.without_known(items).await?;
        let repeated = (taken - items.len()) as u64;
        let names = self.session.broker.names();
        let publishes: Vec<_> = items.iter().flat_map(|item| item.publishes(names)).collect();
        let confirms =
            if publishes.is_empty() { None } else { Some(self.publisher.publish(publishes).await?) };
        Ok(Chunk { items, confirms, last_tag, repeated })
    }

    /// The items whose event was not taken before: neither in the ledger nor on its way there.
    async fn without_known(&mut self, items: Vec<Item>) -> Result<Vec<Item>, WorkerError> {
        let keys: Vec<EventKey> = items.iter().filter_map(Item::key).collect();
        let known = self.session.ledger.known(&keys).await?;
        let mut fresh = HashSet::with_capacity(keys.len());
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let repeated = item.key().is_some_and(|key| {
                known.contains(&key)
                    || self.recent.iter().any(|keys| keys.contains(&key))
                    || !fresh.insert(key)
            });
            if !repeated {
                kept.push(item);
            }
        }
        self.recent.push_back(fresh);
        if self.recent.len() > PIPELINE + 2 {
            self.recent.pop_front();
        }
        Ok(kept)
    }
}

impl Chunk {
    fn poisoned(deliveries: Vec<Delivery>, refusal: &postroom_event::Refusal) -> Self {
        let last_tag = deliveries.last().map_or(0, |delivery| delivery.tag);
        let decision = || Decision { head: None, verdict: Verdict::Invalid(refusal.clone()) };
        let items = deliveries.into_iter().map(|delivery| Item { delivery, decision: decision() }).collect();
        Self { items, confirms: None, last_tag, repeated: 0 }
    }
}

/// The half that awaits confirms, records and acks.
struct Settler {
    session: Session,
    system: Arc<str>,
    acker: Arc<dyn Acker>,
}

impl Settler {
    async fn settle_all(&self, mut chunks: mpsc::Receiver<Chunk>) -> Result<(), WorkerError> {
        while let Some(chunk) = chunks.recv().await {
            self.settle(chunk).await?;
        }
        Ok(())
    }

    async fn settle(&self, mut chunk: Chunk) -> Result<(), WorkerError> {
        let answers = match chunk.confirms.take() {
            Some(confirms) => confirms.wait().await,
            None => Vec::new(),
        };
        let mut answers = answers.into_iter();
        for item in &mut chunk.items {
            item.take_answers(&mut answers)?;
        }
        let max_body = self.session.council.max_body;
        let entries = entries::of_chunk(&self.system, &chunk.items, chunk.repeated, max_body);
        self.session.ledger.record(entries).await?;
        self.acker.ack_up_to(chunk.last_tag).await?;
        entries::tell(&self.system, &chunk.items, chunk.repeated);
        Ok(())
    }
}
