//! One lane machine (`core/lane`) with what it is about: the dispatches in hand, and what it asked for and is not done
//! yet. Knows neither where dispatches come from nor how they are sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use postroom_connector::Outgoing;
use postroom_lane::{
    Action, Arrival, Attempt, Bytes, DispatchKey, Input, Kept, Lane, LastStop, Outcome, Pause, Role,
    Settings, Standing, Tag, Write, WriteNumber,
};
use postroom_ledger::{Dispatch, Entry, LaneState};
use postroom_telemetry as telemetry;
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::Clock;
use crate::decide::Unmappable;
use crate::decisions::Decided;
use crate::entries;
use crate::lane_job::Reader;
use crate::poison::{Suspect, Suspects};
use crate::references::of_receipt;
use crate::session::{Session, WorkerError};
use crate::taker::{Plans, Taker, id, key, subject};
use crate::work::{Tried, Work, lane_outcome};

/// Why a lane is not worked on any longer, or not on this channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It is stopped.
    Stopped,
    /// Its channel is to be opened anew.
    Rotated,
}

/// A lane machine at work.
pub(crate) struct Desk {
    session: Session,
    target: Arc<str>,
    pub(crate) taker: Taker,
    pub(crate) reader: Reader,
    /// What is tried with care (DESIGN 3.11).
    pub(crate) suspects: Suspects,
    lane: Lane,
    clock: Clock,
    plans: Plans,
    works: HashMap<DispatchKey, Work>,
    /// What the lane asked for and is not done yet, in its order.
    starts: Vec<Attempt>,
    writes: Vec<(WriteNumber, DispatchKey, Write)>,
    /// What is being written.
    writing: HashSet<DispatchKey>,
    acks: Vec<Tag>,
    over: Option<Over>,
    /// Since when the target cannot be reached, in microseconds since the epoch.
    down_since: Option<i64>,
}

impl Desk {
    /// A desk within `limits`, whose lane knows every hold of `target` for `taker` that is `ours` by its CloudEvents source.
    pub(crate) async fn load(
        session: &Session,
        target: &str,
        (taker, limits): (Taker, Settings),
        ours: impl Fn(&str) -> bool,
    ) -> Result<Self, WorkerError> {
        let (plans, kept) = taker.load(session, target, ours).await?;
        let seed = Uuid::new_v5(&Uuid::NAMESPACE_OID, target.as_bytes()).as_u64_pair().0;
        let in_place = taker.in_place(session);
        let last_stop = if taker.is_careful(session) { LastStop::Unclean } else { LastStop::Clean };
        let settings = Settings { in_place, last_stop, seed, ..limits };
        let clock = Clock::start();
        let lane = Lane::load(settings, clock.at(session.tenure.ends()), kept);
        let mut desk = Self {
            session: session.clone(),
            target: target.into(),
            taker,
            reader: Reader::new(&session.council, &session.table, target),
            suspects: Suspects::new(session),
            lane,
            clock,
            plans,
            works: HashMap::new(),
            starts: Vec::new(),
            writes: Vec::new(),
            writing: HashSet::new(),
            acks: Vec::new(),
            over: None,
            down_since: None,
        };
        desk.heed();
        Ok(desk)
    }

    /// Whose lane it is.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Tells the lane, and keeps what it asks for.
    pub(crate) fn tell(&mut self, input: Input) {
        if matches!(input, Input::Committed(_)) {
            self.writing.clear();
        }
        for action in self.lane.handle(self.clock.now(), input) {
            match action {
                Action::Start(attempt) => self.starts.push(attempt),
                Action::Write(number, dispatch, write) => self.writes.push((number, dispatch, write)),
                Action::Ack(tag) => self.acks.push(tag),
                // Of a queue that takes nothing its holds tell.
                Action::CircuitOpened { .. } | Action::CircuitClosed { .. } if self.taker == Taker::Lane => {}
                Action::CircuitOpened { since } => {
                    self.down_since = Some(since.micros());
                    telemetry::target_down(&self.target, &self.clock.said(since));
                }
                Action::CircuitClosed { after } => {
                    self.down_since = None;
                    telemetry::target_back(&self.target, after.as_secs());
                }
                Action::Rotate => self.over = Some(Over::Rotated),
                Action::Drained => self.over = Some(Over::Stopped),
            }
        }
    }

    /// Tells the lane until when it may start anything.
    pub(crate) fn prolonged(&mut self, ends: Instant) {
        self.tell(Input::Leased(self.clock.at(ends)));
    }

    /// The channel is open again. What was tried and did not end comes again, without what it was told.
    pub(crate) async fn reopened(&mut self) -> Result<(), WorkerError> {
        let works = self.works.drain();
        let attempts: Vec<_> = works.filter_map(|(_, work)| work.attempts_that_failed()).collect();
        if !attempts.is_empty() {
            self.session.record(attempts).await?;
        }
        self.tell(Input::Reopened);
        Ok(())
    }

    /// What the lane is told of a dispatch that is not known to have ended.
    pub(crate) fn arrival(&self, dispatch: &Dispatch, source: &str, tag: u64) -> Arrival {
        Arrival {
            tag: Tag(tag),
            dispatch: key(dispatch.id),
            subject: subject(source, &dispatch.subject),
            plan: self.plans.get(&dispatch.route).cloned().unwrap_or_default(),
            redelivered: false,
            finished: false,
        }
    }

    /// Keeps what the lane may ask to attempt: not what came again while its end is being written.
    pub(crate) fn take_in(&mut self, arrival: &Arrival, work: impl FnOnce() -> Work) {
        if !self.writing.contains(&arrival.dispatch) {
            self.works.entry(arrival.dispatch).or_insert_with(work);
        }
    }

    /// Whether a dispatch may go past the lane: see [`Lane::may_pass`].
    pub(crate) fn may_pass(&self, source: &str, about: &str) -> bool {
        self.lane.may_pass(subject(source, about))
    }

    /// Whether every dispatch may go past the lane.
    pub(crate) fn is_idle(&self) -> bool {
        self.lane.counts().subjects == 0 && !self.lane.is_halted()
    }

    /// When the lane wants to be told that time has passed.
    pub(crate) fn wake(&self) -> Instant {
        self.clock.instant(self.lane.wake_at())
    }

    /// Tells the lane what halts it.
    pub(crate) fn heed(&mut self) {
        let halts = &self.session.halts;
        // A pause keeps a target from work, not its lane from filling.
        let paused = self.taker != Taker::Lane && halts.is_paused(&self.target);
        let operator = (Pause::Operator, paused);
        for (why, halted) in [operator, (Pause::Ledger, halts.is_ledger_slow())] {
            self.tell(if halted { Input::Pause(why) } else { Input::Resume(why) });
        }
    }

    /// How the lane stands now.
    pub(crate) fn state(&self) -> LaneState {
        LaneState {
            target: self.target.to_string(),
            down_since: self.down_since,
            in_hand: self.lane.counts().unacked as u64,
            at: entries::now(),
        }
    }

    /// Why the lane is over, if it is.
    pub(crate) fn over(&mut self) -> Option<Over> {
        self.over.take()
    }

    /// What the lane wants written, in its order, and the number to be committed by.
    pub(crate) fn take_writes(&mut self) -> Option<(Vec<Entry>, WriteNumber)> {
        let (last, _, _) = *self.writes.last()?;
        let mut entries = Vec::new();
        let (now, mut delivered) = (entries::now(), 0);
        for (_, dispatch, write) in std::mem::take(&mut self.writes) {
            self.writing.insert(dispatch);
            // The lane writes about what is in hand only.
            let Some(work) = self.works.remove(&dispatch) else { continue };
            if self.taker == Taker::Lane {
                entries.extend(work.write_before_lane(write, now));
                continue;
            }
            if write == Write::Receipt {
                delivered += 1;
                entries.extend(of_receipt(&self.session.council, &work, now));
            }
            entries.extend(work.write(write, now));
        }
        if delivered > 0 {
            telemetry::count_dispatches(&self.target, "delivered", delivered);
        }
        Some((entries, last))
    }

    /// Commits what the lane wants written; whether there was anything.
    pub(crate) async fn commit(&mut self) -> Result<bool, WorkerError> {
        let Some((entries, last)) = self.take_writes() else { return Ok(false) };
        self.session.record(entries).await?;
        self.tell(Input::Committed(last));
        Ok(true)
    }

    /// Whether the lane asks for anything that is not done yet.
    pub(crate) fn is_asking(&self) -> bool {
        !self.writes.is_empty() || self.asks_at_once()
    }

    /// Whether it asks for what waits for no commit.
    pub(crate) fn asks_at_once(&self) -> bool {
        !self.starts.is_empty() || !self.acks.is_empty()
    }

    /// What may be acked.
    pub(crate) fn take_acks(&mut self) -> Vec<Tag> {
        std::mem::take(&mut self.acks)
    }

    /// What is to be attempted now: which, and what is sent. What cannot be sent is told to the lane.
    pub(crate) async fn take_starts(&mut self) -> Result<Vec<(Attempt, Outgoing)>, WorkerError> {
        let starts = std::mem::take(&mut self.starts);
        let poison = self.suspect(&starts).await?;
        self.fetch(&starts, &poison).await?;
        self.look_up(&starts).await?;
        let mut sent = Vec::with_capacity(starts.len());
        for attempt in starts {
            match self.works.get(&attempt.dispatch).map(|work| &work.outgoing) {
                Some(Ok(outgoing)) => sent.push((attempt, outgoing.clone())),
                _ => self.tell(Input::Ended(attempt.dispatch, Outcome::Unsendable)),
            }
        }
        Ok(sent)
    }

    /// Notes what is attempted with care; what is not to be read again, and why.
    async fn suspect(&mut self, starts: &[Attempt]) -> Result<Poison, WorkerError> {
        let mut poison = Poison::new();
        for attempt in starts.iter().filter(|attempt| attempt.role == Role::Careful) {
            if let Some(refusal) = self.suspects.note(Suspect::Dispatch(id(attempt.dispatch))).await? {
                poison.insert(attempt.dispatch, refusal.into());
            }
        }
        Ok(poison)
    }

    /// Fetches from the ledger what is to be attempted and lies there.
    async fn fetch(&mut self, starts: &[Attempt], poison: &Poison) -> Result<(), WorkerError> {
        let kept = starts.iter().filter(|attempt| attempt.bytes == Bytes::InLedger);
        let ids: Vec<_> = kept.map(|attempt| id(attempt.dispatch)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let held = self.session.ledger.held(&ids).await?;
        if held.len() < ids.len() {
            let words = format!("a hold of {} is not in the ledger: its lane", self.target);
            return Err(WorkerError::Crashed(words));
        }
        for held in held {
            let key = key(held.dispatch.id);
            let work = match (self.taker, poison.get(&key)) {
                (Taker::Lane, _) => Work::unmapped(held.dispatch, held.source, held.event),
                (_, Some(unmappable)) => Work::unread(held, unmappable.clone()),
                (_, None) => self.reader.held(&self.session.ledger, held).await?,
            };
            self.works.insert(key, work);
        }
        Ok(())
    }

    /// Makes those messages now that hold what the ledger knows: what was before them in their lane may have told it.
    async fn look_up(&mut self, starts: &[Attempt]) -> Result<(), WorkerError> {
        let in_hand = starts.iter().filter(|attempt| attempt.bytes == Bytes::InHand);
        let starting: HashSet<_> = in_hand.map(|attempt| attempt.dispatch).collect();
        let works = self.works.iter_mut().filter(|(dispatch, _)| starting.contains(dispatch));
        let asking: Vec<_> = works.map(|(_, work)| work).filter(|work| self.reader.asks(work)).collect();
        if !asking.is_empty() {
            self.reader.look_up(&self.session.ledger, asking).await?;
        }
        Ok(())
    }

    /// A dispatch that is being attempted.
    pub(crate) fn work(&self, dispatch: DispatchKey) -> Option<&Work> {
        self.works.get(&dispatch)
    }

    /// Takes in how an attempt ended.
    pub(crate) fn ended(&mut self, dispatch: DispatchKey, tried: Tried) {
        let outcome = lane_outcome(&tried.result);
        if let Some(work) = self.works.get_mut(&dispatch).filter(|_| self.taker != Taker::Lane) {
            work.tried(tried);
        }
        self.tell(Input::Ended(dispatch, outcome));
    }

    /// Takes in that nobody came for what was on offer, and it was taken back.
    pub(crate) fn recalled(&mut self, dispatch: DispatchKey) {
        self.tell(Input::Ended(dispatch, Outcome::Recalled));
    }

    /// Whether what is on offer may wait there: see [`Lane::lets_wait`].
    pub(crate) fn lets_wait(&self) -> bool {
        self.lane.lets_wait()
    }

    /// Takes in what officers decided on dead letters.
    pub(crate) fn decided(&mut self, decided: &Decided) {
        self.tell(match decided {
            Decided::Discarded(dispatch) => Input::Discarded(key(*dispatch)),
            Decided::Redriven(held) => Input::Redriven(Kept {
                dispatch: key(held.dispatch.id),
                subject: subject(&held.source, &held.dispatch.subject),
                plan: self.plans.get(&held.dispatch.route).cloned().unwrap_or_default(),
                standing: Standing::Held { waits: 0, next: None },
            }),
        });
    }
}

/// What has stopped the hub too often, with the words that its dead letter says.
type Poison = HashMap<DispatchKey, Unmappable>;
