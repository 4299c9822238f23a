//! What is known after a run, from outside the hub and from its ledger, for the oracle to judge.

use std::collections::HashSet;

use postroom_broker::Delivery;
use postroom_ledger::{Journey, LedgerError, Sums};

use crate::schedule::{Event, Schedule};
use crate::shop::subject;
use crate::till::Book;
use crate::world::World;

pub(crate) struct Facts {
    pub(crate) schedule: Schedule,
    /// What the shop published, in its order.
    pub(crate) events: Vec<Event>,
    /// The numbers of those that were not confirmed at their first publish.
    pub(crate) troubled: HashSet<u64>,
    pub(crate) till: Book,
    /// What lies in the queue of the dock, in its order.
    pub(crate) docked: Vec<Delivery>,
    pub(crate) journeys: Vec<Journey>,
    pub(crate) sums: Sums,
    /// What is still in a queue although nothing waits, by queue.
    pub(crate) left: Vec<(&'static str, usize)>,
}

impl Facts {
    pub(crate) async fn gather(
        schedule: &Schedule,
        world: &World,
        troubled: HashSet<u64>,
    ) -> Result<Self, LedgerError> {
        let ledger = world.ledger();
        let mut journeys = Vec::new();
        for parcel in Schedule::parcels() {
            journeys.extend(ledger.trace(&subject(parcel)).await?);
        }
        Ok(Self {
            schedule: schedule.clone(),
            events: schedule.events().collect(),
            troubled,
            till: world.till.book(),
            docked: world.server.ready(&world.name("to.dock")),
            journeys,
            sums: ledger.sums().await?,
            left: Vec::new(),
        })
    }
}
