//! Systems that do not answer, or not what was asked for: each is told apart, and nothing of an answer is repeated.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use postroom_connector::{Arrival, ConnectorError, Failure};

use crate::room::{CANARY, data, discreet, next, settings, source, take};
use crate::system::{Does, System, answer, says};

const TOP: &str = "key = '/id'\nrecords = '/items'";

async fn failed_with(top: &str, does: Does, more: &str) -> ConnectorError {
    let (system, folder) = (System::new(vec![does]).await, data());
    let text =
        format!("{top}\n[poll]\nurl = '{}/c?x=1'\nbearer = {{ file = 'secret' }}\n{more}", system.address);
    let mut source = source(&settings(&folder, &text));
    let error = discreet(next(source.as_mut()).await.err().expect("an error"));
    assert!(!error.to_string().contains("/c?x"), "{error}");
    assert_eq!(system.requests().len(), 1, "it was asked: {error}");
    error
}

async fn failed(does: Does, more: &str) -> ConnectorError {
    failed_with(TOP, does, more).await
}

#[tokio::test]
async fn every_way_in_which_no_records_come_has_its_meaning() {
    use Failure::{Permanent, Transient};
    let told = format!(r#"{{"items": [{{"id": "{CANARY}"}}]}}"#);
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{told}");
    let half = says(&told[..told.len() - 4]);
    for (what, does, failure) in [
        ("500", answer("500 Oh", &told), Transient),
        ("503", answer("503 Service Unavailable", &told), Transient),
        ("429", answer("429 Too Many Requests", &told), Transient),
        ("408", answer("408 Request Timeout", &told), Transient),
        ("404", answer("404 Not Found", &told), Permanent),
        ("401", answer("401 Unauthorized", &told), Permanent),
        ("a redirect", answer("302 Found\r\nlocation: /else", &told), Permanent),
        ("304 that nobody asked for", answer("304 Not Modified", ""), Permanent),
        ("a line that is cut", Does::Cuts, Transient),
        ("an answer that breaks off", Does::Says(cut), Transient),
        ("no HTTP", Does::Says(format!("{CANARY}\r\n\r\n")), Transient),
        ("half a document", half, Permanent),
        ("no JSON", says(&format!("{CANARY} {{")), Permanent),
        ("a web page", says(&format!("<!doctype html><p>{CANARY}")), Permanent),
        ("nothing", says(""), Permanent),
        ("no records", says(&format!(r#"{{"error": "{CANARY}"}}"#)), Permanent),
    ] {
        let error = failed(does, "").await;
        assert_eq!(error.failure, failure, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_system_that_hangs_is_left_within_the_time_limit() {
    let began = Instant::now();
    let error = failed(Does::Hangs, "timeout = '300ms'").await;
    assert_eq!(error.failure, Failure::Transient, "{error}");
    assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_system_that_cannot_be_reached_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let text = format!("{TOP}\n[poll]\nurl = 'http://{closed}/'");
    let mut source = source(&settings(&data(), &text));
    let error = discreet(next(source.as_mut()).await.err().expect("an error"));
    assert_eq!(error.failure, Failure::Down, "{error}");
}

#[tokio::test]
async fn a_system_that_asks_for_time_is_given_it() {
    let system = System::new(vec![
        answer("503 Service Unavailable\r\nretry-after: 600", ""),
        says(r#"{"items": []}"#),
    ])
    .await;
    let text = format!("{TOP}\n[poll]\nurl = '{}/c'", system.address);
    let mut source = source(&settings(&data(), &text));
    let error = next(source.as_mut()).await.err().expect("an error");
    assert_eq!(error.retry_after, Some(Duration::from_secs(600)));
    let still = source.next().await.err().expect("it is still away");
    assert_eq!(still.words, error.words);
    assert_eq!(system.requests().len(), 1, "it was asked again too early");
}

#[tokio::test]
async fn a_failure_is_told_until_the_system_answers_again() {
    let system = System::new(vec![answer("500 Oh", ""), Does::Hangs]).await;
    let text = format!("{TOP}\n[poll]\nurl = '{}/c'\ntimeout = '2s'", system.address);
    let mut source = source(&settings(&data(), &text));
    assert!(source.next().await.is_err());
    let while_it_hangs = source.next().await.err().expect("no answer has come since");
    assert!(while_it_hangs.to_string().contains("500"), "{while_it_hangs}");
    let system = System::new(vec![answer("500 Oh", ""), says(r#"{"items": []}"#)]).await;
    let text = format!("{TOP}\n[poll]\nurl = '{}/c?{{page}}'\npages = {{ by = 'number' }}", system.address);
    let mut source = crate::room::source(&settings(&data(), &text));
    assert!(source.next().await.is_err());
    assert!(matches!(source.next().await, Ok(Arrival::Idle)), "an empty answer is one");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_to_its_end() {
    let error = failed(says(&" ".repeat(16 * 1024 * 1024 + 1)), "").await;
    assert!(error.failure == Failure::Permanent && error.words.contains("longer than"), "{error}");
}

#[tokio::test]
async fn a_soap_fault_is_no_empty_page() {
    let top = "key = '/Id'\nformat = { kind = 'xml', record = 'Change' }";
    let fault = |inner: &str| {
        format!("<s:Envelope xmlns:s='urn:s'><s:Body><s:Fault>{inner}</s:Fault></s:Body></s:Envelope>")
    };
    let told = fault(&format!("<faultcode>s:Server</faultcode><faultstring>{CANARY}</faultstring>"));
    for body in [told, fault("")] {
        let error = failed_with(top, says(&body), "body = '<a/>'").await;
        assert!(error.failure == Failure::Permanent && error.detail.contains("SOAP fault"), "{error}");
    }
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_asked_for() {
    let elsewhere = r#"{"items": [{"id": 1}], "next": "https://elsewhere.example/steal"}"#;
    let error = failed(says(elsewhere), "pages = { by = 'next', at = '/next' }").await;
    assert_eq!(error.failure, Failure::Permanent);
    assert!(!error.to_string().contains("elsewhere.example"), "{error}");
}

#[tokio::test]
async fn a_secret_that_is_replaced_on_disk_is_used_at_the_next_question() {
    let empty = r#"{"items": []}"#;
    let system = System::new((0..2).map(|_| says(empty)).collect()).await;
    let folder = data();
    let text =
        format!("{TOP}\n[poll]\nurl = '{}/c'\nevery = '1s'\nbearer = {{ file = 'secret' }}", system.address);
    let mut source = source(&settings(&folder, &text));
    take(source.as_mut()).await;
    std::fs::write(folder.path().join("secret"), "the second").expect("a file");
    let mut asked = Vec::new();
    let deadline = std::time::Instant::now() + crate::room::DEADLINE;
    while asked.len() < 2 {
        assert!(std::time::Instant::now() < deadline, "it was not asked again");
        assert!(matches!(source.next().await, Ok(Arrival::Idle)));
        asked.extend(system.requests());
    }
    let shown = |request: &String| {
        request.lines().find_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned)
    };
    let shown: Vec<_> = asked.iter().filter_map(shown).collect();
    assert_eq!(shown, [format!("Bearer {}", crate::room::SECRET), "Bearer the second".to_owned()]);
}
