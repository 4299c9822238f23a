//! The journal, read along with an ingress until both have come to where it ended when the reading began: at the start of a
//! session, and now and then while nothing comes. What stands in the journal before a delivery, came neither with it nor
//! earlier, and is not in the ledger, was lost with the queue or with its binding, whatever the cause: it is taken in at its
//! place.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use postroom_broker::{Broker, BrokerError, Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::{JournalPlace, Ledger};
use postroom_telemetry as telemetry;

use super::sieve::{Found, Sieve};
use crate::entries::{journal_read, now};
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// Entries that the ledger does not know, up to which the entry of a delivery is looked for: publishers on several channels
/// may reach queue and journal in different orders, and a delivery that is not in the journal must not read it to its end.
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
    /// Of these, the first so many are not in the ledger.
    sifted: usize,
    /// The marks of what was missed.
    missed: HashSet<u64>,
    marks: RandomState,
}

impl<'a> Along<'a> {
    /// Opens the journal behind the noted place; none where everything in it is recorded. When a session `begins`, what the
    /// journal counts is not trusted: it lags behind, but an empty one takes long to read.
    pub(crate) async fn open(
        session: &'a Session,
        system: &'a str,
        begins: bool,
    ) -> Result<Option<Self>, WorkerError> {
        let Some(JournalPlace { position, at }) = session.ledger.journal_place(system).await? else {
            return Ok(None);
        };
        let broker = session.broker.as_ref();
        if !session.council.journal {
            return Ok(None);
        }
        let is_trusted = !begins || session.ledger.last_recorded_at(system).await?.is_none();
        if is_trusted && broker.depth(&broker.names().journal()).await?.messages == 0 {
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
        let (end, is_read, sifted, marks) = (last + 1, false, 0, RandomState::new());
        Ok(Some(Self { sieve, journal, from, end, is_read, ahead, sifted, missed, marks }))
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
            let before = self.before(mark, (behind, delivery.redelivered), &in_hand).await?;
            let found = self.missed(before, &in_hand).await?;
            if !found.is_empty() {
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
        if self.ahead.is_empty() && !self.read().await? {
            return Ok(None);
        }
        self.sifted = 0;
        let left = self.ahead.drain(..).collect();
        self.missed(left, &in_hand).await.map(Some)
    }

    /// Whether the queue has come to where the journal ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_read && self.ahead.is_empty()
    }

    /// Ends the reading: up to where everything is recorded once what was handed out is, where that is news.
    pub(crate) async fn close(self) -> Option<u64> {
        let place = (self.is_over() && self.end != self.from).then_some(self.end);
        self.journal.close().await;
        if self.sieve.found > 0 {
            telemetry::ingress_reconciled(self.sieve.system, self.sieve.found, self.sieve.overtaken);
        }
        place
    }

    /// What stands before the delivery of that mark, without those that come `behind` it.
    async fn before(
        &mut self,
        mark: u64,
        (behind, redelivered): (&[u64], bool),
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<(u64, Entry)>, WorkerError> {
        let place = loop {
            let place = self.ahead.iter().position(|(one, _)| *one == mark);
            if place.is_some() {
                break place;
            }
            if self.ahead.len() >= LOOK_AHEAD && self.sifted < self.ahead.len() {
                self.sift(in_hand).await?;
            }
            if self.ahead.len() >= LOOK_AHEAD || !self.read().await? {
                break None;
            }
        };
        let before: Vec<_> = match place {
            Some(place) => {
                let before = self.ahead.drain(..place).collect();
                self.ahead.pop_front();
                before
            }
            // It came after the reading began.
            None if self.is_read && !redelivered && !self.missed.contains(&mark) => {
                self.ahead.drain(..).collect()
            }
            // It was recorded before what is read here, or is missing in the journal.
            None => return Ok(Vec::new()),
        };
        let taken = before.len() + usize::from(place.is_some());
        self.sifted = self.sifted.saturating_sub(taken);
        let (later, before): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(mark, _)| behind.contains(mark));
        if !later.is_empty() {
            self.sifted = 0;
        }
        later.into_iter().rev().for_each(|one| self.ahead.push_front(one));
        Ok(before)
    }

    /// Leaves out what is known by now.
    async fn sift(&mut self, in_hand: &impl Fn(&EventKey) -> bool) -> Result<(), WorkerError> {
        let entries = self.ahead.drain(..).map(|(_, entry)| entry).collect();
        let unknown = self.sieve.unknown(entries, in_hand).await?;
        self.ahead = unknown.into_iter().map(|entry| (self.mark(&entry.delivery.body), entry)).collect();
        self.sifted = self.ahead.len();
        Ok(())
    }

    /// Those that were missed, as deliveries.
    async fn missed(
        &mut self,
        before: Vec<(u64, Entry)>,
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Found>, WorkerError> {
        if before.is_empty() {
            return Ok(Vec::new());
        }
        let entries = before.into_iter().map(|(_, entry)| entry).collect();
        let unknown = self.sieve.unknown(entries, in_hand).await?;
        let marks: Vec<_> = unknown.iter().map(|entry| self.mark(&entry.delivery.body)).collect();
        self.missed.extend(marks);
        self.sieve.found(unknown).await
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

    /// What an entry and a delivery of the same event have in common.
    fn mark(&self, body: &[u8]) -> u64 {
        self.marks.hash_one(body)
    }
}

/// Notes the end of the journal as the first place of each of `systems` that has none: what a journal holds already is not
/// for a new ledger. Called before anything is declared, so that what comes in later is behind that place.
pub(crate) async fn note_first(
    broker: &dyn Broker,
    ledger: &Ledger,
    systems: &[String],
) -> Result<(), WorkerError> {
    let mut first = None;
    for system in systems {
        if ledger.journal_place(system).await?.is_none() {
            let position = match first {
                Some(position) => position,
                None => *first.insert(end(broker).await?),
            };
            ledger.record(vec![journal_read(system, position)]).await?;
        }
    }
    Ok(())
}

/// The offset behind the last entry of the journal; 0 when there is none.
async fn end(broker: &dyn Broker) -> Result<u64, WorkerError> {
    let journal = broker.names().journal();
    let is_empty = match broker.depth(&journal).await {
        Err(BrokerError::Missing { .. }) => true,
        depth => depth?.messages == 0,
    };
    if is_empty {
        return Ok(0);
    }
    let Some(journal) = Journal::open(broker, Start::First).await? else { return Ok(0) };
    let last = journal.last();
    journal.close().await;
    Ok(last.map_or(0, |last| last + 1))
}

/// Each mark with those behind it.
fn with_rest(marks: &[u64]) -> impl Iterator<Item = (u64, &[u64])> {
    marks.iter().enumerate().map(|(place, mark)| (*mark, &marks[place + 1..]))
}

fn seconds(micros: i64) -> u64 {
    u64::try_from(micros / 1_000_000).unwrap_or(0)
}
