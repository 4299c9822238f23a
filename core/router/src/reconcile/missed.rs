//! What an ingress is asked to take in again: events of one system that are in the journal and not in the ledger, handed to it
//! as if they came from the queue.

use std::time::Duration;

use postroom_broker::{Entry, Start};
use postroom_ledger::{Job, JobState, JournalPlace};
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::Instant;

use super::later::Later;
use super::sieve::{Found, Sieve};
use super::{AGAIN_WITHIN, RECONCILE, open};
use crate::entries::{self, now};
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// How often an ingress looks whether it is asked to reconcile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is noted how far it is looked, and whether it is asked to stop.
const NOTE_EVERY: Duration = Duration::from_millis(500);

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
    pub(crate) sieve: Sieve<'a>,
    job: Job,
    journal: Option<Journal>,
    /// Behind the last entry that was looked at.
    reached: u64,
    noted_at: Option<Instant>,
    /// When the journal was opened, in microseconds since the epoch.
    opened_at: i64,
    has_ended: bool,
}

impl Drop for Missed<'_> {
    /// The next session goes on with what was found out.
    fn drop(&mut self) {
        if !self.has_ended {
            self.sieve.session.laters.keep(self.job.id, std::mem::take(&mut self.sieve.later));
        }
    }
}

impl<'a> Missed<'a> {
    /// What the ingress of `system` is asked to take in again; none when it is not asked.
    pub(crate) async fn asked(session: &'a Session, system: &'a str) -> Result<Option<Self>, WorkerError> {
        let Some(job) = open(&session.ledger, RECONCILE, &session.tenure.fence.name).await? else {
            return Ok(None);
        };
        let remembered = journal::remembered(&session.council, now());
        let (mut sieve, reached) = (Sieve::new(session, system, remembered), job.done);
        sieve.later = session.laters.take(job.id);
        let mut missed =
            Self { sieve, job, journal: None, reached, noted_at: None, opened_at: now(), has_ended: false };
        let start = missed.start(remembered).await?;
        missed.journal = Journal::open(session.broker.as_ref(), start).await?;
        if missed.journal.as_ref().is_some_and(|journal| journal.last().is_none()) {
            // The journal was deleted and made again since: no place in it means what it did.
            missed.journal = Journal::open(session.broker.as_ref(), remembered).await?;
            (missed.reached, missed.job.total, missed.sieve.later) = (0, 0, Later::default());
        }
        Ok(Some(missed))
    }

    /// The next ones. Asking for more says that those handed out before are recorded.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Found>>, WorkerError> {
        loop {
            let session = self.sieve.session;
            let Some(journal) = &mut self.journal else { return self.end().await };
            // What came after the queue was made again, or else after the job was begun, is in the queue. Whatever is there and not in
            // the journal, as a broker may leave it that was killed, would be overtaken by what is read of it here.
            let end = match self.job.total {
                0 => journal.last().map_or(0, |last| last + 1),
                total => total,
            };
            if self.noted_at.is_none_or(|at| at.elapsed() >= NOTE_EVERY) {
                self.noted_at = Some(Instant::now());
                self.job.total = end;
                let state = session.ledger.progress(self.job.id, self.reached, end, now()).await?;
                if state == Some(JobState::Cancelling) {
                    return self.end().await;
                }
            }
            if session.stop.is_cancelled() {
                return Ok(None);
            }
            let entries = if self.reached < end { journal.next().await? } else { None };
            let Some(entries) = entries else {
                let place = JournalPlace { position: self.reached, at: self.opened_at, is_reading: true };
                if self.reached > 0 && session.council.journal {
                    session.record(vec![entries::journal_read(self.sieve.system, place)]).await?;
                }
                return self.end().await;
            };
            self.reached = entries.last().map_or(self.reached, |entry| end.min(entry.offset + 1));
            let is_own = |entry: &Entry| entry.offset < end && self.sieve.is_own(&entry.delivery);
            let own = entries.into_iter().filter(is_own).collect();
            let unknown = self.sieve.unknown(own, |_| false).await?;
            if !unknown.is_empty() {
                return Ok(Some(self.sieve.found(unknown).await?));
            }
        }
    }

    async fn end(&mut self) -> Result<Option<Vec<Found>>, WorkerError> {
        if let Some(journal) = self.journal.take() {
            journal.close().await;
        }
        let (found, overtaken) = (self.sieve.found, self.sieve.overtaken);
        let outcome = json!({"taken_in": found, "overtaken": overtaken});
        self.sieve.session.ledger.finish(self.job.id, outcome, now()).await?;
        self.has_ended = true;
        telemetry::ingress_reconciled(self.sieve.system, found, overtaken);
        Ok(None)
    }

    /// Where to begin: where a stopped hub was, else up to where everything is recorded; never before what the ledger
    /// remembers. What was published again is looked for an hour further back.
    async fn start(&mut self, remembered: Start) -> Result<Start, WorkerError> {
        let session = self.sieve.session;
        let is_from_first = self.job.params["from"] == "first";
        let place = session.ledger.journal_place(self.sieve.system).await?;
        let place = place.filter(|place| !is_from_first && journal::remembers(&session.council, place.at));
        if let Some(place) = place {
            self.sieve.since(journal::since(place.at, AGAIN_WITHIN));
        }
        if self.job.done > 0 {
            let first = journal::first_offset(session.broker.as_ref(), remembered).await?;
            return Ok(
                first.map_or(remembered, |first| Start::Offset(first.max(self.job.done.saturating_sub(1))))
            );
        }
        // The last that is recorded is read too: it tells that it is the same journal.
        Ok(place.map_or(remembered, |place| Start::Offset(place.position.saturating_sub(1))))
    }
}
