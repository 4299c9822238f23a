//! Which entries of the journal the ledger does not know, and which of those come too late for a target. It does not know why
//! the journal is read.

use std::collections::HashSet;
use std::sync::Arc;

use postroom_broker::{Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::{Body, InvalidFilter};

use super::later::Later;
use crate::decide::{Decider, Decision, Unmappable, Verdict, Way};
use crate::journal;
use crate::overtaken;
use crate::session::{Session, WorkerError};

/// Invalid events, newest first, among which a missed one is looked for.
const INVALID_LOOKED_AT: u32 = 1_000;

/// An event that was missed: its place in the journal, and itself as a delivery that nobody acks.
pub(crate) type Found = (u64, Delivery);

/// What tells the missed events of one system.
pub(crate) struct Sieve<'a> {
    pub(crate) session: &'a Session,
    pub(crate) system: &'a str,
    decider: Decider,
    /// The bodies that are known to be invalid, once that was asked.
    invalid: Option<HashSet<[u8; 32]>>,
    /// Which known events are behind those that were missed, once one was missed.
    later: Option<Later>,
    /// From where on what was published again is known for it.
    since: Start,
    /// Events that were missed.
    pub(crate) found: u64,
    /// Dispatches of them that came too late.
    pub(crate) overtaken: u64,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(session: &'a Session, system: &'a str, since: Start) -> Self {
        let decider = journal::decider(&session.council, session.broker.as_ref());
        Self { session, system, decider, invalid: None, later: None, since, found: 0, overtaken: 0 }
    }

    /// Everything before `since` is known.
    pub(crate) fn since(&mut self, since: Start) {
        self.since = since;
    }

    pub(crate) fn is_own(&self, delivery: &Delivery) -> bool {
        let (council, broker) = (&self.session.council, self.session.broker.as_ref());
        journal::system_of(council, broker, delivery) == Some(self.system)
    }

    /// The key of a valid event.
    pub(crate) fn key(&mut self, delivery: &Delivery) -> Option<EventKey> {
        let decision = self.decider.decide(self.system, delivery);
        match decision.verdict {
            Verdict::Invalid(_) => None,
            Verdict::NoRoute | Verdict::Routed(_) => decision.head.map(|head| head.key),
        }
    }

    /// Those of `own` that neither the ledger knows nor whoever has them `in_hand`.
    pub(crate) async fn unknown(
        &mut self,
        own: Vec<Entry>,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Entry>, WorkerError> {
        let council = Arc::clone(&self.session.council);
        let claimed = |entry: &Entry| journal::event_of(&council, &entry.delivery).map(|event| event.key());
        let claimed: Vec<_> = own.iter().map(claimed).collect();
        let known = self.session.ledger.known(&claimed.iter().flatten().copied().collect::<Vec<_>>()).await?;
        let mut unknown = Vec::new();
        for (entry, key) in own.into_iter().zip(claimed) {
            if key.is_some_and(|key| known.contains(&key) || in_hand(&key)) {
                continue;
            }
            if self.key(&entry.delivery).is_some() || !self.is_known_as_invalid(&entry.delivery).await? {
                unknown.push(entry);
            }
        }
        Ok(unknown)
    }

    /// Entries that were missed, as deliveries.
    pub(crate) async fn found(&mut self, missed: Vec<Entry>) -> Result<Vec<Found>, WorkerError> {
        if let Some(first) = missed.first()
            && self.later.is_none()
        {
            self.later = Some(Later::look(self.session, self.system, (self.since, first.offset)).await?);
        }
        self.found += missed.len() as u64;
        let found =
            |Entry { offset, delivery }| (offset, Delivery { tag: 0, redelivered: false, ..delivery });
        Ok(missed.into_iter().map(found).collect())
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
}
