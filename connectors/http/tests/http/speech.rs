//! What the sink says, and what it understands: templates, SOAP, rules over answers, and the pace of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use postroom_connector::{ConnectorError, Failure, Receipt};
use serde_json::{Value, json};

use crate::rig::{CANARY, handover, sink};
use crate::server::{Does, Server, answer, body, header};

const SOAP: &str = "soap = { version = '1.1', action = 'urn:till:Move' }\nreference = '/Body/Moved/Ref'\n\
    body = { template = '<m:Move xmlns:m=\"urn:till\"><m:Name>{{ message.name }}</m:Name></m:Move>' }";
const RULE: &str = r#"
[answer]
rule = '''
if .body.ok == false {
    { "outcome": "refused", "words": .body.message, "code": .body.code }
}
'''
"#;

async fn delivered(does: Does, more: &str, message: Value) -> Result<Receipt, ConnectorError> {
    let server = Server::new(vec![does]);
    sink(&format!("url = '{}/moves'\n{more}", server.address)).deliver(&handover(message)).await
}

async fn failed(does: Does, more: &str) -> ConnectorError {
    let error = delivered(does, more, json!({"name": CANARY})).await.expect_err("an error");
    assert!(!error.to_string().contains(CANARY), "{error}");
    error
}

fn envelope(inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{inside}</s:Body></s:Envelope>"
    )
}

fn fault(code: &str) -> String {
    envelope(&format!(
        "<s:Fault><faultcode>s:{code}</faultcode><faultstring>{CANARY} is unknown</faultstring></s:Fault>"
    ))
}

#[tokio::test]
async fn a_soap_target_gets_an_envelope_and_its_reference_comes_back() {
    let said = envelope("<m:Moved xmlns:m='urn:till'><m:Ref>T-9</m:Ref></m:Moved>");
    let server = Server::new(vec![answer("200 OK\r\ncontent-type: text/xml", &said)]);
    let sink = sink(&format!("url = '{}/moves'\n{SOAP}", server.address));
    let handover = handover(json!({"name": "<O'Neil & \"Co\">\n"}));
    let receipt = sink.deliver(&handover).await.expect("delivered");
    assert_eq!(receipt.reference.as_deref(), Some("T-9"));
    let request = server.request();
    assert_eq!(header(&request, "content-type"), Some("text/xml; charset=utf-8"));
    assert_eq!(header(&request, "soapaction"), Some("\"urn:till:Move\""));
    assert_eq!(header(&request, "idempotency-key"), Some(handover.id.as_str()));
    let escaped = "<m:Name>&lt;O&apos;Neil &amp; &quot;Co&quot;&gt;&#10;</m:Name>";
    assert!(body(&request).contains(escaped), "{request}");
    assert!(body(&request).ends_with("</m:Move></soap:Body></soap:Envelope>"), "{request}");
}

#[tokio::test]
async fn a_soap_fault_is_told_apart_in_a_200_and_in_a_500() {
    for status in ["200 OK", "500 Internal Server Error"] {
        let error = failed(answer(status, &fault("Client")), SOAP).await;
        assert_eq!(error.failure, Failure::Permanent, "{status}: {error}");
        let error = failed(answer(status, &fault("Server")), SOAP).await;
        assert_eq!(error.failure, Failure::Transient, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_web_page_in_place_of_soap_is_unknown_whatever_it_is_said_to_be() {
    let page = format!("<html><body>Dear {CANARY}, sign in</body></html>");
    for kind in ["text/html", "text/xml"] {
        let error = failed(answer(&format!("200 OK\r\ncontent-type: {kind}"), &page), SOAP).await;
        assert_eq!(error.failure, Failure::Unknown, "{error}");
    }
}

#[tokio::test]
async fn a_business_error_inside_a_200_is_permanent_with_the_words_of_the_rule() {
    let said = r#"{"ok": false, "message": "Specified UPRN does not exist", "code": "E17"}"#;
    let error = failed(answer("200 OK\r\ncontent-type: text/plain", said), RULE).await;
    assert_eq!(error.failure, Failure::Permanent);
    assert_eq!(error.to_string(), "Specified UPRN does not exist: E17");
    delivered(answer("200 OK", r#"{"ok": true}"#), RULE, json!({})).await.expect("delivered");
}

#[tokio::test]
async fn an_answer_that_a_rule_cannot_read_whole_is_unknown() {
    let long = format!("{{\"message\": \"{}\"}}", CANARY.repeat(5_000));
    let cut =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{\"m\": \"{CANARY}");
    for does in [answer("200 OK", &long), Does::Says(cut), Does::Cuts] {
        let error = failed(does, RULE).await;
        assert_eq!(error.failure, Failure::Unknown, "{error}");
    }
    let error = failed(Does::Hangs, &format!("timeout = '300ms'\n{RULE}")).await;
    assert_eq!(error.failure, Failure::Unknown, "{error}");
}

#[tokio::test]
async fn a_message_without_a_field_that_is_needed_is_permanent_and_nothing_is_sent() {
    for (url, more, path) in [
        ("/p/{message.owner.uprn}", "", "owner.uprn"),
        ("/p", "body = { template = '{{ message.owner.uprn }}', format = 'text' }", "message.owner.uprn"),
        (
            "/p",
            "body = { template = '<m>{{ message.uprn }}</m>' }\nsoap = { version = '1.2' }",
            "message.uprn",
        ),
    ] {
        let server = Server::always("200 OK", "");
        let sink = sink(&format!("url = '{}{url}'\n{more}", server.address));
        let error = sink.deliver(&handover(json!({"owner": {"name": CANARY}}))).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent, "{error}");
        assert!(error.words.contains(&format!("`{path}`")) && !error.to_string().contains(CANARY), "{error}");
        assert_eq!(server.left(), 0);
    }
}

#[tokio::test]
async fn a_form_goes_to_an_address_of_the_message() {
    let server = Server::new(vec![answer("200 OK", "")]);
    let more = "method = 'PUT'\nbody = { template = 'name={{ message.name }}', format = 'form' }";
    let sink = sink(&format!("url = '{}/p/{{message.uprn}}?key={{id}}'\n{more}", server.address));
    let handover = handover(json!({"uprn": 7, "name": "A&B=C"}));
    sink.deliver(&handover).await.expect("delivered");
    let request = server.request();
    assert!(request.starts_with(&format!("PUT /p/7?key={} HTTP/1.1\r\n", handover.id)), "{request}");
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(body(&request), "name=A%26B%3DC");
}

#[tokio::test]
async fn a_delete_sends_no_body() {
    let server = Server::new(vec![answer("204 No Content", "")]);
    let sink = sink(&format!("url = '{}/p/{{message.uprn}}'\nmethod = 'DELETE'", server.address));
    sink.deliver(&handover(json!({"uprn": 7}))).await.expect("delivered");
    let request = server.request();
    assert!(request.starts_with("DELETE /p/7 HTTP/1.1\r\n"), "{request}");
    assert_eq!((body(&request), header(&request, "content-type")), ("", None));
}

#[tokio::test]
async fn a_look_up_has_its_own_method_headers_body_and_rule() {
    let found = r#"{"hits": [{"ref": "T-4"}]}"#;
    let server = Server::new(vec![answer("200 OK", found), answer("200 OK", r#"{"hits": []}"#)]);
    let more = r#"
        headers = { X-Tenant = "zedshire", X-Purpose = "deliver" }
        [look_up]
        url = "ADDRESS/search"
        method = "POST"
        headers = { X-Purpose = "look-up" }
        body = { template = '{"key": {{ id }}}', format = "json" }
        rule = '''
        hits = array(.body.hits) ?? []
        if length(hits) == 0 {
            { "outcome": "absent" }
        } else {
            { "outcome": "delivered", "reference": .body.hits[0].ref }
        }
        '''
    "#;
    let text = format!("url = 'ADDRESS/moves'\n{more}").replace("ADDRESS", &server.address);
    let (sink, handover) = (sink(&text), handover(json!({})));
    let receipt = sink.look_up(&handover).await.expect("an answer").expect("a receipt");
    assert_eq!(receipt.reference.as_deref(), Some("T-4"));
    let request = server.request();
    assert!(request.starts_with("POST /search HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "x-tenant"), Some("zedshire"));
    assert_eq!(header(&request, "x-purpose"), Some("look-up"));
    assert_eq!(header(&request, "idempotency-key"), None);
    assert_eq!(body(&request), format!("{{\"key\": \"{}\"}}", handover.id));
    assert_eq!(sink.look_up(&handover).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_rate_is_kept_however_many_come_at_once() {
    let server = Server::always("200 OK", "");
    let sink = sink(&format!("url = '{}/'\nrate = '20/s'", server.address));
    let (handover, began) = (handover(json!({})), Instant::now());
    for result in join_all((0..11).map(|_| sink.deliver(&handover))).await {
        result.expect("delivered");
    }
    assert!(began.elapsed() >= Duration::from_millis(500), "ten turns after the first take half a second");
    assert_eq!(server.left(), 11);
}

#[tokio::test]
async fn a_request_that_has_no_turn_in_time_is_not_sent_and_told_when_to_come_back() {
    let server = Server::always("200 OK", "");
    let sink = sink(&format!("url = '{}/'\nrate = '1/s'\ntimeout = '4s'", server.address));
    let handover = handover(json!({}));
    let results = join_all((0..5).map(|_| sink.deliver(&handover))).await;
    let errors: Vec<ConnectorError> = results.into_iter().filter_map(Result::err).collect();
    assert!(!errors.is_empty());
    for error in &errors {
        assert_eq!(error.failure, Failure::Transient, "{error}");
        assert!(error.retry_after.is_some_and(|wait| wait > Duration::from_millis(500)), "{error:?}");
    }
    assert_eq!(server.left(), 5 - errors.len());
}
