//! The worker that carries out replays and reconciles under one lease: at a rate, from where it stood, until it is cancelled.

use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Entry as Found, Outgoing, Publisher, Start};
use postroom_event::DispatchId;
use postroom_ledger::{Delivered, Dispatch, Entry, Job, JobState};
use postroom_telemetry as telemetry;
use serde_json::json;

use super::{Params, REPLAY, Sent};
use crate::decide::{self, Decider, Head, Verdict, Way};
use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::journal::{self, Journal};
use crate::lease;
use crate::outgoing::{REPLAY_HEADER, outgoing};
use crate::reconcile::{self, RECONCILE};
use crate::resend::{Patience, Published, publish_all};
use crate::session::{Session, WorkerError};

/// How often it is looked for a job.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most dispatches sent, and recorded, together.
const BATCH: u32 = 100;
/// Steps a second in which a rate is kept.
const STEPS_A_SECOND: u32 = 4;

/// Carries out jobs of the session's lease until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let lease = session.tenure.fence.name.clone();
    let is_lane = lease.starts_with(&lease::of_lane(""));
    while !session.stop.is_cancelled() {
        if let Some(job) = reconcile::open(&session.ledger, REPLAY, &lease).await? {
            carry_out(&session, &job).await?;
        } else if is_lane && let Some(job) = reconcile::open(&session.ledger, RECONCILE, &lease).await? {
            reconcile::carry_out_late(&session, &job).await?;
        } else {
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
    let decider = journal::decider(&session.council, session.broker.as_ref());
    let publisher = session.broker.publisher().await?;
    let at = usize::try_from(job.done).unwrap_or(usize::MAX).min(params.sends.len());
    let mut replay = Replay { session, job, params: &params, decider, publisher, at, sent: 0, skipped: 0 };
    if replay.send_all().await? {
        let (sent, skipped) = (replay.sent, replay.skipped);
        session.ledger.finish(job.id, json!({"sent": sent, "skipped": skipped}), now()).await?;
        telemetry::replay_finished(job.id, sent, skipped);
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
    /// The next of the sends.
    at: usize,
    sent: u64,
    /// Those that the configuration makes no more, or that the journal has no more.
    skipped: u64,
}

/// One dispatch to be published, and what the ledger is told of it.
struct Prepared {
    publish: Outgoing,
    dispatch: Dispatch,
    way: Arrives,
}

/// When a dispatch counts as delivered.
enum Arrives {
    /// When its queue has it.
    Now,
    /// When its lane says so.
    Later,
}

impl Replay<'_> {
    /// Sends what is left; whether the job has come to its end, or was cancelled.
    async fn send_all(&mut self) -> Result<bool, WorkerError> {
        let Some(first) = self.params.sends.get(self.at) else { return Ok(true) };
        let start = Start::Offset(first.offset);
        let Some(mut journal) = Journal::open(self.session.broker.as_ref(), start).await? else {
            self.skipped += (self.params.sends.len() - self.at) as u64;
            return Ok(true);
        };
        let step = usize::try_from((self.params.rate / STEPS_A_SECOND).clamp(1, BATCH)).unwrap_or(1);
        let mut prepared = Vec::new();
        while let Some(entries) = journal.next().await? {
            for found in &entries {
                while let Some(send) = self.due(found) {
                    prepared.extend(self.prepare(found, &send));
                    if prepared.len() >= step && !self.send(std::mem::take(&mut prepared)).await? {
                        journal.close().await;
                        return Ok(!self.session.stop.is_cancelled());
                    }
                }
            }
        }
        journal.close().await;
        self.skipped += (self.params.sends.len() - self.at) as u64;
        self.at = self.params.sends.len();
        self.send(prepared).await?;
        Ok(true)
    }

    /// The next send, if `found` is its event; those whose events the journal has no more are skipped.
    fn due(&mut self, found: &Found) -> Option<Sent> {
        while self.params.sends.get(self.at).is_some_and(|send| send.offset < found.offset) {
            (self.at, self.skipped) = (self.at + 1, self.skipped + 1);
        }
        let send = self.params.sends.get(self.at).filter(|send| send.offset == found.offset)?;
        self.at += 1;
        Some(send.clone())
    }

    /// What is published now; none where the configuration makes it no more.
    fn prepare(&mut self, found: &Found, send: &Sent) -> Option<Prepared> {
        let prepared = self.decided(found, send);
        self.skipped += u64::from(prepared.is_none());
        prepared
    }

    fn decided(&mut self, found: &Found, send: &Sent) -> Option<Prepared> {
        let (council, broker) = (&self.session.council, self.session.broker.as_ref());
        let system = journal::system_of(council, broker, &found.delivery)?;
        let decision = self.decider.decide(system, &found.delivery);
        let (head, Verdict::Routed(dispatches)) = (decision.head?, decision.verdict) else { return None };
        let mut dispatch = dispatches.into_iter().find(|dispatch| *dispatch.route == *send.route)?;
        if send.again {
            dispatch.id = DispatchId::again(&head.source, &head.id, &dispatch.route, &self.params.replay);
        }
        let mut publish = outgoing(broker.names(), &found.delivery, &head, &dispatch)?;
        if send.again {
            publish.message.headers.push((REPLAY_HEADER.to_owned(), self.params.replay.clone()));
        }
        let way = if matches!(dispatch.way, Way::Lane) { Arrives::Later } else { Arrives::Now };
        Some(Prepared { publish, dispatch: recorded(&head, &dispatch), way })
    }

    /// Notes, publishes, records; then waits as the rate wants it. Whether to go on.
    async fn send(&mut self, prepared: Vec<Prepared>) -> Result<bool, WorkerError> {
        let session = self.session;
        if let Some(first) = prepared.first()
            && !session.halts.until_allowed(&first.dispatch.target, &session.stop).await
        {
            return Ok(false);
        }
        session.wait_while_blocked().await;
        session.may_start()?;
        let count = u32::try_from(prepared.len()).unwrap_or(u32::MAX);
        let (replay, at) = (self.params.replay.clone(), now());
        let dispatches = prepared.iter().map(|one| one.dispatch.clone()).collect();
        session.record(vec![Entry::Again { dispatches, replay, at }]).await?;
        FailPoint::ReplayNoted.pass();
        let (mut publishes, mut delivered) = (Vec::new(), Vec::new());
        for Prepared { publish, dispatch, way } in prepared {
            publishes.push(publish);
            if let Arrives::Now = way {
                let receipt = Delivered { dispatch, attempts: 1, at, reference: None };
                delivered.push(Entry::Delivered(receipt));
            }
        }
        let patience = Patience::Until(&session.stop);
        if publish_all(self.publisher.as_mut(), publishes, patience).await? == Published::Stopped {
            return Ok(false);
        }
        FailPoint::ReplayPublished.pass();
        session.record(delivered).await?;
        self.sent += u64::from(count);
        let (done, total) = (self.at as u64, self.params.sends.len() as u64);
        let state = session.ledger.progress(self.job.id, done, total, now()).await?;
        session.pause(Duration::from_secs(1) * count / self.params.rate.max(1)).await;
        Ok(state == Some(JobState::Running) && !session.stop.is_cancelled())
    }
}

/// The dispatch as the ledger knows it.
fn recorded(head: &Head, dispatch: &decide::Dispatch) -> Dispatch {
    Dispatch {
        id: dispatch.id,
        event: head.key,
        route: Arc::clone(&dispatch.route),
        target: Arc::clone(&dispatch.target),
        event_type: head.event_type.as_str().into(),
        subject: head.subject.clone(),
    }
}
