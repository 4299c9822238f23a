//! Declaring through the port, and asking what is there.

use lapin::types::AMQPValue;
use postroom_broker::{Broker, BrokerError, Declaration, Depth, Failure, Outgoing};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{
        bodies, connect, connect_as_new_user, council, declare_queue, publish_all, take, to, topology,
        until_depth,
    },
};

use super::PREFETCH;

#[tokio::test]
async fn declaring_twice_changes_nothing() {
    let broker = council(Rabbit::shared()).await;
    broker.declare(&topology()).await.unwrap();
    until_depth(&broker, &broker.names().to("waste"), Depth { messages: 0, consumers: 0 }).await;
}

#[tokio::test]
async fn a_queue_that_differs_is_named_and_permanent() {
    let rabbit = Rabbit::shared();
    let broker = connect(rabbit, &rabbit.prefix()).await;
    let queue = broker.names().lane("council-tax");
    declare_queue(rabbit, &queue, &[("x-queue-type", AMQPValue::LongString("quorum".into()))]).await;
    let error = broker.declare(&topology()).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Permanent);
    assert!(matches!(&error, BrokerError::Differs { .. }) && error.to_string().contains(&queue), "{error}");
}

#[tokio::test]
async fn the_depth_tells_messages_and_consumers() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let batch = (0..3).map(|_| to(&broker, &queue, "x")).collect();
    publish_all(publisher.as_mut(), batch).await;
    until_depth(&broker, &queue, Depth { messages: 3, consumers: 0 }).await;
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    take(consumer.as_mut(), 3).await;
    until_depth(&broker, &queue, Depth { messages: 0, consumers: 1 }).await;
}

#[tokio::test]
async fn a_user_without_the_permission_is_told_so() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let broker = connect_as_new_user(rabbit, &prefix, ["^$", "^$", "^$"]).await;
    let error = broker.declare(&topology()).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Denied { .. }), "{error}");
    assert_eq!(error.failure(), Failure::Permanent);
}

#[tokio::test]
async fn what_somebody_deleted_is_declared_again_and_named() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    assert_eq!(broker.redeclare_missing(&topology()).await.unwrap(), []);
    let (lane, journal) = (broker.names().lane("council-tax"), broker.names().journal());
    for queue in [&lane, &journal] {
        rabbit.ctl(&["delete_queue", queue]);
        assert!(!broker.exists(queue).await.unwrap());
    }
    let missing = broker.redeclare_missing(&topology()).await.unwrap();
    assert_eq!(missing.iter().map(Declaration::name).collect::<Vec<_>>(), [&journal, &lane]);
    assert!(broker.exists(&lane).await.unwrap() && broker.exists(&journal).await.unwrap());
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &lane, "1")]).await;
    until_depth(&broker, &lane, Depth { messages: 1, consumers: 0 }).await;
}

#[tokio::test]
async fn asking_for_a_queue_that_is_not_there_leaves_the_working_channels_open() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    assert!(!broker.exists("nothing-of-this-name").await.unwrap());
    publish_all(publisher.as_mut(), vec![to(&broker, &queue, "1")]).await;
    assert_eq!(bodies(&take(consumer.as_mut(), 1).await), ["1"]);
}

#[tokio::test]
async fn a_receipt_that_nobody_asked_for_is_confirmed_and_gone() {
    let broker = council(Rabbit::shared()).await;
    let receipt =
        Outgoing { exchange: broker.names().receipts(), ..to(&broker, "gazetteer.dead.street.v1", "{}") };
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![receipt]).await;
    assert_eq!(broker.depth(&broker.names().unrouted()).await.unwrap().messages, 0);
}
