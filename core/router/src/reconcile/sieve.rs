//! Which entries of the journal the ledger does not know, and which of those come too late for a target. It does not know why
//! the journal is read.

use std::collections::{HashMap, HashSet};

use postroom_broker::{Delivery, Entry, Start};
use postroom_event::EventKey;
use postroom_ledger::{Body, InvalidFilter, Taken};

use super::later::Later;
use crate::decide::{Decision, Unmappable, Verdict, Way};
use crate::journal;
use crate::overtaken;
use crate::session::{Session, WorkerError};

/// Invalid events, newest first, among which a missed one is looked for.
const INVALID_LOOKED_AT: u32 = 1_000;
/// Events behind missed ones that are looked up together.
const LOOKED_UP_AT_ONCE: usize = 1_000;

/// An event that was missed: its place in the journal, and itself as a delivery that nobody acks.
pub(crate) type Found = (u64, Delivery);

/// What tells the missed events of one system.
pub(crate) struct Sieve<'a> {
    pub(crate) session: &'a Session,
    pub(crate) system: &'a str,
    /// The newest that are known to be invalid, once that was asked.
    invalid: Option<HashSet<Fingerprint>>,
    /// Which known events are behind those that were missed, once one was missed.
    pub(super) later: Later,
    /// From where on what was published again is known for it.
    since: Start,
    /// Events that were missed.
    pub(crate) found: u64,
    /// Dispatches of them that came too late.
    pub(crate) overtaken: u64,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(session: &'a Session, system: &'a str, since: Start) -> Self {
        Self { session, system, invalid: None, later: Later::default(), since, found: 0, overtaken: 0 }
    }

    /// What was published again is looked for from `since` on only: everything before is known.
    pub(crate) fn since(&mut self, since: Start) {
        self.since = since;
    }

    pub(crate) fn is_own(&self, delivery: &Delivery) -> bool {
        let (council, broker) = (&self.session.council, self.session.broker.as_ref());
        journal::system_of(council, broker, delivery) == Some(self.system)
    }

    /// Those of `own` that neither the ledger knows nor whoever has them `in_hand`. What was given up as invalid is not even
    /// decoded: it may have stopped the hub, or be what an officer discarded.
    pub(crate) async fn unknown(
        &mut self,
        mut own: Vec<Entry>,
        in_hand: impl Fn(&EventKey) -> bool,
    ) -> Result<Vec<Entry>, WorkerError> {
        let invalid = self.invalid().await?;
        own.retain(|Entry { delivery, .. }| {
            !invalid.contains(&fingerprint(delivery, Body::kept(&delivery.body, 0).sha256))
        });
        let council = &self.session.council;
        let claimed = |entry: &Entry| journal::event_of(council, &entry.delivery).map(|event| event.key());
        let claimed: Vec<_> = own.iter().map(claimed).collect();
        let known = self.session.ledger.known(&claimed.iter().flatten().copied().collect::<Vec<_>>()).await?;
        let is_known = |key: Option<EventKey>| key.is_some_and(|key| known.contains(&key) || in_hand(&key));
        let unknown = own.into_iter().zip(claimed).filter(|(_, key)| !is_known(*key));
        Ok(unknown.map(|(entry, _)| entry).collect())
    }

    /// Entries that were missed, as deliveries.
    pub(crate) async fn found(&mut self, missed: Vec<Entry>) -> Result<Vec<Found>, WorkerError> {
        if let Some(first) = missed.first() {
            self.later.look(self.session, self.system, (self.since, first.offset)).await?;
        }
        self.found += missed.len() as u64;
        let found =
            |Entry { offset, delivery }| (offset, Delivery { tag: 0, redelivered: false, ..delivery });
        Ok(missed.into_iter().map(found).collect())
    }

    async fn invalid(&mut self) -> Result<&HashSet<Fingerprint>, WorkerError> {
        if self.invalid.is_none() {
            let ledger = &self.session.ledger;
            let filter = InvalidFilter { system: Some(self.system.to_owned()), ..InvalidFilter::default() };
            let mut prints = HashSet::new();
            for row in ledger.invalid_find(&filter, INVALID_LOOKED_AT).await? {
                if let Some(shown) = ledger.invalid_show(row.id).await? {
                    let (content_type, headers) = (shown.content_type, shown.headers);
                    let delivery = Delivery { content_type, headers, ..Delivery::default() };
                    prints.insert(fingerprint(&delivery, shown.body.sha256));
                }
            }
            self.invalid = Some(prints);
        }
        Ok(self.invalid.get_or_insert_default())
    }

    /// What would arrive at its target behind a later one of its subject goes nowhere: a declared skip. Each decision with its
    /// event's place in the journal.
    pub(crate) async fn skip(&mut self, decisions: &mut [(u64, Decision)]) -> Result<(), WorkerError> {
        let later = &self.later;
        let behind = |(offset, decision): &(u64, Decision)| {
            decision.head.as_ref().map_or_else(Vec::new, |head| later.behind(head, *offset))
        };
        let behind: Vec<_> = decisions.iter().map(behind).collect();
        let taken = self.taken(behind.iter().flatten().copied().collect()).await?;
        for ((_, decision), behind) in decisions.iter_mut().zip(behind) {
            let Verdict::Routed(dispatches) = &mut decision.verdict else { continue };
            for dispatch in dispatches {
                let mut ahead = behind.iter().filter_map(|key| taken.get(key));
                if let Some(by) = ahead.find(|event| overtaken::is_at(event, &dispatch.target)) {
                    let words = overtaken::words(&by.id);
                    dispatch.way = Way::Skipped(Unmappable { code: overtaken::CODE, words });
                    self.overtaken += 1;
                }
            }
        }
        Ok(())
    }

    /// How far the dispatches of events came, by event.
    async fn taken(&self, keys: HashSet<EventKey>) -> Result<HashMap<EventKey, Taken>, WorkerError> {
        let (keys, mut taken) = (keys.into_iter().collect::<Vec<_>>(), HashMap::new());
        for keys in keys.chunks(LOOKED_UP_AT_ONCE) {
            let found = self.session.ledger.taken(keys).await?;
            taken.extend(found.into_iter().map(|event| (event.key, event)));
        }
        Ok(taken)
    }
}

/// What makes an event the same on every way, whatever a queue or a stream adds to it.
pub(crate) fn identity(delivery: &Delivery) -> (Option<&str>, Vec<(&str, &str)>, &[u8]) {
    (delivery.content_type.as_deref(), own_headers(delivery), &delivery.body)
}

/// The headers that its publisher set.
fn own_headers(delivery: &Delivery) -> Vec<(&str, &str)> {
    let headers = delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut own: Vec<_> = headers.filter(|(name, _)| !name.starts_with("x-")).collect();
    own.sort_unstable();
    own
}

/// The identity of an event of which only the digest of its body may be kept.
type Fingerprint = (Option<String>, Vec<(String, String)>, [u8; 32]);

fn fingerprint(delivery: &Delivery, body: [u8; 32]) -> Fingerprint {
    let headers = own_headers(delivery).into_iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (delivery.content_type.clone(), headers, body)
}
