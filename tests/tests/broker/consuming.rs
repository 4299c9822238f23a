//! Consuming through the port from a real RabbitMQ.

use futures_util::future::join_all;
use postroom_broker::{Broker, BrokerError};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, bodies, council, publish_all, take, to},
};
use tokio::time::timeout;

use super::PREFETCH;

#[tokio::test]
async fn a_consumer_that_closes_gives_back_in_order_and_flagged() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    publish_all(publisher.as_mut(), numbers.iter().map(|one| to(&broker, &queue, one)).collect()).await;
    let mut first = broker.consumer(&queue, 50).await.unwrap();
    let mut second = broker.consumer(&queue, 50).await.unwrap();
    let held = take(first.as_mut(), 50).await;
    first.acker().ack(held[0].tag).await.unwrap();
    let acker = first.acker();
    first.close().await;
    assert!(acker.ack(held[1].tag).await.is_err(), "an ack after the close is an error, not a silence");
    let again = take(second.as_mut(), 50).await;
    assert_eq!(bodies(&again), numbers[1..51]);
    assert!(again[..49].iter().all(|one| one.redelivered));
}

#[tokio::test]
async fn a_consumer_that_is_dropped_gives_back_in_order() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    publish_all(publisher.as_mut(), numbers.iter().map(|one| to(&broker, &queue, one)).collect()).await;
    let mut first = broker.consumer(&queue, 50).await.unwrap();
    let mut second = broker.consumer(&queue, 50).await.unwrap();
    take(first.as_mut(), 50).await;
    drop(first);
    assert_eq!(bodies(&take(second.as_mut(), 50).await), numbers[..50]);
}

#[tokio::test]
async fn a_queue_whose_process_is_gone_is_told_from_a_lost_session_and_blames_no_other() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = broker.names().lane("council-tax");
    rabbit.ctl(&["eval", &format!("ra:stop_server(quorum_queues, {{'%2F_{queue}', node()}}).")]);
    let ingress = broker.names().ingress("gazetteer");
    let others = join_all((0..10).map(|_| broker.consumer(&ingress, PREFETCH)));
    let (refused, others) = tokio::join!(broker.consumer(&queue, PREFETCH), others);
    assert!(matches!(refused.err(), Some(BrokerError::Unserved { .. })));
    let is_unserved = |other| matches!(other, Err(BrokerError::Unserved { .. }));
    assert!(!others.into_iter().any(is_unserved), "a queue that is served is blamed");
    timeout(DEADLINE, broker.lost()).await.unwrap();
    rabbit.ctl(&["delete_queue", &queue]);
}

#[tokio::test]
async fn a_queue_deleted_under_a_consumer_ends_it() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = broker.names().lane("council-tax");
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    rabbit.ctl(&["delete_queue", &queue]);
    assert!(timeout(DEADLINE, consumer.next(1)).await.unwrap().is_none());
    assert!(matches!(broker.depth(&queue).await, Err(BrokerError::Missing { .. })));
}
