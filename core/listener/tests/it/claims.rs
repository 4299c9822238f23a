//! Who gets which request, and what becomes of an address that nobody wants any more.

use std::net::TcpListener;
use std::time::Instant;

use postroom_listener::{Answer, ClaimError, Limits, Listeners, Method, StatusCode};

use crate::client::{DEADLINE, asked, claim, converse, echo, get, post, send, status, wanted};

#[tokio::test]
async fn a_request_comes_whole_to_whoever_claimed_its_path_and_gets_the_answer() {
    let mut held = claim(&Listeners::default(), "/in", Limits::default()).await;
    let client = tokio::spawn(send(held.address(), post("/in/a%20b?c=d", "the body").leak()));
    let asked = asked(&mut held).await;
    assert_eq!(
        (asked.method, asked.path.as_str(), asked.query.as_deref()),
        (Method::POST, "/in/a%20b", Some("c=d"))
    );
    assert_eq!(
        (&asked.headers["host"], &asked.body[..]),
        (&"hub".parse().expect("a value"), &b"the body"[..])
    );
    assert!(asked.client_certificate.is_none() && asked.peer.ip().is_loopback());
    asked.reply.send(Answer::words(StatusCode::ACCEPTED, "taken"));
    let answer = client.await.expect("an answer");
    assert!(status(&answer) == 202 && answer.ends_with("\r\n\r\ntaken"), "{answer}");
}

#[tokio::test]
async fn a_path_that_nobody_claims_is_404_and_tells_of_no_other() {
    let held = claim(&Listeners::default(), "/secret-path", Limits::default()).await;
    for path in ["/", "/secret", "/secret-path-2", "/else"] {
        let answer = send(held.address(), &get(path)).await;
        assert!(status(&answer) == 404 && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
}

#[tokio::test]
async fn two_claims_of_one_address_each_get_their_own() {
    let listeners = Listeners::default();
    let mut one = claim(&listeners, "/one", Limits::default()).await;
    let address = one.address();
    let mut two = listeners.claim(wanted(&address.to_string(), "/two")).await.expect("a claim");
    let (first, second) = (get("/one"), get("/two"));
    let both = async { tokio::join!(send(address, &first), send(address, &second)) };
    let (answers, (), ()) = tokio::join!(both, echo(&mut one), echo(&mut two));
    assert!(answers.0.ends_with("/one") && answers.1.ends_with("/two"), "{answers:?}");
}

#[tokio::test]
async fn a_path_claimed_twice_is_an_error_that_names_address_and_path() {
    let listeners = Listeners::default();
    let held = claim(&listeners, "/in", Limits::default()).await;
    let address = held.address().to_string();
    let error = listeners.claim(wanted(&address, "/in")).await.expect_err("an error");
    assert!(matches!(error, ClaimError::Taken { .. }), "{error}");
    assert!(error.to_string().contains(&address) && error.to_string().contains("/in"), "{error}");
    assert!(listeners.claim(wanted(&address, "in")).await.is_err());
    drop(held);
    listeners.claim(wanted(&address, "/in")).await.expect("free again, and claimed at once");
}

#[tokio::test]
async fn a_claim_that_is_dropped_is_503_and_the_last_one_frees_the_address() {
    let listeners = Listeners::default();
    let one = claim(&listeners, "/one", Limits::default()).await;
    let address = one.address();
    let two = listeners.claim(wanted(&address.to_string(), "/two")).await.expect("a claim");
    drop(one);
    assert_eq!(status(&send(address, &get("/one")).await), 503, "whoever held it may come back");
    drop(two);
    let began = Instant::now();
    while TcpListener::bind(address).is_err() {
        assert!(began.elapsed() < DEADLINE, "the address is still listened to");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_path_that_will_be_claimed_is_503_until_it_is() {
    let listeners = Listeners::default();
    let first = claim(&listeners, "/first", Limits::default()).await;
    let address = first.address();
    assert_eq!(status(&send(address, &get("/late")).await), 404);
    listeners.expect(address, "/late");
    let answer = send(address, &get("/late")).await;
    assert!(status(&answer) == 503 && answer.contains("retry-after: "), "{answer}");
    drop(first);
    // It is still so where the address was given up in between.
    let _other = listeners.claim(wanted(&address.to_string(), "/other")).await.expect("a claim");
    assert_eq!(status(&send(address, &get("/late")).await), 503);
    let mut late = listeners.claim(wanted(&address.to_string(), "/late")).await.expect("a claim");
    let request = get("/late");
    let (answer, ()) = tokio::join!(send(address, &request), echo(&mut late));
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn a_request_in_hand_is_answered_after_its_claim_was_dropped() {
    let mut held = claim(&Listeners::default(), "/in", Limits::default()).await;
    let client = tokio::spawn(send(held.address(), post("/in", "a").leak()));
    let asked = asked(&mut held).await;
    drop(held);
    asked.reply.send(Answer::new(StatusCode::OK));
    assert_eq!(status(&client.await.expect("an answer")), 200);
}

#[tokio::test]
async fn an_address_that_somebody_else_has_is_an_error_that_names_it() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let error = Listeners::default().claim(wanted(&address, "/in")).await.expect_err("an error");
    assert!(matches!(error, ClaimError::Listening { .. }) && error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn one_connection_carries_one_request_after_the_other() {
    let mut held = claim(&Listeners::default(), "/in", Limits::default()).await;
    let line = crate::client::connect(held.address()).await;
    let first = get("/in/1").replace("connection: close\r\n", "");
    let both = format!("{first}{}", get("/in/2"));
    let answers = async {
        echo(&mut held).await;
        echo(&mut held).await;
    };
    let (text, ()) = tokio::join!(converse(line, &both), answers);
    let text = text.expect("answers");
    assert!(text.contains("/in/1HTTP/1.1 200 OK") && text.ends_with("/in/2"), "{text}");
}
