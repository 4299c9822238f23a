//! What the decoder takes and what it refuses.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use postroom_event::{Event, MAX_BODY_BYTES, Received, Refusal, Rule, STRUCTURED, claimed_subject, decode};
use proptest::prelude::*;
use serde_json::{Value, json};

fn envelope() -> Value {
    json!({
        "specversion": "1.0", "id": "7", "source": "/systems/planning", "type": "planning.decision.issued.v1",
        "subject": "application:24/0001", "time": "2026-03-01T10:00:00+00:00", "channel": "online",
        "data": {"reference": "24/0001"}
    })
}

fn structured(body: &[u8]) -> Result<Event, Refusal> {
    decode(
        &Received { content_type: Some(STRUCTURED), headers: &[], body: &body.to_vec().into() },
        MAX_BODY_BYTES,
    )
}

fn refused(change: impl FnOnce(&mut Value)) -> (Rule, String) {
    let mut value = envelope();
    change(&mut value);
    let refusal = structured(&serde_json::to_vec(&value).unwrap()).unwrap_err();
    (refusal.rule, refusal.place)
}

#[test]
fn structured_mode_is_read_and_written_back_the_same() {
    let event = structured(&serde_json::to_vec(&envelope()).unwrap()).unwrap();
    assert_eq!(event.event_type, "planning.decision.issued.v1");
    assert_eq!(event.extensions["channel"], "online");
    assert_eq!(structured(&event.to_bytes()).unwrap(), event);
}

#[test]
fn binary_mode_is_read_with_either_prefix() {
    for prefix in ["cloudEvents:", "cloudEvents_"] {
        let mut headers: Vec<(String, String)> = envelope()
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "data")
            .map(|(name, value)| (format!("{prefix}{name}"), value.as_str().unwrap().to_owned()))
            .collect();
        headers.push(("x-other".into(), "ignored".into()));
        let received = Received {
            content_type: Some("application/json; charset=utf-8"),
            headers: &headers,
            body: &br#"{"reference": "24/0001"}"#.as_slice().into(),
        };
        let event = decode(&received, MAX_BODY_BYTES).unwrap();
        assert_eq!(event, structured(&serde_json::to_vec(&envelope()).unwrap()).unwrap());
    }
}

#[test]
fn what_breaks_a_rule_claims_the_subject_that_stands_where_its_mode_has_it_and_no_other() {
    let header = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let binary = [header("cloudEvents:specversion", "1.0"), header("cloudEvents_subject", "person:8841")];
    let claimed = |content_type, headers, body: &str| claimed_subject(content_type, headers, body.as_bytes());
    let body = r#"{"time": "yesterday", "subject": "person:8842", "data": {"subject": "person:8843"}}"#;
    assert_eq!(claimed(Some(STRUCTURED), &binary, body).unwrap(), "person:8842");
    assert_eq!(claimed(Some("application/json"), &binary, body).unwrap(), "person:8841");
    assert_eq!(claimed(Some("application/json"), &binary[..1], body), None);
    assert_eq!(claimed(Some("application/json"), &binary[1..], body), None, "it is in no mode");
    for unread in [&body[1..], r#"{"subject": 8842}"#, r#"{"data": {"subject": "person:8842"}}"#] {
        assert_eq!(claimed(Some(STRUCTURED), &[], unread), None, "{unread}");
    }
}

#[test]
fn each_broken_rule_is_named_with_its_place() {
    let set = |name: &'static str, to: Value| refused(move |value| value[name] = to);
    let unset = |name: &'static str| refused(move |value| drop(value.as_object_mut().unwrap().remove(name)));
    assert_eq!(unset("subject"), (Rule::MissingAttribute, "subject".into()));
    assert_eq!(set("id", json!("")), (Rule::MissingAttribute, "id".into()));
    assert_eq!(set("specversion", json!("0.3")), (Rule::SpecVersion, "specversion".into()));
    assert_eq!(set("time", json!("2026-03-01T10:00:00")), (Rule::BadAttribute, "time".into()));
    assert_eq!(set("channel", json!("pigeon")), (Rule::BadAttribute, "channel".into()));
    assert_eq!(set("effectivetime", json!("soon")), (Rule::BadAttribute, "effectivetime".into()));
    assert_eq!(set("Mixed", json!("x")), (Rule::BadAttribute, "Mixed".into()));
    assert_eq!(set("nested", json!({})), (Rule::BadAttribute, "nested".into()));
    assert_eq!(set("subject", json!("a\nb")), (Rule::BadAttribute, "subject".into()));
    assert_eq!(set("datacontenttype", json!("text/xml")), (Rule::ContentType, "datacontenttype".into()));
    assert_eq!(unset("data"), (Rule::NoData, "/data".into()));
    assert_eq!(set("data_base64", json!("AA==")), (Rule::NoData, "/data_base64".into()));
}

#[test]
fn an_oversized_body_is_refused_before_it_is_read() {
    let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &"not json at all".into() };
    assert_eq!(decode::<Value>(&received, 3).unwrap_err().rule, Rule::TooLarge);
}

#[test]
fn a_body_without_the_marks_of_cloudevents_is_refused() {
    let received = Received { content_type: Some("application/json"), headers: &[], body: &"{}".into() };
    assert_eq!(decode::<Value>(&received, MAX_BODY_BYTES).unwrap_err().rule, Rule::ContentType);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic_or_quote_them(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = structured(&bytes);
    }
}
