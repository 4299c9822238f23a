//! A caller of the lane with a pretended broker, ledger and target, which keeps the books apart from the lane and
//! checks each action against the model. It can be killed and started again at any moment.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use postroom_lane::{
    Action, AfterDeadLetter, Arrival, Attempt, Bytes, DispatchKey, Input, Kept, Lane, LastStop, Moment,
    OLDEST_UNACKED, Outcome, Pause, Plan, Role, Settings, Standing, SubjectKey, Tag, Write, WriteNumber,
};

use crate::model::{Model, State};
use crate::watch::{self, Watch};

/// Longest time that an attempt takes in this world.
const ATTEMPT: Duration = Duration::from_secs(120);
/// Longest time that a commit takes in this world.
const COMMIT: Duration = Duration::from_secs(30);
/// A lease that never ends.
pub(crate) const FOR_EVER: Moment = Moment::from_micros(i64::MAX);
/// A subject that no dispatch is about.
const NOBODY: SubjectKey = SubjectKey(u128::MAX);

/// A message on the broker.
#[derive(Debug, Clone)]
struct Message {
    dispatch: DispatchKey,
    subject: SubjectKey,
    plan: Arc<Plan>,
    redelivered: bool,
    arrived: Moment,
}

/// A write that the lane asked for.
#[derive(Debug)]
struct Asked {
    number: WriteNumber,
    dispatch: DispatchKey,
    write: Write,
    since: Moment,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) lane: Lane,
    pub(crate) now: Moment,
    pub(crate) model: Model,
    settings: Settings,
    lease_ends: Moment,
    stopping: bool,
    paused: Vec<Pause>,
    plans: BTreeMap<DispatchKey, (SubjectKey, Arc<Plan>)>,
    queue: VecDeque<Message>,
    unacked: BTreeMap<Tag, Message>,
    last_tag: u64,
    /// The holds of the ledger, and its dead letters that hold a subject, in its order.
    kept: Vec<Kept>,
    asked: VecDeque<Asked>,
    attempts: BTreeMap<DispatchKey, Moment>,
    /// What arrived for a subject that was free, and did not start yet.
    fresh: VecDeque<DispatchKey>,
    watch: Watch,
    /// Longest age of an unacked message so far.
    pub(crate) oldest: Duration,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            lane: Lane::load(settings.clone(), FOR_EVER, []),
            now: Moment::from_micros(0),
            model: Model::default(),
            settings,
            lease_ends: FOR_EVER,
            stopping: false,
            paused: Vec::new(),
            plans: BTreeMap::new(),
            queue: VecDeque::new(),
            unacked: BTreeMap::new(),
            last_tag: 0,
            kept: Vec::new(),
            asked: VecDeque::new(),
            attempts: BTreeMap::new(),
            fresh: VecDeque::new(),
            watch: Watch::default(),
            oldest: Duration::ZERO,
        }
    }

    /// Publishes a dispatch, for the first time or again.
    pub(crate) fn publish(&mut self, dispatch: DispatchKey, subject: SubjectKey, plan: &Arc<Plan>) {
        let (subject, plan) = self.plans.entry(dispatch).or_insert((subject, Arc::clone(plan))).clone();
        if !self.model.states.contains_key(&dispatch) {
            self.model.publish(dispatch, subject);
        }
        self.queue.push_back(Message { dispatch, subject, plan, redelivered: false, arrived: self.now });
    }

    /// The broker delivers up to `most` messages, within the prefetch.
    pub(crate) fn deliver(&mut self, most: usize) {
        for _ in 0..most {
            if self.unacked.len() >= self.settings.prefetch {
                return;
            }
            let Some(mut message) = self.queue.pop_front() else { return };
            self.last_tag += 1;
            message.arrived = self.now;
            let tag = Tag(self.last_tag);
            let finished = matches!(self.model.states[&message.dispatch], State::Finished | State::Skipped)
                && !self.is_kept(message.dispatch);
            let Message { dispatch, subject, plan, redelivered, .. } = message.clone();
            if !finished && self.is_free(subject) {
                self.fresh.push_back(dispatch);
            }
            let behind = !finished && self.is_kept_whole(subject) && !self.is_known(dispatch);
            self.unacked.insert(tag, message);
            let arrival = Arrival { tag, dispatch, subject, plan, redelivered, finished };
            let answer = self.tell(Input::Arrived(arrival));
            let held = watch::writes(&answer).any(|(written, _)| written == dispatch);
            assert!(held || !behind || !self.is_all_taken(), "{dispatch:?} waits in hand behind a hold");
        }
    }

    /// Whether the ledger keeps something of `subject`, and nothing of it is in hand.
    fn is_kept_whole(&self, subject: SubjectKey) -> bool {
        self.kept.iter().any(|kept| kept.subject == subject)
            && !self.unacked.values().any(|message| message.subject == subject)
    }

    fn is_kept(&self, dispatch: DispatchKey) -> bool {
        self.kept.iter().any(|kept| kept.dispatch == dispatch)
    }

    fn is_known(&self, dispatch: DispatchKey) -> bool {
        self.is_kept(dispatch) || self.unacked.values().any(|message| message.dispatch == dispatch)
    }

    /// Whether the lane took in everything that was delivered: it did not wind down meanwhile.
    fn is_all_taken(&self) -> bool {
        self.now < self.lease_ends && self.lane.counts().unacked == self.unacked.len()
    }

    fn is_free(&self, subject: SubjectKey) -> bool {
        !self.unacked.values().any(|message| message.subject == subject)
            && !self.kept.iter().any(|kept| kept.subject == subject)
            && !self.model.running.values().any(|other| *other == subject)
            && !self.asked.iter().any(|asked| self.plans[&asked.dispatch].0 == subject)
    }

    /// Ends one of the attempts under way, if there is one.
    pub(crate) fn end(&mut self, which: usize, outcome: Outcome) {
        let Some(dispatch) = self.attempts.keys().nth(which % self.attempts.len().max(1)).copied() else {
            return;
        };
        self.end_attempt(dispatch, outcome);
    }

    fn end_attempt(&mut self, dispatch: DispatchKey, outcome: Outcome) {
        self.attempts.remove(&dispatch);
        self.model.running.remove(&dispatch);
        self.watch.ended(dispatch, self.plans[&dispatch].0, outcome);
        let in_hand = !self.is_kept(dispatch);
        let failed = matches!(outcome, Outcome::Transient(_) | Outcome::Unknown | Outcome::Down);
        let answer = self.tell(Input::Ended(dispatch, outcome));
        if in_hand && failed && self.is_known(dispatch) && self.is_all_taken() && !self.lane.is_open() {
            self.watch.failed_in_hand(dispatch, self.now, &answer);
        }
        if outcome == Outcome::Down {
            watch::down_never_counts(dispatch, &answer);
        }
    }

    /// Commits up to `most` writes, and says so.
    pub(crate) fn commit(&mut self, most: usize) {
        if let Some(through) = self.write(most) {
            self.tell(Input::Committed(through));
        }
    }

    /// Commits up to `most` writes; the number of the last one.
    fn write(&mut self, most: usize) -> Option<WriteNumber> {
        let mut last = None;
        for _ in 0..most {
            let Some(asked) = self.asked.pop_front() else { break };
            last = Some(asked.number);
            self.keep(asked.dispatch, asked.write);
        }
        last
    }

    fn keep(&mut self, dispatch: DispatchKey, write: Write) {
        let (subject, plan) = self.plans[&dispatch].clone();
        let row = self.kept.iter().position(|kept| kept.dispatch == dispatch);
        let (state, standing) = match write {
            Write::Hold { waits, next, .. } => (State::Held, Some(Standing::Held { waits, next })),
            Write::Retried { waits, next } => {
                assert!(row.is_some(), "a hold that is not there is tried again");
                (State::Held, Some(Standing::Held { waits, next: Some(next) }))
            }
            Write::Receipt => (State::Finished, None),
            Write::Dead { after: AfterDeadLetter::HoldSubject, .. } => {
                (State::Blocking, Some(Standing::Dead))
            }
            Write::Dead { after: AfterDeadLetter::Continue, .. } => (State::Skipped, None),
        };
        self.model.recorded(dispatch, state);
        match (row, standing) {
            (Some(row), Some(standing)) => {
                assert!(!matches!(write, Write::Hold { .. }), "{dispatch:?} is held twice");
                self.kept[row].standing = standing;
            }
            (Some(row), None) => drop(self.kept.remove(row)),
            (None, Some(standing)) => self.kept.push(Kept { dispatch, subject, plan, standing }),
            (None, None) => {}
        }
    }

    /// An officer redrives one of the dead letters, if there is one.
    pub(crate) fn redrive(&mut self, which: usize) {
        let mut dead = self.model.all(State::Blocking);
        dead.extend(self.model.all(State::Skipped));
        let Some(dispatch) = dead.get(which % dead.len().max(1)).copied() else { return };
        let (subject, plan) = self.plans[&dispatch].clone();
        let standing = Standing::Held { waits: 0, next: None };
        let kept = Kept { dispatch, subject, plan, standing };
        self.model.recorded(dispatch, State::Held);
        match self.kept.iter_mut().find(|kept| kept.dispatch == dispatch) {
            Some(row) => row.standing = standing,
            None => self.kept.push(kept.clone()),
        }
        // A job acts on the ledger when all that the lane asked for is there.
        self.commit(usize::MAX);
        self.tell(Input::Redriven(kept));
    }

    /// An officer discards one of the dead letters, if there is one.
    pub(crate) fn discard(&mut self, which: usize) {
        let dead = self.model.all(State::Blocking);
        let Some(dispatch) = dead.get(which % dead.len().max(1)).copied() else { return };
        self.model.recorded(dispatch, State::Finished);
        self.kept.retain(|kept| kept.dispatch != dispatch);
        self.tell(Input::Discarded(dispatch));
    }

    /// An officer releases one of the holds, if there is one.
    pub(crate) fn release(&mut self, which: usize) {
        let Some(kept) = self.kept.get(which % self.kept.len().max(1)) else { return };
        let dispatch = kept.dispatch;
        self.tell(Input::ReleaseNow(dispatch));
    }

    pub(crate) fn pause(&mut self, pause: Pause) {
        self.paused.push(pause);
        self.tell(Input::Pause(pause));
    }

    pub(crate) fn resume(&mut self) {
        for pause in [Pause::Operator, Pause::Ledger] {
            self.paused.retain(|other| *other != pause);
            self.tell(Input::Resume(pause));
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.tell(Input::Stop);
    }

    /// Time goes on by `span`, stopping wherever something is due; no attempt and no commit takes longer than it may.
    pub(crate) fn advance(&mut self, span: Duration) {
        let target = self.now + span;
        while self.now < target {
            let attempt = self.attempts.iter().min_by_key(|(_, started)| **started);
            let attempt = attempt.map(|(dispatch, started)| (*started + ATTEMPT, *dispatch));
            let commit = self.asked.front().map(|asked| asked.since + COMMIT);
            let wake = self.lane.wake_at();
            let due = [attempt.map(|(at, _)| at), commit, wake].into_iter().flatten().min();
            self.now = self.now.max(due.map_or(target, |due| due.min(target)));
            self.watch_age();
            if let Some((_, dispatch)) = attempt.filter(|(at, _)| *at <= self.now) {
                self.end_attempt(dispatch, Outcome::Unknown);
            }
            if commit.is_some_and(|at| at <= self.now) {
                self.commit(1);
            }
            self.tell(Input::Passed);
            let idle = self.lane.wake_at().is_none_or(|at| at > self.now);
            assert!(idle, "the lane wants to be woken at once, for ever");
        }
    }

    fn watch_age(&mut self) {
        let age = self.unacked.values().map(|message| self.now.since(message.arrived)).max();
        self.oldest = self.oldest.max(age.unwrap_or_default());
        assert!(self.oldest < OLDEST_UNACKED, "a message is unacked for {:?}", self.oldest);
    }

    /// The process dies with up to `written` of its writes committed, and the next one begins.
    pub(crate) fn crash(&mut self, written: usize, lease: Option<Duration>) {
        self.write(written);
        self.restart(LastStop::Unclean, lease);
    }

    fn restart(&mut self, last_stop: LastStop, lease: Option<Duration>) {
        self.asked.clear();
        self.attempts.clear();
        self.model.running.clear();
        self.close_channel();
        self.lease_ends = lease.map_or(FOR_EVER, |lease| self.now + lease);
        self.stopping = false;
        self.paused.clear();
        self.watch = Watch::default();
        let settings = Settings { last_stop, ..self.settings.clone() };
        self.lane = Lane::load(settings, self.lease_ends, self.kept.iter().cloned());
        self.tell(Input::Passed);
    }

    /// What is unacked goes back to where it was.
    fn close_channel(&mut self) {
        self.watch.halted();
        self.fresh.clear();
        self.last_tag = 0;
        for (_, mut message) in std::mem::take(&mut self.unacked).into_iter().rev() {
            message.redelivered = true;
            self.queue.push_front(message);
        }
    }

    /// Tells the lane something, does what it asks for, and checks it.
    pub(crate) fn tell(&mut self, input: Input) -> Vec<Action> {
        let actions: Vec<Action> = self.lane.handle(self.now, input).collect();
        for action in &actions {
            self.act(*action);
        }
        if self.is_all_taken() {
            for head in watch::held_heads(&actions) {
                self.is_held_whole(self.plans[&head].0);
            }
        }
        if !self.paused.is_empty() || self.lane.is_open() {
            self.watch.halted();
        }
        let counts = self.lane.counts();
        assert_eq!(counts.running, self.attempts.len(), "attempts are counted wrongly");
        assert!(counts.running <= self.settings.concurrency, "too many attempts at once");
        if self.paused.is_empty() && self.lane.may_pass(NOBODY) {
            assert!(counts.waiters <= self.settings.most_waiters(), "too much waits in hand");
        }
        actions
    }

    fn is_held_whole(&self, subject: SubjectKey) {
        let unacked = self.unacked.values().filter(|message| message.subject == subject);
        for dispatch in unacked.map(|message| message.dispatch) {
            let held = self.asked.iter().any(|asked| asked.dispatch == dispatch);
            assert!(held || self.is_kept(dispatch), "{dispatch:?} waits in hand behind a hold");
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start(attempt) => self.start(attempt),
            Action::Write(number, dispatch, write) => {
                self.asked.push_back(Asked { number, dispatch, write, since: self.now });
            }
            Action::Ack(tag) => {
                assert!(self.now < self.lease_ends, "an ack behind the end of the lease");
                let message = self.unacked.remove(&tag).expect("a delivery is acked once");
                self.model.ack(message.dispatch);
            }
            Action::CircuitOpened { since } => {
                assert!(since <= self.now && self.lane.is_open());
                self.watch.opened();
            }
            Action::CircuitClosed { .. } => self.watch.closed(),
            Action::Rotate => {
                assert!(self.attempts.is_empty() && self.asked.is_empty(), "rotated in the middle of work");
                assert!(!self.stopping, "a lane that stops does not rotate");
                self.close_channel();
                self.tell(Input::Reopened);
            }
            Action::Drained => {
                assert!(self.attempts.is_empty() && self.asked.is_empty(), "drained in the middle of work");
                assert!(self.stopping || self.now >= self.lease_ends, "drained without a reason");
                self.restart(LastStop::Clean, None);
            }
        }
    }

    fn start(&mut self, attempt: Attempt) {
        let dispatch = attempt.dispatch;
        assert!(
            self.now < self.lease_ends && !self.stopping && self.paused.is_empty(),
            "nothing may start now"
        );
        assert!(!self.asked.iter().any(|asked| asked.dispatch == dispatch), "attempted while it is written");
        let in_ledger = self.is_kept(dispatch);
        assert_eq!(attempt.bytes == Bytes::InLedger, in_ledger, "the bytes are elsewhere");
        if attempt.bytes == Bytes::InHand {
            assert!(self.unacked.values().any(|message| message.dispatch == dispatch), "nothing is in hand");
        }
        if attempt.role != Role::Ordinary {
            assert!(attempt.role == Role::Probe || self.attempts.is_empty(), "not alone");
        }
        if self.fresh.contains(&dispatch) {
            assert_eq!(self.fresh.pop_front(), Some(dispatch), "what was ready later starts earlier");
        }
        if self.lane.is_open() {
            self.watch.probed(dispatch);
        }
        self.model.start(dispatch, self.plans[&dispatch].0);
        self.attempts.insert(dispatch, self.now);
    }

    /// Everything is well again; until nothing is left to do.
    pub(crate) fn heal(&mut self) {
        self.resume();
        for _ in 0..10_000 {
            self.deliver(usize::MAX);
            self.end(0, Outcome::Delivered);
            self.commit(usize::MAX);
            self.redrive(0);
            let idle = self.attempts.is_empty() && self.asked.is_empty();
            if idle && self.queue.is_empty() && self.unacked.is_empty() && self.kept.is_empty() {
                return;
            }
            if idle && let Some(wake) = self.lane.wake_at().filter(|wake| *wake < FOR_EVER) {
                self.advance(wake.since(self.now));
            }
        }
        panic!("stuck: {:?} and {} on the broker", self.lane.counts(), self.queue.len());
    }
}
