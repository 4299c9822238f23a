//! The worker of one ingress: takes events in, decides, publishes the dispatches, records, and only then acks.
//!
//! Two halves run side by side: one decides and starts publishes, the other (`settle.rs`) awaits the confirms of earlier
//! chunks, writes the ledger and acks. Of one subject and target one publish is under way at a time (`traffic.rs`).

mod deciding;
mod taking;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use postroom_broker::{Consumer, Delivery, Publisher};
use postroom_event::EventKey;
use taking::{AUDIT_EVERY, Onward, is_drained};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::decide::Decider;
use crate::decisions::STEP_EVERY;
use crate::poison::TOGETHER;
use crate::reconcile::{Along, Asked, When};
use crate::redecide::Redecisions;
use crate::session::{Session, WorkerError};
use crate::settle::{Chunk, Settler};
use crate::traffic::Traffic;

/// Unacked events of one ingress; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 1_000;
/// Most events decided, recorded and acked together.
const CHUNK: usize = 200;
/// Chunks whose confirms may be outstanding while the next is decided.
pub(crate) const PIPELINE: usize = 3;

/// Runs the ingress of `system` until the session stops. While it is halted nothing is in hand: the channel is closed.
pub(crate) async fn run(session: Session, system: String) -> Result<(), WorkerError> {
    while session.halts.until_allowed(&system, &session.stop).await {
        work(session.clone(), system.clone()).await?;
    }
    Ok(())
}

/// Works until the session stops, the system is halted, or it is asked to reconcile or has; then it is begun anew.
async fn work(session: Session, system: String) -> Result<(), WorkerError> {
    let queue = session.broker.names().ingress(&system);
    let traffic = Traffic::default();
    // In this order: what the journal has by now is in the queue, or was lost.
    let mut taker = Taker::new(&session, &system, traffic.clone()).await?;
    let was_drained = is_drained(&session, &system).await?;
    let mut consumer = session.consumer(&queue, PREFETCH).await?;
    let mut settler = Settler::load(&session, &system, consumer.acker(), traffic).await?;
    let outcome = async {
        if taker.take_missed(&mut settler).await? {
            return Ok(());
        }
        if was_drained {
            taker.take_rest(&mut Onward::Settled(&mut settler), usize::MAX).await?;
        }
        if session.is_careful() && taker.recover(consumer.as_mut(), &mut settler).await? {
            return Ok(());
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
    taker.close().await;
    consumer.close().await;
    outcome
}

/// The half that decides and publishes.
struct Taker<'a> {
    session: &'a Session,
    system: &'a str,
    decider: Decider,
    publisher: Box<dyn Publisher>,
    traffic: Traffic,
    redecisions: Redecisions,
    /// Keys of the chunks that may not be in the ledger yet, newest last.
    recent: VecDeque<HashSet<EventKey>>,
    asked: Asked,
    /// The journal, until the queue has come to where it was when it was opened.
    along: Option<Along<'a>>,
    /// When that is opened again.
    audit_at: Instant,
    /// Whether nothing came the last time.
    is_quiet: bool,
    /// How many that were missed were tried with care: no more than a chunk of them can have been in hand when a hub stopped.
    missed_with_care: usize,
}

impl<'a> Taker<'a> {
    async fn new(session: &'a Session, system: &'a str, traffic: Traffic) -> Result<Self, WorkerError> {
        let along = Along::open(session, system, When::Beginning).await?;
        let publisher = session.broker.publisher().await?;
        let user = session.broker.user().to_owned();
        let decider = Decider::new(Arc::clone(&session.council), Arc::clone(&session.table), user);
        let (redecisions, recent, asked) = (Redecisions::new(session), VecDeque::new(), Asked::new());
        Ok(Self {
            session,
            system,
            decider,
            publisher,
            traffic,
            redecisions,
            recent,
            asked,
            along,
            audit_at: Instant::now() + AUDIT_EVERY,
            is_quiet: false,
            missed_with_care: 0,
        })
    }

    /// Takes until the session stops or the ingress is asked to reconcile; `chunks` is closed by returning.
    async fn take(
        &mut self,
        consumer: &mut dyn Consumer,
        chunks: mpsc::Sender<Chunk>,
    ) -> Result<(), WorkerError> {
        let mut onward = Onward::Piped(chunks);
        let mut look = interval(STEP_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.session.wait_while_blocked().await;
            if self.asked.now(self.session).await? {
                return Ok(());
            }
            let deliveries = tokio::select! {
                biased;
                _ = look.tick() => {
                    if let Some(chunk) = self.decide_again().await? {
                        onward.send(chunk).await?;
                    }
                    continue;
                }
                deliveries = self.next(consumer, CHUNK) => deliveries?,
            };
            let Some(deliveries) = deliveries else { return Ok(()) };
            self.take_in(deliveries, &mut onward).await?;
            if onward.is_over() {
                return Ok(());
            }
        }
    }

    /// Handles the redelivered burst after an unclean stop with care (DESIGN 3.11), up to the first fresh event; whether the ingress is
    /// asked to reconcile instead.
    async fn recover(
        &mut self,
        consumer: &mut dyn Consumer,
        settler: &mut Settler,
    ) -> Result<bool, WorkerError> {
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
                deliveries = self.next(consumer, TOGETHER) => deliveries?,
            };
            let Some(deliveries) = deliveries else { return Ok(false) };
            if deliveries.is_empty() && self.asked.now(self.session).await? {
                return Ok(true);
            }
            let fresh = deliveries.iter().any(|delivery| !delivery.redelivered);
            self.take_in(deliveries, &mut Onward::Settled(settler)).await?;
            if fresh {
                return Ok(false);
            }
        }
    }

    /// Nothing, when nothing came for a while.
    async fn next(
        &mut self,
        consumer: &mut dyn Consumer,
        most: usize,
    ) -> Result<Option<Vec<Delivery>>, WorkerError> {
        tokio::select! {
            biased;
            () = self.session.stop.cancelled() => Ok(None),
            () = self.session.halts.halted(self.system) => Ok(None),
            deliveries = consumer.next(most) => match deliveries {
                Some(deliveries) => Ok(Some(deliveries)),
                None => Err(WorkerError::ConsumerEnded(self.session.broker.names().ingress(self.system))),
            },
            () = sleep_until(self.asked.at()) => Ok(Some(Vec::new())),
        }
    }
}
