//! Tokens: asked for, used, renewed, refused.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use postroom_connector::{ConnectorError, Failure, Sink};
use serde_json::json;

use crate::rig::{handover, sink_in, until};
use crate::server::{Does, Server, answer, body, header};

/// What stands in the file of the secret; no error may hold it.
const SECRET: &str = "open sesame & more";

fn token(value: &str, seconds: u64) -> Does {
    answer(
        "200 OK",
        &format!(r#"{{"access_token": "{value}", "token_type": "Bearer", "expires_in": {seconds}}}"#),
    )
}

fn settings(target: &str, tokens: &str, more: &str) -> String {
    format!(
        "url = '{target}/moves'\n{more}\noauth2 = {{ token_url = '{tokens}/token', client_id = 'the hub', \
         client_secret = {{ file = 'secret' }}, scope = 'moves:write' }}"
    )
}

fn sink(target: &str, tokens: &str, more: &str) -> Box<dyn Sink> {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("secret"), SECRET).expect("a file");
    sink_in(data.path(), &settings(target, tokens, more))
}

async fn failed(tokens: &str, more: &str) -> ConnectorError {
    let target = Server::always("200 OK", "");
    let error =
        sink(&target.address, tokens, more).deliver(&handover(json!({}))).await.expect_err("an error");
    assert!(!error.to_string().contains("sesame"), "{error}");
    assert_eq!(target.left(), 0, "nothing is sent without a token");
    error
}

#[tokio::test]
async fn a_token_is_asked_for_once_whoever_needs_it() {
    let (tokens, target) = (Server::new(vec![token("abc", 3600)]), Server::always("200 OK", ""));
    let sink = sink(&target.address, &tokens.address, "");
    let handover = handover(json!({}));
    for result in join_all((0..8).map(|_| sink.deliver(&handover))).await {
        result.expect("delivered");
    }
    for _ in 0..8 {
        assert_eq!(header(&target.request(), "authorization"), Some("Bearer abc"));
    }
    let asked = tokens.request();
    assert!(asked.starts_with("POST /token HTTP/1.1\r\n"), "{asked}");
    assert_eq!(body(&asked), "grant_type=client_credentials&scope=moves%3Awrite");
    // `the%20hub:open%20sesame%20%26%20more`: each encoded as in a form (RFC 6749, 2.3.1).
    let expected = "Basic dGhlJTIwaHViOm9wZW4lMjBzZXNhbWUlMjAlMjYlMjBtb3Jl";
    assert_eq!(header(&asked, "authorization"), Some(expected));
}

#[tokio::test]
async fn the_credentials_stand_in_the_body_where_the_endpoint_wants_them_there() {
    let (tokens, target) = (Server::new(vec![token("abc", 3600)]), Server::always("200 OK", ""));
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("secret"), SECRET).expect("a file");
    let text =
        settings(&target.address, &tokens.address, "").replace("scope =", "credentials = 'body', scope =");
    sink_in(data.path(), &text).deliver(&handover(json!({}))).await.expect("delivered");
    let asked = tokens.request();
    assert!(
        body(&asked).ends_with("&client_id=the%20hub&client_secret=open%20sesame%20%26%20more"),
        "{asked}"
    );
    assert_eq!(header(&asked, "authorization"), None);
}

#[tokio::test]
async fn a_token_is_renewed_when_it_ends() {
    let tokens = Server::new(vec![token("first", 1), token("second", 3600)]);
    let target = Server::always("200 OK", "");
    let sink = sink(&target.address, &tokens.address, "");
    let sent = async || {
        sink.deliver(&handover(json!({}))).await.expect("delivered");
        header(&target.request(), "authorization").map(str::to_owned)
    };
    assert_eq!(sent().await.as_deref(), Some("Bearer first"));
    until("the token is renewed", async || sent().await.as_deref() == Some("Bearer second")).await;
}

#[tokio::test]
async fn a_401_brings_a_new_token_and_the_same_request_again_under_the_same_key() {
    let tokens = Server::new(vec![token("first", 3600), token("second", 3600)]);
    let target = Server::new(vec![answer("401 Unauthorized", ""), answer("201 Created", r#"{"id": "T-1"}"#)]);
    let handover = handover(json!({"uprn": 7}));
    let sink = sink(&target.address, &tokens.address, "reference = '/id'");
    let receipt = sink.deliver(&handover).await.expect("delivered");
    assert_eq!(receipt.reference.as_deref(), Some("T-1"));
    for authorization in ["Bearer first", "Bearer second"] {
        let request = target.request();
        assert_eq!(header(&request, "authorization"), Some(authorization));
        assert_eq!(header(&request, "idempotency-key"), Some(handover.id.as_str()));
        assert_eq!(body(&request), r#"{"uprn":7}"#);
    }
}

#[tokio::test]
async fn a_401_to_a_new_token_lets_nobody_in() {
    let tokens = Server::new(vec![token("first", 3600), token("second", 3600)]);
    let target = Server::always("401 Unauthorized", "");
    let sink = sink(&target.address, &tokens.address, "");
    let error = sink.deliver(&handover(json!({}))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down);
    assert_eq!(target.left(), 2);
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let error = failed(&format!("http://{closed}"), "").await;
    assert_eq!(error.failure, Failure::Down, "{error}");
    for does in [
        Does::Cuts,
        answer("503 Service Unavailable", "open sesame"),
        answer("200 OK", "open sesame"),
        Does::Says("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{".to_owned()),
    ] {
        let error = failed(&Server::new(vec![does]).address, "").await;
        assert_eq!(error.failure, Failure::Down, "{error}");
    }
    let began = Instant::now();
    let error = failed(&Server::new(vec![Does::Hangs]).address, "timeout = '300ms'").await;
    assert_eq!(error.failure, Failure::Down, "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_is_down_and_tells_its_code() {
    let refusal = r#"{"error": "invalid_client", "error_description": "open sesame"}"#;
    let error = failed(&Server::new(vec![answer("401 Unauthorized", refusal)]).address, "").await;
    assert_eq!(error.failure, Failure::Down);
    assert!(error.to_string().contains("invalid_client"), "{error}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_told_with_its_key() {
    use postroom_connector::{Settings, SinkKind};
    let table = settings("https://till.example", "https://id.example", "").parse().expect("TOML");
    let settings = Settings { table, data: Path::new("/nowhere").to_owned(), system: "till".to_owned() };
    let error = postroom_connector_http::HttpSink.build(&settings).err().expect("an error");
    assert_eq!(error.key, "oauth2.client_secret");
}
