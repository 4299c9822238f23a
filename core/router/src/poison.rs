//! What stops the hub: after an unclean stop whatever may have been in hand then is noted before it is touched (DESIGN 3.11):
//! at first some together, and one at a time what was noted when the hub stopped again. Each lease has notes of its own: an
//! event on four lanes is four suspects.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use postroom_broker::Delivery;
use postroom_event::{DispatchId, EventKey, Refusal, Rule};
use postroom_ledger::Entry;
use uuid::Uuid;

use crate::lane_job;
use crate::session::{Session, WorkerError};

/// What was in hand this often when the hub stopped uncleanly is not read again.
pub const POISON_ATTEMPTS: u32 = 3;

/// Most that are tried together.
pub(crate) const TOGETHER: usize = 50;

/// What may stop the hub.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Suspect<'a> {
    /// A body, which may be what cannot be decoded.
    Body(&'a [u8]),
    /// A dispatch that its headers, or the ledger, tell.
    Dispatch(DispatchId),
}

/// What may be done with the first of some suspects.
pub(crate) enum Trial {
    /// So many of them are tried now.
    Of(usize),
    /// The first has been tried too often.
    Refused(Refusal),
}

/// Everything that the workers under one lease have noted and not forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<HashSet<EventKey>>>);

/// What a worker tries under its lease, and has done neither harm nor good so far.
pub(crate) struct Suspects {
    session: Session,
    noted: Vec<EventKey>,
}

impl Noted {
    fn change(&self, change: impl FnOnce(&mut HashSet<EventKey>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Takes back every note under the lease of `session` that is not forgotten: its workers have ended, and nothing of it has stopped
/// them.
pub(crate) async fn take_back(session: &Session) -> Result<(), WorkerError> {
    let mut noted = Vec::new();
    session.noted.change(|all| noted.extend(all.drain()));
    if !noted.is_empty() {
        session.record(vec![Entry::Untried(noted)]).await?;
    }
    Ok(())
}

impl<'a> Suspect<'a> {
    /// What a delivery from the lane of `target` is known by.
    pub(crate) fn on_lane(target: &str, delivery: &'a Delivery) -> Self {
        let told = lane_job::told(target, delivery);
        told.map_or(Self::Body(&delivery.body), |dispatch| Self::Dispatch(dispatch.id))
    }

    fn key(self, lease: &str) -> EventKey {
        let what = match &self {
            Self::Body(body) => body,
            Self::Dispatch(id) => id.0.as_bytes().as_slice(),
        };
        EventKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, &[lease.as_bytes(), b"\n", what].concat()))
    }
}

impl Suspects {
    /// None yet, under the lease of `session`.
    pub(crate) fn new(session: &Session) -> Self {
        Self { session: session.clone(), noted: Vec::new() }
    }

    /// Notes that it is tried now; the refusal where it has been tried too often.
    pub(crate) async fn note(&mut self, suspect: Suspect<'_>) -> Result<Option<Refusal>, WorkerError> {
        let key = suspect.key(&self.session.tenure.fence.name);
        if self.noted.contains(&key) {
            return Ok(None);
        }
        Ok(match self.note_keys(&[key]).await? {
            Trial::Of(_) => None,
            Trial::Refused(refusal) => Some(refusal),
        })
    }

    /// Notes that the first of `suspects`, of which there is one at least, are tried now: together as many as were never noted,
    /// or one that was.
    pub(crate) async fn note_first<'a>(
        &mut self,
        suspects: impl Iterator<Item = Suspect<'a>>,
    ) -> Result<Trial, WorkerError> {
        let lease = &self.session.tenure.fence.name;
        let keys: Vec<_> = suspects.take(TOGETHER).map(|suspect| suspect.key(lease)).collect();
        self.note_keys(&keys).await
    }

    async fn note_keys(&mut self, keys: &[EventKey]) -> Result<Trial, WorkerError> {
        let tried = self.session.ledger.tried(keys).await?;
        let now = &keys[..together(keys, &tried)];
        self.noted.extend(now);
        if now.iter().any(|key| tried.get(key).is_some_and(|&attempts| attempts >= POISON_ATTEMPTS)) {
            let words = format!("the hub stopped {POISON_ATTEMPTS} times while it had this event in hand");
            return Ok(Trial::Refused(Refusal::new(Rule::Poison, "", words)));
        }
        self.session.record(vec![Entry::Trying(now.to_vec())]).await?;
        self.session.noted.change(|all| all.extend(now));
        Ok(Trial::Of(now.len()))
    }

    /// Forgets what was noted: it did no harm, or it is put aside.
    pub(crate) async fn spare(&mut self) -> Result<(), WorkerError> {
        if !self.noted.is_empty() {
            let noted = std::mem::take(&mut self.noted);
            self.session.record(vec![Entry::Survived(noted.clone())]).await?;
            self.session.noted.change(|all| all.retain(|key| !noted.contains(key)));
        }
        Ok(())
    }
}

/// How many of `keys`, from the first on, are tried together: all up to one that was tried before or comes twice, but the
/// first in any case.
fn together(keys: &[EventKey], tried: &HashMap<EventKey, u32>) -> usize {
    let fresh =
        (0..keys.len()).take_while(|&at| !tried.contains_key(&keys[at]) && !keys[..at].contains(&keys[at]));
    fresh.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_before_is_tried_alone_and_nothing_twice_at_once() {
        let [first, second, third] = [1, 2, 3].map(|number| EventKey(Uuid::from_u128(number)));
        let tried = HashMap::from([(second, 1)]);
        assert_eq!(together(&[first, third], &tried), 2);
        assert_eq!(together(&[first, third, second], &tried), 2);
        assert_eq!(together(&[second, first, third], &tried), 1);
        assert_eq!(together(&[first, third, first], &tried), 2);
    }

    #[test]
    fn one_event_is_another_suspect_on_every_lane_and_in_every_dispatch() {
        let dispatch = |route| Suspect::Dispatch(DispatchId::new("/shop", "1", route));
        let keys = [
            Suspect::Body(b"1").key("ingress.shop"),
            Suspect::Body(b"1").key("lane.till"),
            dispatch("parcel-to-till").key("lane.till"),
            dispatch("parcel-to-till").key("lane.book"),
            dispatch("move-to-till").key("lane.till"),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(dispatch("parcel-to-till").key("lane.till"), keys[2]);
    }
}
