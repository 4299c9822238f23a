//! What is taken, what is not, and when a sender hears of it.

use std::time::{Duration, Instant};

use postroom_connector::{Arrival, Ending, Failure, SourceKind};
use postroom_connector_http::HttpSource;
use postroom_request::Method;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::hook::{Heard, Hook, ask, client, keep, owned, tls};
use crate::room::{CANARY, DEADLINE, batch, data, discreet, next, records, settings, source, take};

const BASE: &str = "key = '/id'\nbearer = { file = 'secret' }\n";
/// Longer than a request takes on this machine.
const LONG_ENOUGH: Duration = Duration::from_millis(300);
const KNOWN: (&str, &str) = ("authorization", "Bearer open sesame");

fn body(id: &str) -> String {
    format!(r#"{{"id": "{id}", "name": "{CANARY}"}}"#)
}

async fn heard(posted: JoinHandle<Heard>) -> Heard {
    timeout(DEADLINE, posted).await.expect("in time").expect("an answer")
}

#[tokio::test]
async fn a_request_is_answered_only_when_its_batch_is_finished() {
    let mut hook = Hook::new(BASE).await;
    let mut posted = hook.post(&[KNOWN], &body("1"));
    let mut batch = batch(hook.source.as_mut()).await;
    let taken = records(batch.as_mut()).await;
    assert_eq!((taken.len(), batch.len(), batch.label(), batch.cursor()), (1, 1, "/hooks/in", None));
    assert_eq!((taken[0].key.as_deref(), taken[0].number), (Some("1"), 1));
    assert_eq!(taken[0].value["name"], CANARY);
    let early = timeout(LONG_ENOUGH, &mut posted).await;
    assert!(early.is_err(), "it was answered before the broker had it");
    batch.finish(Ending::Done).await.expect("taken");
    assert_eq!(heard(posted).await, Heard { status: 200, retry_after: None, body: String::new() });
}

#[tokio::test]
async fn a_batch_that_is_dropped_says_503_and_when_to_come_again() {
    let mut hook = Hook::new(BASE).await;
    let posted = hook.post(&[KNOWN], &body("1"));
    drop(batch(hook.source.as_mut()).await);
    let heard = heard(posted).await;
    assert!(heard.status == 503 && heard.retry_after.is_some(), "{heard:?}");
}

#[tokio::test]
async fn a_batch_that_was_not_read_to_its_end_is_not_answered_with_200() {
    let mut hook = Hook::new(BASE).await;
    let posted = hook.post(&[KNOWN], &body("1"));
    let error = batch(hook.source.as_mut()).await.finish(Ending::Done).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    assert_eq!(heard(posted).await.status, 503);
}

#[tokio::test]
async fn whoever_waits_is_taken_together_and_each_is_answered() {
    let mut hook = Hook::new(BASE).await;
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < DEADLINE, "each was taken alone");
        let mut posted: Vec<_> = (0..5).map(|id| hook.post(&[KNOWN], &body(&id.to_string()))).collect();
        // None is answered while nobody asks the source; meanwhile they arrive.
        assert!(timeout(LONG_ENOUGH, &mut posted[0]).await.is_err());
        let (mut keys, mut batches) = (Vec::new(), 0);
        while keys.len() < posted.len() {
            keys.extend(take(hook.source.as_mut()).await);
            batches += 1;
        }
        keys.sort();
        assert_eq!(keys, ["0", "1", "2", "3", "4"]);
        for posted in posted {
            assert_eq!(heard(posted).await.status, 200);
        }
        if batches == 1 {
            return;
        }
    }
}

#[tokio::test]
async fn the_same_request_again_is_the_same_batch_with_the_same_key_and_is_answered() {
    let mut hook = Hook::new(BASE).await;
    let mut ids = Vec::new();
    for ending in [Ending::Done, Ending::Repeated] {
        let posted = hook.post(&[KNOWN], &body("1"));
        let mut batch = batch(hook.source.as_mut()).await;
        let taken = records(batch.as_mut()).await;
        ids.push((batch.id().to_owned(), taken[0].key.clone()));
        batch.finish(ending).await.expect("taken");
        assert_eq!(heard(posted).await.status, 200);
    }
    assert_eq!(ids[0], ids[1]);
    let posted = hook.post(&[KNOWN], &body("2"));
    let other = batch(hook.source.as_mut()).await;
    assert_ne!(ids[0].0, other.id());
    drop((other, posted));
}

#[tokio::test]
async fn what_cannot_be_read_is_400_with_line_and_rule_and_without_a_value() {
    let mut hook = Hook::new(BASE).await;
    let malformed = format!("{{\"id\": \"1\",\n\"name\": \"{CANARY}\"\n");
    let twice = format!(r#"{{"id": "1", "name": "{CANARY}", "name": "{CANARY}"}}"#);
    for (body, told) in [(malformed.as_str(), "not-json"), (&twice, "duplicate-key"), ("", "empty")] {
        let heard = hook.refuse(&[KNOWN], body).await;
        assert_eq!(heard.status, 400, "{heard:?}");
        assert!(heard.body.starts_with("line ") && heard.body.contains(told), "{heard:?}");
    }
}

#[tokio::test]
async fn a_record_without_its_key_is_422_and_the_pointer_is_named() {
    let mut hook = Hook::new("key = ['/id', '/status']\nbearer = { file = 'secret' }").await;
    let heard = hook.refuse(&[KNOWN], &format!(r#"{{"id": "{CANARY}"}}"#)).await;
    assert_eq!((heard.status, heard.body.as_str()), (422, "nothing stands at `/status`"));
}

#[tokio::test]
async fn other_methods_are_405_and_other_paths_404() {
    let mut hook = Hook::new(BASE).await;
    for (method, below, status) in [
        (Method::GET, "", 405),
        (Method::PUT, "", 405),
        (Method::DELETE, "", 405),
        (Method::POST, "/below", 404),
        (Method::POST, "-beside", 404),
    ] {
        let url = format!("{}{below}", hook.url);
        let posted = tokio::spawn(ask(client(tls()), method.clone(), url, owned(&[KNOWN], &body("1"))));
        let heard = hook.unheeded(posted).await;
        assert_eq!((heard.status, heard.body.as_str()), (status, ""), "{method} {below}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let mut hook = Hook::new(&format!("{BASE}max_bytes = 100")).await;
    let heard = hook.refuse(&[KNOWN], &format!(r#"{{"id": "{}"}}"#, "x".repeat(100))).await;
    assert_eq!(heard.status, 413);
}

#[tokio::test]
async fn more_than_the_rate_is_429_and_told_when_to_come_again() {
    let mut hook = Hook::new(&format!("{BASE}rate = '2/h'")).await;
    for id in ["1", "2"] {
        let posted = hook.post(&[KNOWN], &body(id));
        assert_eq!(take(hook.source.as_mut()).await, [id]);
        assert_eq!(heard(posted).await.status, 200);
    }
    let heard = hook.refuse(&[KNOWN], &body("3")).await;
    assert_eq!(heard.status, 429);
    let wait: u64 = heard.retry_after.expect("a time").parse().expect("seconds");
    assert!((1_500..=1_801).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_list_in_the_body_is_a_record_for_each_and_an_empty_one_is_taken_at_once() {
    let mut hook = Hook::new(&format!("{BASE}records = '/list'")).await;
    let posted = hook.post(&[KNOWN], r#"{"list": [{"id": 1}, {"id": 2}]}"#);
    assert_eq!(take(hook.source.as_mut()).await, ["1", "2"]);
    assert_eq!(heard(posted).await.status, 200);
    let posted = hook.post(&[KNOWN], r#"{"list": []}"#);
    assert_eq!(hook.unheeded(posted).await.status, 200);
    let heard = hook.refuse(&[KNOWN], r#"{"list": [{"id": 1}, {}]}"#).await;
    assert_eq!(heard.status, 422, "it is taken whole or not at all");
}

#[tokio::test]
async fn forms_and_xml_are_records_too() {
    for (format, key, body) in [
        ("'form'", "/id", "id=7&name=A+B"),
        ("{ kind = 'xml', record = 'Change' }", "/Id", "<Changes><Change><Id>7</Id></Change></Changes>"),
    ] {
        let mut hook =
            Hook::new(&format!("format = {format}\nkey = '{key}'\nbearer = {{ file = 'secret' }}")).await;
        let posted = hook.post(&[KNOWN], body);
        assert_eq!(take(hook.source.as_mut()).await, ["7"]);
        assert_eq!(heard(posted).await.status, 200);
    }
}

#[tokio::test]
async fn two_sources_share_an_address_and_a_path_claimed_twice_is_an_error_that_names_it() {
    let mut hook = Hook::new(BASE).await;
    let folder = data();
    let text = |path: &str| {
        let address = hook.url.trim_start_matches("http://").trim_end_matches("/hooks/in");
        format!("listen = '{address}'\npath = '{path}'\n{BASE}")
    };
    let mut other = source(&settings(&folder, &text("/hooks/other")));
    let mut twice = source(&settings(&folder, &text("/hooks/in")));
    let error = discreet(twice.next().await.err().expect("an error"));
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.words.contains("/hooks/in") && error.words.contains("127.0.0.1:"), "{error}");
    let posted = hook.post(&[KNOWN], &body("1"));
    assert_eq!(take(hook.source.as_mut()).await, ["1"]);
    assert_eq!(heard(posted).await.status, 200);
    assert!(matches!(other.next().await, Ok(Arrival::Idle)));
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_down() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let text = format!("listen = '{address}'\npath = '/in'\n{BASE}");
    let mut source = source(&settings(&data(), &text));
    let error = discreet(next(source.as_mut()).await.err().expect("an error"));
    assert!(error.failure == Failure::Down && error.words.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn idle_comes_within_seconds_and_check_opens_nothing() {
    let mut hook = Hook::new(BASE).await;
    let began = Instant::now();
    assert!(matches!(hook.source.next().await, Ok(Arrival::Idle)));
    assert!(began.elapsed().as_secs() < 10);
    let kept = keep(None).await;
    let text = format!("listen = '{}'\npath = '/kept'\n{BASE}", kept.address());
    HttpSource.check(&settings(&data(), &text)).expect("nobody asked for the path");
    let nowhere = "path = '/in'\nkey = '/id'\nbearer = { file = '/no/such/file' }";
    HttpSource.check(&settings(&data(), nowhere)).expect("no secret was read");
    let error = HttpSource.build(&settings(&data(), nowhere)).err().expect("an error");
    assert_eq!(error.key, "bearer");
}

#[tokio::test]
async fn a_body_in_a_file_is_opened_as_a_batch() {
    let data = data();
    let file = data.path().join("body.json");
    std::fs::write(&file, body("7")).expect("a file");
    let settings = settings(&data, &format!("path = '/in'\n{BASE}"));
    let Ok(Arrival::Batch(mut batch)) = HttpSource.open(&settings, &file) else { panic!("no batch") };
    assert_eq!(batch.label(), "body.json");
    assert_eq!(records(batch.as_mut()).await[0].key.as_deref(), Some("7"));
    batch.finish(Ending::Done).await.expect("taken");
}
