//! The journal, read along with an ingress until both have come to where it ended: at the start of a session, and now and then
//! while nothing comes. What stands in the journal before a delivery, came neither with it nor earlier, and is not in the
//! ledger, was lost with the queue or with its binding, whatever the cause: it is taken in at its place.
//!
//! A delivery that is not in the journal proves nothing: a broker may confirm an event before its streams have started.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use postroom_broker::{Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::JournalPlace;
use postroom_telemetry as telemetry;
use tokio::time::Instant;

use super::AGAIN_WITHIN;
use super::further::Further;
use super::sieve::{Found, Sieve, identity};
use crate::entries::{self, now};
use crate::journal::{self, Journal};
use crate::session::{Session, WorkerError};

/// Entries that may stand before a delivery without being missed at once: publishers on several channels may reach queue and
/// journal in different orders.
const LOOK_AHEAD: usize = 1_000;
/// Times that the end of the journal is looked at anew for a delivery.
const LOOKS: u32 = 2;
/// How often the place is noted while both go on: from there the next session reads.
const NOTE_EVERY: Duration = Duration::from_secs(2);
/// How long a stream may be behind a queue with the same event.
const BEHIND: Duration = Duration::from_millis(25);

/// Part of what an ingress takes in, in its order.
pub(crate) enum Part {
    /// It came from the queue.
    Came(Vec<Delivery>),
    /// It did not.
    Missed(Vec<Found>),
}

/// When the journal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// At the start of a session: what the journal counts is not trusted, for it lags behind.
    Beginning,
    /// In a quiet moment.
    Quiet,
}

/// The journal beside the ingress of one system.
pub(crate) struct Along<'a> {
    pub(crate) sieve: Sieve<'a>,
    journal: Journal,
    /// The place that is noted, and when the next one is.
    noted: JournalPlace,
    note_at: Instant,
    /// The offset of the first entry that may not be recorded, that behind the last that was read, and that behind the last.
    from: u64,
    reached: u64,
    end: u64,
    /// Entries of the system that were read and have not come yet, each with its mark.
    ahead: VecDeque<(u64, Entry)>,
    /// Of these, the first so many are not in the ledger.
    sifted: usize,
    /// The marks of what was missed.
    missed: HashSet<u64>,
    further: Further,
    /// When the deliveries came that are merged, and when the end of the journal was looked at.
    came_at: Instant,
    looked_at: Instant,
    marks: RandomState,
}

impl<'a> Along<'a> {
    /// Opens the journal behind the noted place; none where there is nothing to read. An empty journal takes long to read.
    pub(crate) async fn open(
        session: &'a Session,
        system: &'a str,
        when: When,
    ) -> Result<Option<Self>, WorkerError> {
        let place = if session.council.journal { session.ledger.journal_place(system).await? } else { None };
        let Some(mut place) = place else { return Ok(None) };
        let mut along = Self::behind(session, system, place, when).await?;
        if when == When::Beginning && place.is_reading != along.is_some() {
            place.is_reading = along.is_some();
            session.record(vec![entries::journal_read(system, place)]).await?;
        }
        if let Some(along) = &mut along {
            along.noted = place;
        }
        Ok(along)
    }

    async fn behind(
        session: &'a Session,
        system: &'a str,
        noted: JournalPlace,
        when: When,
    ) -> Result<Option<Self>, WorkerError> {
        let (broker, ledger) = (session.broker.as_ref(), &session.ledger);
        let JournalPlace { position, at, .. } = noted;
        let counts = when == When::Quiet || ledger.last_recorded_at(system).await?.is_none();
        if counts && broker.depth(&broker.names().journal()).await?.messages == 0 {
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
            sieve: Sieve::new(session, system, journal::since(at, AGAIN_WITHIN)),
            noted,
            note_at: Instant::now() + NOTE_EVERY,
            from,
            reached: from,
            end: journal.last().map_or(0, |last| last + 1),
            journal,
            ahead: VecDeque::new(),
            sifted: 0,
            missed: HashSet::new(),
            further: Further::default(),
            came_at: Instant::now(),
            looked_at: Instant::now(),
            marks: RandomState::new(),
        }))
    }

    /// The first of `deliveries`, with what was missed before each of them; `in_hand` is known though not yet recorded.
    pub(crate) async fn merged(
        &mut self,
        deliveries: &mut VecDeque<Delivery>,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Part>, WorkerError> {
        self.came_at = Instant::now();
        let marks: Vec<u64> = deliveries.iter().map(|delivery| self.mark(delivery)).collect();
        let (mut parts, mut came) = (Vec::new(), Vec::new());
        for (place, mark) in marks.iter().enumerate() {
            let Some(mut delivery) = deliveries.pop_front() else { break };
            let before = self.before(&marks[place..], &delivery, &in_hand).await?;
            let is_further = matches!(before, Before::Further(_));
            let (Before::Here(entries) | Before::Further(entries)) = before;
            let found = self.missed(entries, &in_hand).await?;
            if !found.is_empty() {
                if !came.is_empty() {
                    parts.push(Part::Came(std::mem::take(&mut came)));
                }
                parts.push(Part::Missed(found));
            }
            if is_further {
                deliveries.push_front(delivery);
                break;
            }
            // What was taken from the journal already comes again, though nobody published it again.
            delivery.redelivered |= self.missed.contains(mark);
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
        let left = self.ahead.drain(..).map(|(_, entry)| entry).collect();
        self.missed(left, &in_hand).await.map(Some)
    }

    /// Whether the queue has come to where the journal ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_read() && self.ahead.is_empty()
    }

    /// Up to where everything is recorded once what was handed out is, where that is news and it is time to note it: now and
    /// then, and at the end.
    pub(crate) fn place(&mut self) -> Option<JournalPlace> {
        let position = self.ahead.front().map_or(self.reached, |(_, entry)| entry.offset);
        let place = JournalPlace { position, at: now(), is_reading: !self.is_over() };
        let is_news = place.position != self.noted.position || place.is_reading != self.noted.is_reading;
        if !is_news || (place.is_reading && Instant::now() < self.note_at) {
            return None;
        }
        (self.noted, self.note_at) = (place, Instant::now() + NOTE_EVERY);
        Some(place)
    }

    /// Ends the reading.
    pub(crate) async fn close(self) {
        self.journal.close().await;
        if self.sieve.found > 0 {
            telemetry::ingress_reconciled(self.sieve.system, self.sieve.found, self.sieve.overtaken);
        }
    }

    fn is_read(&self) -> bool {
        self.reached >= self.end
    }

    /// What stands before the delivery with the first of `marks`, without those that come with the others.
    async fn before(
        &mut self,
        marks: &[u64],
        delivery: &Delivery,
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<Before, WorkerError> {
        let Some((mark, behind)) = marks.split_first() else { return Ok(Before::Here(Vec::new())) };
        // It was recorded before what is read here, or was handed out already.
        let is_elsewhere = delivery.redelivered || self.missed.contains(mark);
        let mut looks = 0;
        let place = loop {
            if let Some(place) = self.ahead.iter().position(|(one, _)| one == mark) {
                break place;
            }
            if self.ahead.len() >= LOOK_AHEAD && self.sifted < self.ahead.len() {
                self.sift(in_hand).await?;
            }
            if self.ahead.len() >= LOOK_AHEAD {
                if is_elsewhere || self.is_known(delivery, in_hand).await? || !self.is_further(*mark).await? {
                    return Ok(Before::Here(Vec::new()));
                }
                self.sifted = 0;
                return Ok(Before::Further(self.ahead.drain(..).map(|(_, entry)| entry).collect()));
            }
            if self.read().await? {
                continue;
            }
            // It may have come after the journal was opened: then what is ahead is before it all the same.
            let is_all_there = looks == LOOKS || self.looked_at >= self.came_at + BEHIND;
            if self.ahead.is_empty() || is_elsewhere || is_all_there {
                return Ok(Before::Here(Vec::new()));
            }
            if looks == 0 && self.is_known(delivery, in_hand).await? {
                return Ok(Before::Here(Vec::new()));
            }
            if looks > 0 {
                tokio::time::sleep(BEHIND).await;
            }
            looks += 1;
            self.extend().await?;
        };
        let before: Vec<_> = self.ahead.drain(..place).collect();
        self.ahead.pop_front();
        self.sifted = self.sifted.saturating_sub(before.len() + 1);
        let (later, before): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(mark, _)| behind.contains(mark));
        if !later.is_empty() {
            self.sifted = 0;
        }
        later.into_iter().rev().for_each(|one| self.ahead.push_front(one));
        Ok(Before::Here(before.into_iter().map(|(_, entry)| entry).collect()))
    }

    /// Leaves out of what is ahead what is known by now.
    async fn sift(&mut self, in_hand: &impl Fn(&EventKey) -> bool) -> Result<(), WorkerError> {
        let entries = self.ahead.drain(..).map(|(_, entry)| entry).collect();
        let unknown = self.sieve.unknown(entries, in_hand).await?;
        self.ahead = unknown.into_iter().map(|entry| (self.mark(&entry.delivery), entry)).collect();
        self.sifted = self.ahead.len();
        Ok(())
    }

    /// Those that were missed, as deliveries.
    async fn missed(
        &mut self,
        before: Vec<Entry>,
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Found>, WorkerError> {
        if before.is_empty() {
            return Ok(Vec::new());
        }
        let unknown = self.sieve.unknown(before, in_hand).await?;
        let marks: Vec<_> = unknown.iter().map(|entry| self.mark(&entry.delivery)).collect();
        self.missed.extend(marks);
        self.sieve.found(unknown).await
    }

    /// Reads on up to an entry of the system; false at the end.
    async fn read(&mut self) -> Result<bool, WorkerError> {
        let before = self.ahead.len();
        while self.ahead.len() == before {
            let Some(entries) = self.journal.next().await? else {
                self.reached = self.end;
                return Ok(false);
            };
            for entry in entries {
                self.reached = self.reached.max(entry.offset + 1);
                if entry.offset >= self.from && self.sieve.is_own(&entry.delivery) {
                    self.ahead.push_back((self.mark(&entry.delivery), entry));
                }
            }
        }
        Ok(true)
    }

    /// Goes on to what is the end of the journal now.
    async fn extend(&mut self) -> Result<(), WorkerError> {
        let start = Start::Offset(self.end.saturating_sub(1));
        let now = Instant::now();
        let Some(anew) = Journal::open(self.sieve.session.broker.as_ref(), start).await? else {
            return Ok(());
        };
        std::mem::replace(&mut self.journal, anew).close().await;
        self.looked_at = now;
        self.from = self.from.max(self.end);
        self.end = self.journal.last().map_or(self.end, |last| self.end.max(last + 1));
        Ok(())
    }

    /// Whether a delivery was taken before, though the broker does not say so: it was published again.
    async fn is_known(
        &mut self,
        delivery: &Delivery,
        in_hand: &impl Fn(&EventKey) -> bool,
    ) -> Result<bool, WorkerError> {
        let entry = Entry { offset: 0, delivery: delivery.clone() };
        Ok(self.sieve.unknown(vec![entry], in_hand).await?.is_empty())
    }

    /// Whether the entry of a delivery stands behind everything that was read.
    async fn is_further(&mut self, mark: u64) -> Result<bool, WorkerError> {
        let Self { further, sieve, marks, reached, came_at, .. } = self;
        let broker = sieve.session.broker.as_ref();
        let mark_of =
            |entry: &Entry| sieve.is_own(&entry.delivery).then(|| marks.hash_one(identity(&entry.delivery)));
        Ok(further.has(broker, (mark, *reached, *came_at), mark_of).await?)
    }

    /// What an entry and a delivery of the same event have in common.
    fn mark(&self, delivery: &Delivery) -> u64 {
        self.marks.hash_one(identity(delivery))
    }
}

/// What stands in the journal before a delivery.
enum Before {
    /// All of it.
    Here(Vec<Entry>),
    /// A part: there is more behind it.
    Further(Vec<Entry>),
}
