//! Sending again what a lane should hold: dispatches without receipt, hold or dead letter, from the journal.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_broker::{Broker, Delivery, Outgoing, Start};
use postroom_event::{DispatchId, Event, EventKey};
use postroom_ledger::{DeadLetter, Entry, Ledger, LedgerError, Reason, WaitingDispatch, Whole};
use postroom_telemetry as telemetry;

use crate::Publishing;
use crate::decide::{Dispatch, Head, Way};
use crate::entries::{now, whole};
use crate::journal::{self, Journal};
use crate::outgoing::{REPLAY_HEADER, outgoing};
use crate::overtaken;
use crate::session::WorkerError;

/// Dispatches read from the ledger at once.
const PAGE: usize = 10_000;
/// An event came into the journal at most so long before the hub took it, or the whole journal is read.
const BACKLOG_SECONDS: i64 = 86_400;

/// Whether a later dispatch of its subject may have arrived before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// Nothing was delivered since.
    Impossible,
    /// It is looked up; what was overtaken becomes a dead letter: a declared skip.
    Possible,
}

/// What became of a lane's dispatches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Resent {
    /// In the lane again.
    pub(crate) sent: u64,
    /// Left out, because later ones of their subjects have arrived.
    pub(crate) overtaken: u64,
    /// Not in the journal any more.
    pub(crate) lost: u64,
}

type Waiting = HashMap<EventKey, Vec<WaitingDispatch>>;

/// What the lane of `target` should hold, by event.
pub(crate) async fn waiting(ledger: &Ledger, target: &str) -> Result<Waiting, LedgerError> {
    let mut waiting = Waiting::new();
    let mut after = 0;
    loop {
        let page = ledger.unreceived(target, after, PAGE).await?;
        for found in page.found {
            waiting.entry(found.dispatch.event).or_default().push(found);
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(waiting),
        }
    }
}

/// Sends again what the lane of `target` should hold, each subject in its order. What the lane holds as well is dropped
/// there as a duplicate. What the journal has no more is a dead letter.
pub(crate) async fn resend(ground: &Publishing, target: &str, late: Late) -> Result<Resent, WorkerError> {
    let (broker, mut resent) = (ground.broker.as_ref(), Resent::default());
    let mut waiting = waiting(&ground.ledger, target).await?;
    let oldest = waiting.values().flatten().map(|waiting| waiting.received_at).min().unwrap_or(0);
    let soon = u64::try_from(oldest / 1_000_000 - BACKLOG_SECONDS).unwrap_or(0);
    let mut publisher = broker.publisher().await?;
    for start in [Start::Time(soon), Start::First] {
        if waiting.is_empty() {
            break;
        }
        let Some(mut journal) = Journal::open(broker, start).await? else { break };
        while let Some(entries) = journal.next().await? {
            let mut batch = Vec::new();
            for entry in &entries {
                let Some(event) = journal::event_of(&ground.council, &entry.delivery) else { continue };
                for found in waiting.remove(&event.key()).unwrap_or_default() {
                    if late == Late::Possible && is_skipped(ground, &found, &entry.delivery).await? {
                        resent.overtaken += 1;
                        continue;
                    }
                    resent.sent += 1;
                    batch.extend(again(broker, &entry.delivery, &event, &found));
                }
            }
            journal::publish_all(publisher.as_mut(), batch).await?;
            if waiting.is_empty() {
                break;
            }
        }
        journal.close().await;
    }
    for found in waiting.into_values().flatten() {
        resent.lost += 1;
        let words = "the queue in which it waited was deleted, and the journal has its event no more";
        bury(ground, &found, Whole::default(), ("lost", words)).await?;
    }
    Ok(resent)
}

async fn is_skipped(
    ground: &Publishing,
    found: &WaitingDispatch,
    delivery: &Delivery,
) -> Result<bool, WorkerError> {
    let Some(by) = overtaken::by(&ground.ledger, &found.dispatch, &found.source).await? else {
        return Ok(false);
    };
    bury(ground, found, whole(delivery), (overtaken::CODE, &overtaken::words(&by))).await?;
    Ok(true)
}

async fn bury(
    ground: &Publishing,
    found: &WaitingDispatch,
    event: Whole,
    (code, words): (&str, &str),
) -> Result<(), WorkerError> {
    let dispatch = found.dispatch.clone();
    let reason = Reason { code: code.to_owned(), words: words.to_owned(), detail: String::new() };
    telemetry::dispatch_dead(&dispatch.target, &dispatch.route, &dispatch.id.to_string(), code, words);
    let letter = DeadLetter { dispatch, reason, failed_at: now(), attempts: 0, event, message: None };
    Ok(ground.record_all(vec![Entry::Dead(letter)]).await?)
}

/// The publish that puts a dispatch into its lane again.
fn again<T>(
    broker: &dyn Broker,
    delivery: &Delivery,
    event: &Event<T>,
    found: &WaitingDispatch,
) -> Option<Outgoing> {
    let (route, target) = (Arc::clone(&found.dispatch.route), Arc::clone(&found.dispatch.target));
    let own = found.dispatch.id != DispatchId::new(&event.source, &event.id, &route);
    let dispatch = Dispatch { id: found.dispatch.id, route, target, way: Way::Lane };
    let mut publish = outgoing(broker.names(), delivery, &Head::of(event), &dispatch)?;
    if let Some(replay) = found.replay.as_ref().filter(|_| own) {
        publish.message.headers.push((REPLAY_HEADER.to_owned(), replay.clone()));
    }
    Some(publish)
}
