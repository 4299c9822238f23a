//! What later ones of its subject have gone past: it is left out, and listed, whichever way it would have come.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use postroom_broker::Delivery;
use postroom_connector::{Connectors, Failure};
use postroom_council::Council;
use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{DeadFilter, Dispatch, Entry, HeldDispatch, Ledger, NewJob, Reason, Whole};
use postroom_router::{LetterSet, OVERTAKEN, RECONCILE, accept_restore, lease};
use postroom_tests::council::{PARCEL, parcel_event};

use crate::lanes::{Till, restarted, start, sums, with_till_paused};
use crate::reconcile::reconciled;
use crate::simulation::{Simulated, connectors, publish, put, until};

const SOURCE: &str = "/systems/shop";
const ROUTE: &str = "parcel-to-till";

/// A second dispatch of the event `id` about a, as a replay makes it.
fn again(id: &str) -> Dispatch {
    Dispatch {
        id: DispatchId::again(SOURCE, id, ROUTE, "a test"),
        event: EventKey::new(SOURCE, id),
        route: ROUTE.into(),
        target: "till".into(),
        event_type: PARCEL.into(),
        subject: "parcel:a".to_owned(),
    }
}

fn noted(dispatch: Dispatch) -> Entry {
    Entry::Again { dispatches: vec![dispatch], replay: "a test".to_owned(), at: 1 }
}

fn job(kind: &str, params: serde_json::Value) -> NewJob {
    let (actor, reason) = ("an officer".to_owned(), "a test".to_owned());
    let at = Utc::now().timestamp_micros();
    NewJob { kind: kind.to_owned(), target: lease::of_lane("till"), params, actor, reason, at }
}

async fn dead_codes(hub: &Simulated) -> Vec<String> {
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    dead.into_iter().map(|row| row.code).collect()
}

/// An event of the shop comes into the journal, and into no queue.
fn journal(hub: &Simulated, id: &str, number: u64) {
    let delivery = Delivery {
        exchange: hub.name("in.shop"),
        routing_key: PARCEL.to_owned(),
        content_type: Some("application/cloudevents+json".to_owned()),
        user_id: Some(hub.council.publisher.clone()),
        body: Bytes::from(parcel_event(id, "a", number).to_string()),
        ..Delivery::default()
    };
    hub.server.put(&hub.name("journal"), delivery);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_late_from_the_journal_goes_where_no_later_one_of_its_subject_has_gone() {
    let till = Till::default();
    let hub = start(&till, "").await;
    // From here on the journal is not read beside the ingress, until that is quiet.
    hub.publish_about("b1", "b", 1).await;
    sums(&hub, "another", |till| till.delivered == 1).await;
    journal(&hub, "a1", 1);
    hub.publish_about("a2", "a", 2).await;
    journal(&hub, "a3", 3);
    sums(&hub, "the second", |till| till.delivered == 2).await;
    let job = reconciled(&hub, lease::of_ingress("shop")).await;
    let outcome = job.outcome.unwrap();
    assert_eq!((&outcome["taken_in"], &outcome["overtaken"]), (&2.into(), &3.into()), "till, book, dock");
    sums(&hub, "the third", |till| (till.delivered, till.dead) == (3, 1)).await;
    assert_eq!(till.numbers("a"), [2, 3]);
    assert!(dead_codes(&hub).await.iter().all(|code| code == OVERTAKEN));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_published_again_has_overtaken_nothing() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    journal(&hub, "a2", 2);
    hub.publish_about("a1", "a", 1).await;
    let job = reconciled(&hub, lease::of_ingress("shop")).await;
    let outcome = job.outcome.unwrap();
    assert_eq!((&outcome["taken_in"], &outcome["overtaken"]), (&1.into(), &0.into()));
    sums(&hub, "the second", |till| till.delivered == 2).await;
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_filled_by_whoever_delivers_there_and_with_nothing_that_was_overtaken() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    let data = hub.council.data();
    let (council, server) = hub.stopped().await;
    let ledger = Ledger::open(&data.join("ledger.db")).await.unwrap();
    ledger.record(vec![noted(again("a1"))]).await.unwrap();
    ledger.submit(job(RECONCILE, serde_json::json!({"from": "first"}))).await.unwrap();
    drop(ledger);
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "the skip", |till| (till.delivered, till.dead) == (2, 1)).await;
    assert_eq!((till.numbers("a"), dead_codes(&hub).await), (vec![1, 2], vec![OVERTAKEN.to_owned()]));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_has_overtaken_what_a_lane_is_filled_with() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    till.fail("a", Failure::Transient);
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "the hold", |till| till.held == 1).await;
    hub.ledger.record(vec![noted(again("a1"))]).await.unwrap();
    reconciled(&hub, lease::of_lane("till")).await;
    sums(&hub, "the skip", |till| (till.held, till.dead) == (1, 1)).await;
    assert_eq!(dead_codes(&hub).await, [OVERTAKEN]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_its_lane_hears_of_late_is_not_delivered_behind_a_later_one() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    let (dispatch, source) = (again("a1"), SOURCE.into());
    let reason = Reason { code: "unrouted".to_owned(), words: String::new(), detail: String::new() };
    let event = Whole {
        content_type: Some("application/cloudevents+json".to_owned()),
        headers: Vec::new(),
        body: parcel_event("a1", "a", 1).to_string().into_bytes(),
    };
    let set = LetterSet { dispatches: vec![dispatch.id], rate: 1, stale: false };
    let (attempts, waits, next_at, at) = (0, 0, None, 1);
    let held = HeldDispatch {
        dispatch: dispatch.clone(),
        source,
        event,
        message: None,
        reason,
        attempts,
        waits,
        next_at,
        at,
    };
    hub.ledger.record(vec![noted(dispatch), Entry::Held(held)]).await.unwrap();
    hub.ledger.submit(job("take-up", serde_json::json!(set))).await.unwrap();
    sums(&hub, "the skip", |till| (till.held, till.dead) == (0, 1)).await;
    let hub = restarted(hub, &till).await;
    assert_eq!((till.numbers("a"), dead_codes(&hub).await), (vec![1, 2], vec![OVERTAKEN.to_owned()]));
    hub.stopped().await;
}

fn read(hub: &Simulated, connectors: &Connectors) -> Arc<Council> {
    let council = Council::load(&hub.council.folder(), Some(&hub.council.data()), connectors);
    Arc::new(council.map_err(|problems| problems.len()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_after_a_copy_of_the_ledger_was_made_is_taken_in_again_once_that_is_put_back_and_accepted()
{
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    let (data, copy) = (hub.council.data(), hub.council.data().join("copy.db"));
    hub.ledger.backup(&copy).await.unwrap();
    till.fail("b", Failure::Transient);
    hub.publish_about("a2", "a", 2).await;
    hub.publish_about("b1", "b", 3).await;
    sums(&hub, "one delivered, one held", |till| (till.delivered, till.held) == (2, 1)).await;
    let (council, server) = hub.stopped().await;
    for part in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        // A ledger that was closed has no more than the first.
        let _ = std::fs::remove_file(data.join(part));
    }
    std::fs::rename(&copy, data.join("ledger.db")).unwrap();
    till.heal();
    let connectors = connectors().with_sink(till.clone());
    let hub = Simulated::restored(council, server, connectors).await;
    let council = read(&hub, &crate::simulation::connectors().with_sink(till.clone()));
    hub.publish_about("a4", "a", 4).await;
    let jobs = accept_restore(&hub.ledger, &council, "an officer", "the disk broke").await.unwrap();
    assert_eq!(jobs.len(), 4, "two ingresses, two lanes");
    sums(&hub, "all of it", |till| (till.delivered, till.dead) == (4, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1, 2, 2, 4], vec![3]));
    until("the dock", async || hub.docked().len() == 6).await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reached_no_queue_before_a_hub_was_killed_waits_for_its_event_and_overtakes_nothing() {
    let till = Till::default();
    let hub = with_till_paused(&till).await;
    let events = [1, 2].map(|number| parcel_event(&format!("a{number}"), "a", number));
    for event in &events {
        publish(&hub.server, &hub.council, event).await;
    }
    sums(&hub, "the dispatches", |till| till.waiting == 2).await;
    let (lane, unrouted) = (hub.name("lane.till"), hub.name("unrouted"));
    let (council, server) = hub.killed().await;
    // As if the hub was killed before it wrote either event down, and the second dispatch had reached no queue.
    let second = server.ready(&lane).pop().unwrap();
    server.purge(&lane);
    std::fs::remove_file(council.data().join("ledger.db")).unwrap();
    for event in &events {
        put(&server, &council, event);
    }
    server.put(&unrouted, second);
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    until("nothing unrouted", async || hub.server.ready(&unrouted).is_empty()).await;
    hub.stopped().await;
    assert_eq!(till.numbers("a"), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_reached_no_queue_goes_where_it_belongs_before_anything_new() {
    // More than are unacked at once.
    const EVENTS: u64 = 1_000;
    let hub = start(&Till::default(), "").await;
    for number in 1..=EVENTS {
        hub.put_about(&format!("old-{number}"), &number.to_string(), number);
    }
    until("the old ones", async || hub.docked().len() as u64 == EVENTS).await;
    let (dock, unrouted, ingress) = (hub.name("to.dock"), hub.name("unrouted"), hub.name("ingress.shop"));
    let (council, server) = hub.stopped().await;
    let old = server.ready(&dock);
    server.purge(&dock);
    old.into_iter().for_each(|delivery| server.put(&unrouted, delivery));
    for number in 1..=EVENTS {
        put(&server, &council, &parcel_event(&format!("new-{number}"), &number.to_string(), number));
    }
    assert_eq!(server.ready(&ingress).len() as u64, EVENTS);
    let hub = Simulated::at_work(council, server, connectors().with_sink(Till::default())).await;
    until("all", async || hub.docked().len() as u64 == 2 * EVENTS).await;
    let (old, new): (Vec<_>, Vec<_>) = hub
        .docked()
        .into_iter()
        .map(|(event, _)| event)
        .enumerate()
        .partition(|(_, event)| event.starts_with("old"));
    let last_old = old.iter().map(|(place, _)| place).max();
    assert!(last_old < new.iter().map(|(place, _)| place).min(), "{last_old:?}");
    hub.stopped().await;
}
