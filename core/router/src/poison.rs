//! Which event stops the hub: after an unclean stop each redelivered one is noted before it is touched (DESIGN 3.11).

use postroom_event::{EventKey, Refusal, Rule};
use postroom_ledger::Entry;
use uuid::Uuid;

use crate::session::{Session, WorkerError};

/// An event that was in hand this often when the hub stopped uncleanly is invalid.
pub const POISON_ATTEMPTS: u32 = 3;

/// Notes what is being tried.
pub(crate) struct Poison<'a> {
    session: &'a Session,
}

impl<'a> Poison<'a> {
    pub(crate) const fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// Notes that this body is tried now; the refusal where it has been tried too often. The body is known by its
    /// hash, because it may be what cannot be decoded.
    pub(crate) async fn note(&self, body: &[u8]) -> Result<Option<Refusal>, WorkerError> {
        let key = key(body);
        let attempts = self.session.ledger.tried(&[key]).await?.get(&key).copied().unwrap_or(0);
        if attempts < POISON_ATTEMPTS {
            self.session.record(vec![Entry::Trying(vec![key])]).await?;
        }
        Ok((attempts >= POISON_ATTEMPTS).then(|| {
            let words = format!("the hub stopped {POISON_ATTEMPTS} times while it had this event in hand");
            Refusal::new(Rule::Poison, "", words)
        }))
    }

    /// Forgets that this body was tried: it did no harm, or it is put aside.
    pub(crate) async fn forget(&self, body: &[u8]) -> Result<(), WorkerError> {
        Ok(self.session.record(vec![Entry::Survived(vec![key(body)])]).await?)
    }
}

fn key(body: &[u8]) -> EventKey {
    EventKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, body))
}
