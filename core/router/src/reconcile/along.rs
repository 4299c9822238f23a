//! The journal, read along with an ingress until both have come to where it ended: at the start of a session, and now and then
//! while nothing comes. What stands in the journal before a delivery, came neither with it nor earlier, and is not in the
//! ledger, was lost with the queue or with its binding, whatever the cause: it is taken in at its place.
//!
//! A delivery that is not in the journal proves nothing: a broker may confirm an event before its streams have started.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use postroom_broker::{Delivery, Entry};
use postroom_event::EventKey;
use postroom_ledger::JournalPlace;
use postroom_telemetry as telemetry;
use tokio::time::Instant;

use super::AGAIN_WITHIN;
use super::ahead::Ahead;
use super::further::Further;
use super::sieve::{Found, Sieve};
use crate::entries::{self, now};
use crate::journal;
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
    ahead: Ahead,
    /// The place that is noted, and when the next one is.
    noted: JournalPlace,
    note_at: Instant,
    /// The marks of what was missed.
    missed: HashSet<u64>,
    further: Further,
    /// When the deliveries came that are merged.
    came_at: Instant,
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
        let ahead = Ahead::open(session, system, place, when).await?;
        if when == When::Beginning && place.is_reading != ahead.is_some() {
            place.is_reading = ahead.is_some();
            session.record(vec![entries::journal_read(system, place)]).await?;
        }
        Ok(ahead.map(|ahead| Self {
            sieve: Sieve::new(session, system, journal::since(place.at, AGAIN_WITHIN)),
            ahead,
            noted: place,
            note_at: Instant::now() + NOTE_EVERY,
            missed: HashSet::new(),
            further: Further::default(),
            came_at: Instant::now(),
        }))
    }

    /// The first of `deliveries`, with what was missed before each of them; `in_hand` is known though not yet recorded.
    pub(crate) async fn merged(
        &mut self,
        deliveries: &mut VecDeque<Delivery>,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Part>, WorkerError> {
        self.came_at = Instant::now();
        let marks: Vec<u64> = deliveries.iter().map(|delivery| self.ahead.mark(delivery)).collect();
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
        if self.ahead.is_empty() && !self.ahead.read(&self.sieve).await? {
            return Ok(None);
        }
        let left = self.ahead.take();
        self.missed(left, &in_hand).await.map(Some)
    }

    /// Whether the queue has come to where the journal ended.
    pub(crate) fn is_over(&self) -> bool {
        self.ahead.is_read() && self.ahead.is_empty()
    }

    /// Up to where everything is recorded once what was handed out is, where that is news and it is time to note it: now and
    /// then, and at the end.
    pub(crate) fn place(&mut self) -> Option<JournalPlace> {
        let position = self.ahead.position();
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
        self.ahead.close().await;
        if self.sieve.found > 0 {
            telemetry::ingress_reconciled(self.sieve.system, self.sieve.found, self.sieve.overtaken);
        }
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
            if let Some(place) = self.ahead.place(*mark) {
                break place;
            }
            if self.ahead.len() >= LOOK_AHEAD {
                self.ahead.sift(&mut self.sieve, in_hand).await?;
            }
            if self.ahead.len() >= LOOK_AHEAD {
                if is_elsewhere || self.is_known(delivery, in_hand).await? || !self.is_further(*mark).await? {
                    return Ok(Before::Here(Vec::new()));
                }
                return Ok(Before::Further(self.ahead.take()));
            }
            if self.ahead.read(&self.sieve).await? {
                continue;
            }
            // It may have come after the journal was opened: then what is ahead is before it all the same.
            let is_all_there = looks == LOOKS || self.ahead.looked_at >= self.came_at + BEHIND;
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
            self.ahead.extend(self.sieve.session.broker.as_ref()).await?;
        };
        Ok(Before::Here(self.ahead.take_before(place, behind)))
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
        let marks: Vec<_> = unknown.iter().map(|entry| self.ahead.mark(&entry.delivery)).collect();
        self.missed.extend(marks);
        self.sieve.found(unknown).await
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
        let Self { further, sieve, ahead, came_at, .. } = self;
        let (broker, marks, reached) = (sieve.session.broker.as_ref(), ahead.marks(), ahead.reached());
        let mark_of = |entry: &Entry| sieve.is_own(&entry.delivery).then(|| marks(&entry.delivery));
        Ok(further.has(broker, (mark, reached, *came_at), mark_of).await?)
    }
}

/// What stands in the journal before a delivery.
enum Before {
    /// All of it.
    Here(Vec<Entry>),
    /// A part: there is more behind it.
    Further(Vec<Entry>),
}
