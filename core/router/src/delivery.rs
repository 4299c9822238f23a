//! The worker of one lane whose sink takes each message by itself: dispatches from the lane's queue to its desk, and
//! what the desk starts to the sink.

use std::pin::Pin;
use std::sync::Arc;

use postroom_broker::{Acker, Consumer, Delivery};
use postroom_connector::{Manner, Sink};
use postroom_lane::{CONCURRENCY, Input, Settings, WriteNumber};
use postroom_ledger::LedgerError;
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::attempts::{Attempts, Ended};
use crate::decisions::{Decisions, STEP_EVERY};
use crate::desk::{Desk, Over};
use crate::entries;
use crate::fail_point::FailPoint;
use crate::lane_job::{self, Arrived};
use crate::poison::Suspect;
use crate::session::{LAST_ANSWERS, Session, WorkerError};
use crate::sums::LaneNote;
use crate::taker::Taker;
use crate::work::Work;

/// Unacked dispatches of one lane; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 200;

/// Delivers what waits on the lane of `target` until the session stops or its lease is over.
pub(crate) async fn run(
    session: Session,
    target: String,
    sink: Arc<dyn Sink>,
    manner: Manner,
) -> Result<(), WorkerError> {
    let (taker, most) = match manner {
        Manner::Pushed => (Taker::Sink, CONCURRENCY),
        Manner::Pulled => (Taker::Puller, usize::from(PREFETCH)),
    };
    let concurrency = sink.concurrency().unwrap_or(most);
    let limits = Settings { prefetch: usize::from(PREFETCH), concurrency, ..Settings::default() };
    let desk = Desk::load(&session, &target, (taker, limits), |_| true).await?;
    let (decisions, careful) = (Decisions::new(&session), session.is_careful());
    let attempts = Attempts::new(sink, &target, manner);
    let mut worker = Worker {
        session: &session,
        desk,
        decisions,
        attempts,
        commit: None,
        careful,
        noted: LaneNote::default(),
    };
    loop {
        let mut consumer = session.consumer(&session.broker.names().lane(&target), PREFETCH).await?;
        let mut outcome = worker.work(consumer.as_mut()).await;
        // Behind a write that failed nothing may be written: it would be before what comes again.
        if matches!(&outcome, Err(error) if !matches!(error, WorkerError::Ledger(_)))
            && let Err(crashed) = worker.write_what_ends().await
        {
            outcome = Err(crashed);
        }
        consumer.close().await;
        match outcome? {
            Over::Stopped => return Ok(()),
            Over::Rotated => worker.desk.reopened().await?,
        }
    }
}

/// A write, and the number up to which everything is written with it.
type Commit<'a> = (WriteNumber, Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send + 'a>>);

struct Worker<'a> {
    session: &'a Session,
    desk: Desk,
    decisions: Decisions,
    attempts: Attempts,
    /// The write that is under way, one at a time: the others go on beside it.
    commit: Option<Commit<'a>>,
    /// Whether the redelivered burst is still to be handled one by one (DESIGN 3.11).
    careful: bool,
    noted: LaneNote,
}

impl Worker<'_> {
    /// Works on one channel until the lane says that it is over.
    async fn work(&mut self, consumer: &mut dyn Consumer) -> Result<Over, WorkerError> {
        let acker = consumer.acker();
        self.desk.tell(Input::Passed);
        let mut stopping = false;
        let mut tenure = self.session.tenure.clone();
        let mut halts = self.session.halts.changes();
        let mut look = interval(STEP_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.desk.prolonged(tenure.ends());
            self.settle(acker.as_ref()).await?;
            if let Some(over) = self.desk.over() {
                return Ok(over);
            }
            if !self.desk.lets_wait() {
                self.attempts.take_back();
            }
            let is_idle = self.attempts.are_idle() && self.commit.is_none();
            if is_idle {
                self.desk.suspects.spare().await?;
            }
            let wake = self.desk.wake();
            let (most, alone) = if self.careful { (1, is_idle) } else { (usize::from(PREFETCH), true) };
            // What is seldom due comes first, so that nothing that is often due can starve it.
            tokio::select! {
                biased;
                () = self.session.stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.desk.tell(Input::Stop);
                }
                () = tenure.prolonged() => {}
                () = halts.next() => self.desk.heed(),
                _ = look.tick(), if !stopping => self.look().await?,
                () = sleep_until(wake) => self.desk.tell(Input::Passed),
                committed = committed(&mut self.commit) => self.desk.tell(Input::Committed(committed?)),
                Some(ended) = self.attempts.next() => self.ended(ended)?,
                deliveries = consumer.next(most), if !stopping && alone => {
                    let deliveries = deliveries.ok_or_else(|| self.cancelled())?;
                    let arrived = self.read(deliveries).await?;
                    self.arrive(arrived, acker.as_ref()).await?;
                }
            }
        }
    }

    /// Takes in what officers decided, and says how the lane stands.
    async fn look(&mut self) -> Result<(), WorkerError> {
        for decided in self.decisions.next(self.session).await? {
            self.desk.decided(&decided);
        }
        Ok(self.noted.note(&self.session.ledger, self.desk.state()).await?)
    }

    fn cancelled(&self) -> WorkerError {
        WorkerError::ConsumerEnded(self.session.broker.names().lane(self.desk.target()))
    }

    /// Reads deliveries; those of the redelivered burst after an unclean stop with care (DESIGN 3.11), one at a time. With the
    /// first fresh dispatch the burst is over.
    async fn read(&mut self, deliveries: Vec<Delivery>) -> Result<Vec<Arrived>, WorkerError> {
        self.careful &= deliveries.iter().all(|delivery| delivery.redelivered);
        let mut arrived = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let refusal = match self.careful {
                true => self.desk.suspects.note(Suspect::on_lane(self.desk.target(), &delivery)).await?,
                false => None,
            };
            arrived.push(match refusal {
                None => self.desk.reader.read(delivery),
                Some(refusal) => lane_job::unread(self.desk.target(), delivery, refusal.into()),
            });
        }
        self.desk.reader.ask_later();
        Ok(arrived)
    }

    async fn arrive(&mut self, arrived: Vec<Arrived>, acker: &dyn Acker) -> Result<(), WorkerError> {
        let ids: Vec<_> = arrived.iter().filter_map(Arrived::id).collect();
        let finished = self.session.ledger.finished(&ids).await?;
        for arrived in arrived {
            let (job, outgoing) = match arrived {
                Arrived::Mapped(job, outgoing) => (job, Ok(outgoing)),
                Arrived::Unmappable(job, unmappable) => (job, Err(unmappable)),
                Arrived::Foreign(delivery, unmappable) => {
                    let entry = entries::foreign(self.desk.target(), &delivery, &unmappable);
                    self.session.record(vec![entry]).await?;
                    acker.ack(delivery.tag).await?;
                    continue;
                }
            };
            let dispatch = entries::dispatch(&job);
            let mut arrival = self.desk.arrival(&dispatch, &job.head.source, job.delivery.tag);
            arrival.redelivered = job.delivery.redelivered;
            arrival.finished = finished.contains(&job.id);
            if !arrival.finished {
                let source = job.head.source.as_str().into();
                self.desk.take_in(&arrival, || {
                    Work::new(dispatch, source, entries::whole(&job.delivery), outgoing)
                });
            }
            self.desk.tell(Input::Arrived(arrival));
        }
        Ok(())
    }

    /// Does what the lane asked for until it asks for nothing but what waits for the write that is under way. What a write must
    /// come before, a receipt before the next of its subject, the lane asks for when it is committed.
    async fn settle(&mut self, acker: &dyn Acker) -> Result<(), WorkerError> {
        loop {
            self.begin_write();
            for tag in self.desk.take_acks() {
                acker.ack(tag.0).await?;
            }
            let starts = self.desk.take_starts().await?;
            let writes = self.commit.is_none() && self.desk.is_asking();
            if starts.is_empty() && !writes && !self.desk.asks_at_once() {
                return Ok(());
            }
            for (attempt, outgoing) in starts {
                self.attempts.start(attempt, outgoing);
            }
        }
    }

    /// Begins to write what the lane wants written, unless a write is under way.
    fn begin_write(&mut self) {
        if self.commit.is_none()
            && let Some((entries, last)) = self.desk.take_writes()
        {
            self.commit = Some((last, Box::pin(self.session.record(entries))));
        }
    }

    /// Writes what ends, though the session is over: its target has it, and would get it again. What has not ended after a while,
    /// or cannot be written, is delivered again under its key. An error where an attempt crashed.
    async fn write_what_ends(&mut self) -> Result<(), WorkerError> {
        self.attempts.take_back();
        let (over, mut crashed) = (Instant::now() + LAST_ANSWERS, Ok(()));
        loop {
            self.begin_write();
            if self.commit.is_none() && self.attempts.is_empty() {
                return crashed;
            }
            tokio::select! {
                committed = committed(&mut self.commit) => match committed {
                    Ok(last) => self.desk.tell(Input::Committed(last)),
                    Err(_) => return crashed,
                },
                Some(ended) = self.attempts.next() => crashed = crashed.and(self.ended(ended)),
                () = sleep_until(over), if !self.attempts.is_empty() => self.attempts.drop_all(),
            }
        }
    }

    /// Takes in every attempt that has ended.
    fn ended(&mut self, first: Result<Ended, JoinError>) -> Result<(), WorkerError> {
        let mut next = Some(first);
        while let Some(ended) = next {
            let (dispatch, tried) =
                ended.map_err(|_| WorkerError::Crashed("an attempt to deliver".to_owned()))?;
            match tried {
                Some(tried) => self.desk.ended(dispatch, tried),
                None => self.desk.recalled(dispatch),
            }
            next = self.attempts.next_ended();
        }
        Ok(())
    }
}

/// The number up to which is committed, once the write that is under way is; never without one.
async fn committed(commit: &mut Option<Commit<'_>>) -> Result<WriteNumber, WorkerError> {
    let Some((last, write)) = commit else { return std::future::pending().await };
    let (last, written) = (*last, write.await);
    *commit = None;
    written?;
    FailPoint::LaneRecorded.pass();
    Ok(last)
}
