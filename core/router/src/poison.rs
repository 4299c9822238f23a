//! What stops the hub: after an unclean stop whatever may have been in hand then is noted before it is touched, one at a
//! time (DESIGN 3.11). Each lease has notes of its own: an event on four lanes is four suspects.

use postroom_broker::Delivery;
use postroom_event::{DispatchId, EventKey, Refusal, Rule};
use postroom_ledger::Entry;
use uuid::Uuid;

use crate::lane_job;
use crate::session::{Session, WorkerError};

/// What was in hand this often when the hub stopped uncleanly is not read again.
pub const POISON_ATTEMPTS: u32 = 3;

/// What may stop the hub.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Suspect<'a> {
    /// A body, which may be what cannot be decoded.
    Body(&'a [u8]),
    /// A dispatch that its headers, or the ledger, tell.
    Dispatch(DispatchId),
}

/// What is tried under one lease, and has done neither harm nor good so far.
pub(crate) struct Suspects {
    session: Session,
    noted: Vec<EventKey>,
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
        let attempts = self.session.ledger.tried(&[key]).await?.get(&key).copied().unwrap_or(0);
        if attempts < POISON_ATTEMPTS {
            self.session.record(vec![Entry::Trying(vec![key])]).await?;
        }
        self.noted.push(key);
        Ok((attempts >= POISON_ATTEMPTS).then(|| {
            let words = format!("the hub stopped {POISON_ATTEMPTS} times while it had this event in hand");
            Refusal::new(Rule::Poison, "", words)
        }))
    }

    /// Forgets what was noted: it did no harm, or it is put aside.
    pub(crate) async fn spare(&mut self) -> Result<(), WorkerError> {
        if !self.noted.is_empty() {
            let noted = std::mem::take(&mut self.noted);
            self.session.record(vec![Entry::Survived(noted)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
