//! Versions of an event type beside each other: who reads the old one gets the new one too, and the reverse, each target once and
//! under the id that its dispatch would have anyway.

use std::fs;

use postroom_broker::memory::Server;
use postroom_event::DispatchId;
use postroom_ledger::DeadFilter;
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use serde_json::{Value, json};

use crate::lanes::{Till, council};
use crate::simulation::{Simulated, connectors, put, until};

pub(crate) const NEWER: &str = "parcel.moved.v2";
const UP: &str = "{ \"number\": .number, \"location\": .place }\n";
const DOWN: &str = "{ \"number\": .number, \"place\": .location }\n";

/// A second version, in which a place is a location and may be empty.
pub(crate) fn with_newer(council: TestCouncil) -> TestCouncil {
    let file = council.folder().join(format!("schemas/{PARCEL}/schema.json"));
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let properties = schema["properties"].as_object_mut().unwrap();
    let mut place = properties.remove("place").unwrap();
    place["minLength"] = json!(0);
    properties.insert("location".to_owned(), place);
    schema["required"] = json!(["number", "location"]);
    council.write(&format!("schemas/{NEWER}/schema.json"), &schema.to_string());
    council.write(&format!("schemas/{NEWER}/upgrade.vrl"), UP);
    council.write(&format!("schemas/{NEWER}/downgrade.vrl"), DOWN);
    council
}

pub(crate) fn newer_event(id: &str, number: u64, location: &str) -> Value {
    let mut event = parcel_event(id, "a", number);
    event["type"] = json!(NEWER);
    event["data"] = json!({"number": number, "location": location});
    event
}

pub(crate) async fn at_work(council: TestCouncil, till: &Till) -> Simulated {
    Simulated::at_work(council, Server::new(), connectors().with_sink(till.clone())).await
}

/// What is in the queue of the dock: the message's id, and its place.
fn docked(hub: &Simulated) -> Vec<(String, String)> {
    let ready = hub.server.ready(&hub.name("to.dock")).into_iter();
    let place =
        |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["place"].as_str().unwrap().to_owned();
    ready.map(|one| (one.message_id.clone().unwrap(), place(&one.body))).collect()
}

fn id(event: &str, route: &str) -> String {
    DispatchId::new("/systems/shop", event, route).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_the_old_version_gets_the_new_one_and_the_same_event_is_taken_once() {
    let till = Till::default();
    let hub = at_work(with_newer(council("")), &till).await;
    put(&hub.server, &hub.council, &newer_event("a1", 1, "shelf"));
    put(&hub.server, &hub.council, &parcel_event("a1", "a", 1));
    put(&hub.server, &hub.council, &parcel_event("a2", "a", 2));
    hub.until_sums("till", "both", |till| till.delivered == 2).await;
    until("both in the queue", async || docked(&hub).len() == 2).await;
    let route = "parcel-to-dock";
    assert_eq!(docked(&hub), [(id("a1", route), "shelf".into()), (id("a2", route), "shelf".into())]);
    assert_eq!(till.numbers("a"), [1, 2]);
    assert_eq!(hub.until_routed("shop", 2).await.sources["shop"].events.duplicate, 1);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_reads_both_versions_gets_each_event_once_as_it_was_published() {
    let till = Till::default();
    let council = with_newer(council(""));
    for target in ["dock", "till"] {
        let route = format!("from = \"{NEWER}\"\nto = \"{target}\"\nmessage = \"parcel\"\n");
        council.write(&format!("routes/newer-to-{target}/route.toml"), &route);
        let mapping = "{ \"number\": .number, \"place\": \"new \" + .location, \"parcel\": %subject }\n";
        council.write(&format!("routes/newer-to-{target}/mapping.vrl"), mapping);
    }
    fs::remove_dir_all(council.folder().join("routes/parcel-to-till")).unwrap();
    let hub = at_work(council, &till).await;
    put(&hub.server, &hub.council, &newer_event("a1", 1, "shelf"));
    put(&hub.server, &hub.council, &parcel_event("a2", "a", 2));
    hub.until_sums("till", "both, the second upgraded", |till| till.delivered == 2).await;
    until("both in the queue", async || docked(&hub).len() == 2).await;
    let expected =
        [(id("a1", "newer-to-dock"), "new shelf".into()), (id("a2", "parcel-to-dock"), "shelf".into())];
    assert_eq!(docked(&hub), expected);
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_made_what_a_route_reads_is_a_dead_letter_with_its_own_code() {
    let till = Till::default();
    let hub = at_work(with_newer(council("")), &till).await;
    put(&hub.server, &hub.council, &newer_event("a1", 1, ""));
    for target in ["dock", "till"] {
        hub.until_sums(target, "the dead letter", |sums| (sums.delivered, sums.dead) == (0, 1)).await;
    }
    for row in hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap() {
        assert_eq!(row.code, "version");
        assert_eq!(row.words, format!("as `{PARCEL}`: /place: it is shorter than 1 characters"));
    }
    hub.stopped().await;
}
