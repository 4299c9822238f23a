//! The sink.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use postroom_connector::{ConnectorError, Failure, Handover, Outgoing, Receipt, Settings, Sink, SinkKind};
use postroom_connector_http::HttpSink;
use postroom_event::DispatchId;
use serde_json::{Value, json};

use crate::server::{Does, Server, answer};

/// Where the message stands in a trace.
const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Longer than any answer that comes, on a machine that is busy.
const PATIENT: &str = "timeout = '30s'";

fn sink(address: &str, more: &str) -> Box<dyn Sink> {
    let table = format!("url = '{address}/moves'\n{more}").parse().expect("TOML");
    let settings = Settings { table, data: "/data".into(), system: "till".to_owned() };
    HttpSink.check(&settings).expect("settings");
    HttpSink.build(&settings).expect("a sink")
}

fn item(number: u64, message: Value) -> Outgoing {
    Outgoing {
        dispatch: DispatchId::new("/yard", &number.to_string(), "route"),
        event_type: "parcel.moved.v1".to_owned(),
        subject: "parcel:1".to_owned(),
        message: message.into(),
        traceparent: Some(TRACE_PARENT.to_owned()),
    }
}

fn handover() -> Handover {
    let item = item(1, json!({"place": "shelf"}));
    Handover { id: item.dispatch.to_string(), items: vec![item] }
}

async fn delivered(does: Does, more: &str) -> Result<Receipt, ConnectorError> {
    let server = Server::new(vec![does]);
    sink(&server.address, more).deliver(&handover()).await
}

async fn failed(does: Does, more: &str) -> ConnectorError {
    delivered(does, more).await.expect_err("an error")
}

#[tokio::test]
async fn a_message_goes_out_as_json_under_its_key_and_the_reference_comes_back() {
    let server = Server::new(vec![answer("201 Created", r#"{"id": "T-1"}"#)]);
    let more = "method = 'PUT'\nreference = '/id'\nheaders = { X-Tenant = 'zedshire' }";
    let receipt = sink(&server.address, more).deliver(&handover()).await.expect("delivered");
    assert_eq!(receipt.reference.as_deref(), Some("T-1"));
    let request = server.request();
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("PUT /moves HTTP/1.1\r\n"), "{head}");
    for header in [
        "content-type: application/json",
        "x-tenant: zedshire",
        &format!("idempotency-key: {}", handover().id),
        &format!("traceparent: {TRACE_PARENT}"),
    ] {
        assert!(head.lines().any(|line| line == header), "{header}: {head}");
    }
    assert_eq!(body, r#"{"place":"shelf"}"#);
}

#[tokio::test]
async fn a_batch_goes_out_as_an_array_under_its_own_id() {
    for count in [1, 2] {
        let server = Server::new(vec![answer("200 OK", "")]);
        let items: Vec<Outgoing> = (1..=count).map(|number| item(number, json!(number))).collect();
        let batch = Handover { id: "batch-1".to_owned(), items };
        sink(&server.address, "").deliver(&batch).await.expect("delivered");
        let body: Value = server
            .request()
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.parse().expect("JSON"))
            .expect("a body");
        assert_eq!(body.as_array().map(Vec::len), Some(usize::try_from(count).expect("small")));
    }
}

#[tokio::test]
async fn what_was_never_sent_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let no_tls = Server::new(vec![answer("200 OK", ""), Does::Closes]);
    let tls = no_tls.address.replace("http", "https");
    for address in [&format!("http://{closed}"), "https://no-such-host.invalid", &tls] {
        let error = sink(address, PATIENT).deliver(&handover()).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Down, "{address}: {error}");
        assert!(!error.to_string().contains("/moves"), "{error}");
    }
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_unknown() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{";
    for (what, does) in [
        ("a cut", Does::Cuts),
        ("an answer that breaks off", Does::Says(cut.to_owned())),
        ("no HTTP", Does::Says("garbage\r\n\r\n".to_owned())),
    ] {
        let error = failed(does, PATIENT).await;
        assert_eq!(error.failure, Failure::Unknown, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_target_that_hangs_is_left_within_the_time_limit() {
    let began = Instant::now();
    let error = failed(Does::Hangs, "timeout = '300ms'").await;
    assert_eq!(error.failure, Failure::Unknown, "{error}");
    assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_target_that_asks_for_time_is_given_it() {
    let error = failed(answer("429 Too Many Requests\r\nretry-after: 7", ""), PATIENT).await;
    assert_eq!((error.failure, error.retry_after), (Failure::Transient, Some(Duration::from_secs(7))));
    let date = "503 Service Unavailable\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT";
    let error = failed(answer(date, ""), PATIENT).await;
    assert_eq!((error.failure, error.retry_after), (Failure::Transient, Some(Duration::ZERO)));
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let server = Server::new(vec![answer("307 Temporary Redirect\r\nlocation: /elsewhere", "")]);
    let error = sink(&server.address, PATIENT).deliver(&handover()).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.words.contains("redirects are not followed"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_the_limit_and_no_further() {
    let long = "x".repeat(1_000_000);
    let receipt = delivered(answer("200 OK", &long), "reference = '/id'").await.expect("delivered");
    assert_eq!(receipt.reference, None);
}

#[tokio::test]
async fn an_earlier_attempt_is_looked_up_where_the_settings_say_how() {
    let found = answer("200 OK", r#"{"id": "T-1"}"#);
    let server = Server::new(vec![found, answer("404 Not Found", ""), answer("500 Oh", "")]);
    let more = format!("reference = '/id'\nlook_up = {{ url = '{}/moves/{{id}}' }}", server.address);
    let sink = sink(&server.address, &more);
    let receipt = sink.look_up(&handover()).await.expect("an answer").expect("a receipt");
    assert_eq!(receipt.reference.as_deref(), Some("T-1"));
    assert!(server.request().starts_with(&format!("GET /moves/{} HTTP/1.1\r\n", handover().id)));
    assert_eq!(sink.look_up(&handover()).await.expect("an answer"), None);
    assert_eq!(sink.look_up(&handover()).await.expect_err("an error").failure, Failure::Transient);
}

#[tokio::test]
async fn a_sink_that_cannot_look_up_says_so_without_asking() {
    assert_eq!(sink("http://127.0.0.1:9", "").look_up(&handover()).await.expect("an answer"), None);
}
