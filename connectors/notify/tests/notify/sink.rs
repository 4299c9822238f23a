//! The sink.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use postroom_connector::{ConnectorError, Failure, Handover, Outgoing, Settings, Sink, SinkKind};
use postroom_connector_notify::NotifySink;
use postroom_event::DispatchId;
use serde_json::{Value, json};

use crate::fake::{Fake, SECRET, SERVICE};

pub(crate) const EMAIL: &str = "9d751e0e-f929-4891-82a1-a3e1c3c18ee3";
pub(crate) const SMS: &str = "5c1e6e1a-8f0c-4c3e-9a44-0d8f6f0b8a11";
pub(crate) const LETTER: &str = "64415853-cb86-4cc4-b597-2aaa94ef8c39";
pub(crate) const SENDER: &str = "8e222534-7f05-4972-86e3-17c5d9f894e2";
/// Longer than any answer that comes, on a machine that is busy.
const PATIENT: &str = "timeout = '30s'";
/// No value of a resident may be in an error.
const CANARY: &str = "Ada Canary";

/// Settings of a Notify at `address`.
pub(crate) fn table(address: &str, more: &str) -> toml::Table {
    let text = format!(
        "base_url = '{address}'\napi_key = {{ file = 'key' }}\n\
         templates = {{ email = '{EMAIL}', sms = '{SMS}', letter = '{LETTER}' }}\n{more}"
    );
    text.parse().expect("TOML")
}

/// A sink whose key is that of `secret`.
fn sink_of(address: &str, secret: &str, more: &str) -> Box<dyn Sink> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), format!("test-{SERVICE}-{secret}\n")).expect("a file");
    let settings = Settings {
        table: table(address, more),
        data: folder.path().to_owned(),
        system: "residents".to_owned(),
    };
    NotifySink.check(&settings).expect("settings");
    NotifySink.build(&settings).expect("a sink")
}

pub(crate) fn sink(address: &str, more: &str) -> Box<dyn Sink> {
    sink_of(address, SECRET, more)
}

pub(crate) fn handover(number: u64, message: Value) -> Handover {
    let item = Outgoing {
        dispatch: DispatchId::new("/desk", &number.to_string(), "route"),
        event_type: "parcel.moved.v1".to_owned(),
        subject: "parcel:1".to_owned(),
        message: message.into(),
        traceparent: None,
    };
    Handover { id: item.dispatch.to_string(), items: vec![item] }
}

pub(crate) fn email(address: &str) -> Value {
    json!({"channel": "email", "email_address": format!("{address}@example.org"), "personalisation": {"name": CANARY}})
}

pub(crate) fn letter() -> Value {
    json!({"channel": "letter", "personalisation": {
        "address_line_1": CANARY, "address_line_2": "1 Example Street", "address_line_3": "ZZ9 9ZZ", "name": CANARY,
    }})
}

async fn failed(sink: &dyn Sink, message: Value) -> ConnectorError {
    let error = sink.deliver(&handover(1, message)).await.expect_err("an error");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("Canary") && !told.contains("example.org") && !told.contains(SECRET), "{told}");
    error
}

#[tokio::test]
async fn each_channel_goes_out_with_its_template_its_address_and_the_dispatch_id_as_reference() {
    let fake = Fake::start();
    let sink = sink(&fake.address, &format!("email_reply_to_id = '{SENDER}'\nsms_sender_id = '{SENDER}'"));
    let text =
        json!({"channel": "sms", "phone_number": "+441632960001", "personalisation": {"day": "Monday"}});
    for (number, channel, message, body) in [
        (
            1,
            "email",
            email("a"),
            json!({"template_id": EMAIL, "email_address": "a@example.org",
            "email_reply_to_id": SENDER, "personalisation": {"name": CANARY}}),
        ),
        (
            2,
            "sms",
            text,
            json!({"template_id": SMS, "phone_number": "+441632960001", "sms_sender_id": SENDER,
            "personalisation": {"day": "Monday"}}),
        ),
        (
            3,
            "letter",
            letter(),
            json!({"template_id": LETTER, "personalisation": letter()["personalisation"]}),
        ),
    ] {
        let handover = handover(number, message);
        let receipt = sink.deliver(&handover).await.expect("taken");
        let mut request = fake.request();
        assert_eq!(request["path"], format!("/v2/notifications/{channel}"));
        assert_eq!(
            request["body"].as_object_mut().and_then(|body| body.remove("reference")),
            Some(handover.id.into())
        );
        assert_eq!(request["body"], body, "{channel}");
        assert!(receipt.reference.is_some_and(|id| id.len() == 36), "the id that Notify gave");
    }
}

#[tokio::test]
async fn a_token_is_taken_by_the_official_code_and_one_of_another_key_is_not() {
    let fake = Fake::start();
    sink(&fake.address, PATIENT).deliver(&handover(1, email("a"))).await.expect("taken");
    assert_eq!(fake.request()["status"], 201);
    let wrong = sink_of(&fake.address, SERVICE, PATIENT);
    let error = failed(wrong.as_ref(), email("a")).await;
    assert_eq!((error.failure, error.detail.as_str()), (Failure::Down, "403 AuthError"));
    assert_eq!(fake.request()["status"], 403);
}

#[tokio::test]
async fn a_key_that_is_replaced_on_disk_is_used_without_a_restart() {
    let (fake, folder) = (Fake::start(), tempfile::tempdir().expect("a folder"));
    let put = |secret: &str| {
        std::fs::write(folder.path().join("key"), format!("test-{SERVICE}-{secret}\n")).expect("a file");
    };
    put(SERVICE);
    let settings = Settings {
        table: table(&fake.address, PATIENT),
        data: folder.path().to_owned(),
        system: "residents".to_owned(),
    };
    let sink = NotifySink.build(&settings).expect("a sink");
    assert_eq!(failed(sink.as_ref(), email("a")).await.detail, "403 AuthError");
    put(SECRET);
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = sink.deliver(&handover(1, email("a"))).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test]
async fn the_preference_chooses_the_channel_and_an_address_that_is_missing_the_next() {
    let fake = Fake::start();
    let sink =
        sink(&fake.address, "channel = { from = '/preferred_channel', otherwise = ['email', 'letter'] }");
    let mut message = letter();
    message["email_address"] = json!("a@example.org");
    for (number, preferred, channel) in [
        (1, json!("letter"), "letter"),
        (2, json!("email"), "email"),
        (3, json!("sms"), "email"),
        (4, json!(null), "email"),
    ] {
        message["preferred_channel"] = preferred;
        sink.deliver(&handover(number, message.clone())).await.expect("taken");
        assert_eq!(fake.request()["path"], format!("/v2/notifications/{channel}"), "{number}");
    }
    message["email_address"] = json!(null);
    message["preferred_channel"] = json!("email");
    sink.deliver(&handover(5, message)).await.expect("taken");
    assert_eq!(fake.request()["path"], "/v2/notifications/letter");
}

#[tokio::test]
async fn what_no_channel_reaches_is_refused_without_a_request() {
    let mut fake = Fake::start();
    let sink = sink(&fake.address, PATIENT);
    let mut few_lines = letter();
    few_lines["personalisation"]["address_line_3"] = json!("");
    for message in [
        few_lines,
        json!({"channel": "fax", "personalisation": {"name": CANARY}}),
        json!({"channel": "email", "personalisation": {"name": CANARY}}),
        json!({"channel": "email", "email_address": "a@example.org", "personalisation": [CANARY]}),
        json!({"channel": "email", "email_address": "a@example.org", "template": CANARY}),
    ] {
        assert_eq!(failed(sink.as_ref(), message).await.failure, Failure::Permanent);
    }
    assert_eq!(fake.requests(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_may_name_its_template() {
    let fake = Fake::start();
    let mut message = email("a");
    message["template"] = json!(SENDER);
    sink(&fake.address, PATIENT).deliver(&handover(1, message)).await.expect("taken");
    assert_eq!(fake.request()["body"]["template_id"], SENDER);
}

#[tokio::test]
async fn the_limit_of_a_minute_and_the_limit_of_a_day_are_waited_for() {
    let fake = Fake::start();
    let sink = sink(&fake.address, PATIENT);
    let minute = failed(sink.as_ref(), email("rate-limited")).await;
    assert_eq!((minute.failure, minute.retry_after), (Failure::Transient, Some(Duration::from_secs(60))));
    let day = failed(sink.as_ref(), email("day-limited")).await;
    let wait = day.retry_after.expect("a wait");
    assert!(day.failure == Failure::Down && wait <= Duration::from_secs(86_400), "{day:?}");
}

#[tokio::test]
async fn the_councils_own_limit_of_a_day_is_kept_and_what_failed_does_not_count() {
    let mut fake = Fake::start();
    let sink = sink(&fake.address, "daily_limit = 2");
    failed(sink.as_ref(), email("broken")).await;
    for number in [1, 2] {
        sink.deliver(&handover(number, email("a"))).await.expect("taken");
    }
    let error = failed(sink.as_ref(), email("a")).await;
    assert!(error.failure == Failure::Down && error.retry_after.is_some(), "{error:?}");
    assert_eq!(
        [fake.request(), fake.request(), fake.request()].map(|request| request["status"].clone()),
        [500, 201, 201]
    );
    assert_eq!(fake.requests(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_refusal_is_told_by_its_name_and_holds_no_value() {
    let fake = Fake::start();
    let sink = sink(&fake.address, PATIENT);
    for (address, failure, detail) in [
        ("refused", Failure::Permanent, "400 BadRequestError"),
        ("early", Failure::Transient, "403 AuthError"),
        ("broken", Failure::Transient, "500 Exception"),
        ("gone", Failure::Transient, "503 Exception"),
    ] {
        let error = failed(sink.as_ref(), email(address)).await;
        assert_eq!((error.failure, error.detail.as_str()), (failure, detail), "{address}");
    }
}

#[tokio::test]
async fn what_came_in_time_but_was_not_answered_is_found_and_sent_once() {
    let fake = Fake::start();
    for (address, more) in [("slow", "timeout = '2s'"), ("cut", PATIENT)] {
        let sink = sink(&fake.address, more);
        let handover = handover(1, email(address));
        let error = sink.deliver(&handover).await.expect_err("no answer");
        assert_eq!(error.failure, Failure::Unknown, "{address}: {error}");
        let receipt = sink.look_up(&handover).await.expect("an answer").expect("it is found");
        assert!(receipt.reference.is_some_and(|id| id.len() == 36));
        let methods = [fake.request()["method"].clone(), fake.request()["method"].clone()];
        assert_eq!(methods, ["POST", "GET"], "{address}: sent once and looked up");
    }
}

#[tokio::test]
async fn what_a_killed_hub_had_sent_is_found_by_the_next_with_the_same_receipt() {
    let fake = Fake::start();
    let handover = handover(1, letter());
    let first = sink(&fake.address, PATIENT).deliver(&handover).await.expect("taken");
    let next = sink(&fake.address, PATIENT).look_up(&handover).await.expect("an answer");
    assert_eq!(next, Some(first));
}

#[tokio::test]
async fn what_did_not_arrive_is_not_found() {
    let fake = Fake::start();
    let handover = handover(1, email("lost"));
    let error = sink(&fake.address, "timeout = '2s'").deliver(&handover).await.expect_err("no answer");
    assert_eq!(error.failure, Failure::Unknown, "{error}");
    let patient = sink(&fake.address, PATIENT);
    assert_eq!(patient.look_up(&handover).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_notify_that_hangs_is_left_within_the_time_limit() {
    let fake = Fake::start();
    let began = Instant::now();
    let error = failed(sink(&fake.address, "timeout = '500ms'").as_ref(), email("lost")).await;
    assert_eq!(error.failure, Failure::Unknown, "{error}");
    assert!((Duration::from_millis(500)..Duration::from_secs(20)).contains(&began.elapsed()));
}

#[tokio::test]
async fn what_was_never_sent_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let sink = sink(&format!("http://{closed}"), PATIENT);
    assert_eq!(failed(sink.as_ref(), email("a")).await.failure, Failure::Down);
    assert_eq!(sink.look_up(&handover(1, email("a"))).await.expect_err("an error").failure, Failure::Down);
}

#[tokio::test]
async fn a_batch_is_refused_as_notify_takes_one_at_a_time() {
    let sink = sink("http://127.0.0.1:9", PATIENT);
    let batch = Handover { id: "batch-1".to_owned(), ..handover(1, email("a")) };
    for result in [sink.deliver(&batch).await.map(drop), sink.look_up(&batch).await.map(drop)] {
        assert_eq!(result.expect_err("an error").failure, Failure::Permanent);
    }
}

#[test]
fn what_residents_get_is_revealed() {
    let settings = |more: &str| Settings {
        table: table("https://notify.example", more),
        data: "/data".into(),
        system: "residents".to_owned(),
    };
    let revealed = NotifySink.reveals(&settings(""));
    let revealed: Vec<_> = revealed.iter().map(|one| (one.key.as_str(), one.field.as_str())).collect();
    assert_eq!(revealed, [("templates", "personalisation")]);
    assert_eq!(NotifySink.reveals(&settings("daily_limit = 0")), [], "what is wrong is told by `check`");
}
