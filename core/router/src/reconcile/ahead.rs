//! What was read of the journal for one system and has not come from its ingress yet.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use postroom_broker::{Broker, BrokerError, Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::JournalPlace;
use tokio::time::Instant;

use super::along::When;
use super::sieve::{Sieve, identity};
use crate::entries::now;
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// Entries in their order, and how far the journal was read.
pub(super) struct Ahead {
    journal: Journal,
    /// The offset of the first entry that may not be recorded, that behind the last that was read, and that behind the last.
    from: u64,
    reached: u64,
    end: u64,
    /// Each with its mark.
    entries: VecDeque<(u64, Entry)>,
    /// Of these, the first so many are not in the ledger.
    sifted: usize,
    /// When the end of the journal was looked at.
    pub(super) looked_at: Instant,
    marks: RandomState,
}

impl Ahead {
    /// Opens the journal behind `noted`; none where there is nothing to read.
    pub(super) async fn open(
        session: &Session,
        system: &str,
        noted: JournalPlace,
        when: When,
    ) -> Result<Option<Self>, WorkerError> {
        let (broker, ledger) = (session.broker.as_ref(), &session.ledger);
        let JournalPlace { position, at, .. } = noted;
        // Before the place was noted nothing was for this ledger; what was lost in an earlier session may not be counted yet.
        let is_first = at >= session.since && ledger.last_recorded_at(system).await?.is_none();
        if (is_first || when == When::Quiet) && broker.depth(&broker.names().journal()).await?.messages == 0 {
            return Ok(None);
        }
        let (mut from, mut start) = (position, Start::Offset(position.saturating_sub(1)));
        let is_remembered = journal::remembers(&session.council, at);
        if !is_remembered {
            (from, start) = (0, journal::remembered(&session.council, now()));
        }
        // The last entry that is known is read too: where it is not found, the journal was deleted and made again.
        let mut journal = Journal::open(broker, start).await?;
        if from > 0 && journal.as_ref().is_some_and(|journal| journal.last().is_none()) {
            (from, journal) = (0, Journal::open(broker, Start::First).await?);
        }
        let Some(journal) = journal else { return Ok(None) };
        if !is_remembered && journal.last().is_none() {
            // Nothing is as young as what the ledger remembers: what is older is done.
            journal.close().await;
            return Ok(None);
        }
        Ok(Some(Self {
            from,
            reached: from,
            end: journal.last().map_or(0, |last| last + 1),
            journal,
            entries: VecDeque::new(),
            sifted: 0,
            looked_at: Instant::now(),
            marks: RandomState::new(),
        }))
    }

    /// Reads on up to an entry of the system; false at the end.
    pub(super) async fn read(&mut self, sieve: &Sieve<'_>) -> Result<bool, WorkerError> {
        let before = self.entries.len();
        while self.entries.len() == before {
            let Some(entries) = self.journal.next().await? else {
                self.reached = self.end;
                return Ok(false);
            };
            for entry in entries {
                self.reached = self.reached.max(entry.offset + 1);
                if entry.offset >= self.from && sieve.is_own(&entry.delivery) {
                    self.entries.push_back((self.mark(&entry.delivery), entry));
                }
            }
        }
        Ok(true)
    }

    /// Goes on to what is the end of the journal now.
    pub(super) async fn extend(&mut self, broker: &dyn Broker) -> Result<(), BrokerError> {
        let start = Start::Offset(self.end.saturating_sub(1));
        let now = Instant::now();
        let Some(anew) = Journal::open(broker, start).await? else { return Ok(()) };
        std::mem::replace(&mut self.journal, anew).close().await;
        self.looked_at = now;
        self.from = self.from.max(self.end);
        self.end = self.journal.last().map_or(self.end, |last| self.end.max(last + 1));
        Ok(())
    }

    /// Leaves out what is known by now, unless that was done for all.
    pub(super) async fn sift(
        &mut self,
        sieve: &mut Sieve<'_>,
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<(), WorkerError> {
        if self.sifted < self.entries.len() {
            let unknown = sieve.unknown(self.take(), in_hand).await?;
            self.entries = unknown.into_iter().map(|entry| (self.mark(&entry.delivery), entry)).collect();
            self.sifted = self.entries.len();
        }
        Ok(())
    }

    /// All of them.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        self.sifted = 0;
        self.entries.drain(..).map(|(_, entry)| entry).collect()
    }

    /// Those before the one at `place`, which comes now itself; what comes with it, by `marks`, stays.
    pub(super) fn take_before(&mut self, place: usize, marks: &[u64]) -> Vec<Entry> {
        let before: Vec<_> = self.entries.drain(..place).collect();
        self.entries.pop_front();
        self.sifted = self.sifted.saturating_sub(before.len() + 1);
        let (later, before): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(mark, _)| marks.contains(mark));
        if !later.is_empty() {
            self.sifted = 0;
        }
        later.into_iter().rev().for_each(|one| self.entries.push_front(one));
        before.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Where the entry with `mark` is among them.
    pub(super) fn place(&self, mark: u64) -> Option<usize> {
        self.entries.iter().position(|(one, _)| *one == mark)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the journal was read to its end.
    pub(super) fn is_read(&self) -> bool {
        self.reached >= self.end
    }

    /// The offset behind the last entry that was read.
    pub(super) fn reached(&self) -> u64 {
        self.reached
    }

    /// The offset of the first of them, or behind the last entry that was read.
    pub(super) fn position(&self) -> u64 {
        self.entries.front().map_or(self.reached, |(_, entry)| entry.offset)
    }

    /// What an entry and a delivery of the same event have in common.
    pub(super) fn mark(&self, delivery: &Delivery) -> u64 {
        self.marks()(delivery)
    }

    /// [`Self::mark`] by itself.
    pub(super) fn marks(&self) -> impl Fn(&Delivery) -> u64 + use<> {
        let marks = self.marks.clone();
        move |delivery| marks.hash_one(identity(delivery))
    }

    pub(super) async fn close(self) {
        self.journal.close().await;
    }
}
