//! Events that no system should publish: each is kept as invalid with its rule, and its neighbours are delivered.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use postroom_tests::council::parcel_event;
use postroom_tests::hub::TestHub;
use postroom_tests::hub::wire::{Wire, structured};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use crate::work::{dock, number, publish, publish_body, shop, shop_exchange, small_ready};

/// More than the small council allows, in bytes.
const OVERSIZE: usize = 70_000;

/// A message that must be refused, and the code of the rule.
type Bad = (&'static str, BasicProperties, Vec<u8>);

/// An event about parcel `a` after `change`.
fn event(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut event = parcel_event("bad", "a", 1);
    change(&mut event);
    event.to_string().into_bytes()
}

/// The text of an event with `from` replaced by what no JSON value of ours could hold.
fn text(from: &str, to: &str) -> Vec<u8> {
    let text = parcel_event("bad", "a", 4_711).to_string();
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

fn header(name: &str, value: AMQPValue) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(ShortString::from(name), value);
    headers
}

fn list(text: &str) -> AMQPValue {
    AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::LongString(LongString::from(text))]))
}

/// Properties that lose, reorder or smuggle.
fn wrong_properties(user: &str) -> Vec<Bad> {
    let good = || structured(user);
    let properties = [
        ("forbidden-property", good().with_expiration("60000000".into())),
        ("forbidden-property", good().with_priority(5)),
        ("forbidden-property", good().with_headers(header("CC", list("elsewhere")))),
        ("sender", BasicProperties::default().with_content_type("application/cloudevents+json".into())),
        ("content-type", good().with_content_type("text/plain".into())),
    ];
    let numbered = properties.into_iter().enumerate();
    let one = |(number, (code, properties))| {
        (code, properties, event(|event| event["id"] = json!(format!("bad-{number}"))))
    };
    numbered.map(one).collect()
}

/// Bodies that break a rule.
fn wrong_bodies(user: &str) -> Vec<Bad> {
    let bodies = [
        ("source", event(|event| event["source"] = json!("/systems/yard"))),
        ("unknown-type", event(|event| event["type"] = json!("parcel.eaten.v1"))),
        ("schema", event(|event| event["data"]["number"] = json!("one"))),
        ("schema", event(|event| event["data"]["colour"] = json!("red"))),
        ("too-large", event(|event| event["data"]["place"] = json!("x".repeat(OVERSIZE)))),
        ("nul-character", text("shelf", "sh\\u0000lf")),
        ("duplicate-key", text("\"place\":", "\"number\":1,\"place\":")),
        ("number-out-of-range", text("4711", "18446744073709551616")),
        ("not-json", text("\"data\":", "\"data\"")),
        (
            "missing-attribute",
            event(|event| drop(event.as_object_mut().expect("an object").remove("subject"))),
        ),
        ("spec-version", event(|event| event["specversion"] = json!("0.3"))),
        ("no-data", event(|event| drop(event.as_object_mut().expect("an object").remove("data")))),
        ("bad-attribute", event(|event| event["time"] = json!("yesterday"))),
    ];
    bodies.map(|(code, body)| (code, structured(user), body)).into()
}

/// Publishes each bad one between two good ones; the codes that the hub kept, oldest first.
async fn kept(hub: &TestHub, bad: Vec<Bad>) -> Vec<String> {
    let (wire, exchange) = (shop(hub).await, shop_exchange(hub));
    let count = bad.len();
    for (number, (code, properties, body)) in bad.into_iter().enumerate() {
        let good = parcel_event(&format!("good-{number}"), "a", number as u64 + 1);
        wire.publish_events(&exchange, &hub.council.publisher, &[good]).await;
        assert!(wire.publish(&exchange, properties, &body).await, "the broker lets {code} through");
    }
    let last = parcel_event("good-last", "a", count as u64 + 1);
    wire.publish_events(&exchange, &hub.council.publisher, &[last]).await;
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/shop/events/routed"), count as u64 + 1, "{status:#}");
    let arrived: Vec<_> = dock(hub, count + 1).await.iter().map(|one| one.body["number"].clone()).collect();
    assert!(arrived.into_iter().eq(1..=count as u64 + 1), "the neighbours are delivered, in order");
    let invalid = hub.json(&["invalid", "list", "--json"]);
    let rows = invalid["events"].as_array().expect("a list").iter().rev();
    rows.map(|row| row["code"].as_str().expect("a code").to_owned()).collect()
}

fn codes(bad: &[Bad]) -> Vec<String> {
    bad.iter().map(|(code, ..)| (*code).to_owned()).collect()
}

#[tokio::test]
async fn properties_that_lose_reorder_or_smuggle_are_kept_as_invalid_with_their_rule() {
    let hub = small_ready();
    let bad = wrong_properties(&hub.council.publisher);
    let expected = codes(&bad);
    assert_eq!(kept(&hub, bad).await, expected);
}

#[tokio::test]
async fn bodies_that_break_a_rule_are_kept_as_invalid_with_that_rule() {
    let hub = small_ready();
    let bad = wrong_bodies(&hub.council.publisher);
    let expected = codes(&bad);
    assert_eq!(kept(&hub, bad).await, expected);
    let large = hub.json(&["invalid", "list", "--json"])["events"]
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["code"] == "too-large").cloned())
        .expect("the oversized one");
    assert!(large["body_size"].as_u64().is_some_and(|size| size > OVERSIZE as u64));
    let (id, revealing) = (large["id"].to_string(), ["--json", "--reveal", "--reason", "a test"]);
    let shown = hub.json(&[&["invalid", "show", &id][..], &revealing].concat());
    assert_eq!(shown["body"], Value::Null, "it is kept as its hash");
}

#[tokio::test]
async fn a_forged_sender_is_stopped_by_the_broker_and_a_wrong_one_by_the_hub() {
    let mut hub = small_ready();
    let exchange = shop_exchange(&hub);
    let forged = structured("guest");
    assert!(!shop(&hub).await.publish(&exchange, forged, &event(|_| {})).await);
    let stranger = Wire::open(Rabbit::shared().url()).await;
    assert!(stranger.publish(&exchange, structured("guest"), &event(|_| {})).await);
    assert_eq!(hub.wait_for("event.invalid")["rule"], "sender");
    publish(&hub, &[parcel_event("good", "a", 1)]).await;
    let status = hub.settled();
    let expected = json!({"routed": 1, "no_route": 0, "invalid": 1, "duplicate": 0});
    assert_eq!(status["sources"]["shop"]["events"], expected);
}

#[tokio::test]
async fn an_event_that_is_published_five_times_reaches_the_queue_once() {
    let hub = small_ready();
    let event = parcel_event("the-one", "a", 1);
    for _ in 0..3 {
        publish(&hub, std::slice::from_ref(&event)).await;
    }
    hub.settled();
    publish(&hub, &[event.clone(), event.clone(), parcel_event("another", "a", 2)]).await;
    let status = hub.settled();
    let expected = json!({"routed": 2, "no_route": 0, "invalid": 0, "duplicate": 4});
    assert_eq!(status["sources"]["shop"]["events"], expected);
    let ids: Vec<_> = dock(&hub, 2).await.into_iter().map(|message| message.correlation_id).collect();
    assert_eq!(ids, ["the-one", "another"]);
    assert_eq!(hub.council.outbox_lines("book/out").len(), 2);
}

#[tokio::test]
async fn an_event_in_binary_mode_is_as_good_as_one_in_structured_mode() {
    let hub = small_ready();
    for prefix in ["cloudEvents:", "cloudEvents_"] {
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", prefix),
            ("source", "/systems/shop"),
            ("type", "parcel.moved.v1"),
            ("subject", "parcel:a"),
        ] {
            let value = AMQPValue::LongString(LongString::from(value));
            headers.insert(ShortString::from(format!("{prefix}{name}").as_str()), value);
        }
        let properties = structured(&hub.council.publisher)
            .with_content_type("application/json".into())
            .with_headers(headers);
        let body = br#"{"number": 7.0, "place": "shelf"}"#;
        assert!(shop(&hub).await.publish(&shop_exchange(&hub), properties, body).await);
    }
    hub.settled();
    let numbers: Vec<_> =
        dock(&hub, 2).await.into_iter().map(|message| message.body["number"].clone()).collect();
    assert_eq!(numbers, [json!(7), json!(7)], "7.0 is the whole number 7");
}

#[tokio::test]
async fn an_invalid_event_that_comes_again_corrected_is_taken() {
    let hub = small_ready();
    publish_body(&hub, &event(|event| event["data"]["number"] = json!(0))).await;
    hub.settled();
    publish_body(&hub, &event(|_| {})).await;
    let status = hub.settled();
    let expected = json!({"routed": 1, "no_route": 0, "invalid": 1, "duplicate": 0});
    assert_eq!(status["sources"]["shop"]["events"], expected);
}
