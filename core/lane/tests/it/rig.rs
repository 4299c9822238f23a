//! One lane on a bench: told things one by one, with everything it asks for noted. Delivery tags are 1, 2, 3 in the
//! order of arrival.

use std::sync::Arc;
use std::time::Duration;

use postroom_lane::{
    Action, AfterDeadLetter, Arrival, Attempt, DispatchKey, Input, Kept, Lane, Moment, Outcome, Plan,
    Settings, Standing, SubjectKey, Tag, Write, WriteNumber,
};

pub(crate) use Outcome::{Delivered, Down, Permanent, Unknown, Unsendable};
/// A failure that may pass, without a hint when.
pub(crate) const TRANSIENT: Outcome = Outcome::Transient(None);
/// Longer than any wait in place.
pub(crate) const IN_PLACE_OVER: Duration = Duration::from_secs(60);
/// When the lease of the bench ends.
pub(crate) const LEASE: Duration = Duration::from_secs(1_000_000);

pub(crate) struct Rig {
    pub(crate) lane: Lane,
    pub(crate) now: Moment,
    plan: Arc<Plan>,
    last_tag: u64,
    last_write: u64,
}

/// What a lane asked for in answer to one input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked(pub(crate) Vec<Action>);

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(settings(), [])
    }

    pub(crate) fn with(settings: Settings, kept: impl IntoIterator<Item = Kept>) -> Self {
        let now = Moment::from_micros(0);
        let lane = Lane::load(settings, now + LEASE, kept);
        Self { lane, now, plan: Arc::new(Plan::default()), last_tag: 0, last_write: 0 }
    }

    /// What arrives from now on has this plan.
    pub(crate) fn plan(&mut self, retry: &[Duration], after_dead_letter: AfterDeadLetter) {
        self.plan = Arc::new(Plan { retry: retry.to_vec(), after_dead_letter });
    }

    pub(crate) fn tell(&mut self, input: Input) -> Asked {
        let actions: Vec<Action> = self.lane.handle(self.now, input).collect();
        for action in &actions {
            if let Action::Write(number, ..) = action {
                self.last_write += 1;
                assert_eq!(number.0, self.last_write, "writes are numbered in order");
            }
        }
        Asked(actions)
    }

    pub(crate) fn arrive(&mut self, dispatch: u128, subject: u128) -> Asked {
        let arrival = self.arrival(dispatch, subject);
        self.tell(Input::Arrived(arrival))
    }

    /// A delivery with the next tag.
    pub(crate) fn arrival(&mut self, dispatch: u128, subject: u128) -> Arrival {
        self.last_tag += 1;
        Arrival {
            tag: Tag(self.last_tag),
            dispatch: DispatchKey(dispatch),
            subject: SubjectKey(subject),
            plan: Arc::clone(&self.plan),
            redelivered: false,
            finished: false,
        }
    }

    pub(crate) fn end(&mut self, dispatch: u128, outcome: Outcome) -> Asked {
        self.tell(Input::Ended(DispatchKey(dispatch), outcome))
    }

    /// Everything that was asked for is committed.
    pub(crate) fn commit(&mut self) -> Asked {
        self.tell(Input::Committed(WriteNumber(self.last_write)))
    }

    pub(crate) fn pass(&mut self, span: Duration) -> Asked {
        self.now = self.now + span;
        self.tell(Input::Passed)
    }

    /// Time passes to the next moment that the lane waits for.
    pub(crate) fn wake(&mut self) -> Asked {
        self.now = self.lane.wake_at().expect("the lane waits for something");
        self.tell(Input::Passed)
    }

    /// `dispatch` arrives, fails in place for a minute, and is held.
    pub(crate) fn hold(&mut self, dispatch: u128, subject: u128) {
        assert_eq!(self.arrive(dispatch, subject).started(), [dispatch]);
        assert_eq!(self.end(dispatch, TRANSIENT).started(), []);
        let tried_again = self.pass(IN_PLACE_OVER).started();
        assert_eq!(tried_again, [dispatch]);
        assert_eq!(self.end(dispatch, TRANSIENT).held(), [dispatch]);
        self.commit();
    }

    /// Two subjects cannot be reached: the circuit opens.
    pub(crate) fn open_circuit(&mut self, dispatches: [u128; 2]) {
        for dispatch in dispatches {
            assert_eq!(self.arrive(dispatch, dispatch).started(), [dispatch]);
        }
        self.end(dispatches[0], Down);
        self.end(dispatches[1], Down);
        assert!(self.lane.is_open());
    }
}

pub(crate) fn settings() -> Settings {
    Settings { concurrency: 4, prefetch: 16, ..Settings::default() }
}

/// A hold of the ledger that is due at once.
pub(crate) fn held(dispatch: u128, subject: u128) -> Kept {
    kept(dispatch, subject, Standing::Held { waits: 0, next: None })
}

pub(crate) fn kept(dispatch: u128, subject: u128, standing: Standing) -> Kept {
    let plan = Arc::new(Plan::default());
    Kept { dispatch: DispatchKey(dispatch), subject: SubjectKey(subject), plan, standing }
}

impl Asked {
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let attempt = |action: &Action| match action {
            Action::Start(attempt) => Some(*attempt),
            _ => None,
        };
        self.0.iter().filter_map(attempt).collect()
    }

    pub(crate) fn started(&self) -> Vec<u128> {
        self.attempts().iter().map(|attempt| attempt.dispatch.0).collect()
    }

    pub(crate) fn acked(&self) -> Vec<u64> {
        let acked = |action: &Action| match action {
            Action::Ack(tag) => Some(tag.0),
            _ => None,
        };
        self.0.iter().filter_map(acked).collect()
    }

    pub(crate) fn writes(&self) -> Vec<(u128, Write)> {
        let write = |action: &Action| match action {
            Action::Write(_, dispatch, write) => Some((dispatch.0, *write)),
            _ => None,
        };
        self.0.iter().filter_map(write).collect()
    }

    /// Dispatches whose hold is to be written.
    pub(crate) fn held(&self) -> Vec<u128> {
        let holds = self.writes().into_iter().filter(|(_, write)| matches!(write, Write::Hold { .. }));
        holds.map(|(dispatch, _)| dispatch).collect()
    }

    pub(crate) fn has(&self, action: Action) -> bool {
        self.0.contains(&action)
    }
}
