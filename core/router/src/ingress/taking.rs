//! Taking in what comes from the queue, and what should have come and is in the journal alone, in one order.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use postroom_broker::Delivery;
use postroom_event::EventKey;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{CHUNK, Taker};
use crate::poison::{Suspect, Suspects, Trial};
use crate::reconcile::{Along, Found, Missed, Part, Sieve, When};
use crate::session::{Session, WorkerError};
use crate::settle::{Chunk, Settler};

/// How often, while nothing comes, the journal is read along from where it was read before.
pub(super) const AUDIT_EVERY: Duration = Duration::from_secs(30);

/// Steps in which it is then read before the queue is looked at again.
const SOME: usize = 40;

/// Where chunks go.
pub(super) enum Onward<'s> {
    /// To the other half, which settles them beside.
    Piped(mpsc::Sender<Chunk>),
    /// They are settled at once, one after the other.
    Settled(&'s mut Settler),
}

impl Onward<'_> {
    pub(super) async fn send(&mut self, chunk: Chunk) -> Result<(), WorkerError> {
        match self {
            Self::Piped(chunks) => {
                // The other half says itself why it has ended.
                let _ = chunks.send(chunk).await;
                Ok(())
            }
            Self::Settled(settler) => settler.settle(chunk).await,
        }
    }

    /// Whether the other half has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Piped(chunks) if chunks.is_closed())
    }
}

impl<'a> Taker<'a> {
    /// Takes in what came, with what was missed before it. Where nothing came twice in turn, and nothing is left in the queue,
    /// what was missed behind its last event comes too.
    pub(super) async fn take_in(
        &mut self,
        deliveries: Vec<Delivery>,
        onward: &mut Onward<'_>,
    ) -> Result<(), WorkerError> {
        let was_quiet = std::mem::replace(&mut self.is_quiet, deliveries.is_empty());
        let is_idle = was_quiet && self.is_quiet;
        match self.along.take() {
            Some(along) if self.is_quiet => {
                self.along = Some(along);
                if is_idle && is_drained(self.session, self.system).await? {
                    self.take_rest(onward, SOME).await?;
                }
            }
            Some(mut along) => {
                let mut deliveries = VecDeque::from(deliveries);
                while !deliveries.is_empty() && !self.session.stop.is_cancelled() {
                    let recent = &self.recent;
                    for part in along.merged(&mut deliveries, |key| is_recent(recent, key)).await? {
                        match part {
                            Part::Came(deliveries) => self.came(deliveries, onward).await?,
                            Part::Missed(found) => self.missed(&mut along.sieve, found, onward).await?,
                        }
                    }
                }
                self.go_on(along, onward).await?;
            }
            None if !deliveries.is_empty() => self.came(deliveries, onward).await?,
            None => {}
        }
        if self.is_quiet && self.along.is_none() && Instant::now() >= self.audit_at {
            self.audit_at = Instant::now() + AUDIT_EVERY;
            self.along = Along::open(self.session, self.system, When::Quiet).await?;
        }
        Ok(())
    }

    /// Takes in what was missed behind everything that came from the queue, in so many steps at most.
    pub(super) async fn take_rest(
        &mut self,
        onward: &mut Onward<'_>,
        steps: usize,
    ) -> Result<(), WorkerError> {
        let Some(mut along) = self.along.take() else { return Ok(()) };
        for step in 1..=steps {
            if self.session.stop.is_cancelled() || !self.session.halts.allows(self.system) {
                break;
            }
            self.session.wait_while_blocked().await;
            let recent = &self.recent;
            let Some(found) = along.rest(|key| is_recent(recent, key)).await? else { break };
            if !found.is_empty() {
                self.missed(&mut along.sieve, found, onward).await?;
            }
            if step % SOME == 0
                && let Some(place) = along.place()
            {
                onward.send(Chunk::reached(place)).await?;
            }
        }
        self.go_on(along, onward).await
    }

    /// Takes in again what was lost with the queue, where somebody asked for it (DESIGN 3.12); whether anybody did.
    pub(super) async fn take_missed(&mut self, settler: &mut Settler) -> Result<bool, WorkerError> {
        let Some(mut missed) = Missed::asked(self.session, self.system).await? else { return Ok(false) };
        while let Some(found) = missed.next().await? {
            self.session.wait_while_blocked().await;
            self.missed(&mut missed.sieve, found, &mut Onward::Settled(settler)).await?;
        }
        Ok(true)
    }

    /// Ends what is open.
    pub(super) async fn close(self) {
        if let Some(along) = self.along {
            along.close().await;
        }
    }

    /// Goes on along the journal, unless both have come to where the session began.
    async fn go_on(&mut self, mut along: Along<'a>, onward: &mut Onward<'_>) -> Result<(), WorkerError> {
        let place = along.place();
        if along.is_over() {
            along.close().await;
        } else {
            self.along = Some(along);
        }
        match place {
            Some(place) => onward.send(Chunk::reached(place)).await,
            None => Ok(()),
        }
    }

    async fn came(&mut self, deliveries: Vec<Delivery>, onward: &mut Onward<'_>) -> Result<(), WorkerError> {
        if !self.is_careful(onward) {
            let chunk = self.decide(deliveries).await?;
            return onward.send(chunk).await;
        }
        let mut rest = VecDeque::from(deliveries);
        while !rest.is_empty() {
            let mut suspects = Suspects::new(self.session);
            let bodies = rest.iter().map(|delivery| Suspect::Body(&delivery.body));
            let chunk = match suspects.note_first(bodies).await? {
                Trial::Of(count) => self.decide(rest.drain(..count).collect()).await?,
                Trial::Refused(refusal) => Chunk::poisoned(self.system, rest.drain(..1).collect(), &refusal),
            };
            onward.send(chunk).await?;
            suspects.spare().await?;
        }
        Ok(())
    }

    async fn missed(
        &mut self,
        sieve: &mut Sieve<'_>,
        found: Vec<Found>,
        onward: &mut Onward<'_>,
    ) -> Result<(), WorkerError> {
        let mut rest = VecDeque::from(found);
        while !rest.is_empty() {
            let mut suspects = Suspects::new(self.session);
            let trial = if self.is_careful(onward) && self.missed_with_care < CHUNK {
                let bodies = rest.iter().map(|(_, delivery)| Suspect::Body(&delivery.body));
                suspects.note_first(bodies).await?
            } else {
                Trial::Of(rest.len().min(CHUNK))
            };
            let chunk = match trial {
                Trial::Of(count) => {
                    self.missed_with_care += count;
                    self.decide_missed(sieve, rest.drain(..count).collect()).await?
                }
                Trial::Refused(refusal) => {
                    let poison = rest.drain(..1).map(|(_, delivery)| delivery).collect();
                    Chunk::poisoned(self.system, poison, &refusal)
                }
            };
            onward.send(chunk).await?;
            suspects.spare().await?;
        }
        Ok(())
    }

    /// Whether events are noted before they are tried (DESIGN 3.11).
    fn is_careful(&self, onward: &Onward<'_>) -> bool {
        matches!(onward, Onward::Settled(_)) && self.session.is_careful()
    }
}

/// Whether nothing is left in the queue; what is in a consumer's hands is not counted.
pub(super) async fn is_drained(session: &Session, system: &str) -> Result<bool, WorkerError> {
    Ok(session.broker.depth(&session.broker.names().ingress(system)).await?.messages == 0)
}

/// Whether an event is on its way to the ledger.
fn is_recent(recent: &VecDeque<HashSet<EventKey>>, key: &EventKey) -> bool {
    recent.iter().any(|keys| keys.contains(key))
}
