//! Deciding about chunks, and starting their publishes.

use std::collections::HashSet;

use postroom_broker::Delivery;
use postroom_event::EventKey;

use super::{PIPELINE, Taker};
use crate::fail_point::FailPoint;
use crate::item::Item;
use crate::reconcile::{Found, Sieve};
use crate::session::WorkerError;
use crate::settle::{Chunk, Repeated};

impl Taker<'_> {
    /// Decides about a chunk.
    pub(super) async fn decide(&mut self, deliveries: Vec<Delivery>) -> Result<Chunk, WorkerError> {
        let last_tag = deliveries.last().map(|delivery| delivery.tag);
        let decided = |delivery| {
            let decision = self.decider.decide(self.system, &delivery);
            Item::taken(self.system, delivery, decision)
        };
        let items = deliveries.into_iter().map(decided).collect();
        Ok(Chunk { last_tag, ..self.publish(items).await? })
    }

    /// Decides again about what officers redrive.
    pub(super) async fn decide_again(&mut self) -> Result<Option<Chunk>, WorkerError> {
        let Some((round, events)) = self.redecisions.next(self.session).await? else { return Ok(None) };
        let decided = |(number, delivery)| {
            let decision = self.decider.decide_kept(self.system, &delivery);
            Item { redriven: Some(number), ..Item::taken(self.system, delivery, decision) }
        };
        let items = events.into_iter().map(decided).collect();
        Ok(Some(Chunk { round: Some(round), ..self.publish(items).await? }))
    }

    /// Leaves out what is known, and starts the publishes of the others.
    async fn publish(&mut self, items: Vec<Item>) -> Result<Chunk, WorkerError> {
        let (mut items, repeated) = self.without_known(items).await?;
        let names = self.session.broker.names();
        self.session.may_start()?;
        let publishes: Vec<_> = {
            let mut under = self.traffic.under();
            items.iter_mut().flat_map(|item| item.set_out(names, &mut under)).collect()
        };
        FailPoint::IngressDecided.pass();
        let confirms =
            if publishes.is_empty() { None } else { Some(self.publisher.publish(publishes).await?) };
        Ok(Chunk { items, confirms, last_tag: None, repeated, round: None, place: None })
    }

    /// The items whose event was not taken before, neither in the ledger nor on its way there; and what was.
    async fn without_known(&mut self, items: Vec<Item>) -> Result<(Vec<Item>, Vec<Repeated>), WorkerError> {
        let keys: Vec<EventKey> = items.iter().filter_map(Item::key).collect();
        let known = self.session.ledger.known(&keys).await?;
        let mut fresh = HashSet::with_capacity(keys.len());
        let (mut kept, mut repeated) = (Vec::with_capacity(items.len()), Vec::new());
        for mut item in items {
            let again = item.key().filter(|key| {
                known.contains(key)
                    || self.recent.iter().any(|keys| keys.contains(key))
                    || !fresh.insert(*key)
            });
            if let Some(key) = again {
                repeated.push(Repeated { key, redelivered: item.delivery.redelivered });
                item.ends_here();
            } else {
                item.goes_on();
                kept.push(item);
            }
        }
        self.recent.push_back(fresh);
        // Those that wait, as many that are written together, and the one in hand.
        if self.recent.len() > 2 * PIPELINE + 2 {
            self.recent.pop_front();
        }
        Ok((kept, repeated))
    }

    /// Decides about what was missed; what comes too late for its target is left out there.
    pub(super) async fn decide_missed(
        &mut self,
        sieve: &mut Sieve<'_>,
        found: Vec<Found>,
    ) -> Result<Chunk, WorkerError> {
        let decided = found.iter().map(|(offset, delivery)| {
            let decision = self.decider.decide(self.system, delivery);
            (*offset, decision)
        });
        let mut decisions: Vec<_> = decided.collect();
        sieve.skip(&mut decisions).await?;
        let items = found.into_iter().zip(decisions);
        let items = items.map(|((_, delivery), (_, decision))| Item::taken(self.system, delivery, decision));
        self.publish(items.collect()).await
    }
}
