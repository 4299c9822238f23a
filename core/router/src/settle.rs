//! The half of an ingress that awaits confirms, publishes what had to wait for them, records, and only then acks. Chunks
//! are settled in order, so an ack never runs ahead of a record.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Acker, Confirms, Delivery, Outgoing, Publication, Publisher};
use postroom_event::{EventKey, Refusal};
use postroom_ledger::JournalPlace;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout};

use crate::decide::Way;
use crate::decisions::{Decisions, STEP_EVERY};
use crate::entries;
use crate::fail_point::FailPoint;
use crate::halts::Changes;
use crate::ingress::PIPELINE;
use crate::item::{Item, Stage};
use crate::keeper::Keeper;
use crate::lease::Tenure;
use crate::outgoing::outgoing;
use crate::redecide::Round;
use crate::session::{Session, WorkerError, answers};
use crate::traffic::Traffic;

/// How long a lost answer may be ahead of the news that the session is lost with it.
const LOST_WITHIN: Duration = Duration::from_secs(1);

/// An event that was taken before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeated {
    pub(crate) key: EventKey,
    /// Whether the broker delivered it again: then its source did not publish it again.
    pub(crate) redelivered: bool,
}

/// Events that were decided and whose dispatches are being published.
pub(crate) struct Chunk {
    pub(crate) items: Vec<Item>,
    pub(crate) confirms: Option<Confirms>,
    /// Up to where it is acked; nothing where the broker did not deliver it.
    pub(crate) last_tag: Option<u64>,
    pub(crate) repeated: Vec<Repeated>,
    /// The officer's job that it is a round of.
    pub(crate) round: Option<Round>,
    /// The place in the journal up to where everything is recorded with it.
    pub(crate) place: Option<JournalPlace>,
}

impl Chunk {
    /// No event: with all chunks before it, everything in the journal before `place` is recorded.
    pub(crate) fn reached(place: JournalPlace) -> Self {
        Self::of(Vec::new(), Some(place))
    }

    fn of(items: Vec<Item>, place: Option<JournalPlace>) -> Self {
        Self { items, confirms: None, last_tag: None, repeated: Vec::new(), round: None, place }
    }

    /// The chunk with those that wait behind it, as far as they may be written together; and the next, where it may not.
    fn joined(self, waiting: &mut mpsc::Receiver<Self>) -> (Vec<Self>, Option<Self>) {
        let mut chunks = vec![self];
        while chunks.len() <= PIPELINE && chunks.iter().all(Self::is_plain) {
            let Ok(next) = waiting.try_recv() else { break };
            if !next.is_plain() {
                return (chunks, Some(next));
            }
            chunks.push(next);
        }
        (chunks, None)
    }

    /// Whether it is of nothing but what came from the queue, or should have.
    fn is_plain(&self) -> bool {
        self.place.is_none() && self.round.is_none()
    }

    /// Deliveries that are not to be read.
    pub(crate) fn poisoned(system: &str, deliveries: Vec<Delivery>, refusal: &Refusal) -> Self {
        // What comes from the journal has no tag, and is nobody's to ack.
        let last_tag = deliveries.last().map(|delivery| delivery.tag).filter(|tag| *tag > 0);
        let items = deliveries.into_iter().map(|delivery| Item::refused(system, delivery, refusal.clone()));
        Self { last_tag, ..Self::of(items.collect(), None) }
    }
}

/// The half that settles.
pub(crate) struct Settler {
    session: Session,
    system: Arc<str>,
    acker: Arc<dyn Acker>,
    publisher: Box<dyn Publisher>,
    keeper: Keeper,
    traffic: Traffic,
    decisions: Decisions,
    tenure: Tenure,
    halts: Changes,
    look: Interval,
}

/// What is to be done beside chunks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    /// The lease was prolonged.
    Lease,
    /// What is paused may have changed.
    Halts,
    /// Officers may have decided something.
    Jobs,
    /// What is kept may be released.
    Kept,
}

impl Settler {
    /// The half that settles what `system` published, with everything that is kept of it.
    pub(crate) async fn load(
        session: &Session,
        system: &str,
        acker: Arc<dyn Acker>,
        traffic: Traffic,
    ) -> Result<Self, WorkerError> {
        let keeper = Keeper::load(session, system).await?;
        let publisher = session.broker.publisher().await?;
        traffic.under().set_kept(keeper.targets());
        let mut look = interval(STEP_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            session: session.clone(),
            system: system.into(),
            acker,
            publisher,
            keeper,
            traffic,
            decisions: Decisions::new(session),
            tenure: session.tenure.clone(),
            halts: session.halts.changes(),
            look,
        })
    }

    /// Settles chunks as they come, and does what is due beside them, until there are no more chunks.
    pub(crate) async fn settle_all(&mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<(), WorkerError> {
        loop {
            self.release().await?;
            tokio::select! {
                biased;
                due = self.due() => self.attend(due).await?,
                chunk = chunks.recv() => match chunk {
                    Some(chunk) => {
                        let (together, next) = chunk.joined(&mut chunks);
                        self.settle_together(together).await?;
                        if let Some(next) = next {
                            self.settle(next).await?;
                        }
                    }
                    None => return Ok(()),
                }
            }
        }
    }

    /// Publishes what is kept and may go.
    pub(crate) async fn release(&mut self) -> Result<(), WorkerError> {
        self.keeper.work(self.publisher.as_mut()).await?;
        self.traffic.under().set_kept(self.keeper.targets());
        Ok(())
    }

    /// Waits for the next thing to be done beside chunks; nothing is lost when the waiting ends early.
    pub(crate) async fn due(&mut self) -> Due {
        tokio::select! {
            biased;
            () = self.tenure.prolonged() => Due::Lease,
            () = self.halts.next() => Due::Halts,
            _ = self.look.tick() => Due::Jobs,
            () = sleep_until(self.keeper.wake()) => Due::Kept,
        }
    }

    /// Does what is due.
    pub(crate) async fn attend(&mut self, due: Due) -> Result<(), WorkerError> {
        match due {
            Due::Lease => self.keeper.prolonged(self.tenure.ends()),
            Due::Halts => self.keeper.heed(),
            Due::Kept => self.keeper.passed(),
            Due::Jobs => {
                for decided in self.decisions.next(&self.session).await? {
                    self.keeper.decided(&decided);
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn settle(&mut self, chunk: Chunk) -> Result<(), WorkerError> {
        self.settle_together(vec![chunk]).await
    }

    /// Settles chunks with one write: those before one that is not answered for are none the less written.
    async fn settle_together(&mut self, chunks: Vec<Chunk>) -> Result<(), WorkerError> {
        if let [Chunk { place: Some(place), .. }] = chunks.as_slice() {
            return Ok(self.session.record(vec![entries::journal_read(&self.system, *place)]).await?);
        }
        let (mut answered, mut outcome) = (Vec::with_capacity(chunks.len()), Ok(()));
        let (mut entries, mut written) = (Vec::new(), Vec::new());
        for mut chunk in chunks {
            outcome = self.until_answered(&mut chunk).await;
            if outcome.is_err() {
                break;
            }
            FailPoint::IngressPublished.pass();
            let max_body = self.session.council.max_body;
            entries.extend(entries::of_chunk(&self.system, &chunk.items, &chunk.repeated, max_body));
            if let Some(round) = &mut chunk.round {
                entries.extend(round.entries(&chunk.items));
            }
            written.extend(self.keeper.take_writes(&mut entries));
            answered.push(chunk);
        }
        if answered.is_empty() {
            return outcome;
        }
        self.session.record(entries).await?;
        FailPoint::IngressRecorded.pass();
        self.keeper.committed(written);
        for chunk in answered {
            self.leave(chunk).await?;
        }
        outcome
    }

    /// Lets a chunk go that is written.
    async fn leave(&mut self, chunk: Chunk) -> Result<(), WorkerError> {
        if let Some(round) = chunk.round {
            round.settled(&self.session).await?;
        }
        if let Some(last_tag) = chunk.last_tag {
            self.acker.ack_up_to(last_tag).await?;
        }
        let mut under = self.traffic.under();
        under.set_kept(self.keeper.targets());
        chunk.items.iter().for_each(|item| item.leave(&mut under));
        drop(under);
        entries::tell(&self.system, &chunk.items, chunk.repeated.len() as u64);
        Ok(())
    }

    /// Awaits what is sent, and publishes what had to wait for it, until every dispatch is answered for.
    async fn until_answered(&mut self, chunk: &mut Chunk) -> Result<(), WorkerError> {
        if let Some(confirms) = chunk.confirms.take() {
            let answers = answers(&self.session.stop, confirms).await?;
            self.answered(&mut chunk.items, answers).await?;
        }
        loop {
            let publishes = self.next_wave(&mut chunk.items)?;
            if publishes.is_empty() {
                return Ok(());
            }
            let confirms = self.publisher.publish(publishes).await?;
            let answers = answers(&self.session.stop, confirms).await?;
            self.answered(&mut chunk.items, answers).await?;
            FailPoint::IngressPublishing.pass();
        }
    }

    /// What had to wait and can be published now: of each subject and target the first. What may not go is kept.
    fn next_wave(&mut self, items: &mut [Item]) -> Result<Vec<Outgoing>, WorkerError> {
        self.session.may_start()?;
        let names = self.session.broker.names();
        let (mut taken, mut publishes) = (HashSet::new(), Vec::new());
        for step in items.iter_mut().flat_map(Item::steps) {
            if step.leg.stage != Stage::Waiting || taken.contains(&step.leg.track) {
                continue;
            }
            let publish = outgoing(names, step.delivery, step.head, step.dispatch);
            match publish.filter(|_| self.keeper.may_pass(&step)) {
                Some(publish) => {
                    taken.insert(step.leg.track);
                    publishes.push(publish);
                    step.leg.stage = Stage::Sent;
                }
                None => self.keeper.keep(step)?,
            }
        }
        Ok(publishes)
    }

    /// Takes the answers to everything that is sent.
    async fn answered(&mut self, items: &mut [Item], answers: Vec<Publication>) -> Result<(), WorkerError> {
        if answers.contains(&Publication::Unknown)
            && timeout(LOST_WITHIN, self.session.broker.lost()).await.is_ok()
        {
            return Err(WorkerError::Unanswered);
        }
        let mut answers = answers.into_iter();
        let sent = items.iter_mut().flat_map(Item::steps).filter(|step| step.leg.stage == Stage::Sent);
        for step in sent {
            match (answers.next(), &step.dispatch.way) {
                (Some(Publication::Confirmed(_)), _) => step.leg.stage = Stage::Over,
                (Some(Publication::Nacked), _) | (Some(Publication::Unknown), Way::Queue(_)) => {
                    self.keeper.keep(step)?;
                }
                (Some(Publication::Unknown) | None, _) => return Err(WorkerError::Unanswered),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(last_tag: u64) -> Chunk {
        Chunk { last_tag: Some(last_tag), ..Chunk::of(Vec::new(), None) }
    }

    fn tags(chunks: &[Chunk]) -> Vec<Option<u64>> {
        chunks.iter().map(|chunk| chunk.last_tag).collect()
    }

    #[test]
    fn chunks_that_wait_are_written_together_up_to_one_that_is_not_of_the_queue_alone() {
        let (send, mut waiting) = mpsc::channel(10);
        let place = JournalPlace { position: 7, at: 1, is_reading: false };
        for chunk in [tagged(2), Chunk::reached(place), tagged(3), tagged(4), tagged(5), tagged(6), tagged(7)]
        {
            send.try_send(chunk).unwrap();
        }
        let (together, next) = tagged(1).joined(&mut waiting);
        assert_eq!(tags(&together), [Some(1), Some(2)]);
        let (together, none) = next.unwrap().joined(&mut waiting);
        assert_eq!(
            (together.len(), together[0].place),
            (1, Some(place)),
            "a place waits for nothing behind it"
        );
        assert!(none.is_none());
        let (together, none) = waiting.try_recv().unwrap().joined(&mut waiting);
        assert_eq!(tags(&together), [Some(3), Some(4), Some(5), Some(6)], "no more than are kept as recent");
        assert!(none.is_none());
        assert_eq!(tags(&[waiting.try_recv().unwrap()]), [Some(7)]);
    }
}
