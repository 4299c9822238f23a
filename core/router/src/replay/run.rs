//! The worker that carries out replays and reconciles under one lease: at a rate, from where it stood, until it is cancelled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Entry as Found, Publisher, Start};
use postroom_event::EventKey;
use postroom_ledger::{Entry, Job, JobState, NewJob};
use postroom_telemetry as telemetry;
use serde_json::json;

use super::prepared::Prepared;
use super::{Params, REPLAY, Sent};
use crate::decide::{Decider, Unmappable};
use crate::decisions::{LetterSet, Outcome, TAKE_UP};
use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::journal::{self, Journal};
use crate::reconcile::{self, Emptied, RECONCILE};
use crate::references::resolved;
use crate::resend::{Patience, Published, publish_all};
use crate::session::{Session, WorkerError};
use crate::{lease, overtaken};

/// How often it is looked for a job.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most dispatches sent, and recorded, together.
const BATCH: u32 = 100;
/// Steps a second in which a rate is kept.
const STEPS_A_SECOND: u32 = 4;

/// Carries out jobs of the session's lease until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let lease = session.tenure.fence.name.clone();
    let of_lane = lease::of_lane("");
    let lane = lease.strip_prefix(&of_lane);
    let mut emptied = Emptied::new();
    while !session.stop.is_cancelled() {
        if let Some(job) = reconcile::open(&session.ledger, REPLAY, &lease).await? {
            carry_out(&session, &job).await?;
        } else if lane.is_some()
            && let Some(job) = reconcile::open(&session.ledger, RECONCILE, &lease).await?
        {
            reconcile::carry_out_late(&session, &job).await?;
        } else {
            if let Some(target) = lane {
                emptied.look(&session, target).await?;
            }
            session.pause(LOOK_EVERY).await;
        }
    }
    Ok(())
}

async fn carry_out(session: &Session, job: &Job) -> Result<(), WorkerError> {
    let Ok(params) = serde_json::from_value::<Params>(job.params.clone()) else {
        session.ledger.finish(job.id, json!({"error": "its parameters cannot be read"}), now()).await?;
        return Ok(());
    };
    let mut replay = Replay::new(session, job, &params).await?;
    if replay.send_all().await? {
        let outcome = replay.outcome;
        session.ledger.finish(job.id, json!(outcome), now()).await?;
        telemetry::replay_finished(job.id, outcome.carried_out, outcome.left.len() as u64);
    }
    Ok(())
}

/// A replay at work.
struct Replay<'a> {
    session: &'a Session,
    job: &'a Job,
    params: &'a Params,
    decider: Decider,
    publisher: Box<dyn Publisher>,
    /// What the job sends, by event and target.
    comes: HashSet<(EventKey, &'a str)>,
    /// The next of the sends.
    at: usize,
    /// What came of it so far.
    outcome: Outcome,
}

impl<'a> Replay<'a> {
    async fn new(session: &'a Session, job: &'a Job, params: &'a Params) -> Result<Self, WorkerError> {
        let decider = journal::decider(&session.council, session.broker.as_ref());
        let publisher = session.broker.publisher().await?;
        let at = usize::try_from(job.done).unwrap_or(usize::MAX).min(params.sends.len());
        let target = |route: &str| session.council.routes.iter().find(|known| *known.name == *route);
        let comes = params.sends.iter().filter_map(|send| Some((send.key?, &*target(&send.route)?.to)));
        let (comes, outcome) = (comes.collect(), Outcome::of(job));
        Ok(Self { session, job, params, decider, publisher, comes, at, outcome })
    }

    /// Sends what is left; whether the job has come to its end, or was cancelled.
    async fn send_all(&mut self) -> Result<bool, WorkerError> {
        let Some(first) = self.params.sends.get(self.at) else { return Ok(true) };
        if self.job.state == JobState::Cancelling {
            return Ok(true);
        }
        let start = Start::Offset(first.offset);
        let Some(mut journal) = Journal::open(self.session.broker.as_ref(), start).await? else {
            self.leave_the_rest();
            return Ok(true);
        };
        let step = usize::try_from((self.params.rate / STEPS_A_SECOND).clamp(1, BATCH)).unwrap_or(1);
        let mut prepared = Vec::new();
        while let Some(entries) = journal.next().await? {
            for found in &entries {
                while let Some(send) = self.due(found) {
                    prepared.extend(self.prepare(found, &send).await?);
                    if prepared.len() >= step && !self.send(std::mem::take(&mut prepared)).await? {
                        journal.close().await;
                        return Ok(!self.session.stop.is_cancelled());
                    }
                }
            }
        }
        journal.close().await;
        self.leave_the_rest();
        Ok(self.send(prepared).await? || !self.session.stop.is_cancelled())
    }

    /// Leaves what the journal has no more.
    fn leave_the_rest(&mut self) {
        while let Some(send) = self.params.sends.get(self.at) {
            self.at += 1;
            leave(&mut self.outcome, &place(send), "lost", "the journal has its event no more");
        }
    }

    /// The next send, if `found` is its event; those whose events the journal has no more are left.
    fn due(&mut self, found: &Found) -> Option<Sent> {
        while let Some(send) = self.params.sends.get(self.at).filter(|send| send.offset < found.offset) {
            self.at += 1;
            leave(&mut self.outcome, &place(send), "lost", "the journal has its event no more");
        }
        let send = self.params.sends.get(self.at).filter(|send| send.offset == found.offset)?;
        self.at += 1;
        Some(send.clone())
    }

    /// What is sent now; none where the configuration makes it no more.
    async fn prepare(&mut self, found: &Found, send: &Sent) -> Result<Option<Prepared>, WorkerError> {
        let (session, replay) = (self.session, self.params.replay.as_str());
        let made = |decider: &mut Decider| Prepared::made((session, decider), (found, send), replay);
        let prepared = resolved(&session.ledger, &mut self.decider, made).await?;
        if prepared.is_none() {
            let words = "the configuration makes it no more, or no message of it";
            leave(&mut self.outcome, &place(send), "no-longer", words);
        }
        Ok(prepared)
    }

    /// Notes, sends, records; then waits as the rate wants it. Whether to go on.
    async fn send(&mut self, prepared: Vec<Prepared>) -> Result<bool, WorkerError> {
        let session = self.session;
        let count = u32::try_from(prepared.len()).unwrap_or(u32::MAX);
        // What waits in a queue of its target's own is halted by whoever releases it.
        if let Some(lane) = prepared.iter().find(|one| one.held.is_none())
            && !session.halts.until_allowed(&lane.dispatch.target, &session.stop).await
        {
            return Ok(false);
        }
        session.wait_while_blocked().await;
        session.may_start()?;
        let prepared = self.without_overtaken(prepared).await?;
        let sent = prepared.len() as u64;
        if sent > 0 && !self.hand_over(prepared).await? {
            return Ok(false);
        }
        self.outcome.carried_out += sent;
        let steps = (self.at as u64, self.params.sends.len() as u64);
        let state = session.ledger.advance(self.job.id, steps, json!(self.outcome), now()).await?;
        session.pause(Duration::from_secs(1) * count / self.params.rate.max(1)).await;
        Ok(state == Some(JobState::Running) && !session.stop.is_cancelled())
    }

    /// Leaves what later ones of its subject have gone past since it was planned.
    async fn without_overtaken(&mut self, prepared: Vec<Prepared>) -> Result<Vec<Prepared>, WorkerError> {
        if self.params.stale {
            return Ok(prepared);
        }
        let mut sent = Vec::with_capacity(prepared.len());
        for one in prepared {
            let target = Arc::clone(&one.dispatch.target);
            let comes = |key| self.comes.contains(&(key, &*target));
            let ledger = &self.session.ledger;
            match overtaken::by_appending(ledger, &one.dispatch, comes).await? {
                Some(by) => {
                    let id = one.dispatch.id.to_string();
                    leave(&mut self.outcome, &id, overtaken::CODE, &overtaken::words(&by));
                }
                None => sent.push(one),
            }
        }
        Ok(sent)
    }

    /// To a lane: published. To a queue of its target's own: held, so that it is sent in its order by whoever sends there.
    async fn hand_over(&mut self, prepared: Vec<Prepared>) -> Result<bool, WorkerError> {
        let (session, replay, at) = (self.session, self.params.replay.clone(), now());
        let dispatches = prepared.iter().map(|one| one.dispatch.clone()).collect();
        let mut entries = vec![Entry::Again { dispatches, replay, at }];
        let (mut publishes, mut taken_up) = (Vec::new(), Vec::new());
        for Prepared { publish, dispatch, held, .. } in prepared {
            match held {
                Some(held) => {
                    taken_up.push(dispatch.id);
                    entries.push(Entry::Held(*held));
                }
                None => publishes.push(publish),
            }
        }
        session.record(entries).await?;
        FailPoint::ReplayNoted.pass();
        if !taken_up.is_empty() {
            // They were looked at a moment ago, and what comes behind them in this replay has not overtaken them.
            let params = json!(LetterSet { dispatches: taken_up, rate: u32::MAX, stale: true });
            let (kind, target) = (TAKE_UP.to_owned(), session.tenure.fence.name.clone());
            let (actor, reason) = (self.job.actor.clone(), format!("replay, job {}", self.job.id));
            session.ledger.submit(NewJob { kind, target, params, actor, reason, at }).await?;
        }
        let patience = Patience::Until(&session.stop);
        let published = publish_all(self.publisher.as_mut(), publishes, patience).await?;
        FailPoint::ReplayPublished.pass();
        Ok(published == Published::Whole)
    }
}

fn leave(outcome: &mut Outcome, id: &str, code: &'static str, words: &str) {
    outcome.leave(id, Unmappable { code, words: words.to_owned() });
}

/// How a send is named whose dispatch is not known.
fn place(send: &Sent) -> String {
    format!("{} of journal offset {}", send.route, send.offset)
}
