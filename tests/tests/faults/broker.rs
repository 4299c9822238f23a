//! The broker is away, late, cut off, or full.

use postroom_tests::council::parcel_event;
use postroom_tests::hub::proxy::Proxy;
use postroom_tests::hub::until;
use postroom_tests::rabbitmq::Rabbit;

use crate::work::{dock, number, publish, small, until_number};

/// Attempts to connect that show that the hub goes on trying.
const ATTEMPTS: usize = 4;
/// RabbitMQ may take some more messages than a queue has room for.
const MOST_IN_A_FULL_QUEUE: u64 = 30;
/// Messages that show that a full queue is held, and what comes behind.
const HELD: u64 = 3;

#[tokio::test]
async fn an_event_published_while_the_wire_is_cut_arrives_once_it_is_mended() {
    let mut hub = small();
    let wire = Proxy::to(&hub.url);
    hub.url = wire.url(&hub.url);
    wire.mend();
    hub.start();
    hub.wait_for("hub.ready");
    publish(&hub, &[parcel_event("before", "a", 1)]).await;
    hub.settled();

    wire.cut();
    hub.wait_for("broker.lost");
    publish(&hub, &[parcel_event("while-cut", "a", 2)]).await;
    hub.council.feed("yard/in", "moves.csv", postroom_tests::council::yard_rows(3, 1).as_bytes());
    wire.mend();
    hub.wait_for("hub.ready");
    hub.wait_for("import.finished");
    hub.settled();
    let ids: Vec<_> = dock(&hub, 5).await.into_iter().map(|message| message.correlation_id).collect();
    assert!(ids.len() == 5 && ids.contains(&"while-cut".to_owned()), "{ids:?}");
    assert_eq!((hub.heard("broker.lost"), hub.heard("hub.ready")), (1, 2), "an outage is two lines");
}

#[test]
fn a_hub_started_before_its_broker_waits_says_so_once_and_becomes_ready() {
    let mut hub = small();
    let wire = Proxy::to(&hub.url);
    hub.url = wire.url(&hub.url);
    hub.start();
    hub.wait_for("broker.waiting");
    until("more attempts", || (wire.turned_away() >= ATTEMPTS).then_some(()));
    assert_eq!((hub.heard("broker.waiting"), hub.heard("hub.ready")), (1, 0));
    wire.mend();
    hub.wait_for("hub.ready");
    assert_eq!(hub.heard("broker.waiting"), 1);
    assert!(hub.stop().success());
}

#[test]
fn a_hub_that_waits_for_its_broker_stops_when_it_is_asked_to() {
    let mut hub = small();
    hub.url = Proxy::to(&hub.url).url(&hub.url);
    hub.start();
    hub.wait_for("broker.waiting");
    assert!(hub.stop().success());
}

#[tokio::test]
async fn a_full_queue_holds_its_messages_and_takes_them_in_order_once_there_is_room() {
    let (rabbit, mut hub) = (Rabbit::shared(), small());
    hub.council.retry_soon("parcel-to-dock");
    hub.start();
    hub.wait_for("hub.ready");
    let policy = format!("full-{}", hub.council.prefix);
    let queue = format!("^{}to\\.dock$", hub.council.prefix.replace('.', r"\."));
    let full = r#"{"max-length": 2, "overflow": "reject-publish"}"#;
    rabbit.ctl(&["set_policy", "--apply-to", "queues", &policy, &queue, full]);
    let mut published = 0;
    while number(&hub.json(&["status", "--json"]), "/targets/dock/held") < HELD {
        published += 1;
        assert!(published <= MOST_IN_A_FULL_QUEUE, "the queue is never full");
        publish(&hub, &[parcel_event(&format!("event-{published}"), "a", published)]).await;
        until_number(&hub, "/targets/book/delivered", published);
        until("the queue's answer", || {
            let status = hub.json(&["status", "--json"]);
            let told = ["delivered", "held"].map(|state| number(&status, &format!("/targets/dock/{state}")));
            (told.iter().sum::<u64>() == published).then_some(())
        });
    }
    assert!(published > 2, "there was room for two");
    assert_eq!(hub.say(&["dead", "list", "--json"]).trim(), "[]", "a queue that is full is no dead letter");

    // A quorum queue tells its publishers that there is room only when something is taken out of it.
    rabbit.ctl(&["clear_policy", &policy]);
    let read = dock(&hub, usize::try_from(published).expect("few")).await;
    let all: Vec<_> = (1..=published).map(|number| format!("event-{number}")).collect();
    assert_eq!(read.into_iter().map(|message| message.correlation_id).collect::<Vec<_>>(), all);
    until_number(&hub, "/targets/dock/delivered", published);
}
