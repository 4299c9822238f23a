//! The worker of one lane whose sink takes each message by itself.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_broker::{Acker, Consumer, Delivery};
use postroom_connector::{Handover, Outgoing, Sink};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::Lane;
use crate::attempt::{Ended, Names, attempt};
use crate::decide::Unmappable;
use crate::entries;
use crate::lane_job::{Arrived, Job, Reader};
use crate::poison::Poison;
use crate::session::{Session, WorkerError};

/// Unacked dispatches of one lane; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 200;
/// Subjects that are delivered at the same time, on one lane.
const CONCURRENT_SUBJECTS: usize = 16;
/// Age of the oldest unacked dispatch at which the lane is closed and opened again (DESIGN 3.8), in seconds.
const MAX_UNACKED_SECONDS: u64 = 20 * 60;

/// What order is kept by: source and subject.
type SubjectKey = (String, String);

/// Delivers what waits on the lane of `target` until the session stops.
pub(crate) async fn run(session: Session, target: String, sink: Arc<dyn Sink>) -> Result<(), WorkerError> {
    loop {
        if Worker::session(&session, &target, &sink).await? == Pause::Stopped {
            return Ok(());
        }
    }
}

/// Why a lane's channel was closed in good order.
#[derive(PartialEq, Eq)]
enum Pause {
    Stopped,
    Rotation,
}

struct Worker<'a> {
    session: &'a Session,
    sink: &'a Arc<dyn Sink>,
    reader: Reader,
    lane: Lane<SubjectKey, (Job, Outgoing)>,
    attempts: JoinSet<(Job, Handover, Ended)>,
    acker: Arc<dyn Acker>,
    /// Cancelled to end the waits between attempts.
    pause: tokio_util::sync::CancellationToken,
    /// When each unacked dispatch arrived.
    unacked: HashMap<u64, Instant>,
}

impl<'a> Worker<'a> {
    async fn session(
        session: &'a Session,
        target: &str,
        sink: &'a Arc<dyn Sink>,
    ) -> Result<Pause, WorkerError> {
        let mut consumer = session.broker.consumer(&session.broker.names().lane(target), PREFETCH).await?;
        let mut worker = Self {
            session,
            sink,
            reader: Reader::new(&session.council, &session.table, target),
            lane: Lane::new(CONCURRENT_SUBJECTS),
            attempts: JoinSet::new(),
            acker: consumer.acker(),
            pause: session.stop.child_token(),
            unacked: HashMap::new(),
        };
        let outcome = async {
            if session.careful {
                worker.recover(consumer.as_mut(), target).await?;
            }
            worker.work(consumer.as_mut(), target).await
        }
        .await;
        worker.pause.cancel();
        let drained = worker.drain().await;
        consumer.close().await;
        let pause = outcome?;
        drained.map(|()| pause)
    }

    async fn work(&mut self, consumer: &mut dyn Consumer, target: &str) -> Result<Pause, WorkerError> {
        loop {
            let rotation = self.rotation();
            tokio::select! {
                biased;
                () = self.session.stop.cancelled() => return Ok(Pause::Stopped),
                () = tokio::time::sleep_until(rotation) => return Ok(Pause::Rotation),
                Some(ended) = self.attempts.join_next() => self.settle(ended).await?,
                deliveries = consumer.next(usize::from(PREFETCH)) => {
                    self.arrive(deliveries.ok_or_else(|| self.ended(target))?).await?;
                }
            }
        }
    }

    /// Handles the redelivered burst after an unclean stop one by one (DESIGN 3.11), up to the first fresh dispatch.
    async fn recover(&mut self, consumer: &mut dyn Consumer, target: &str) -> Result<(), WorkerError> {
        let poison = Poison::new(&self.session.ledger);
        loop {
            let deliveries = tokio::select! {
                biased;
                () = self.session.stop.cancelled() => return Ok(()),
                deliveries = consumer.next(1) => deliveries.ok_or_else(|| self.ended(target))?,
            };
            let fresh = deliveries.iter().all(|delivery| !delivery.redelivered);
            let body = deliveries.first().map(|delivery| delivery.body.clone()).unwrap_or_default();
            match poison.note(&body).await? {
                None => self.arrive(deliveries).await?,
                Some(refusal) => {
                    let unmappable = Unmappable { code: refusal.rule.code(), words: refusal.words };
                    self.give_up(deliveries, &unmappable).await?;
                }
            }
            self.drain().await?;
            poison.forget(&body).await?;
            if fresh {
                return Ok(());
            }
        }
    }

    /// Records deliveries as dead letters without reading them further, and acks them.
    async fn give_up(&self, deliveries: Vec<Delivery>, unmappable: &Unmappable) -> Result<(), WorkerError> {
        for delivery in deliveries {
            self.session
                .ledger
                .record(vec![entries::unread(self.reader.target(), &delivery, unmappable)])
                .await?;
            self.acker.ack(delivery.tag).await?;
            entries::tell_unread(self.reader.target(), &delivery, unmappable);
        }
        Ok(())
    }

    fn ended(&self, target: &str) -> WorkerError {
        WorkerError::ConsumerEnded(self.session.broker.names().lane(target))
    }

    /// When the oldest unacked dispatch will be too old.
    fn rotation(&self) -> Instant {
        let oldest = self.unacked.values().min().copied().unwrap_or_else(Instant::now);
        oldest + std::time::Duration::from_secs(MAX_UNACKED_SECONDS)
    }

    async fn arrive(&mut self, deliveries: Vec<Delivery>) -> Result<(), WorkerError> {
        let mut settled = Vec::new();
        let mut acks = Vec::new();
        let arrived: Vec<Arrived> =
            deliveries.into_iter().map(|delivery| self.reader.read(delivery)).collect();
        let ids: Vec<_> = arrived.iter().filter_map(Arrived::id).collect();
        let finished = self.session.ledger.finished(&ids).await?;
        for arrived in arrived {
            match arrived {
                Arrived::Mapped(job, _) | Arrived::Unmappable(job, _) if finished.contains(&job.id) => {
                    acks.push(job.delivery.tag);
                }
                Arrived::Mapped(job, outgoing) => {
                    self.unacked.insert(job.delivery.tag, Instant::now());
                    let subject = (job.head.source.clone(), job.head.subject.clone());
                    let next = self.lane.arrive(subject, (job, outgoing));
                    self.start(next);
                }
                Arrived::Unmappable(job, unmappable) => {
                    acks.push(job.delivery.tag);
                    settled.push(entries::unmappable(&job, &unmappable));
                    entries::tell_unmappable(&job, &unmappable);
                }
                Arrived::Foreign(delivery, unmappable) => {
                    acks.push(delivery.tag);
                    settled.push(entries::foreign(self.reader.target(), &delivery, &unmappable));
                }
            }
        }
        if !settled.is_empty() {
            self.session.ledger.record(settled).await?;
        }
        for tag in acks {
            self.acker.ack(tag).await?;
        }
        Ok(())
    }

    fn start(&mut self, next: Option<(Job, Outgoing)>) {
        let Some((job, outgoing)) = next else { return };
        let (sink, pause) = (Arc::clone(self.sink), self.pause.clone());
        self.attempts.spawn(async move {
            let handover = Handover { id: job.id.to_string(), items: vec![outgoing] };
            let names = Names { target: &job.target, route: &job.route };
            let ended = attempt(sink.as_ref(), &handover, names, &pause).await;
            (job, handover, ended)
        });
    }

    /// Records how an attempt ended, acks it, and starts what waited for it.
    async fn settle(&mut self, ended: Result<(Job, Handover, Ended), JoinError>) -> Result<(), WorkerError> {
        let (job, handover, ended) =
            ended.map_err(|_| WorkerError::Crashed("an attempt to deliver".to_owned()))?;
        if let Some(entry) = entries::of_attempt(&job, &handover, &ended) {
            self.session.ledger.record(vec![entry]).await?;
            self.acker.ack(job.delivery.tag).await?;
            entries::tell_attempt(&job, &ended);
        }
        self.unacked.remove(&job.delivery.tag);
        let next = self.lane.finish(&(job.head.source, job.head.subject));
        if !self.pause.is_cancelled() {
            self.start(next);
        }
        Ok(())
    }

    /// Awaits the attempts under way; what they did is recorded and acked.
    async fn drain(&mut self) -> Result<(), WorkerError> {
        while let Some(ended) = self.attempts.join_next().await {
            self.settle(ended).await?;
        }
        Ok(())
    }
}
