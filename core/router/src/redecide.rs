//! What officers decided on invalid events, carried out by the ingress of their system: each is decided again, round by
//! round, and goes on as any event when it is valid now. It publishes and records nothing itself.

use std::sync::Arc;

use postroom_broker::Delivery;
use postroom_ledger::{Broken, Entry, InvalidShown, Job, JobState, LedgerError};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::decide::{Unmappable, Verdict};
use crate::decisions::{Outcome, decision};
use crate::entries::now;
use crate::item::Item;
use crate::rehearsal::Rehearsal;
use crate::session::{Session, WorkerError};

/// The kind of job that has invalid events decided again.
pub const REDRIVE_INVALID: &str = "redrive-invalid";
/// Most events decided again together.
const MOST_A_ROUND: usize = 200;

/// The parameters of a job on invalid events of one system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InvalidSet {
    /// Which, by their numbers; frozen when the officer decided.
    pub numbers: Vec<i64>,
    /// How many are carried out in a second.
    pub rate: u32,
}

/// Finds what an ingress is to decide again.
pub(crate) struct Redecisions {
    rehearsal: Rehearsal,
    /// One round at a time: the next begins where the ledger says that this one ended.
    turn: Arc<Semaphore>,
}

/// One round of a job, on its way through the ingress.
pub(crate) struct Round {
    job: Job,
    so_far: Outcome,
    /// The numbers of the events in it.
    numbers: Vec<i64>,
    /// How far the job is when the round is settled, and its end.
    to: (usize, usize),
    _turn: OwnedSemaphorePermit,
}

impl Redecisions {
    pub(crate) fn new(session: &Session) -> Self {
        let rehearsal = Rehearsal::on(Arc::clone(&session.council), Arc::clone(&session.table));
        Self { rehearsal, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The next round of the oldest job of the ingress with its events and their numbers; none while one is on its way.
    pub(crate) async fn next(
        &self,
        session: &Session,
    ) -> Result<Option<(Round, Vec<(i64, Delivery)>)>, LedgerError> {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else { return Ok(None) };
        let kinds = [REDRIVE_INVALID.to_owned()];
        let lease = std::slice::from_ref(&session.tenure.fence.name);
        let Some(job) = session.ledger.next_job(&kinds, lease, now()).await? else {
            return Ok(None);
        };
        let set =
            serde_json::from_value(job.params.clone()).unwrap_or(InvalidSet { numbers: vec![], rate: 1 });
        let total = set.numbers.len();
        let from = usize::try_from(job.done).unwrap_or(usize::MAX).min(total);
        let most = (set.rate.max(1) as usize).min(MOST_A_ROUND);
        let cancelled = job.state == JobState::Cancelling;
        let to = if cancelled { from } else { from.saturating_add(most).min(total) };
        let mut so_far = Outcome::of(&job);
        let mut events = Vec::new();
        for number in &set.numbers[from..to] {
            match self.one(session.ledger.invalid_show(*number).await?, &job) {
                Ok(Some(delivery)) => events.push((*number, delivery)),
                Ok(None) => so_far.carried_out += 1,
                Err(why) => so_far.leave(&number, why),
            }
        }
        let numbers = events.iter().map(|(number, _)| *number).collect();
        let to = if cancelled { (to, to) } else { (to, total) };
        Ok(Some((Round { job, so_far, numbers, to, _turn: turn }, events)))
    }

    /// The event as it came; nothing when this job has decided it before it was stopped.
    fn one(&self, shown: Option<InvalidShown>, job: &Job) -> Result<Option<Delivery>, Unmappable> {
        let left = |code, words: &str| Err(Unmappable { code, words: words.to_owned() });
        let Some(shown) = shown else { return left("not-found", "nothing is kept under this number") };
        if shown.notes.iter().any(|note| note.job == Some(job.id)) {
            return Ok(None);
        }
        if shown.summary.state != "open" {
            return left("decided", &format!("it is {} already", shown.summary.state));
        }
        self.rehearsal.kept(&shown).map(Some)
    }
}

impl Round {
    /// What the ledger is told beside the outcomes of `items`, which hold the round's events but for those that the
    /// ledger knew: these came again, corrected, on their own.
    pub(crate) fn entries(&mut self, items: &[Item]) -> Vec<Entry> {
        let at = now();
        let numbers = std::mem::take(&mut self.numbers);
        numbers.into_iter().map(|number| self.entry(number, items, at)).collect()
    }

    fn entry(&mut self, number: i64, items: &[Item], at: i64) -> Entry {
        let decision = decision(&self.job, at);
        let item = items.iter().find(|item| item.redriven == Some(number));
        match item.map(|item| &item.decision.verdict) {
            Some(Verdict::Invalid(refusal)) => {
                let code = refusal.rule.code();
                self.so_far.leave(&number, Unmappable { code, words: refusal.why() });
                let (place, words) = (refusal.place.clone(), refusal.words.clone());
                Entry::StillInvalid {
                    number,
                    broken: Broken { code: code.to_owned(), place, words },
                    decision,
                }
            }
            Some(Verdict::Routed(_) | Verdict::NoRoute) | None => {
                self.so_far.carried_out += 1;
                Entry::Understood { number, decision }
            }
        }
    }

    /// Notes that the round is recorded; the next may begin.
    pub(crate) async fn settled(self, session: &Session) -> Result<(), WorkerError> {
        self.so_far.advance(session, &self.job, self.to).await
    }
}
