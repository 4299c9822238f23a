//! Publishing through the port to a real RabbitMQ.

use bytes::Bytes;
use lapin::types::AMQPValue;
use postroom_broker::{Broker, Depth, Message, Outgoing, Publication};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{
        DEADLINE, bodies, council, declare_queue, is_confirmed, publish_all, take, take_and_ack, to,
        until_depth,
    },
};
use tokio::time::Instant;

use super::PREFETCH;

#[tokio::test]
async fn properties_and_headers_travel_with_the_message() {
    let broker = council(Rabbit::shared()).await;
    let mut publisher = broker.publisher().await.unwrap();
    let message = Message {
        body: Bytes::from_static(b"{}"),
        content_type: Some("application/cloudevents+json".to_owned()),
        message_id: Some("id-1".to_owned()),
        correlation_id: Some("corr-1".to_owned()),
        message_type: Some("premises".to_owned()),
        timestamp: Some(1_700_000_000),
        user_id: Some(broker.user().to_owned()),
        app_id: Some("postroom".to_owned()),
        headers: vec![("event-type".to_owned(), "street.created.v1".to_owned())],
    };
    let exchange = broker.names().in_exchange("gazetteer");
    let event = Outgoing { exchange, routing_key: "street.created.v1".to_owned(), message: message.clone() };
    publish_all(publisher.as_mut(), vec![event]).await;
    let mut consumer = broker.consumer(&broker.names().ingress("gazetteer"), PREFETCH).await.unwrap();
    let arrived = take(consumer.as_mut(), 1).await.remove(0);
    assert_eq!(arrived.routing_key, "street.created.v1");
    assert_eq!(arrived.exchange, broker.names().in_exchange("gazetteer"));
    assert_eq!(
        (arrived.content_type, arrived.message_id, arrived.correlation_id, arrived.user_id),
        (message.content_type, message.message_id, message.correlation_id, message.user_id)
    );
    assert_eq!((arrived.timestamp, arrived.headers), (message.timestamp, message.headers));
    assert_eq!((arrived.body, arrived.redelivered), (message.body, false));
}

#[tokio::test]
async fn what_reaches_no_queue_lands_in_unrouted() {
    let broker = council(Rabbit::shared()).await;
    let mut publisher = broker.publisher().await.unwrap();
    let nowhere = broker.names().lane("nobody");
    publish_all(publisher.as_mut(), vec![to(&broker, &nowhere, "1")]).await;
    let mut consumer = broker.consumer(&broker.names().unrouted(), PREFETCH).await.unwrap();
    assert_eq!(take(consumer.as_mut(), 1).await[0].routing_key, nowhere);
}

#[tokio::test]
async fn a_full_queue_nacks_and_its_neighbours_confirm() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let full = format!("{}full", broker.names().to(""));
    let limits = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-max-length", AMQPValue::LongInt(3)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declare_queue(rabbit, &full, &limits).await;
    let mut publisher = broker.publisher().await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        let batch = vec![
            Outgoing { exchange: String::new(), ..to(&broker, &full, "x") },
            to(&broker, &broker.names().to("waste"), "x"),
        ];
        let answers = publisher.publish(batch).await.unwrap().wait().await;
        assert!(is_confirmed(&answers[1]));
        if answers[0] == Publication::Nacked {
            break;
        }
        assert!(Instant::now() < deadline, "the queue never filled");
    }
}

#[tokio::test]
async fn a_publish_to_an_exchange_that_is_not_there_is_unknown_and_ends_the_publisher() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let nowhere = Outgoing { exchange: broker.names().in_exchange("nobody"), ..to(&broker, &queue, "1") };
    let answers = publisher.publish(vec![nowhere]).await.unwrap().wait().await;
    assert_eq!(answers, [Publication::Unknown]);
    let error = publisher.publish(vec![to(&broker, &queue, "2")]).await.unwrap_err();
    assert!(error.to_string().contains("no exchange"), "{error}");
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &queue, "3")]).await;
}

#[tokio::test]
async fn five_thousand_messages_arrive_in_order_across_batches() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let mut confirms = Vec::new();
    for batch in 0..25 {
        let messages =
            (batch * 200..(batch + 1) * 200).map(|number| to(&broker, &queue, &number.to_string()));
        confirms.push(publisher.publish(messages.collect()).await.unwrap());
    }
    for batch in confirms {
        assert!(batch.wait().await.iter().all(is_confirmed));
    }
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let arrived = take_and_ack(consumer.as_mut(), 5_000).await;
    let expected: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&arrived), expected);
    consumer.close().await;
    until_depth(&broker, &queue, Depth { messages: 0, consumers: 0 }).await;
}
