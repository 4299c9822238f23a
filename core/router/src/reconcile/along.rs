//! The journal, read along with an ingress until both have come to where the session began. What stands in the journal before
//! a delivery, came neither with it nor earlier, and is not in the ledger, was lost with the queue or with its binding,
//! whatever the cause: it is taken in at its place.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use postroom_broker::{Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::JournalPlace;
use postroom_telemetry as telemetry;

use super::sieve::{Found, Sieve};
use crate::entries::now;
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// Entries that may stand before a delivery without being missed at once: publishers on several channels may reach queue and
/// journal in different orders, and a delivery that is not in the journal must not read it to its end.
const LOOK_AHEAD: usize = 1_000;

/// Part of what an ingress takes in, in its order.
pub(crate) enum Part {
    /// It came from the queue.
    Came(Vec<Delivery>),
    /// It did not.
    Missed(Vec<Found>),
}

/// The journal beside the ingress of one system.
pub(crate) struct Along<'a> {
    pub(crate) sieve: Sieve<'a>,
    journal: Journal,
    /// The offset of the first entry that may not be recorded, and that behind the last.
    from: u64,
    end: u64,
    /// Whether every entry was read.
    is_read: bool,
    /// Entries of the system that were read and have not come yet, each with its mark.
    ahead: VecDeque<(u64, Entry)>,
    /// The marks of what was missed.
    missed: HashSet<u64>,
    marks: RandomState,
}

impl<'a> Along<'a> {
    /// Opens the journal behind the noted place; none where everything in it is recorded.
    pub(crate) async fn open(session: &'a Session, system: &'a str) -> Result<Option<Self>, WorkerError> {
        let Some(JournalPlace { position, at }) = session.ledger.journal_place(system).await? else {
            return Ok(None);
        };
        let broker = session.broker.as_ref();
        let is_new = session.ledger.last_recorded_at(system).await?.is_none();
        // An empty journal takes long to read, and what it counts lags behind.
        let is_empty = is_new && broker.depth(&broker.names().journal()).await?.messages == 0;
        if !session.council.journal || is_empty {
            return Ok(None);
        }
        let remembered = journal::remembered(&session.council, now());
        let is_young = matches!(remembered, Start::Time(from) if from < seconds(at));
        // The last one that is known is read too, so that there always is one.
        let start = if is_young { Start::Offset(position.saturating_sub(1)) } else { remembered };
        let mut from = if is_young { position } else { 0 };
        let Some(mut journal) = Journal::open(broker, start).await? else { return Ok(None) };
        if journal.last().is_none() && is_young {
            // It was deleted and made again.
            journal.close().await;
            let Some(anew) = Journal::open(broker, Start::First).await? else { return Ok(None) };
            (journal, from) = (anew, 0);
        }
        let Some(last) = journal.last() else {
            journal.close().await;
            return Ok(None);
        };
        let (sieve, ahead, missed) = (Sieve::new(session, system, start), VecDeque::new(), HashSet::new());
        let (end, is_read, marks) = (last + 1, false, RandomState::new());
        Ok(Some(Self { sieve, journal, from, end, is_read, ahead, missed, marks }))
    }

    /// The deliveries with what was missed before each of them; `in_hand` is known though not yet recorded.
    pub(crate) async fn merged(
        &mut self,
        deliveries: Vec<Delivery>,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Part>, WorkerError> {
        let marks: Vec<u64> = deliveries.iter().map(|delivery| self.mark(&delivery.body)).collect();
        let (mut parts, mut came) = (Vec::new(), Vec::new());
        for (delivery, (mark, behind)) in deliveries.into_iter().zip(with_rest(&marks)) {
            let before = self.before(mark, behind, delivery.redelivered).await?;
            let found = self.sieve.unknown(before, &in_hand).await?;
            if !found.is_empty() {
                self.note(&found);
                if !came.is_empty() {
                    parts.push(Part::Came(std::mem::take(&mut came)));
                }
                parts.push(Part::Missed(found));
            }
            came.push(delivery);
        }
        if !came.is_empty() {
            parts.push(Part::Came(came));
        }
        Ok(parts)
    }

    /// What is left, some at a time, once the queue is empty; `None` at the end. Asking for more says that those handed out
    /// before are recorded, or in hand.
    pub(crate) async fn rest(
        &mut self,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Option<Vec<Found>>, WorkerError> {
        loop {
            if self.ahead.is_empty() && !self.read().await? {
                return Ok(None);
            }
            let left = self.ahead.drain(..).map(|(_, entry)| entry).collect();
            let found = self.sieve.unknown(left, &in_hand).await?;
            if !found.is_empty() {
                self.note(&found);
                return Ok(Some(found));
            }
        }
    }

    /// Whether the queue has come to where the journal ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_read && self.ahead.is_empty()
    }

    /// Ends the reading: up to where everything is recorded once what was handed out is.
    pub(crate) async fn close(self) -> u64 {
        self.journal.close().await;
        if self.sieve.found > 0 {
            telemetry::ingress_reconciled(self.sieve.system, self.sieve.found, self.sieve.overtaken);
        }
        self.end
    }

    /// What stands before the delivery of that mark, without those that come `behind` it.
    async fn before(
        &mut self,
        mark: u64,
        behind: &[u64],
        redelivered: bool,
    ) -> Result<Vec<Entry>, WorkerError> {
        let place = loop {
            let place = self.ahead.iter().position(|(one, _)| *one == mark);
            if place.is_some() || self.ahead.len() >= LOOK_AHEAD || !self.read().await? {
                break place;
            }
        };
        let before = match place {
            Some(place) => {
                let before: Vec<_> = self.ahead.drain(..place).collect();
                self.ahead.pop_front();
                before
            }
            // It came after the session began.
            None if self.is_read && !redelivered && !self.missed.contains(&mark) => {
                self.ahead.drain(..).collect()
            }
            // It was recorded before what is read here, or is missing in the journal.
            None => Vec::new(),
        };
        let (later, before): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(mark, _)| behind.contains(mark));
        later.into_iter().rev().for_each(|one| self.ahead.push_front(one));
        Ok(before.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Reads on up to an entry of the system; false at the end.
    async fn read(&mut self) -> Result<bool, WorkerError> {
        let before = self.ahead.len();
        while self.ahead.len() == before {
            let Some(entries) = self.journal.next().await? else {
                self.is_read = true;
                return Ok(false);
            };
            for entry in entries {
                if entry.offset >= self.from && self.sieve.is_own(&entry.delivery) {
                    self.ahead.push_back((self.mark(&entry.delivery.body), entry));
                }
            }
        }
        Ok(true)
    }

    fn note(&mut self, found: &[Found]) {
        for (_, missed) in found {
            let mark = self.mark(&missed.body);
            self.missed.insert(mark);
        }
    }

    /// What an entry and a delivery of the same event have in common.
    fn mark(&self, body: &[u8]) -> u64 {
        self.marks.hash_one(body)
    }
}

/// Each mark with those behind it.
fn with_rest(marks: &[u64]) -> impl Iterator<Item = (u64, &[u64])> {
    marks.iter().enumerate().map(|(place, mark)| (*mark, &marks[place + 1..]))
}

fn seconds(micros: i64) -> u64 {
    u64::try_from(micros / 1_000_000).unwrap_or(0)
}
