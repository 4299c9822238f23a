//! The hub is killed, stopped, or killed by an event.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use postroom_event::DispatchId;
use postroom_ledger::Entry;
use postroom_router::{ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER, lease};
use postroom_tests::council::{parcel_event, yard_rows};
use postroom_tests::dice::Dice;
use postroom_tests::hub::wire::{Wire, structured};
use postroom_tests::hub::{TestHub, until};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::work::{
    assert_booked_once_and_in_order, assert_docked_in_order, dock, ledger, number, publish, small,
    small_ready, until_number,
};

/// Rows of one import, and the parcels that they are about.
const ROWS: u64 = 2_000;
const PARCELS: u64 = 97;
const KILLS: u64 = 5;
/// Most milliseconds between what was waited for and the kill.
const LATEST: u64 = 120;
/// The seed of the moments at which the hub is killed, where it is to be the same again.
const SEED: &str = "POSTROOM_TEST_SEED";

/// How far the whole work has come: published, routed and delivered, of which there are four for each row.
async fn progress(ledger: &postroom_ledger::Ledger) -> u64 {
    let sums = ledger.sums().await.expect("the sums");
    let sources = sums.sources.get("yard").map_or(0, |yard| yard.published + yard.events.routed);
    sources + sums.targets.values().map(|target| target.delivered).sum::<u64>()
}

#[tokio::test]
async fn a_hub_killed_at_random_moments_of_an_import_loses_nothing_and_does_nothing_twice() {
    let given = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    println!("{SEED}={seed}");
    let mut dice = Dice::new(seed);
    let mut hub = small();
    hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    for kill in 0..KILLS {
        hub.start();
        hub.wait_for("hub.ready");
        let ledger = ledger(&hub).await;
        let share = ROWS * 4 / (KILLS + 1);
        let due = share * kill + dice.below(share);
        let mut reached = progress(&ledger).await;
        while reached < due {
            tokio::task::yield_now().await;
            reached = progress(&ledger).await;
        }
        std::thread::park_timeout(Duration::from_millis(dice.below(LATEST)));
        hub.kill();
        println!("killed at {reached} of {}", ROWS * 4);
    }
    hub.start();
    hub.wait_for("hub.ready");
    hub.heard("lease.recovering");
    let recovering = |line: &&Value| line["event"] == "lease.recovering" && line["lease"] == "ingress.yard";
    // A run that is killed before it has its lease finds nothing out.
    assert!((1..=KILLS).contains(&(hub.lines.iter().filter(recovering).count() as u64)));
    let status = until_number(&hub, "/targets/book/delivered", ROWS);
    assert_eq!(number(&status, "/sources/yard/events/invalid"), 0);
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/mapped"), ROWS);
    assert_eq!(number(&status, "/sources/yard/published"), ROWS);
    assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
    assert_booked_once_and_in_order(&hub, ROWS);
    assert_docked_in_order(&dock(&hub, usize::try_from(ROWS).expect("a small number")).await, ROWS);
    assert_eq!(hub.council.outbox("yard/in/done").len(), 1);
}

#[tokio::test]
async fn a_hub_that_is_stopped_under_load_goes_on_where_it_was() {
    let mut hub = small();
    hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    hub.start();
    hub.wait_for("import.started");
    until_number(&hub, "/sources/yard/events/routed", 1);
    assert!(hub.stop().success());
    assert_eq!(hub.heard("hub.stopped"), 1);
    assert_eq!(hub.heard("import.finished"), 0, "it was stopped in the middle of its work");
    hub.start();
    hub.wait_for("import.finished");
    until_number(&hub, "/targets/book/delivered", ROWS);
    let status = hub.settled();
    assert_eq!(hub.heard("lease.recovering"), 0);
    assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
    assert_booked_once_and_in_order(&hub, ROWS);
    assert_docked_in_order(&dock(&hub, usize::try_from(ROWS).expect("a small number")).await, ROWS);
}

#[tokio::test]
async fn an_event_that_has_killed_the_hub_three_times_is_invalid_and_its_neighbours_are_delivered() {
    let mut hub = small_ready();
    assert!(hub.stop().success());
    let events: Vec<Value> =
        (1..=3).map(|number| parcel_event(&format!("event-{number}"), "a", number)).collect();
    publish(&hub, &events).await;
    let ingress = format!("{}ingress.shop", hub.council.prefix);
    Wire::open(&hub.url).await.touch(&ingress, 3).await;
    killed_by(&hub, &lease::of_ingress("shop"), events[1].to_string().as_bytes()).await;

    hub.start();
    hub.wait_for("lease.recovering");
    let invalid = hub.wait_for("event.invalid");
    assert_eq!(invalid["rule"], "poison");
    let status = hub.settled();
    assert_eq!(
        status["sources"]["shop"]["events"],
        json!({
            "routed": 2, "no_route": 0, "invalid": 1, "duplicate": 0,
        })
    );
    let numbers: Vec<_> = dock(&hub, 2).await.iter().map(|message| message.body["number"].clone()).collect();
    assert_eq!(numbers, [1, 3]);
}

#[tokio::test]
async fn a_dispatch_that_has_killed_the_hub_three_times_on_its_lane_is_dead_and_its_neighbours_are_delivered()
{
    let mut hub = small_ready();
    assert!(hub.stop().success());
    let prefix = hub.council.prefix.clone();
    let (lane, deliveries) = (format!("{prefix}lane.book"), format!("{prefix}deliveries"));
    // What comes behind a dead letter of its subject waits for an officer.
    let parcels = [(1, "a"), (2, "a"), (3, "b")];
    let event = |(number, parcel)| parcel_event(&format!("event-{number}"), parcel, number);
    let events: Vec<Value> = parcels.map(event).to_vec();
    let wire = Wire::open(&hub.url).await;
    for event in &events {
        let properties = dispatched(event, "parcel-to-book");
        assert!(wire.publish_by((&deliveries, &lane), properties, event.to_string().as_bytes()).await);
    }
    wire.touch(&lane, 3).await;
    let dispatch = DispatchId::new("/systems/shop", "event-2", "parcel-to-book");
    killed_by(&hub, &lease::of_lane("book"), dispatch.0.as_bytes()).await;

    hub.start();
    let dead = hub.wait_for("dispatch.dead");
    assert_eq!((&dead["code"], &dead["target"]), (&json!("poison"), &json!("book")));
    until_number(&hub, "/targets/book/delivered", 2);
    let numbers: Vec<_> =
        hub.council.outbox_lines("book/out").iter().map(|line| line["number"].clone()).collect();
    assert_eq!(numbers, [1, 3]);
    assert_eq!(number(&hub.json(&["status", "--json"]), "/targets/book/dead"), 1);
}

/// What the hub puts on a lane beside the event itself.
fn dispatched(event: &Value, route: &str) -> BasicProperties {
    let text = |name: &str| event[name].as_str().expect("a text").to_owned();
    let mut headers = FieldTable::default();
    for (name, value) in [
        (TYPE_HEADER, text("type")),
        (SOURCE_HEADER, text("source")),
        (ROUTE_HEADER, route.to_owned()),
        (SUBJECT_HEADER, text("subject")),
    ] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    structured("guest").with_correlation_id(text("id").as_str().into()).with_headers(headers)
}

/// Leaves the ledger as three runs would that ended while the holder of `lease` had `what` in hand.
async fn killed_by(hub: &TestHub, lease: &str, what: &[u8]) {
    let noted = [lease.as_bytes(), b"\n", what].concat();
    let key = postroom_event::EventKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, &noted));
    let ledger = ledger(hub).await;
    for _ in 1..=3 {
        ledger.acquire(lease, "hub").await.expect("written").expect("the only hub's");
        ledger.record(vec![Entry::Trying(vec![key])]).await.expect("an attempt");
    }
}

#[test]
fn a_second_hub_on_the_same_prefix_refuses_to_start() {
    let first = small_ready();
    let mut second = small();
    let (own, theirs) = (second.council.prefix.clone(), first.council.prefix.clone());
    second.council.edit("council.toml", &own, &theirs);
    second.start();
    assert_eq!(second.ended().code(), Some(3));
    assert_eq!(second.heard("broker.locked"), 1);
    let told = second
        .lines
        .iter()
        .filter_map(Value::as_str)
        .any(|line| line.contains("another hub runs on this prefix"));
    assert!(told, "{:#?}", second.lines);
    until("the first to go on", || (number(&first.settled(), "/targets/dock/dead") == 0).then_some(()));
}
