//! Rules of the design that show only from outside a worker: what it may have in hand, under which lease it may record and
//! ack, what it does with an event that it knows, and what it says. The hub is in this process, on a broker in memory.

use std::collections::HashSet;
use std::env;
use std::process::Command;

use bytes::Bytes;
use postroom_broker::memory::{Fault, Server};
use postroom_broker::{Broker, Delivery};
use postroom_event::EventKey;
use postroom_ledger::{ImportState, Lease, Ledger};
use postroom_router::lease;
use postroom_telemetry::Form;
use postroom_tests::council::{TestCouncil, parcel_event, yard_rows};
use serde_json::json;

use crate::lanes::{self, Till};
use crate::simulation::{Simulated, connectors, publish, until};

/// Unacked deliveries of an ingress and of a lane, as they were in the first release: never lowered (DESIGN 3.5).
const INGRESS_IN_HAND: usize = 1_000;
const LANE_IN_HAND: usize = 200;
/// What waits beyond them.
const MORE: usize = 50;

/// Puts so many events, each about a parcel of its own, into the ingress of the shop.
fn fill_ingress(server: &Server, council: &TestCouncil, count: usize) {
    for number in 1..=count {
        let event = parcel_event(&format!("event-{number}"), &format!("p{number}"), number as u64);
        let delivery = Delivery {
            content_type: Some("application/cloudevents+json".to_owned()),
            user_id: Some(council.publisher.clone()),
            body: Bytes::from(event.to_string()),
            ..Delivery::default()
        };
        server.put(&format!("{}ingress.shop", council.prefix), delivery);
    }
}

/// Waits until a consumer has taken `queue` up, and gives how many messages it left there.
async fn left_in(hub: &Simulated, queue: &str) -> usize {
    let (looker, queue) = (hub.server.connect(&hub.council.prefix, "looker"), hub.name(queue));
    until("a consumer", async || looker.depth(&queue).await.is_ok_and(|depth| depth.consumers == 1)).await;
    hub.server.ready(&queue).len()
}

async fn routed(ledger: &Ledger) -> u64 {
    ledger.sums().await.unwrap().sources.get("shop").map_or(0, |shop| shop.events.routed)
}

/// The lease of the shop's ingress, while somebody has it.
async fn of_the_shop(ledger: &Ledger) -> Option<Lease> {
    let name = lease::of_ingress("shop");
    ledger.leases().await.unwrap().into_iter().find(|lease| lease.fence.name == name)
}

/// The events in the queue of the dock, in its order.
fn docked(hub: &Simulated) -> Vec<String> {
    hub.docked().into_iter().map(|(event, _)| event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_and_a_lane_have_as_many_in_hand_after_an_unclean_stop_as_ever() {
    let till = Till::default();
    let hub = lanes::with_till_paused(&till).await;
    fill_ingress(&hub.server, &hub.council, LANE_IN_HAND + MORE);
    let all = (LANE_IN_HAND + MORE) as u64;
    until("all on the lane", async || routed(&hub.ledger).await == all).await;
    let ledger = hub.ledger.clone();
    let (council, server) = hub.stopped().await;
    // Whoever takes them next finds that they were not given back.
    for lease in [lease::of_ingress("shop"), lease::of_lane("till")] {
        ledger.acquire(&lease, "hub").await.unwrap().expect("a lease that was given back");
    }
    server.block();
    fill_ingress(&server, &council, INGRESS_IN_HAND + MORE);
    let hub = Simulated::at_work(council, server, connectors().with_sink(till)).await;
    assert_eq!(left_in(&hub, "ingress.shop").await, MORE);
    assert_eq!(left_in(&hub, "lane.till").await, MORE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_decides_under_a_lease_that_another_has_is_neither_recorded_nor_acked() {
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    let ledger = &hub.ledger;
    let held = of_the_shop(ledger).await.expect("the hub's lease").fence;
    ledger.release(&held).await.unwrap();
    let other = ledger.acquire(&held.name, "another").await.unwrap().expect("a lease that is free");
    hub.put_about("a1", "a", 1);
    let (looker, ingress) = (hub.server.connect(&hub.council.prefix, "looker"), hub.name("ingress.shop"));
    until("the hub to let go, or to record it", async || {
        looker.depth(&ingress).await.is_ok_and(|depth| depth.consumers == 0) || routed(ledger).await > 0
    })
    .await;
    assert_eq!((routed(ledger).await, hub.server.ready(&ingress).len()), (0, 1));
    ledger.release(&other.lease.fence).await.unwrap();
    until("the hub to take it again", async || routed(ledger).await == 1).await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_goes_on_once_also_over_a_restart() {
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    hub.put_about("a1", "a", 1);
    hub.put_about("a1", "a", 1);
    hub.put_about("a2", "a", 2);
    until("both events", async || routed(&hub.ledger).await == 2).await;
    let (council, server) = hub.stopped().await;
    let hub = Simulated::at_work(council, server, connectors()).await;
    hub.put_about("a1", "a", 1);
    hub.put_about("a3", "a", 3);
    until("the third event", async || routed(&hub.ledger).await == 3).await;
    assert_eq!(docked(&hub), ["a1", "a2", "a3"]);
    assert_eq!(hub.ledger.sums().await.unwrap().sources["shop"].events.duplicate, 2);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_dispatches_were_not_confirmed_is_not_acked() {
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    let first = of_the_shop(&hub.ledger).await.expect("the hub's lease").fence;
    hub.server.fail_next(Fault::Lost, 2);
    hub.put_about("a1", "a", 1);
    until("the next session", async || {
        of_the_shop(&hub.ledger).await.is_some_and(|lease| lease.fence.epoch > first.epoch)
    })
    .await;
    hub.put_about("b1", "b", 2);
    let later = EventKey::new("/systems/shop", "b1");
    until("the event behind it", async || hub.ledger.known(&[later]).await.unwrap().contains(&later)).await;
    assert_eq!(routed(&hub.ledger).await, 2, "it came again, before what is behind it");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_done_when_each_of_its_events_is_confirmed_and_not_before() {
    const ROWS: usize = 40;
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    hub.server.fail_next(Fault::Lost, ROWS / 2);
    hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS as u64, ROWS as u64).as_bytes());
    until("the batch", async || {
        let imports = hub.ledger.imports(Some("yard"), 1).await.unwrap();
        imports.first().is_some_and(|import| import.state == ImportState::Done)
    })
    .await;
    let journal = hub.server.ready(&hub.name("journal"));
    let events: HashSet<_> = journal.into_iter().filter_map(|entry| entry.message_id).collect();
    assert_eq!(events.len(), ROWS);
    hub.stopped().await;
}

/// Set where the last test here runs itself as a process of its own, whose log it hears.
const HEARD: &str = "POSTROOM_TEST_HEARD";
/// Who must not be in that log.
const PERSON: &str = "Zebediah Canary";

/// Has a person in an event that is invalid, and in one of which no message can be made.
async fn plant() {
    postroom_telemetry::start(Form::Json);
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    let (mut invalid, mut dead) = (parcel_event("invalid", "a", 1), parcel_event("dead", "b", 2));
    invalid["data"]["number"] = json!(PERSON);
    dead["data"]["place"] = json!(format!("a place with a long name of {PERSON}"));
    for event in [invalid, dead] {
        publish(&hub.server, &hub.council, &event).await;
    }
    until("both to be told", async || {
        let sums = hub.ledger.sums().await.unwrap();
        let invalid = sums.sources.get("shop").map_or(0, |shop| shop.events.invalid);
        (invalid, ["book", "dock"].map(|target| sums.targets.get(target).map_or(0, |sums| sums.dead)))
            == (1, [1, 1])
    })
    .await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_the_log_holds_a_value_of_an_event() {
    if env::var_os(HEARD).is_some() {
        return plant().await;
    }
    let mut process = Command::new(env::current_exe().unwrap());
    process.args(["--exact", "rules::no_line_of_the_log_holds_a_value_of_an_event"]).env(HEARD, "yes");
    let heard = process.output().unwrap();
    let lines = String::from_utf8_lossy(&heard.stderr);
    let told = ["event.invalid", "dispatch.dead"].iter().all(|event| lines.contains(event));
    assert!(heard.status.success() && told, "{lines}");
    assert!(PERSON.split(' ').all(|name| !lines.contains(name)), "{lines}");
}
