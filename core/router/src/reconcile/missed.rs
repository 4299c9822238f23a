//! Events of one system that are in the journal and not in the ledger: handed to its ingress as if they came from the queue.

use std::collections::HashSet;
use std::time::Duration;

use postroom_broker::{Delivery, Entry, Start};
use postroom_ledger::{Body, InvalidFilter, Job, JobState};
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::Instant;

use super::later::Later;
use super::{RECONCILE, open};
use crate::decide::{Decider, Decision, Unmappable, Verdict, Way};
use crate::entries::now;
use crate::journal::{self, Journal};
use crate::overtaken;
use crate::session::{Session, WorkerError};

/// How often an ingress looks whether it is asked to reconcile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// An ingress is taken in its order, so what is before a known event is known: how far back such a one is looked for.
const LOOK_BACK: [Duration; 3] =
    [Duration::from_secs(3_600), Duration::from_secs(86_400), Duration::from_secs(7 * 86_400)];
/// Invalid events, newest first, among which a missed one is looked for.
const INVALID_LOOKED_AT: u32 = 1_000;

/// When to look next.
pub(crate) struct Asked {
    at: Instant,
}

impl Asked {
    pub(crate) fn new() -> Self {
        Self { at: Instant::now() + LOOK_EVERY }
    }

    /// When the next look is due.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Whether the session's ingress is asked to reconcile; looked up when it is due.
    pub(crate) async fn now(&mut self, session: &Session) -> Result<bool, WorkerError> {
        if Instant::now() < self.at {
            return Ok(false);
        }
        self.at = Instant::now() + LOOK_EVERY;
        Ok(open(&session.ledger, RECONCILE, &session.tenure.fence.name).await?.is_some())
    }
}

/// What is in the journal and was never taken, in its order.
pub(crate) struct Missed<'a> {
    session: &'a Session,
    system: &'a str,
    job: Job,
    journal: Option<Journal>,
    decider: Decider,
    /// The bodies that are known to be invalid, once that was asked.
    invalid: Option<HashSet<[u8; 32]>>,
    /// Which known events are behind those that were missed, once one was missed.
    later: Option<Later>,
    /// From where on what was published again is known for it.
    since: Start,
    /// Behind the last entry that was looked at.
    reached: u64,
    found: u64,
    overtaken: u64,
}

/// An event that was missed: its place in the journal, and itself as a delivery that nobody acks.
pub(crate) type Found = (u64, Delivery);

impl<'a> Missed<'a> {
    /// What the ingress of `system` is asked to take in again; none when it is not asked.
    pub(crate) async fn asked(session: &'a Session, system: &'a str) -> Result<Option<Self>, WorkerError> {
        let Some(job) = open(&session.ledger, RECONCILE, &session.tenure.fence.name).await? else {
            return Ok(None);
        };
        let decider = journal::decider(&session.council, session.broker.as_ref());
        let (journal, invalid, later, reached) = (None, None, None, job.done);
        let (found, overtaken) = (0, 0);
        let since = journal::remembered(&session.council, now());
        let mut missed =
            Self { session, system, job, journal, decider, invalid, later, since, reached, found, overtaken };
        let start = missed.start().await?;
        if missed.job.done == 0 {
            missed.since = start;
        }
        missed.journal = Journal::open(session.broker.as_ref(), start).await?;
        Ok(Some(missed))
    }

    /// The next ones. Asking for more says that those handed out before are recorded.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Found>>, WorkerError> {
        loop {
            let Some(journal) = &mut self.journal else { return self.end().await };
            let last = journal.last().unwrap_or_default();
            let ledger = &self.session.ledger;
            let state = ledger.progress(self.job.id, self.reached, last + 1, now()).await?;
            if state == Some(JobState::Cancelling) {
                return self.end().await;
            }
            if self.session.stop.is_cancelled() {
                return Ok(None);
            }
            let Some(entries) = journal.next().await? else { return self.end().await };
            self.reached = entries.last().map_or(self.reached, |entry| entry.offset + 1);
            let unknown = self.unknown(entries).await?;
            if let Some((first, _)) = unknown.first() {
                if self.later.is_none() {
                    let from = (self.since, *first);
                    self.later = Some(Later::look(self.session, self.system, from).await?);
                }
                self.found += unknown.len() as u64;
                return Ok(Some(unknown));
            }
        }
    }

    /// What would arrive at its target behind a later one of its subject goes nowhere: a declared skip.
    pub(crate) async fn skip(&mut self, offset: u64, decision: &mut Decision) -> Result<(), WorkerError> {
        let (Some(head), Verdict::Routed(dispatches), Some(later)) =
            (&decision.head, &mut decision.verdict, &self.later)
        else {
            return Ok(());
        };
        let behind = later.behind(head, offset);
        if behind.is_empty() {
            return Ok(());
        }
        let ahead = overtaken::Ahead::of(&self.session.ledger, &head.subject, behind).await?;
        for dispatch in dispatches.iter_mut().filter(|dispatch| !matches!(dispatch.way, Way::Dead(_))) {
            if let Some(by) = ahead.at(&dispatch.target) {
                let words = overtaken::words(by);
                dispatch.way = Way::Dead(Unmappable { code: overtaken::CODE, words });
                self.overtaken += 1;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<Option<Vec<Found>>, WorkerError> {
        if let Some(journal) = self.journal.take() {
            journal.close().await;
        }
        let (found, overtaken) = (self.found, self.overtaken);
        let outcome = json!({"taken_in": found, "overtaken": overtaken});
        self.session.ledger.finish(self.job.id, outcome, now()).await?;
        telemetry::ingress_reconciled(self.system, found, overtaken);
        Ok(None)
    }

    /// Those of the system that the ledger does not know.
    async fn unknown(&mut self, entries: Vec<Entry>) -> Result<Vec<Found>, WorkerError> {
        let own = entries.into_iter().filter(|entry| self.is_own(&entry.delivery)).collect::<Vec<_>>();
        let mut keys = Vec::with_capacity(own.len());
        for entry in &own {
            keys.push(key(&mut self.decider, self.system, &entry.delivery));
        }
        let valid: Vec<_> = keys.iter().flatten().copied().collect();
        let known = self.session.ledger.known(&valid).await?;
        let mut unknown = Vec::new();
        for (Entry { offset, mut delivery }, key) in own.into_iter().zip(keys) {
            let is_known = match key {
                Some(key) => known.contains(&key),
                None => self.is_known_as_invalid(&delivery).await?,
            };
            if !is_known {
                (delivery.tag, delivery.redelivered) = (0, false);
                unknown.push((offset, delivery));
            }
        }
        Ok(unknown)
    }

    fn is_own(&self, delivery: &Delivery) -> bool {
        let (council, broker) = (&self.session.council, self.session.broker.as_ref());
        journal::system_of(council, broker, delivery) == Some(self.system)
    }

    async fn is_known_as_invalid(&mut self, delivery: &Delivery) -> Result<bool, WorkerError> {
        if self.invalid.is_none() {
            let ledger = &self.session.ledger;
            let filter = InvalidFilter { system: Some(self.system.to_owned()), ..InvalidFilter::default() };
            let mut hashes = HashSet::new();
            for row in ledger.invalid_find(&filter, INVALID_LOOKED_AT).await? {
                hashes.extend(ledger.invalid_show(row.id).await?.map(|shown| shown.body.sha256));
            }
            self.invalid = Some(hashes);
        }
        let body = Body::kept(&delivery.body, 0);
        Ok(self.invalid.as_ref().is_some_and(|hashes| hashes.contains(&body.sha256)))
    }

    /// Where to begin: where a stopped hub was, else where everything before is known; never before what the ledger
    /// remembers.
    async fn start(&mut self) -> Result<Start, WorkerError> {
        let remembered = journal::remembered(&self.session.council, now());
        if self.job.done > 0 {
            let first = journal::first_offset(self.session.broker.as_ref(), remembered).await?;
            return Ok(first.map_or(remembered, |first| Start::Offset(first.max(self.job.done))));
        }
        if self.job.params["from"] == "first" {
            return Ok(remembered);
        }
        for age in LOOK_BACK.into_iter().filter(|age| *age < self.session.council.keep) {
            let start = journal::since(now(), age);
            if self.begins_known(start).await? {
                return Ok(start);
            }
        }
        Ok(remembered)
    }

    /// Whether the first valid event of the system from `start` on is known.
    async fn begins_known(&mut self, start: Start) -> Result<bool, WorkerError> {
        let Some(mut journal) = Journal::open(self.session.broker.as_ref(), start).await? else {
            return Ok(false);
        };
        let mut first = None;
        while first.is_none()
            && let Some(entries) = journal.next().await?
        {
            let own = entries.iter().filter(|entry| self.is_own(&entry.delivery)).collect::<Vec<_>>();
            first = own.iter().find_map(|entry| key(&mut self.decider, self.system, &entry.delivery));
        }
        journal.close().await;
        let known = self.session.ledger.known(first.as_slice()).await?;
        Ok(!known.is_empty())
    }
}

/// The key of a valid event.
fn key(decider: &mut Decider, system: &str, delivery: &Delivery) -> Option<postroom_event::EventKey> {
    let decision = decider.decide(system, delivery);
    match decision.verdict {
        Verdict::Invalid(_) => None,
        Verdict::NoRoute | Verdict::Routed(_) => decision.head.map(|head| head.key),
    }
}
