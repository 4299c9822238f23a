//! Deciding about chunks, and starting their publishes.

use std::collections::HashSet;

use postroom_broker::Delivery;
use postroom_event::EventKey;
use postroom_ledger::{Entry, Xref};

use super::{PIPELINE, Taker};
use crate::decide::{Decider, Decision, Verdict};
use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::item::Item;
use crate::reconcile::{Found, Sieve};
use crate::references::{noted, resolved_after};
use crate::session::WorkerError;
use crate::settle::{Chunk, Repeated};

impl Taker<'_> {
    /// Decides about a chunk.
    pub(super) async fn decide(&mut self, deliveries: Vec<Delivery>) -> Result<Chunk, WorkerError> {
        let last_tag = deliveries.last().map(|delivery| delivery.tag);
        let system = self.system;
        let decide = |decider: &mut Decider| {
            deliveries.iter().map(|delivery| decider.decide(system, delivery)).collect()
        };
        let decisions = self.decided(decide).await?;
        let items = deliveries.into_iter().zip(decisions);
        let items = items.map(|(delivery, decision)| Item::taken(system, delivery, decision)).collect();
        Ok(Chunk { last_tag, ..self.publish(items).await? })
    }

    /// Decides again about what officers redrive.
    pub(super) async fn decide_again(&mut self) -> Result<Option<Chunk>, WorkerError> {
        let Some((round, events)) = self.redecisions.next(self.session).await? else { return Ok(None) };
        let system = self.system;
        let decide = |decider: &mut Decider| {
            events.iter().map(|(_, delivery)| decider.decide_kept(system, delivery)).collect()
        };
        let decisions = self.decided(decide).await?;
        let items = events.into_iter().zip(decisions).map(|((number, delivery), decision)| Item {
            redriven: Some(number),
            ..Item::taken(system, delivery, decision)
        });
        let items = items.collect();
        Ok(Some(Chunk { round: Some(round), ..self.publish(items).await? }))
    }

    /// Decisions, with what they look up in the ledger. What their events tell is noted first: they may ask for it themselves,
    /// and so may whoever gets something of them.
    async fn decided(
        &mut self,
        mut decide: impl FnMut(&mut Decider) -> Vec<Decision>,
    ) -> Result<Vec<Decision>, WorkerError> {
        let first = decide(&mut self.decider);
        let told = self.told(&first).await?;
        if !told.is_empty() {
            self.session.record(vec![Entry::Xrefs(told)]).await?;
        }
        Ok(resolved_after(first, &self.session.ledger, (&mut self.decider, decide)).await?)
    }

    /// What events tell that were not taken before.
    async fn told(&mut self, decisions: &[Decision]) -> Result<Vec<Xref>, WorkerError> {
        let telling = |decision: &&Decision| match &decision.verdict {
            Verdict::Routed(dispatches) => dispatches.iter().any(|dispatch| !dispatch.told.is_empty()),
            Verdict::NoRoute | Verdict::Invalid(_) => false,
        };
        let telling: Vec<&Decision> = decisions.iter().filter(telling).collect();
        let key = |decision: &&Decision| decision.head.as_ref().map(|head| head.key);
        let keys: Vec<EventKey> = telling.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.session.ledger.known(&keys).await?;
        let is_known =
            |key: &EventKey| known.contains(key) || self.recent.iter().any(|keys| keys.contains(key));
        let mut seen = HashSet::with_capacity(keys.len());
        let mut is_fresh = |key: EventKey| !is_known(&key) && seen.insert(key);
        let fresh = telling.iter().filter(|decision| key(decision).is_some_and(&mut is_fresh));
        let (mut xrefs, at) = (Vec::new(), now());
        for decision in fresh {
            if let Verdict::Routed(dispatches) = &decision.verdict {
                let each =
                    dispatches.iter().flat_map(|one| one.told.iter().map(move |told| (told, &one.route)));
                xrefs.extend(each.map(|(told, route)| noted(told, route, at)));
            }
        }
        Ok(xrefs)
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
        let system = self.system;
        let decide = |decider: &mut Decider| {
            found.iter().map(|(_, delivery)| decider.decide(system, delivery)).collect()
        };
        let decisions = self.decided(decide).await?;
        let mut decisions: Vec<_> = found.iter().map(|(offset, _)| *offset).zip(decisions).collect();
        sieve.skip(&mut decisions).await?;
        let items = found.into_iter().zip(decisions);
        let items = items.map(|((_, delivery), (_, decision))| Item::taken(self.system, delivery, decision));
        self.publish(items.collect()).await
    }
}
