//! `postroom docs asyncapi`: accepted by AsyncAPI's own parser without an error or a warning, and without a secret in it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use postroom_schema::Validator;
use postroom_tests::council::{TestCouncil, house};
use serde_json::{Value, json};

use crate::said;

/// Diagnostics of this severity and above are remarks, such as that there is a newer version of AsyncAPI.
const REMARK: u64 = 2;

/// What `deploy/test` brings from npm.
fn packages() -> PathBuf {
    let named = std::env::var_os("POSTROOM_TEST_NODE").map(PathBuf::from);
    named.unwrap_or_else(|| house().join("var/test/node/node_modules"))
}

/// What the official parser says of a document.
fn parsed(document: &str) -> Value {
    let mut parser = Command::new("node")
        .arg(house().join("tests/tests/documents/parse.cjs"))
        .env("NODE_PATH", packages())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node was started: deploy/test brings it");
    parser.stdin.take().expect("its input").write_all(document.as_bytes()).expect("written");
    let output = parser.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn of_note(told: &Value) -> Vec<&Value> {
    let all = told["diagnostics"].as_array().into_iter().flatten();
    all.filter(|one| one["severity"].as_u64().is_none_or(|severity| severity < REMARK)).collect()
}

#[test]
fn the_official_parser_takes_the_document_of_the_example_council() {
    let document = said(&house().join("deploy/council"), &["docs", "asyncapi"]);
    let told = parsed(&document);
    assert_eq!((&told["accepted"], of_note(&told)), (&json!(true), vec![]), "{told:#}");
    let channels: Vec<&str> =
        told["channels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(channels.contains(&"in.customer-services") && channels.contains(&"to.waste"), "{channels:?}");
    assert_eq!(told["channels"], told["operations"]);
}

#[test]
fn the_official_parser_finds_a_reference_that_leads_nowhere() {
    let document = said(&house().join("deploy/council"), &["docs", "asyncapi"]);
    let (there, nowhere) = ("schemas/resident.moved.v1.address", "schemas/nowhere");
    let astray = document.replacen(there, nowhere, 1);
    assert_ne!(astray, document);
    assert!(!of_note(&parsed(&astray)).is_empty());
}

#[test]
fn every_example_in_the_document_fits_the_payload_of_its_message_as_the_document_has_it() {
    let document = said(&house().join("deploy/council"), &["docs", "asyncapi"]);
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let mut fitted = 0;
    for (name, message) in document["components"]["messages"].as_object().expect("messages") {
        let schema = json!({"components": document["components"], "allOf": [message["payload"]]});
        let payload = Validator::compile(&schema).expect(name);
        for example in message["examples"].as_array().into_iter().flatten() {
            assert_eq!(payload.validate(&example["payload"].clone().into()), Ok(()), "{name}");
            let mut wrong = example["payload"].clone();
            wrong["data"]["nobody-knows-this"] = json!(1);
            assert!(payload.validate(&wrong.into()).is_err(), "{name} allows anything");
            fitted += 1;
        }
    }
    assert!(fitted > 40, "{fitted}");
}

#[test]
fn the_address_of_the_broker_is_told_without_its_user_and_password() {
    let council = TestCouncil::small();
    council.edit(
        "council.toml",
        "[broker]\n",
        "[broker]\nurl = \"amqps://hub:quite-secret@rabbit.example:5679/council\"\n",
    );
    let document = said(&council.folder(), &["docs", "asyncapi"]);
    assert!(!document.contains("quite-secret") && !document.contains("hub:"), "{document}");
    let told: Value = serde_json::from_str(&document).expect("JSON");
    let server = &told["servers"]["broker"];
    assert_eq!((&server["host"], &server["protocol"]), (&json!("rabbit.example:5679"), &json!("amqps")));
    assert_eq!(server["pathname"], "/council");
    assert_eq!(of_note(&parsed(&document)), Vec::<&Value>::new());
}

#[test]
fn a_system_that_does_not_say_what_it_publishes_may_publish_anything() {
    let council = TestCouncil::small();
    let told: Value = serde_json::from_str(&said(&council.folder(), &["docs", "asyncapi"])).expect("JSON");
    let shop = &told["channels"]["in.shop"];
    assert_eq!(shop["parameters"]["type"]["enum"], json!(["parcel.moved.v1"]));
    assert_eq!(shop["bindings"]["amqp"]["exchange"]["name"], format!("{}in.shop", council.prefix));
    let dock = &told["channels"]["to.dock"];
    assert_eq!(dock["address"], format!("{}to.dock", council.prefix));
    assert_eq!(told["operations"]["to.dock"]["action"], "send");
    assert!(told["channels"].get("to.book").is_none(), "a target with a connector reads no queue");
}
