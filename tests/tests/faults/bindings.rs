//! The binding of an ingress is lost, as a broker that is killed may lose what was declared last: what came in meanwhile is in
//! the journal alone, and nothing but the journal tells.

use bytes::Bytes;
use postroom_broker::memory::Server;
use postroom_broker::{Broker, Message, Outgoing, Topology};
use postroom_router::{ROUTE_HEADER, SUBJECT_HEADER};
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::hub::wire::Wire;
use postroom_tests::rabbitmq::Rabbit;
use serde_json::json;

use crate::lanes::{Till, pause, start, sums, with_till_paused};
use crate::simulation::{Simulated, connectors, publish, put, until};
use crate::work::{self, dock, small_ready, until_number};

/// Events that are taken before and lost in the middle of the test under load, and all.
const BEFORE: u64 = 40;
const LOST: u64 = 80;
const ALL: u64 = 120;

/// Events that are lost in a row, more than are looked ahead, and the parcels that they are about.
const LONG_LOSS: u64 = 2_500;
const PARCELS: u64 = 40;

/// Of one parcel: 1 is taken, 2 waits in the ingress, 3 and 4 are in the journal alone, 5 waits behind.
async fn with_a_gap(till: &Till) -> Simulated {
    let hub = start(till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.dispatched == 1).await;
    let ingress = hub.name("ingress.shop");
    let (council, server) = hub.stopped().await;
    let event = |number: u64| parcel_event(&format!("a{number}"), "a", number);
    publish(&server, &council, &event(2)).await;
    server.unbind(&ingress);
    publish(&server, &council, &event(3)).await;
    publish(&server, &council, &json!({"no": "event"})).await;
    publish(&server, &council, &event(4)).await;
    bind(&server, &council).await;
    publish(&server, &council, &event(5)).await;
    Simulated::at_work(council, server, connectors().with_sink(till.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_journal_alone_is_taken_in_at_its_place() {
    let till = Till::default();
    let hub = with_a_gap(&till).await;
    sums(&hub, "all", |till| till.delivered == 5).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4, 5]);
    let sums = hub.until_routed("shop", 5).await;
    let shop = &sums.sources["shop"].events;
    assert_eq!((shop.routed, shop.invalid), (5, 1));
    // From there on the next session reads.
    until("the place to be noted", async || {
        let place = hub.ledger.journal_place("shop").await.unwrap();
        place.is_some_and(|place| place.position == 6 && !place.is_reading)
    })
    .await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_taken_in_though_the_hub_was_killed_before_and_has_to_be_careful() {
    let till = Till::default();
    let hub = with_a_gap(&till).await;
    sums(&hub, "all before", |till| till.delivered == 5).await;
    let ingress = hub.name("ingress.shop");
    let (council, server) = hub.killed().await;
    server.unbind(&ingress);
    publish(&server, &council, &parcel_event("a6", "a", 6)).await;
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "all", |till| till.delivered == 6).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4, 5, 6]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_events_of_all_are_taken_in_at_their_place_though_the_broker_counts_no_entry_yet() {
    let till = Till::default();
    let (council, server) = start(&till, "").await.stopped().await;
    server.unbind(&format!("{}ingress.shop", council.prefix));
    publish(&server, &council, &parcel_event("a1", "a", 1)).await;
    bind(&server, &council).await;
    publish(&server, &council, &parcel_event("a2", "a", 2)).await;
    server.miscount();
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_journal_held_before_is_not_for_a_new_ledger() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    let (council, server) = hub.stopped().await;
    std::fs::remove_file(council.data().join("ledger.db")).unwrap();
    server.miscount();
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "the second", |till| till.delivered == 1).await;
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_whose_binding_goes_while_nothing_comes_is_filled_from_the_journal_soon() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    hub.server.unbind(&hub.name("ingress.shop"));
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "the second", |till| till.delivered == 2).await;
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_lost_what_was_in_it_and_is_there_is_filled_again() {
    let till = Till::default();
    let hub = with_till_paused(&till).await;
    for number in 1..=3 {
        hub.publish_about(&format!("a{number}"), "a", number).await;
    }
    sums(&hub, "the dispatches", |till| till.waiting == 3).await;
    let (lane, ledger) = (hub.name("lane.till"), hub.ledger.clone());
    let (council, server) = hub.killed().await;
    ledger.resume(pause()).await.unwrap();
    server.purge(&lane);
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "all", |till| till.delivered == 3).await;
    assert_eq!(till.numbers("a"), [1, 2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_filled_with_the_valid_event_of_an_id_and_with_no_header_that_is_not_the_hubs() {
    let till = Till::default();
    let hub = with_till_paused(&till).await;
    let mut message = in_binary_mode(&hub.council, "a1", "a");
    message.headers.extend([(ROUTE_HEADER, "parcel-to-book"), (SUBJECT_HEADER, "parcel:b")].map(text));
    publish_message(&hub.server, &hub.council, message.clone()).await;
    sums(&hub, "the dispatch", |till| till.waiting == 1).await;
    message.body = Bytes::from_static(b"{}");
    publish_message(&hub.server, &hub.council, message).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "another", |till| till.waiting == 2).await;
    let (lane, ledger) = (hub.name("lane.till"), hub.ledger.clone());
    let (council, server) = hub.stopped().await;
    ledger.resume(pause()).await.unwrap();
    server.delete(&lane);
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "both", |till| (till.delivered, till.dead) == (2, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1, 2], vec![]));
    hub.stopped().await;
}

fn text((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// An event in binary mode: what tells it from another is in its headers.
fn in_binary_mode(hub: &TestCouncil, id: &str, parcel: &str) -> Message {
    let subject = format!("parcel:{parcel}");
    let attributes = [
        ("specversion", "1.0"),
        ("id", id),
        ("source", "/systems/shop"),
        ("type", PARCEL),
        ("subject", &subject),
        ("time", "2026-03-20T10:14:00Z"),
    ];
    let headers = attributes.map(|(name, value)| (format!("cloudEvents:{name}"), value.to_owned()));
    Message {
        content_type: Some("application/json".to_owned()),
        user_id: Some(hub.publisher.clone()),
        body: Bytes::from(json!({"number": 1, "place": "shelf"}).to_string()),
        headers: headers.to_vec(),
        ..Message::default()
    }
}

async fn publish_message(server: &Server, council: &TestCouncil, message: Message) {
    let shop = server.connect(&council.prefix, &council.publisher);
    let (exchange, routing_key) = (format!("{}in.shop", council.prefix), PARCEL.to_owned());
    let mut publisher = shop.publisher().await.unwrap();
    publisher.publish(vec![Outgoing { exchange, routing_key, message }]).await.unwrap().wait().await;
}

/// Gives the ingress its binding back.
async fn bind(server: &Server, council: &TestCouncil) {
    let shop = Topology { sources: vec!["shop".to_owned()], ..Topology::default() };
    server.connect(&council.prefix, "an-officer").declare(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_whose_bodies_are_alike_are_told_apart_by_what_else_they_say() {
    let till = Till::default();
    let (council, server) = start(&till, "").await.stopped().await;
    server.unbind(&format!("{}ingress.shop", council.prefix));
    publish_message(&server, &council, in_binary_mode(&council, "a1", "a")).await;
    bind(&server, &council).await;
    publish_message(&server, &council, in_binary_mode(&council, "b1", "b")).await;
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1], vec![1]));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_journal_has_not_is_taken_before_what_is_behind_it() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("b1", "b", 1).await;
    sums(&hub, "another", |till| till.delivered == 1).await;
    // One by one, as after an unclean stop: what comes next is not known yet.
    let (council, server) = hub.killed().await;
    // Put into the ingress alone, as a broker does that confirms before its streams have started.
    for number in 1..=2 {
        put(&server, &council, &parcel_event(&format!("a{number}"), "a", number));
    }
    for number in 3..=4 {
        publish(&server, &council, &parcel_event(&format!("a{number}"), "a", number)).await;
    }
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "all", |till| till.delivered == 5).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_loss_is_taken_in_before_what_is_behind_it() {
    let till = Till::default();
    let (council, server) = start(&till, "").await.stopped().await;
    let event = |number: u64| parcel_event(&format!("e{number}"), &(number % PARCELS).to_string(), number);
    server.unbind(&format!("{}ingress.shop", council.prefix));
    for number in 1..=LONG_LOSS {
        publish(&server, &council, &event(number)).await;
    }
    bind(&server, &council).await;
    for number in LONG_LOSS + 1..=LONG_LOSS + PARCELS {
        publish(&server, &council, &event(number)).await;
    }
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "all", |till| till.delivered == LONG_LOSS + PARCELS).await;
    for parcel in 0..PARCELS {
        assert!(till.numbers(&parcel.to_string()).is_sorted(), "parcel {parcel}");
    }
    hub.stopped().await;
}

#[tokio::test]
async fn events_published_while_an_ingress_of_a_real_broker_has_no_binding_are_delivered_in_order() {
    let mut hub = small_ready();
    let events = |from: u64, to: u64| -> Vec<_> {
        (from..=to).map(|number| parcel_event(&format!("event-{number}"), "a", number)).collect()
    };
    work::publish(&hub, &events(1, BEFORE)).await;
    until_number(&hub, "/sources/shop/events/routed", BEFORE);
    hub.stop();
    let (exchange, ingress) = (work::shop_exchange(&hub), format!("{}ingress.shop", hub.council.prefix));
    Wire::open(Rabbit::shared().url()).await.unbind(&ingress, &exchange, "#").await;
    work::publish(&hub, &events(BEFORE + 1, LOST)).await;
    hub.start();
    hub.wait_for("hub.ready");
    work::publish(&hub, &events(LOST + 1, ALL)).await;
    until_number(&hub, "/sources/shop/events/routed", ALL);
    work::assert_docked_in_order(&dock(&hub, usize::try_from(ALL).unwrap()).await, ALL);
    work::assert_booked_once_and_in_order(&hub, ALL);
}
