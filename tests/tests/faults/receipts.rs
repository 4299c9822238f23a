//! What a source is told of its events, in a queue that it has bound itself.

use postroom_event::DispatchId;
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::hub::TestHub;
use postroom_tests::hub::wire::Wire;
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use crate::rig::{Asking, PATIENT, Rig};
use crate::work::{publish, publish_body, small};

/// Has the shop say that it wants receipts.
fn want(council: &TestCouncil) {
    let connector = "connector = \"queue\"";
    council.edit("systems/shop/system.toml", connector, &format!("{connector}\nreceipts = true"));
}

/// Binds the queue of the shop to all that becomes of its events.
async fn bind(hub: &TestHub) {
    let wire = Wire::open(Rabbit::shared().url()).await;
    wire.bind(&queue(hub), &format!("{}receipts", hub.council.prefix), "shop.#").await;
}

/// The receipts of the shop, read from its queue.
async fn receipts(hub: &TestHub, least: usize) -> Vec<Value> {
    let read = Wire::open(Rabbit::shared().url()).await.read(&queue(hub), least).await;
    read.into_iter().map(|message| message.body).collect()
}

fn queue(hub: &TestHub) -> String {
    format!("{}shop-receipts", hub.council.prefix)
}

#[tokio::test]
async fn a_source_learns_what_became_of_its_events_across_a_kill_of_the_hub() {
    let mut hub = small();
    want(&hub.council);
    hub.start();
    hub.wait_for("hub.ready");
    bind(&hub).await;
    publish(&hub, &[parcel_event("good", "a", 1)]).await;
    let mut wrong = parcel_event("wrong", "b", 2);
    wrong["data"]["number"] = json!("two");
    publish(&hub, &[wrong]).await;
    let mut long = parcel_event("long", "c", 3);
    long["data"]["place"] = json!("a place with a name that no message has room for");
    publish(&hub, &[long]).await;
    publish_body(&hub, b"no event at all").await;
    hub.kill();
    hub.start();
    hub.wait_for("hub.ready");
    hub.settled();
    let all = until_known(&hub).await;
    let about = |id: &str| -> Vec<(&str, &str)> {
        let of_id = all.iter().filter(|receipt| receipt["data"]["event_id"] == id);
        let told = of_id.map(|receipt| {
            let data = &receipt["data"];
            (data["outcome"].as_str().unwrap(), data["target"].as_str().unwrap_or_default())
        });
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        told.dedup();
        told
    };
    assert_eq!(about("good"), [("delivered", "book"), ("delivered", "dock")]);
    assert_eq!(about("wrong"), [("invalid", "")]);
    assert_eq!(about("long"), [("dead", "book"), ("dead", "dock")]);
    let dead = all.iter().find(|receipt| receipt["type"] == "receipt.dead.v1").unwrap();
    assert_eq!((&dead["data"]["code"], &dead["subject"]), (&json!("message"), &json!("parcel:c")));
    assert_eq!(dead["data"]["event_type"], PARCEL);
    assert!(!all.iter().any(|receipt| receipt.to_string().contains("no message has room")), "{all:#?}");
}

/// Receipts until one of each kind has come; those that come twice have one id.
async fn until_known(hub: &TestHub) -> Vec<Value> {
    let mut all = Vec::new();
    // Two delivered, one invalid event and one invalid body, two dead.
    while all.len() < 6 {
        all.extend(receipts(hub, 1).await);
        all.sort_by_key(|receipt: &Value| receipt["id"].to_string());
        all.dedup_by_key(|receipt| receipt["id"].clone());
    }
    all
}

/// Receipts until one tells of `outcome` at the till: that one.
async fn until_told(hub: &TestHub, outcome: &str) -> Value {
    loop {
        let mut told = receipts(hub, 1).await.into_iter();
        let wanted =
            |receipt: &Value| receipt["data"]["target"] == "till" && receipt["data"]["outcome"] == outcome;
        if let Some(receipt) = told.find(wanted) {
            return receipt;
        }
    }
}

#[tokio::test]
async fn a_source_learns_that_its_event_is_held_and_then_under_which_reference_its_target_has_it() {
    let mut rig = Rig::new(PATIENT, Asking::CannotLookUp);
    let council = &rig.hub.council;
    council.edit("council.toml", "in_place = \"20s\"", "in_place = \"200ms\"");
    council.edit("routes/parcel-to-till/route.toml", "\"1h\"", &["\"1s\""; 90].join(", "));
    want(council);
    rig.till.order(&[Order::new(Does::Status(500))]);
    rig.start();
    bind(&rig.hub).await;
    rig.publish(1).await;
    let held = until_told(&rig.hub, "held").await;
    rig.till.order(&[]);
    let delivered = until_told(&rig.hub, "delivered").await;

    let dispatch = DispatchId::new("/systems/shop", "event-1", "parcel-to-till").to_string();
    let about = |outcome: &str, name: &str, value: &str| {
        let mut data = json!({
            "outcome": outcome, "event_id": "event-1", "event_source": "/systems/shop", "event_type": PARCEL,
            "dispatch": dispatch, "route": "parcel-to-till", "target": "till",
        });
        data[name] = json!(value);
        data
    };
    assert!(held["data"]["words"].is_string(), "{held:#}");
    let mut expected = about("held", "code", "failed-in-place");
    expected["words"] = held["data"]["words"].clone();
    assert_eq!((&held["type"], &held["data"]), (&json!("receipt.held.v1"), &expected));
    // The first message that the till took.
    let expected = about("delivered", "reference", "T-1");
    assert_eq!((&delivered["type"], &delivered["data"]), (&json!("receipt.delivered.v1"), &expected));
    assert!(held["time"].as_str() < delivered["time"].as_str(), "{held:#} {delivered:#}");
    let asked = rig.till.asked();
    assert!(asked.len() > 1 && asked.iter().all(|one| one.key == dispatch), "{asked:#?}");
}
