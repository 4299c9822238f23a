//! The client against an endpoint of the test's own, and against the hub's own server.

use postroom_connector::conformance::{CANARY, SECRET};
use postroom_connector::{Failure, Settings, Sink, SinkKind};
use postroom_connector_open311::Open311Sink;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::desk::{DEADLINE, Desk, handover};
use crate::endpoint::Endpoint;

fn settings(folder: &std::path::Path, base_url: &str, more: &str) -> Settings {
    let text = format!(
        "form = 'client'\nbase_url = '{base_url}'\napi_key = {{ file = 'key' }}\n\
         jurisdiction_id = 'zedshire.example'\ntimeout = '3s'\n{more}"
    );
    Settings { table: text.parse().expect("TOML"), data: folder.to_owned(), system: "county".to_owned() }
}

struct Rig {
    endpoint: Endpoint,
    sink: Box<dyn Sink>,
    folder: tempfile::TempDir,
}

fn rig(more: &str) -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), SECRET).expect("a file");
    let endpoint = Endpoint::start();
    let sink = Open311Sink.build(&settings(folder.path(), &endpoint.address, more)).expect("a sink");
    Rig { endpoint, sink, folder }
}

fn message() -> Value {
    json!({"service_code": "potholes", "lat": 51.75, "long": -0.34, "description": "A hole", "last_name": CANARY})
}

#[tokio::test]
async fn a_report_carries_the_key_and_the_jurisdiction_and_its_id_is_the_reference() {
    for (format, path) in [("xml", "/v2/requests.xml"), ("json", "/v2/requests.json")] {
        let rig = rig(&format!("format = '{format}'"));
        let sent = handover(1, message());
        let receipt = rig.sink.deliver(&sent).await.expect("taken");
        assert_eq!(receipt.reference.as_deref(), Some("1"));
        let state = rig.endpoint.state();
        assert!(state.heads[0].starts_with(&format!("POST {path} ")), "{:?}", state.heads);
        let posted = |name: &str| {
            let found = state.posted[0].iter().find(|(known, _)| known == name);
            found.map(|(_, text)| text.as_str()).expect("posted")
        };
        assert_eq!((posted("api_key"), posted("jurisdiction_id")), (SECRET, "zedshire.example"));
        assert_eq!((posted("service_code"), posted("lat"), posted("long")), ("potholes", "51.75", "-0.34"));
        assert_eq!(posted("description"), format!("A hole\n(Ref {})", sent.id));
    }
}

#[tokio::test]
async fn what_is_posted_without_look_up_is_what_was_said_and_is_never_looked_for() {
    let rig = rig("look_up = 'off'");
    rig.sink.deliver(&handover(1, message())).await.expect("taken");
    assert_eq!(rig.sink.look_up(&handover(1, message())).await.expect("nothing"), None);
    let state = rig.endpoint.state();
    assert!(state.posted[0].contains(&("description".to_owned(), "A hole".to_owned())));
    assert_eq!(state.heads.len(), 1);
}

#[tokio::test]
async fn a_token_is_a_reference_too_and_a_refused_key_is_no_fault_of_the_message() {
    let rig = rig("format = 'json'");
    rig.endpoint.state().says = Some(("200 OK", "[{\"token\": \"t-7\"}]"));
    let receipt = rig.sink.deliver(&handover(1, message())).await.expect("taken");
    assert_eq!(receipt.reference.as_deref(), Some("t-7"));
    rig.endpoint.state().says = Some(("403 Forbidden", "[{\"code\": 403, \"description\": \"key\"}]"));
    let error = rig.sink.deliver(&handover(2, message())).await.expect_err("an error");
    assert_eq!((error.failure, error.to_string().contains(SECRET)), (Failure::Down, false));
}

#[tokio::test]
async fn a_key_that_is_replaced_on_disk_is_used_without_a_restart() {
    let rig = rig("");
    std::fs::write(rig.folder.path().join("key"), "another-key").expect("a file");
    let another = ("api_key".to_owned(), "another-key".to_owned());
    let began = Instant::now();
    while !rig.endpoint.state().posted.last().is_some_and(|posted| posted.contains(&another)) {
        assert!(began.elapsed() < DEADLINE, "the new key was never used");
        rig.sink.deliver(&handover(1, message())).await.expect("taken");
    }
}

#[tokio::test]
async fn only_requests_of_the_service_that_are_young_are_looked_through() {
    let rig = rig("");
    assert_eq!(rig.sink.look_up(&handover(1, message())).await.expect("an answer"), None);
    let head = rig.endpoint.state().heads[0].clone();
    for part in [
        "GET /v2/requests.xml?",
        "jurisdiction_id=zedshire.example",
        "service_code=potholes",
        "start_date=",
        "end_date=",
    ] {
        assert!(head.contains(part), "{head}");
    }
    assert!(!head.contains(SECRET), "a look-up needs no key");
}

#[tokio::test]
async fn the_client_and_the_server_of_two_hubs_understand_each_other_in_both_forms() {
    let office = |record: &Value| {
        Some(json!({
            "token": record["token"], "service_request_id": format!("W-{}", record["lat"]),
            "description": record["description"], "updated_datetime": record["requested_datetime"],
        }))
    };
    let desk = Desk::open("wait = '20s'", office).await;
    for (number, format) in [(1, "xml"), (2, "json")] {
        let settings =
            settings(desk.ground.data.path(), &desk.ground.base_url(), &format!("format = '{format}'"));
        let sink = Open311Sink.build(&settings).expect("a sink");
        let message = json!({
            "service_code": "DMV66", "lat": 50 + number, "long": -0.5, "description": "Two lines\nof & <words>",
            "attributes": [{"code": "WHISHETN", "value": "124"}],
        });
        let sent = handover(number, message);
        let receipt = sink.deliver(&sent).await.expect("taken");
        assert_eq!(receipt.reference, Some(format!("W-{}.0", 50 + number)));
        assert_eq!(sink.look_up(&sent).await.expect("an answer"), Some(receipt));
        let record = desk.taken().pop().expect("a record");
        assert_eq!(record["description"], format!("Two lines\nof & <words>\n(Ref {})", sent.id));
        let refused = json!({"service_code": "DMV66", "lat": 1, "long": 1});
        let error = sink.deliver(&handover(number, refused)).await.expect_err("an error");
        assert_eq!(
            (error.failure, error.to_string().as_str()),
            (Failure::Permanent, "the endpoint refuses it: 400")
        );
    }
}
