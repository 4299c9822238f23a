//! Who is let in, how often, and what the hub hears when nobody can be.

use std::fs;

use postroom_connector::conformance::SECRET;
use postroom_connector::{Failure, SinkKind};
use postroom_connector_pull::PullSink;
use postroom_request::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::queue::{
    BEARER, DEADLINE, Queue, answered, came, heard, id, keep, made, plain_client, settings, whole,
};

#[tokio::test]
async fn nobody_sees_or_answers_anything_without_the_proof() {
    let queue = Queue::new(BEARER).await;
    let _offers = queue.offer([1]).await;
    let ways = [
        (Method::GET, String::new()),
        (Method::GET, "/openapi.json".to_owned()),
        (Method::PUT, format!("/{}", id(1))),
        (Method::GET, "/x".to_owned()),
    ];
    for (method, below) in ways {
        let url = format!("{}{below}", queue.url);
        let request = || plain_client().request(method.clone(), &url).body(r#"{"outcome": "success"}"#);
        for unproved in [
            request(),
            request().bearer_auth("wrong"),
            request().basic_auth("library", Some(SECRET)),
            request().bearer_auth(SECRET).bearer_auth(SECRET),
        ] {
            let response = answered(unproved).await;
            assert_eq!(response.status.as_u16(), 401, "{method} {below}");
            assert!(response.headers.contains_key("www-authenticate"));
            let body = String::from_utf8_lossy(whole(&response));
            assert!(!body.contains(SECRET) && !body.contains(&id(1)), "{body}");
        }
    }
    assert_eq!(queue.numbers("").await, [1]);
}

#[tokio::test]
async fn a_system_is_known_by_its_name_and_password() {
    let (folder, kept) = (crate::queue::data(), keep(None).await);
    let text = format!(
        "listen = '{}'\nbasic = {{ user = 'library', password = {{ file = 'token' }} }}",
        kept.address()
    );
    let _sink = made(&settings(&folder, &text));
    let url = format!("http://{}/queues/library", kept.address());
    let ask = |user, password| heard(plain_client().get(&url).basic_auth(user, Some(password)));
    let begun = Instant::now();
    while ask("library", SECRET).await.status != 200 {
        assert!(begun.elapsed() < DEADLINE, "it was never let in");
    }
    assert_eq!((ask("other", SECRET).await.status, ask("library", "wrong").await.status), (401, 401));
}

#[tokio::test]
async fn a_secret_that_is_changed_is_taken_up_and_where_it_is_gone_nobody_is_let_in_and_the_hub_hears_of_it()
{
    let queue = Queue::new(BEARER).await;
    let mut offers = queue.offer([1]).await;
    fs::write(queue.data.path().join("token"), "another").expect("a file");
    let with = |token| heard(queue.client.get(&queue.url).bearer_auth(token));
    let begun = Instant::now();
    while with("another").await.status != 200 {
        assert!(begun.elapsed() < DEADLINE, "the new secret was never taken up");
    }
    assert_eq!(with(SECRET).await.status, 401);
    fs::remove_file(queue.data.path().join("token")).expect("gone");
    let error = came(offers.remove(0)).await.expect_err("a failure");
    assert_eq!((error.failure, error.words.as_str()), (Failure::Down, "nobody is let in"));
    assert_eq!(with("another").await.status, 503, "it is not the system's fault");
    assert_eq!(came(queue.deliver(2)).await.expect_err("a failure").failure, Failure::Down);
    fs::write(queue.data.path().join("token"), SECRET).expect("a file");
    let begun = Instant::now();
    while with(SECRET).await.status != 200 {
        assert!(begun.elapsed() < DEADLINE, "the secret was never taken up");
    }
    let mut offers = queue.offer([2]).await;
    assert_eq!(queue.success(2).await, 200);
    came(offers.remove(0)).await.expect("a receipt");
}

#[tokio::test]
async fn a_path_that_somebody_else_has_is_told_and_costs_no_attempt() {
    let queue = Queue::new(BEARER).await;
    let other = made(&queue.settings(BEARER));
    let error = other.deliver(&crate::queue::handover(1)).await.expect_err("a failure");
    assert_eq!(error.failure, Failure::Down);
    assert!(error.to_string().contains("/queues/library"), "{error}");
    drop(queue.sink);
    let begun = Instant::now();
    let delivering = async {
        while other.deliver(&crate::queue::handover(1)).await.is_err() {
            assert!(begun.elapsed() < DEADLINE, "the path was never had");
        }
    };
    let answering = async {
        let url = format!("{}/{}", queue.url, id(1));
        let answer = json!({"outcome": "success"}).to_string();
        let put = || {
            let request = queue.client.put(&url).bearer_auth(SECRET);
            heard(request.header("content-type", "application/json").body(answer.clone()))
        };
        while put().await.status != 200 {
            assert!(begun.elapsed() < DEADLINE, "nobody listens");
        }
    };
    tokio::join!(delivering, answering);
}

#[tokio::test]
async fn whoever_comes_before_the_path_is_held_is_told_to_come_again() {
    let (folder, kept) = (crate::queue::data(), keep(None).await);
    let url = format!("http://{}/queues/library", kept.address());
    let ask = || heard(plain_client().get(&url).bearer_auth(SECRET));
    assert_eq!(ask().await.status, 404);
    PullSink.announce(&settings(&folder, &format!("listen = '{}'\n{BEARER}", kept.address())));
    assert_eq!(ask().await.status, 503);
}

#[tokio::test]
async fn more_than_the_rate_is_told_to_come_later() {
    let queue = Queue::new(&format!("{BEARER}\nrate = '50/h'")).await;
    let mut response = answered(queue.request(Method::GET, "")).await;
    for _ in 0..50 {
        response = answered(queue.request(Method::GET, "")).await;
    }
    assert_eq!(response.status.as_u16(), 429);
    let later: u64 = response.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=73).contains(&later), "{later}");
}
