//! The reconcile of everything, which an officer asks for.

use std::collections::BTreeMap;

use postroom_council::Council;
use postroom_ledger::{Ledger, LedgerError, NewJob};
use serde_json::json;

use super::{RECONCILE, lane};
use crate::entries::now;
use crate::journal::{self, Journal};
use crate::lease;
use crate::session::WorkerError;
use crate::{PublishError, Publishing};

/// What a reconcile of the whole hub would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lost {
    /// Events in the journal that the ledger does not know, by source system; those on their way are among them.
    pub events: BTreeMap<String, u64>,
    /// Dispatches that were handed to a lane and have neither ended nor are held, by target.
    pub dispatches: BTreeMap<String, u64>,
}

/// Submits a reconcile of everything, journal and lanes: after a ledger was put back, or by an officer. The jobs.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn reconcile(
    ledger: &Ledger,
    council: &Council,
    actor: &str,
    reason: &str,
) -> Result<Vec<i64>, LedgerError> {
    let ingresses = council.sources().map(|(system, _)| lease::of_ingress(&system.name));
    let lanes = council.targets().filter(|(_, target)| !target.is_queue());
    let lanes = lanes.map(|(system, _)| lease::of_lane(&system.name));
    let mut jobs = Vec::new();
    for target in ingresses.chain(lanes) {
        let (kind, actor, reason) = (RECONCILE.to_owned(), actor.to_owned(), reason.to_owned());
        let params = json!({"from": "first"});
        jobs.push(ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await?);
    }
    Ok(jobs)
}

/// Accepts a ledger that was put back, and submits the reconcile of everything, so that what came after the copy was made is
/// taken in again before anything new. The jobs.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn accept_restore(
    ledger: &Ledger,
    council: &Council,
    actor: &str,
    reason: &str,
) -> Result<Vec<i64>, LedgerError> {
    let jobs = reconcile(ledger, council, actor, reason).await?;
    ledger.acknowledge_restore().await?;
    Ok(jobs)
}

/// What [`reconcile`] would do now.
///
/// # Errors
/// When the broker or the ledger cannot be read.
pub async fn lost(ground: &Publishing) -> Result<Lost, PublishError> {
    Ok(look(ground).await?)
}

async fn look(ground: &Publishing) -> Result<Lost, WorkerError> {
    let mut lost = Lost::default();
    let remembered = journal::remembered(&ground.council, now());
    if let Some(mut journal) = Journal::open(ground.broker.as_ref(), remembered).await? {
        while let Some(entries) = journal.next().await? {
            let mut keys = BTreeMap::new();
            for entry in &entries {
                let system = journal::system_of(&ground.council, ground.broker.as_ref(), &entry.delivery);
                let event = journal::event_of(&ground.council, &entry.delivery);
                if let (Some(system), Some(event)) = (system, event) {
                    keys.insert(event.key(), system);
                }
            }
            let known = ground.ledger.known(&keys.keys().copied().collect::<Vec<_>>()).await?;
            for (_, system) in keys.iter().filter(|(key, _)| !known.contains(key)) {
                *lost.events.entry((*system).to_owned()).or_default() += 1;
            }
        }
        journal.close().await;
    }
    for (system, _) in ground.council.targets().filter(|(_, target)| !target.is_queue()) {
        let waiting = lane::waiting(&ground.ledger, &system.name).await?;
        if !waiting.is_empty() {
            lost.dispatches.insert(system.name.clone(), waiting.len() as u64);
        }
    }
    Ok(lost)
}
