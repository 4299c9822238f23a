//! What those who watch the hub are told: by HTTP whether it is ready and what it counts, by OTLP what it does.

use std::net::TcpListener;

use postroom_tests::council::{YARD_HEAD, parcel_event};
use postroom_tests::hub::collector::Collector;
use postroom_tests::hub::http::get;
use postroom_tests::hub::proxy::Proxy;
use postroom_tests::hub::{TestHub, until};
use serde_json::{Value, json};

use crate::work::{dock, publish, small};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// What must not be seen.
const NAME: &str = "Zebediah Canary";

/// Where the hub can be asked, once it listens.
fn address(hub: &mut TestHub) -> String {
    hub.wait_for("health.listening")["address"].as_str().expect("an address").to_owned()
}

/// What the hub says once it is ready (200) or is not (503).
fn until_ready(address: &str, status: u16) -> Value {
    until(&format!("/health/ready to be {status}"), || {
        let (now, body) = get(address, "/health/ready");
        (now == status).then(|| serde_json::from_str(&body).expect("JSON"))
    })
}

/// Waits for a line of the metrics.
fn until_metric(address: &str, line: &str) {
    until(line, || get(address, "/metrics").1.lines().any(|told| told == line).then_some(()));
}

#[tokio::test]
async fn ready_is_no_while_the_broker_is_away_and_yes_again_by_itself() {
    let mut hub = small();
    let wire = Proxy::to(&hub.url);
    hub.url = wire.url(&hub.url);
    hub.start();
    let address = address(&mut hub);
    let away = json!({"ready": false, "because": [{"part": "broker", "why": "no-session"}]});
    assert_eq!(until_ready(&address, 503), away);
    assert_eq!(get(&address, "/health/live"), (200, "{\"live\":true}".to_owned()));
    until_metric(&address, "postroom_broker_open 0");

    wire.mend();
    assert_eq!(until_ready(&address, 200), json!({"ready": true, "because": []}));
    until_metric(&address, "postroom_broker_open 1");
    publish(&hub, &[parcel_event("first", "a", 1), parcel_event("first", "a", 1)]).await;
    hub.settled();
    for line in [
        "postroom_events_total{system=\"shop\",verdict=\"routed\"} 1",
        "postroom_events_total{system=\"shop\",verdict=\"duplicate\"} 1",
        "postroom_dispatches_total{target=\"book\",outcome=\"delivered\"} 1",
        "postroom_dispatches_total{target=\"dock\",outcome=\"delivered\"} 1",
        "postroom_delivery_seconds_count{target=\"dock\"} 1",
        "postroom_attempt_seconds_count{target=\"book\",outcome=\"delivered\"} 1",
        "postroom_queue_messages{target=\"dock\"} 1",
    ] {
        until_metric(&address, line);
    }

    wire.cut();
    // A worker may end before its session is known to be lost.
    until("the broker to be missed", || (until_ready(&address, 503) == away).then_some(()));
    assert_eq!(get(&address, "/health/live").0, 200);
    until_metric(&address, "postroom_broker_open 0");
    wire.mend();
    until_ready(&address, 200);
    assert_eq!(get(&address, "/health").0, 404);
    assert!(hub.stop().success());
}

#[test]
fn a_port_that_is_taken_ends_the_start_and_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut hub = small();
    hub.health = taken.local_addr().expect("its address").to_string();
    let output = hub.run(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&hub.health) && said.contains("`listen` under [health]"), "{said}");
}

#[tokio::test]
async fn an_event_is_told_to_the_collector_under_the_trace_of_its_sender_and_no_value_of_it() {
    let mut hub = small();
    let collector = Collector::start();
    let telemetry = format!("[telemetry]\notlp = \"{}\"\n[limits]", collector.url());
    hub.council.edit("council.toml", "[limits]", &telemetry);
    hub.start();
    hub.wait_for("hub.ready");
    let mut event = parcel_event("traced", "a", 1);
    event["data"]["owner"] = json!(NAME);
    event["traceparent"] = json!(format!("00-{TRACE}-{SPAN}-01"));
    event["tracestate"] = json!(format!("name={NAME}"));
    let mut malformed = parcel_event("malformed", "b", 2);
    malformed["traceparent"] = json!(NAME);
    let mut invalid = parcel_event("invalid", "c", 3);
    invalid["data"]["number"] = json!(NAME);
    publish(&hub, &[event, malformed, invalid]).await;
    let rows = format!("{YARD_HEAD}M,{NAME},4,shelf,{NAME},\n");
    hub.council.feed("yard/in", "people.csv", rows.as_bytes());
    hub.wait_for("import.finished");
    hub.settled();

    let messages = dock(&hub, 3).await;
    let of = |id: &str| messages.iter().find(|message| message.correlation_id == id).expect("a message");
    let hop = of("traced").headers["traceparent"].clone();
    assert!(hop.starts_with(&format!("00-{TRACE}-")) && !hop.contains(SPAN), "{hop}");
    assert_eq!(of("traced").headers["tracestate"], format!("name={NAME}"), "it is carried on");
    let other = of("malformed").headers["traceparent"].clone();
    assert!(!other.contains(TRACE) && !other.contains(NAME), "a trace of its own begins: {other}");

    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let spans = until("five spans", || Some(collector.spans()).filter(|spans| spans.len() >= 5));
    let taken = spans.iter().find(|span| hex(&span.trace_id) == TRACE).expect("its span");
    assert_eq!((taken.name.as_str(), hex(&taken.parent_span_id).as_str()), ("take in", SPAN));
    assert_eq!(hop, format!("00-{TRACE}-{}-01", hex(&taken.span_id)));
    assert!(spans.iter().any(|span| span.name == "deliver"), "the book's batch");
    assert!(hub.stop().success());
    for body in collector.requests() {
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(!text.contains("Zebediah") && !text.contains("Canary"), "{text}");
    }
}

#[tokio::test]
async fn no_label_of_a_metric_holds_a_value_of_an_event() {
    let mut hub = small();
    hub.start();
    let address = address(&mut hub);
    hub.wait_for("hub.ready");
    let person = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut event = parcel_event(id, NAME, 1);
        event["data"]["owner"] = json!(NAME);
        change(&mut event);
        event
    };
    let dead = person("dead", &|event| event["data"]["place"] = json!(NAME.repeat(3)));
    let stranger = person("stranger", &|event| event["type"] = json!(NAME));
    publish(&hub, &[person(NAME, &|_| {}), dead, stranger]).await;
    hub.settled();
    until_metric(&address, "postroom_dead{target=\"dock\"} 1");
    let (status, text) = get(&address, "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("postroom_dispatches_total{target=\"dock\",outcome=\"dead\"} 1"), "{text}");
    assert!(!text.contains("Zebediah") && !text.contains("Canary"), "{text}");
}
