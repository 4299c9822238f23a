//! Clients that are too many, too slow or too loud, and claims that are too slow for them.

use std::time::{Duration, Instant};

use postroom_listener::{Answer, Limits, Listeners, Patience, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::client::{DEADLINE, asked, claim, connect, echo, get, post, rest, send, status};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);
/// Short for a client, and long enough for a machine that is busy.
const SHORT: Duration = Duration::from_millis(500);

fn patient() -> Patience {
    let body_bytes = 10_000_000;
    Patience { handshake: LONG, head: LONG, body: LONG, connection: LONG, connections: 64, body_bytes }
}

fn limits() -> Limits {
    Limits { body_bytes: 1000, waiting: 10, reply: LONG }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_taken() {
    let mut held = claim(&Listeners::new(patient()), "/in", limits()).await;
    let address = held.address();
    for size in [1001, 2_000_000] {
        let answer = send(address, &post("/in", &"x".repeat(size))).await;
        assert_eq!(status(&answer), 413, "{size}: {answer}");
    }
    let endless = "POST /in HTTP/1.1\r\nhost: hub\r\ncontent-length: 99999999999\r\n\r\n";
    assert_eq!(status(&send(address, endless).await), 413);
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1001, "x".repeat(1001));
    let head = "POST /in HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(status(&send(address, &format!("{head}{chunked}")).await), 413);
    let right = post("/in", &"x".repeat(1000));
    let (answer, ()) = tokio::join!(send(address, &right), echo(&mut held));
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn more_requests_than_may_wait_are_503_and_told_when_to_come_again() {
    let mut held = claim(&Listeners::new(patient()), "/in", Limits { waiting: 1, ..limits() }).await;
    let address = held.address();
    let first = tokio::spawn(send(address, post("/in", "1").leak()));
    let waiting = asked(&mut held).await;
    let answer = send(address, &post("/in", "2")).await;
    assert!(status(&answer) == 503 && answer.contains("\r\nretry-after: "), "{answer}");
    waiting.reply.send(Answer::new(StatusCode::OK));
    assert_eq!(status(&first.await.expect("an answer")), 200);
}

#[tokio::test]
async fn a_request_that_is_dropped_or_not_answered_in_time_is_503() {
    let mut held = claim(&Listeners::new(patient()), "/in", Limits { reply: SHORT, ..limits() }).await;
    let address = held.address();
    let client = tokio::spawn(send(address, post("/in", "dropped").leak()));
    drop(asked(&mut held).await);
    assert_eq!(status(&client.await.expect("an answer")), 503);
    let client = tokio::spawn(send(address, post("/in", "left").leak()));
    let left = asked(&mut held).await;
    let answer = client.await.expect("an answer");
    assert!(status(&answer) == 503 && answer.contains("\r\nretry-after: "), "{answer}");
    assert!(!left.reply.is_awaited());
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_head_is_left_and_others_are_served() {
    let mut held = claim(&Listeners::new(Patience { head: SHORT, ..patient() }), "/in", limits()).await;
    let address = held.address();
    let mut slow = connect(address).await;
    slow.write_all(b"POST /in HTTP/1.1\r\nhost: h").await.expect("written");
    let mut silent = connect(address).await;
    let right = get("/in");
    let (answer, ()) = tokio::join!(send(address, &right), echo(&mut held));
    assert_eq!(status(&answer), 200);
    for line in [&mut slow, &mut silent] {
        let answer = timeout(DEADLINE, rest(line)).await.expect("the line is closed");
        assert!(answer.is_err() || answer.is_ok_and(|answer| !answer.contains(" 200 ")));
    }
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_body_is_408_and_nobody_hears_of_it() {
    let mut held = claim(&Listeners::new(Patience { body: SHORT, ..patient() }), "/in", limits()).await;
    let answer = send(held.address(), &post("/in", "0123456789").replace("56789", "")).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(held.next_waiting().is_none());
}

#[tokio::test]
async fn a_connection_that_is_old_is_closed_behind_its_answer() {
    let old = Patience { connection: SHORT, ..patient() };
    let mut held = claim(&Listeners::new(old), "/in", limits()).await;
    let began = Instant::now();
    let mut idle = connect(held.address()).await;
    let kept = get("/in").replace("connection: close\r\n", "");
    idle.write_all(kept.as_bytes()).await.expect("written");
    echo(&mut held).await;
    let answer = timeout(DEADLINE, rest(&mut idle)).await.expect("the line is closed").expect("an answer");
    assert!(answer.ends_with("/in") && began.elapsed() >= SHORT, "{answer}");
}

#[tokio::test]
async fn more_bytes_than_may_be_in_memory_are_503_until_those_before_are_answered_or_gone() {
    let few = Patience { body_bytes: 1500, ..patient() };
    let mut held = claim(&Listeners::new(few), "/in", limits()).await;
    let (address, long) = (held.address(), post("/in", &"x".repeat(1000)));
    let first = tokio::spawn(send(address, long.clone().leak()));
    let waiting = asked(&mut held).await;
    let refused = send(address, &long).await;
    assert!(status(&refused) == 503 && refused.contains("\r\nretry-after: "), "{refused}");
    let short = post("/in", &"x".repeat(500));
    let (answer, ()) = tokio::join!(send(address, &short), echo(&mut held));
    assert_eq!(status(&answer), 200, "there is room for it");
    waiting.reply.send(Answer::new(StatusCode::OK));
    assert_eq!(status(&first.await.expect("an answer")), 200);
    for _ in 0..3 {
        let (answer, ()) = tokio::join!(send(address, &long), echo(&mut held));
        assert_eq!(status(&answer), 200, "what was answered holds nothing");
    }
}

#[tokio::test]
async fn a_connection_beyond_the_most_waits_for_a_place() {
    let few = Patience { connections: 1, ..patient() };
    let mut held = claim(&Listeners::new(few), "/in", limits()).await;
    let address = held.address();
    let mut first = connect(address).await;
    first.write_all(b"GET").await.expect("written");
    let second = tokio::spawn(send(address, get("/in").leak()));
    assert!(timeout(SHORT, held.next()).await.is_err(), "there was a place");
    drop(first);
    echo(&mut held).await;
    assert_eq!(status(&second.await.expect("an answer")), 200);
}
