//! What a system says of a message: what it means for the hub, said again, said otherwise, said when nobody hears.

use std::sync::Arc;

use postroom_connector::conformance::SECRET;
use postroom_connector::{Failure, Receipt};
use postroom_request::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::queue::{BEARER, Queue, came, handover, heard, id, made};

/// A message of which some pages are more than a line keeps.
const LARGE_BYTES: usize = 1_000_000;

#[tokio::test]
async fn a_success_is_a_receipt_with_the_systems_own_reference() {
    let queue = Queue::new(BEARER).await;
    let mut offers = queue.offer([1, 2]).await;
    assert_eq!(queue.success(1).await, 200);
    let reference = Some("L-1".to_owned());
    assert_eq!(came(offers.remove(0)).await.expect("a receipt"), Receipt { reference });
    assert_eq!(queue.put(&id(2), &json!({"outcome": "success"})).await.status, 200);
    assert_eq!(came(offers.remove(0)).await.expect("a receipt"), Receipt::default());
    assert!(queue.numbers("").await.is_empty());
}

#[tokio::test]
async fn a_failure_has_the_words_of_the_system_and_says_whether_to_try_again() {
    let queue = Queue::new(BEARER).await;
    for (number, retry, failure) in [(1, true, Failure::Transient), (2, false, Failure::Permanent)] {
        let mut offers = queue.offer([number]).await;
        let answer = json!({"outcome": "failure", "words": "no such ward", "details": "E7", "retry": retry});
        assert_eq!(queue.put(&id(number), &answer).await.status, 200);
        let error = came(offers.remove(0)).await.expect_err("a failure");
        assert_eq!(
            (error.failure, error.words.as_str(), error.detail.as_str()),
            (failure, "no such ward", "E7")
        );
    }
}

#[tokio::test]
async fn the_same_answer_again_is_heard_another_is_refused_and_one_to_nothing_is_told_so() {
    let queue = Queue::new(BEARER).await;
    assert_eq!(queue.success(1).await, 404, "it never was on offer");
    let mut offers = queue.offer([1]).await;
    assert_eq!((queue.success(1).await, queue.success(1).await), (200, 200));
    came(offers.remove(0)).await.expect("a receipt");
    assert_eq!(queue.success(1).await, 200);
    assert_eq!(queue.put(&id(1), &json!({"outcome": "success"})).await.status, 409);
}

#[tokio::test]
async fn of_two_that_pull_one_answer_counts_and_the_other_hears_of_it() {
    let queue = Queue::new(BEARER).await;
    let mut offers = queue.offer([1]).await;
    let identity = id(1);
    let answers = ["L-1", "L-2"].map(|reference| json!({"outcome": "success", "reference": reference}));
    let (one, two) = tokio::join!(queue.put(&identity, &answers[0]), queue.put(&identity, &answers[1]));
    let receipt = came(offers.remove(0)).await.expect("a receipt");
    let counted = if one.status == 200 { "L-1" } else { "L-2" };
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!((statuses, receipt.reference.as_deref()), ([200, 409], Some(counted)));
}

#[tokio::test]
async fn a_message_that_the_hub_takes_back_can_be_answered_once_it_is_there_again_and_keeps_its_id() {
    let queue = Queue::new(BEARER).await;
    let mut offers = queue.offer([1]).await;
    let taken_back = offers.remove(0);
    taken_back.abort();
    assert!(taken_back.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(queue.numbers("").await, [1], "the system sees no gap");
    let (answer, again) = tokio::join!(queue.success(1), async { came(queue.deliver(1)).await });
    assert_eq!((answer, again.expect("a receipt").reference.as_deref()), (200, Some("L-1")));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_told_to_come_again_and_does_not_count() {
    let queue = Queue::new(BEARER).await;
    let taken_back = queue.offer([1]).await.remove(0);
    taken_back.abort();
    assert!(taken_back.await.is_err());
    let told = heard(
        queue
            .request(Method::PUT, &format!("/{}", id(1)))
            .header("content-type", "application/json")
            .body(r#"{"outcome": "success"}"#),
    )
    .await;
    assert_eq!(told.status, 503);
    let mut offers = queue.offer([1]).await;
    assert_eq!(queue.success(1).await, 200, "another may be given now");
    assert_eq!(came(offers.remove(0)).await.expect("a receipt").reference.as_deref(), Some("L-1"));
}

#[tokio::test]
async fn a_hub_that_starts_anew_has_the_same_message_under_the_same_id_on_offer() {
    let mut queue = Queue::new(BEARER).await;
    let settings = queue.settings(BEARER);
    for offer in queue.offer([1]).await {
        offer.abort();
        assert!(offer.await.is_err());
    }
    queue.sink = made(&settings);
    queue.until_open().await;
    let mut offers = queue.offer([1]).await;
    assert_eq!(queue.get("").await.body["messages"][0]["dispatch"], handover(1).id);
    assert_eq!(queue.success(1).await, 200);
    came(offers.remove(0)).await.expect("a receipt");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_the_message_stays() {
    let queue = Queue::new(BEARER).await;
    let _offers = queue.offer([1]).await;
    let put = |media_type: &str, body: String| {
        heard(
            queue.request(Method::PUT, &format!("/{}", id(1))).header("content-type", media_type).body(body),
        )
    };
    let json = "application/json";
    for (media_type, body, status) in [
        (json, "{".to_owned(), 400),
        (json, r#"{"outcome": "done"}"#.to_owned(), 422),
        (json, r#"{"outcome": "success", "note": "x"}"#.to_owned(), 422),
        ("text/plain", r#"{"outcome": "success"}"#.to_owned(), 415),
        (json, " ".repeat(64 * 1024 + 1), 413),
    ] {
        assert_eq!(put(media_type, body.clone()).await.status, status, "{media_type} {body:.40}");
    }
    assert_eq!(queue.put("no-id", &json!({"outcome": "success"})).await.status, 404);
    assert_eq!(queue.put(&id(1).to_uppercase(), &json!({"outcome": "success"})).await.status, 404);
    assert_eq!(queue.numbers("").await, [1]);
}

#[tokio::test]
async fn a_reader_that_never_reads_its_pages_keeps_nobody_else_from_theirs() {
    let queue = Queue::new(BEARER).await;
    let (mut large, sink) = (handover(1), Arc::clone(&queue.sink));
    large.items[0].message = Arc::new(json!({"number": 1, "note": "x".repeat(LARGE_BYTES)}));
    let offer = tokio::spawn(async move { sink.deliver(&large).await });
    queue.until_on_offer(1).await;
    let address = queue.url.trim_start_matches("http://").trim_end_matches("/queues/library").to_owned();
    let mut slow = TcpStream::connect(&address).await.expect("a line");
    let request =
        format!("GET /queues/library HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n\r\n");
    // More than any buffer on the way has room for.
    slow.write_all(request.repeat(30).as_bytes()).await.expect("sent");
    assert_eq!(queue.numbers("").await, [1]);
    assert_eq!(queue.success(1).await, 200);
    came(offer).await.expect("a receipt");
    let mut first = [0; 15];
    slow.read_exact(&mut first).await.expect("its own page");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_batch_is_refused_with_the_way_out() {
    let queue = Queue::new(BEARER).await;
    let mut batch = handover(1);
    batch.items.extend(handover(2).items);
    let error = Arc::clone(&queue.sink).deliver(&batch).await.expect_err("a refusal");
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.words.contains("[target.batch]"), "{error}");
}
