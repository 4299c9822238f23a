//! What officers decided on dead letters, carried out step by step by whoever holds the lease of their lane or ingress. A
//! job goes on after a stop where it stood, and what is left as it was says why.

use std::sync::Arc;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_ledger::{
    DeadLetter, DeadShown, Decision, Entry, HeldDispatch, Job, JobState, LedgerError, Message, Reason,
    StagedDispatch,
};
use postroom_telemetry as telemetry;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use crate::decide::Unmappable;
use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::overtaken;
use crate::rehearsal::{Outlook, Rehearsal, Remade};
use crate::session::{Session, WorkerError};

/// The kind of job that sends dead letters again.
pub const REDRIVE: &str = "redrive";
/// The kind of job that gives dead letters up for good.
pub const DISCARD: &str = "discard";
/// Time between two steps of a job.
pub(crate) const STEP_EVERY: Duration = Duration::from_secs(1);
/// The kind of job by which a lane learns of holds that it did not write.
pub(crate) const TAKE_UP: &str = "take-up";
/// Jobs of that kind carried out one after the other: whoever submits them keeps to a rate.
const TAKEN_UP_TOGETHER: usize = 20;
/// Why a dispatch is held that was the dead head of its subject: it goes before the others of it.
pub(crate) const REDRIVEN_FIRST: &str = "redriven";
/// Why a dispatch is held whose subject went on without it: it goes behind the others of it (a declared skip).
pub(crate) const REDRIVEN_LATE: &str = "redriven-late";

/// The parameters of a job on dead letters of one lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LetterSet {
    /// Which, in their order; frozen when the officer decided.
    pub dispatches: Vec<DispatchId>,
    /// How many are carried out in a second.
    pub rate: u32,
    /// Whether those are sent again, too, that a later one of their subject went past.
    pub stale: bool,
}

/// What came of a job so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// How many were carried out.
    pub carried_out: u64,
    /// What was left as it was, and why.
    pub left: Vec<Left>,
}

/// One thing that a job left as it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Left {
    /// The id of the dead letter, or the number of the invalid event.
    pub id: String,
    /// The code of why.
    pub code: String,
    /// What an officer should read.
    pub words: String,
}

/// What a job did to one dead letter that its lane or ingress must know.
pub(crate) enum Decided {
    /// It is given up.
    Discarded(DispatchId),
    /// It is held and tried at once.
    Redriven(Box<HeldDispatch>),
}

/// Carries out the jobs of one lease.
pub(crate) struct Decisions {
    rehearsal: Rehearsal,
    last_step: Option<Instant>,
}

/// What one dead letter comes to: what is written, and what its lane is told.
#[derive(Default)]
struct Done {
    entries: Vec<Entry>,
    decided: Option<Decided>,
}

impl Decisions {
    pub(crate) fn new(session: &Session) -> Self {
        let rehearsal = Rehearsal::on(Arc::clone(&session.council), Arc::clone(&session.table));
        Self { rehearsal, last_step: None }
    }

    /// Carries out one step of the oldest job of the lease that the session works under; nothing until the last step is a
    /// while ago. Holds that are to be taken up are, as they come.
    pub(crate) async fn next(&mut self, session: &Session) -> Result<Vec<Decided>, WorkerError> {
        if self.last_step.is_some_and(|step| step.elapsed() < STEP_EVERY) {
            return Ok(Vec::new());
        }
        let mut decided = Vec::new();
        for _ in 0..TAKEN_UP_TOGETHER {
            let Some((kind, more)) = self.one_job(session).await? else { break };
            decided.extend(more);
            if kind != TAKE_UP {
                break;
            }
        }
        Ok(decided)
    }

    /// One step of the oldest job, and of which kind it is.
    async fn one_job(&mut self, session: &Session) -> Result<Option<(String, Vec<Decided>)>, WorkerError> {
        let kinds = [REDRIVE.to_owned(), DISCARD.to_owned(), TAKE_UP.to_owned()];
        let lease = std::slice::from_ref(&session.tenure.fence.name);
        let Some(job) = session.ledger.next_job(&kinds, lease, now()).await? else { return Ok(None) };
        self.last_step = Some(Instant::now());
        let so_far = Outcome::of(&job);
        let decided = match serde_json::from_value::<LetterSet>(job.params.clone()) {
            Ok(set) if job.state != JobState::Cancelling => self.step(session, &job, &set, so_far).await?,
            Ok(_) => so_far.finish(session, &job).await.map(|()| Vec::new())?,
            Err(_) => so_far.unreadable().finish(session, &job).await.map(|()| Vec::new())?,
        };
        Ok(Some((job.kind, decided)))
    }

    async fn step(
        &mut self,
        session: &Session,
        job: &Job,
        set: &LetterSet,
        mut so_far: Outcome,
    ) -> Result<Vec<Decided>, WorkerError> {
        let total = set.dispatches.len();
        let from = usize::try_from(job.done).unwrap_or(usize::MAX).min(total);
        let to = from.saturating_add(set.rate.max(1) as usize).min(total);
        let (mut entries, mut decided) = (Vec::new(), Vec::new());
        for dispatch in &set.dispatches[from..to] {
            match self.one(session, job, set, *dispatch).await? {
                Ok(done) => {
                    so_far.carried_out += 1;
                    entries.extend(done.entries);
                    decided.extend(done.decided);
                }
                Err(why) => so_far.leave(dispatch, why),
            }
        }
        session.record(entries).await?;
        FailPoint::RedriveRecorded.pass();
        so_far.advance(session, job, (to, total)).await?;
        Ok(decided)
    }

    /// What becomes of one dead letter, or why it is left.
    async fn one(
        &mut self,
        session: &Session,
        job: &Job,
        set: &LetterSet,
        dispatch: DispatchId,
    ) -> Result<Result<Done, Unmappable>, LedgerError> {
        if job.kind == TAKE_UP {
            return taken_up(session, set, dispatch).await.map(Ok);
        }
        let Some(shown) = session.ledger.dead_show(dispatch).await? else {
            return Ok(Err(why("not-found", "nothing is kept under this id")));
        };
        if shown.notes.iter().any(|note| note.job == Some(job.id)) {
            // Written by this job before it was stopped.
            return Ok(Ok(Done::default()));
        }
        if shown.state != "open" {
            return Ok(Err(why("decided", format!("it is {} already", shown.state))));
        }
        let decision = decision(job, now());
        if job.kind == DISCARD {
            let entries = vec![Entry::Discarded { dispatches: vec![dispatch], decision }];
            return Ok(Ok(Done { entries, decided: Some(Decided::Discarded(dispatch)) }));
        }
        if !shown.blocks && !set.stale {
            let letter = &shown.letter;
            if let Some(event) = session.ledger.overtaken_by(&letter.dispatch).await? {
                return Ok(Err(why(
                    "overtaken",
                    format!("event `{event}` of the same subject went past it"),
                )));
            }
            if letter.reason.code == overtaken::CODE {
                return Ok(Err(why("overtaken", letter.reason.words.clone())));
            }
        }
        self.rehearsal.look_up(&session.ledger, &shown.letter).await?;
        Ok(self.again(shown, decision))
    }

    /// A dead letter sent again: to a batch staged, else held, so that it keeps its place in its subject.
    fn again(&mut self, shown: DeadShown, decision: Decision) -> Result<Done, Unmappable> {
        let (blocks, letter, at) = (shown.blocks, shown.letter, decision.at);
        let target = self.rehearsal.target(&letter.dispatch.target);
        let (queue, batch) = target.map_or((false, false), |side| (side.is_queue(), side.batching.is_some()));
        let redriven = Entry::Redriven { dispatches: vec![letter.dispatch.id], decision };
        if batch {
            let Remade { source, message } = self.remake(&letter)?;
            let (source, message) = (source.as_str().into(), message.into());
            let DeadLetter { dispatch, event, .. } = letter;
            let staged = Entry::Staged(StagedDispatch { dispatch, source, message, event, at });
            return Ok(Done { entries: vec![redriven, staged], decided: None });
        }
        let (source, message) = if queue {
            // Who holds for queues publishes what the ledger has.
            let Remade { source, message } = self.remake(&letter)?;
            let (bytes, content_type) = (message.to_bytes(0), Some("application/json".to_owned()));
            (source, Some(Message { bytes, content_type }))
        } else {
            // A lane maps it when it tries.
            (self.rehearsal.event(&letter).map_err(Outlook::why)?.source, None)
        };
        let held = held(letter, (source, message), if blocks { REDRIVEN_FIRST } else { REDRIVEN_LATE }, at);
        let entries = vec![redriven, Entry::Held(held.clone())];
        Ok(Done { entries, decided: Some(Decided::Redriven(Box::new(held))) })
    }

    fn remake(&mut self, letter: &DeadLetter) -> Result<Remade, Unmappable> {
        self.rehearsal.remake(letter).map_err(Outlook::why)
    }
}

/// A hold that its lane has not written: told to the lane, unless a later one of its subject has arrived meanwhile.
async fn taken_up(session: &Session, set: &LetterSet, dispatch: DispatchId) -> Result<Done, LedgerError> {
    let Some(held) = session.ledger.held(&[dispatch]).await?.into_iter().next() else {
        return Ok(Done::default());
    };
    let by = match set.stale {
        true => None,
        false => overtaken::by(&session.ledger, &held.dispatch).await?,
    };
    let Some(by) = by else {
        return Ok(Done { decided: Some(Decided::Redriven(Box::new(held))), ..Done::default() });
    };
    let HeldDispatch { dispatch, event, message, attempts, .. } = held;
    let (code, words) = (overtaken::CODE.to_owned(), overtaken::words(&by));
    telemetry::dispatch_dead(&dispatch.target, &dispatch.route, &dispatch.id.to_string(), &code, &words);
    let message = message.and_then(|message| serde_json::from_slice(&message.bytes).ok());
    let reason = Reason { code, words, detail: String::new() };
    let letter = DeadLetter { dispatch, reason, failed_at: now(), attempts, event, message };
    Ok(Done { entries: vec![Entry::Dead(letter)], decided: None })
}

/// The worker that stages again what officers redrive for a target that takes batches, until the session stops.
pub(crate) async fn stage_again(session: Session) -> Result<(), WorkerError> {
    let mut decisions = Decisions::new(&session);
    while !session.stop.is_cancelled() {
        decisions.next(&session).await?;
        session.pause(STEP_EVERY).await;
    }
    Ok(())
}

impl Outcome {
    /// What the ledger has of it.
    pub fn of(job: &Job) -> Self {
        job.outcome.as_ref().and_then(|outcome| Self::deserialize(outcome).ok()).unwrap_or_default()
    }

    pub(crate) fn leave(&mut self, id: &(impl ToString + ?Sized), Unmappable { code, words }: Unmappable) {
        self.left.push(Left { id: id.to_string(), code: code.to_owned(), words });
    }

    fn unreadable(mut self) -> Self {
        self.leave("", why("unreadable", "the parameters of the job are not of its kind"));
        self
    }

    /// Notes how far the job came; it is finished when nothing is left to do.
    pub(crate) async fn advance(
        self,
        session: &Session,
        job: &Job,
        (done, total): (usize, usize),
    ) -> Result<(), WorkerError> {
        let steps = (done as u64, total as u64);
        session.ledger.advance(job.id, steps, json!(self), now()).await?;
        if done == total { self.finish(session, job).await } else { Ok(()) }
    }

    async fn finish(self, session: &Session, job: &Job) -> Result<(), WorkerError> {
        session.ledger.finish(job.id, json!(self), now()).await?;
        telemetry::job_ended(job.id, &job.kind, &job.target, self.carried_out, self.left.len());
        Ok(())
    }
}

/// Who decided what the job carries out.
pub(crate) fn decision(job: &Job, at: i64) -> Decision {
    Decision { actor: job.actor.clone(), reason: job.reason.clone(), job: Some(job.id), at }
}

fn why(code: &'static str, words: impl Into<String>) -> Unmappable {
    Unmappable { code, words: words.into() }
}

/// The hold that a dead letter becomes.
fn held(
    letter: DeadLetter,
    (source, message): (String, Option<Message>),
    code: &str,
    at: i64,
) -> HeldDispatch {
    let words = "an officer sends it again".to_owned();
    HeldDispatch {
        source: Arc::from(source),
        dispatch: letter.dispatch,
        event: letter.event,
        message,
        reason: Reason { code: code.to_owned(), words, detail: String::new() },
        attempts: letter.attempts,
        waits: 0,
        next_at: None,
        at,
    }
}
