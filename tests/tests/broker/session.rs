//! How a session with a real RabbitMQ begins and ends.

use std::time::Duration;

use postroom_broker::{Amqp, Broker, BrokerError, Failure, Names, Options, Publication};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, bodies, connect, connect_as_new_user, publish_all, take_and_ack, to, topology},
};
use tokio::time::{Instant, timeout};

use super::PREFETCH;

/// RabbitMQ 3.10 writes the register of its quorum queues half a second late: one declared just before a kill is there
/// afterwards, but answers nothing.
const UNTIL_KEPT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_second_hub_is_refused_until_the_first_has_gone() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let (first, second) = (connect(rabbit, &prefix).await, connect(rabbit, &prefix).await);
    first.lock().await.unwrap();
    first.lock().await.unwrap();
    assert_eq!(second.lock().await, Err(BrokerError::Locked { queue: format!("{prefix}hub.lock") }));
    first.close().await;
    timeout(DEADLINE, first.lost()).await.unwrap();
    second.lock().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_the_consumer_and_the_session() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let user = prefix.trim_end_matches('.');
    let broker = connect_as_new_user(rabbit, &prefix, [".*", ".*", ".*"]).await;
    broker.declare(&topology()).await.unwrap();
    let queue = broker.names().lane("council-tax");
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let mut publisher = broker.publisher().await.unwrap();
    rabbit.ctl(&["close_all_user_connections", user, "a test"]);
    assert!(timeout(DEADLINE, consumer.next(1)).await.unwrap().is_none());
    assert!(consumer.ended().unwrap().contains("a test"), "{:?}", consumer.ended());
    let reason = timeout(DEADLINE, broker.lost()).await.unwrap();
    assert!(reason.contains("a test"), "{reason}");
    // The two connections end one after the other: the publisher may not have heard of it yet.
    match publisher.publish(vec![to(&broker, &queue, "1")]).await {
        Err(error) => assert_eq!(error.failure(), Failure::Transient),
        Ok(confirms) => assert_eq!(confirms.wait().await, [Publication::Unknown]),
    }
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_the_node_was_killed() {
    let mut rabbit = Rabbit::start();
    let prefix = rabbit.prefix();
    let broker = connect(&rabbit, &prefix).await;
    broker.declare(&topology()).await.unwrap();
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let mut expected = Vec::new();
    let declared = Instant::now();
    while declared.elapsed() < UNTIL_KEPT || expected.len() < 500 {
        let number = expected.len().to_string();
        publish_all(publisher.as_mut(), vec![to(&broker, &queue, &number)]).await;
        expected.push(number);
    }
    rabbit.kill();
    timeout(DEADLINE, broker.lost()).await.unwrap();
    let options = Options { names: Names::new(&*prefix), connection_name: "postroom".to_owned() };
    let error = Amqp::connect(rabbit.url(), options).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Transient, "{error}");
    rabbit.start_again();
    let broker = connect(&rabbit, &prefix).await;
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let arrived = take_and_ack(consumer.as_mut(), expected.len()).await;
    assert_eq!(bodies(&arrived), expected);
}

#[tokio::test]
async fn a_wrong_password_is_permanent_and_never_told() {
    let url = Rabbit::shared().url_as("guest", "s3cret-and-wrong");
    let options = Options { names: Names::new("t."), connection_name: "postroom".to_owned() };
    let error = Amqp::connect(&url, options).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Permanent);
    let text = format!("{error} {error:?}");
    assert!(text.contains("guest@127.0.0.1") && !text.contains("s3cret"), "{text}");
}
