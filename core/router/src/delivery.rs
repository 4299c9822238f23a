//! The worker of one lane whose sink takes each message by itself: it does what the lane's state machine asks for
//! (`core/lane`) with the broker, the ledger and the sink, and tells it what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Acker, Consumer, Delivery};
use postroom_connector::{Handover, Sink};
use postroom_lane::{
    Action, Arrival, Attempt, Bytes, DispatchKey, Input, Kept, Lane, Moment, Outcome, Plan, Settings,
    Standing, SubjectKey, Tag, Write, WriteNumber,
};
use postroom_ledger::HeldDispatch;
use postroom_telemetry as telemetry;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use uuid::Uuid;

use crate::attempt::once;
use crate::decide::Unmappable;
use crate::decisions::{self, Decided, REDRIVEN_FIRST};
use crate::entries;
use crate::lane_job::{Arrived, Job, Reader};
use crate::poison::Poison;
use crate::session::{Session, WorkerError};
use crate::work::{Tried, Work, lane_outcome};

/// Unacked dispatches of one lane; constant for ever (DESIGN 3.5).
pub(crate) const PREFETCH: u16 = 200;

/// Delivers what waits on the lane of `target` until the session stops.
pub(crate) async fn run(session: Session, target: String, sink: Arc<dyn Sink>) -> Result<(), WorkerError> {
    let mut worker = Worker::load(&session, &target, sink).await?;
    loop {
        let mut consumer = session.broker.consumer(&session.broker.names().lane(&target), PREFETCH).await?;
        let outcome = worker.work(consumer.as_mut()).await;
        consumer.close().await;
        match outcome? {
            Over::Stopped => return Ok(()),
            Over::Rotated => worker.reopened(),
        }
    }
}

/// Why a lane's channel is closed in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Stopped,
    Rotated,
}

type Ended = (DispatchKey, Tried);

struct Worker<'a> {
    session: &'a Session,
    target: &'a str,
    sink: Arc<dyn Sink>,
    reader: Reader,
    lane: Lane,
    clock: Clock,
    plans: HashMap<Arc<str>, Arc<Plan>>,
    works: HashMap<DispatchKey, Work>,
    attempts: JoinSet<Ended>,
    /// What the lane asked for and is not done yet, in its order.
    starts: Vec<Attempt>,
    writes: Vec<(WriteNumber, DispatchKey, Write)>,
    acks: Vec<Tag>,
    over: Option<Over>,
    /// Whether the redelivered burst is still to be handled one by one (DESIGN 3.11).
    careful: bool,
}

impl<'a> Worker<'a> {
    /// A worker whose lane knows every hold of its target.
    async fn load(session: &'a Session, target: &'a str, sink: Arc<dyn Sink>) -> Result<Self, WorkerError> {
        let mut plans = HashMap::new();
        for route in session.council.routes.iter().filter(|route| *route.to == *target) {
            plans.insert(Arc::clone(&route.name), Arc::new(plan(route)));
        }
        let (blocked, holds) = (session.ledger.blocked(target).await?, session.ledger.holds(target).await?);
        let unplanned: Arc<Plan> = Arc::default();
        let dead = blocked.iter().map(|blocked| Kept {
            dispatch: key(blocked.dispatch),
            subject: subject(&blocked.source, &blocked.subject),
            plan: Arc::clone(&unplanned),
            standing: Standing::Dead,
        });
        // The head of a subject that an officer sends again was held last and goes first.
        let (first, others): (Vec<_>, Vec<_>) = holds.iter().partition(|hold| hold.code == REDRIVEN_FIRST);
        let held = first.into_iter().chain(others).map(|hold| Kept {
            dispatch: key(hold.dispatch),
            subject: subject(&hold.source, &hold.subject),
            plan: Arc::clone(plans.get(hold.route.as_str()).unwrap_or(&unplanned)),
            standing: Standing::Held { waits: hold.waits, next: hold.next_at.map(Moment::from_micros) },
        });
        let seed = Uuid::new_v5(&Uuid::NAMESPACE_OID, target.as_bytes()).as_u64_pair().0;
        let in_place = session.council.in_place;
        let settings = Settings { prefetch: usize::from(PREFETCH), in_place, seed, ..Settings::default() };
        let lane = Lane::load(settings, FOR_EVER, dead.chain(held));
        Ok(Self {
            session,
            target,
            sink,
            reader: Reader::new(&session.council, &session.table, target),
            lane,
            clock: Clock::start(),
            plans,
            works: HashMap::new(),
            attempts: JoinSet::new(),
            starts: Vec::new(),
            writes: Vec::new(),
            acks: Vec::new(),
            over: None,
            careful: session.careful,
        })
    }

    fn reopened(&mut self) {
        self.works.clear();
        self.tell(Input::Reopened);
    }

    /// Works on one channel until the lane says that it is over.
    async fn work(&mut self, consumer: &mut dyn Consumer) -> Result<Over, WorkerError> {
        let acker = consumer.acker();
        self.tell(Input::Passed);
        if self.careful {
            self.recover(consumer, acker.as_ref()).await?;
            self.careful = false;
        }
        let mut stopping = false;
        let mut look = interval(LOOK_FOR_JOBS);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.settle(acker.as_ref()).await?;
            if let Some(over) = self.over.take() {
                return Ok(over);
            }
            let wake = self.clock.instant(self.lane.wake_at());
            tokio::select! {
                biased;
                () = self.session.stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.tell(Input::Stop);
                }
                Some(ended) = self.attempts.join_next() => self.ended(ended)?,
                deliveries = consumer.next(usize::from(PREFETCH)), if !stopping => {
                    let deliveries = deliveries.ok_or_else(|| self.cancelled())?;
                    self.arrive(deliveries, acker.as_ref()).await?;
                }
                () = sleep_until(wake) => self.tell(Input::Passed),
                _ = look.tick(), if !stopping => self.carry_out().await?,
            }
        }
    }

    /// Carries out what officers decided on dead letters of this lane.
    async fn carry_out(&mut self) -> Result<(), WorkerError> {
        for decided in decisions::next(&self.session.ledger, self.target).await? {
            let input = match decided {
                Decided::Discarded(dispatch) => Input::Discarded(key(dispatch)),
                Decided::Redriven(held) => Input::Redriven(Kept {
                    dispatch: key(held.dispatch.id),
                    subject: subject(&held.source, &held.dispatch.subject),
                    plan: self.plans.get(&held.dispatch.route).cloned().unwrap_or_default(),
                    standing: Standing::Held { waits: 0, next: None },
                }),
            };
            self.tell(input);
        }
        Ok(())
    }

    fn cancelled(&self) -> WorkerError {
        WorkerError::ConsumerEnded(self.session.broker.names().lane(self.target))
    }

    /// Handles the redelivered burst after an unclean stop one by one (DESIGN 3.11), up to the first fresh dispatch.
    async fn recover(&mut self, consumer: &mut dyn Consumer, acker: &dyn Acker) -> Result<(), WorkerError> {
        let poison = Poison::new(&self.session.ledger);
        loop {
            let deliveries = tokio::select! {
                biased;
                () = self.session.stop.cancelled() => return Ok(()),
                deliveries = consumer.next(1) => deliveries.ok_or_else(|| self.cancelled())?,
            };
            let fresh = deliveries.iter().all(|delivery| !delivery.redelivered);
            let body = deliveries.first().map(|delivery| delivery.body.clone()).unwrap_or_default();
            match poison.note(&body).await? {
                None => self.arrive(deliveries, acker).await?,
                Some(refusal) => {
                    let unmappable = Unmappable { code: refusal.rule.code(), words: refusal.words };
                    self.give_up(deliveries, &unmappable, acker).await?;
                }
            }
            self.settle(acker).await?;
            while let Some(ended) = self.attempts.join_next().await {
                self.ended(ended)?;
                self.settle(acker).await?;
            }
            poison.forget(&body).await?;
            if fresh {
                return Ok(());
            }
        }
    }

    /// Records deliveries as dead letters without reading them further, and acks them.
    async fn give_up(
        &self,
        deliveries: Vec<Delivery>,
        unmappable: &Unmappable,
        acker: &dyn Acker,
    ) -> Result<(), WorkerError> {
        for delivery in deliveries {
            let entry = entries::unread(self.target, &delivery, unmappable);
            self.session.ledger.record(vec![entry]).await?;
            acker.ack(delivery.tag).await?;
            entries::tell_unread(self.target, &delivery, unmappable);
        }
        Ok(())
    }

    async fn arrive(&mut self, deliveries: Vec<Delivery>, acker: &dyn Acker) -> Result<(), WorkerError> {
        let arrived: Vec<Arrived> =
            deliveries.into_iter().map(|delivery| self.reader.read(delivery)).collect();
        let ids: Vec<_> = arrived.iter().filter_map(Arrived::id).collect();
        let finished = self.session.ledger.finished(&ids).await?;
        for arrived in arrived {
            let (job, outgoing) = match arrived {
                Arrived::Mapped(job, outgoing) => (job, Ok(outgoing)),
                Arrived::Unmappable(job, unmappable) => (job, Err(unmappable)),
                Arrived::Foreign(delivery, unmappable) => {
                    let entry = entries::foreign(self.target, &delivery, &unmappable);
                    self.session.ledger.record(vec![entry]).await?;
                    acker.ack(delivery.tag).await?;
                    continue;
                }
            };
            let arrival = self.arrival(&job, finished.contains(&job.id));
            if !arrival.finished {
                self.works.entry(arrival.dispatch).or_insert_with(|| {
                    let (dispatch, source) = (entries::dispatch(&job), job.head.source.as_str().into());
                    Work::new(dispatch, source, entries::whole(&job.delivery), outgoing)
                });
            }
            self.tell(Input::Arrived(arrival));
        }
        Ok(())
    }

    fn arrival(&self, job: &Job, finished: bool) -> Arrival {
        Arrival {
            tag: Tag(job.delivery.tag),
            dispatch: key(job.id),
            subject: subject(&job.head.source, &job.head.subject),
            plan: self.plans.get(&job.route).cloned().unwrap_or_default(),
            redelivered: job.delivery.redelivered,
            finished,
        }
    }

    /// Tells the lane, and keeps what it asks for.
    fn tell(&mut self, input: Input) {
        for action in self.lane.handle(self.clock.now(), input) {
            match action {
                Action::Start(attempt) => self.starts.push(attempt),
                Action::Write(number, dispatch, write) => self.writes.push((number, dispatch, write)),
                Action::Ack(tag) => self.acks.push(tag),
                Action::CircuitOpened { since } => {
                    telemetry::target_down(self.target, &self.clock.said(since));
                }
                Action::CircuitClosed { after } => telemetry::target_back(self.target, after.as_secs()),
                Action::Rotate => self.over = Some(Over::Rotated),
                Action::Drained => self.over = Some(Over::Stopped),
            }
        }
    }

    /// Does what the lane asked for until it asks for nothing: writes, then acks, then attempts.
    async fn settle(&mut self, acker: &dyn Acker) -> Result<(), WorkerError> {
        loop {
            if let Some((last, _, _)) = self.writes.last().copied() {
                self.record().await?;
                self.tell(Input::Committed(last));
            } else if !self.acks.is_empty() {
                for tag in std::mem::take(&mut self.acks) {
                    acker.ack(tag.0).await?;
                }
            } else if !self.starts.is_empty() {
                for attempt in std::mem::take(&mut self.starts) {
                    self.start(attempt).await?;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Commits what the lane wants written, all at once and in its order.
    async fn record(&mut self) -> Result<(), WorkerError> {
        let mut recorded = Vec::new();
        let (now, mut delivered) = (entries::now(), 0);
        for (_, dispatch, write) in std::mem::take(&mut self.writes) {
            // The lane writes about what is in hand only.
            let Some(work) = self.works.remove(&dispatch) else { continue };
            delivered += u64::from(write == Write::Receipt);
            recorded.extend(work.write(write, now));
        }
        self.session.ledger.record(recorded).await?;
        if delivered > 0 {
            telemetry::count_dispatches(self.target, "delivered", delivered);
        }
        Ok(())
    }

    async fn start(&mut self, attempt: Attempt) -> Result<(), WorkerError> {
        let dispatch = attempt.dispatch;
        if attempt.bytes == Bytes::InLedger {
            let id = postroom_event::DispatchId(Uuid::from_u128(dispatch.0));
            let held = self.session.ledger.held(&[id]).await?;
            let Some(held) = held.into_iter().next() else {
                return Err(WorkerError::Crashed(format!("hold {id} is not in the ledger: its lane")));
            };
            self.works.insert(dispatch, self.reader.held(held));
        }
        let outgoing = self.works.get(&dispatch).map(|work| work.outgoing.clone());
        let Some(Ok(outgoing)) = outgoing else {
            self.tell(Input::Ended(dispatch, Outcome::Unsendable));
            return Ok(());
        };
        let sink = Arc::clone(&self.sink);
        self.attempts.spawn(async move {
            let handover = Handover { id: outgoing.dispatch.to_string(), items: vec![outgoing] };
            let (started_at, began) = (entries::now(), Instant::now());
            let result = once(sink.as_ref(), &handover).await;
            let took = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
            (dispatch, Tried { started_at, took, result })
        });
        Ok(())
    }

    /// Takes in every attempt that has ended.
    fn ended(&mut self, first: Result<Ended, JoinError>) -> Result<(), WorkerError> {
        let mut next = Some(first);
        while let Some(ended) = next {
            let (dispatch, tried) =
                ended.map_err(|_| WorkerError::Crashed("an attempt to deliver".to_owned()))?;
            let outcome = lane_outcome(&tried.result);
            if let Some(work) = self.works.get_mut(&dispatch) {
                work.tried(tried);
            }
            self.tell(Input::Ended(dispatch, outcome));
            next = self.attempts.try_join_next();
        }
        Ok(())
    }
}

impl Reader {
    /// A dispatch from the holds: the message that was made is sent again as it was.
    fn held(&mut self, held: HeldDispatch) -> Work {
        let HeldDispatch { dispatch, source, event, message, attempts, .. } = held;
        let stored = message.and_then(|message| serde_json::from_slice(&message.bytes).ok());
        let outgoing = match stored {
            Some(message) => Ok(postroom_connector::Outgoing {
                dispatch: dispatch.id,
                event_type: dispatch.event_type.to_string(),
                subject: dispatch.subject.clone(),
                message,
            }),
            None => self.map_again(&event, &dispatch.route),
        };
        Work::new(dispatch, source, event, outgoing).after(attempts)
    }
}

/// A lease that does not end: the hub on this ledger is the only one (its lock on the broker says so).
const FOR_EVER: Moment = Moment::from_micros(i64::MAX);
/// How often a lane looks for what officers decided.
const LOOK_FOR_JOBS: Duration = Duration::from_secs(1);
/// Longest sleep of a lane that waits for nothing.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// A clock for the lane: the wall's time at the start, and monotonic from then on.
struct Clock {
    wall: i64,
    began: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { wall: entries::now(), began: Instant::now() }
    }

    fn now(&self) -> Moment {
        Moment::from_micros(self.wall) + self.began.elapsed()
    }

    fn instant(&self, moment: Option<Moment>) -> Instant {
        let wait = moment.map_or(LONGEST_SLEEP, |moment| moment.since(self.now()));
        Instant::now() + wait.min(LONGEST_SLEEP)
    }

    fn said(&self, moment: Moment) -> String {
        chrono::DateTime::from_timestamp_micros(moment.micros())
            .map_or_else(String::new, |at| at.to_rfc3339())
    }
}

fn key(dispatch: postroom_event::DispatchId) -> DispatchKey {
    DispatchKey(dispatch.0.as_u128())
}

fn subject(source: &str, subject: &str) -> SubjectKey {
    // No attribute holds a line feed.
    let name = format!("{source}\n{subject}");
    SubjectKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_u128())
}

fn plan(route: &postroom_council::Route) -> Plan {
    Plan {
        retry: route.retry.clone(),
        after_dead_letter: match route.after_dead_letter {
            postroom_council::AfterDeadLetter::HoldSubject => postroom_lane::AfterDeadLetter::HoldSubject,
            postroom_council::AfterDeadLetter::Continue => postroom_lane::AfterDeadLetter::Continue,
        },
    }
}
