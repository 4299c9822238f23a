//! Looking at what is on offer: pages, what a page looks like, and what takes nothing away.

use postroom_connector::{Manner, SinkKind};
use postroom_connector_pull::PullSink;
use postroom_request::Method;

use crate::queue::{BEARER, Queue, answered, came, heard, id, numbers, whole};

#[tokio::test]
async fn a_queue_with_nothing_on_offer_is_an_empty_page() {
    let queue = Queue::new(BEARER).await;
    let page = queue.get("").await;
    assert_eq!((page.status, page.body.to_string().as_str()), (200, "{\"messages\":[]}"));
}

#[tokio::test]
async fn looking_takes_nothing_away_and_tells_all_of_a_message() {
    let queue = Queue::new(BEARER).await;
    let _offers = queue.offer([7]).await;
    let page = queue.get("").await.body;
    assert_eq!(page["messages"][0]["dispatch"], id(7));
    assert_eq!(page["messages"][0]["event_type"], "parcel.moved.v1");
    assert_eq!(page["messages"][0]["subject"], "parcel:7");
    assert_eq!(page["messages"][0].as_object().expect("an object").len(), 4);
    assert_eq!(queue.get("").await.body, page);
}

#[tokio::test]
async fn pages_come_oldest_first_and_each_says_where_the_next_begins() {
    let queue = Queue::new(BEARER).await;
    let _offers = queue.offer(1..=5).await;
    let (mut query, mut pages) = ("?limit=2".to_owned(), Vec::new());
    loop {
        let page = queue.get(&query).await.body;
        pages.push(numbers(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5]]);
}

#[tokio::test]
async fn a_page_has_two_hundred_at_most_and_the_rest_is_on_the_next() {
    let queue = Queue::new(BEARER).await;
    let offers: Vec<_> = (1..=201).map(|number| queue.deliver(number)).collect();
    queue.until_on_offer(1).await;
    let first = loop {
        let page = queue.get("").await.body;
        if page["next"].is_string() {
            break page;
        }
    };
    assert_eq!(numbers(&first).len(), 200);
    let after = first["next"].as_str().expect("a place");
    assert_eq!(queue.numbers(&format!("?after={after}")).await.len(), 1);
    drop(offers);
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let queue = Queue::new(BEARER).await;
    let mut offers = queue.offer([1, 2]).await;
    let page = answered(queue.request(Method::GET, "")).await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let etag = page.headers["etag"].to_str().expect("text").to_owned();
    let again = || heard(queue.request(Method::GET, "").header("if-none-match", &etag));
    assert_eq!(again().await.status, 304);
    assert_eq!(queue.success(1).await, 200);
    came(offers.remove(0)).await.expect("a receipt");
    assert_eq!(again().await.status, 200);
}

#[tokio::test]
async fn a_look_at_the_head_has_the_length_of_the_page_and_no_body() {
    let queue = Queue::new(BEARER).await;
    let _offers = queue.offer([1]).await;
    let length = whole(&answered(queue.request(Method::GET, "")).await).len();
    let head = answered(queue.request(Method::HEAD, "")).await;
    assert_eq!(head.headers["content-length"], length.to_string().as_str());
    assert!(head.headers.contains_key("etag"));
    assert_eq!(whole(&head).len(), 0);
}

#[tokio::test]
async fn what_nobody_knows_is_refused_and_a_wrong_method_is_told_the_right_ones() {
    let queue = Queue::new(BEARER).await;
    for (below, status) in [
        ("?limit=0", 400),
        ("?limit=201", 400),
        ("?after=soon", 400),
        ("?offset=3", 400),
        ("/", 404),
        ("/elsewhere", 404),
        ("/openapi.json?x=1", 400),
    ] {
        assert_eq!(queue.get(below).await.status, status, "{below}");
    }
    for (method, below, allowed) in [
        (Method::POST, String::new(), "GET, HEAD"),
        (Method::DELETE, "/openapi.json".to_owned(), "GET, HEAD"),
        (Method::GET, format!("/{}", id(1)), "PUT"),
    ] {
        let response = answered(queue.request(method, &below)).await;
        assert_eq!(
            (response.status.as_u16(), &response.headers["allow"]),
            (405, &allowed.parse().expect("text"))
        );
    }
}

#[tokio::test]
async fn as_many_are_on_offer_as_the_settings_say_and_the_hub_knows_that_they_are_fetched() {
    assert_eq!(PullSink.manner(), Manner::Pulled);
    for (more, most) in [("", 200), ("\non_offer = 3", 3)] {
        let queue = Queue::new(&format!("{BEARER}{more}")).await;
        assert_eq!(queue.sink.concurrency(), Some(most));
    }
}
