//! What a message's own properties do: why the hub refuses an event that has one of them, and publishes none.

use lapin::{
    BasicProperties, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use postroom_broker::{Broker, Outgoing};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{bodies, council, declare_queue, publish_all, take, to},
};

/// Publishes what the hub never would, and sees that it is confirmed.
async fn publish(rabbit: &Rabbit, (exchange, key): (&str, &str), properties: BasicProperties, body: &str) {
    let connection = Connection::connect(rabbit.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions { nowait: false }).await.unwrap();
    let options = BasicPublishOptions { mandatory: false, immediate: false };
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body.as_bytes(), properties).await;
    assert!(matches!(sent.unwrap().await.unwrap(), Confirmation::Ack(_)));
}

/// Over by the time that anything else can ask for it.
fn short_lived() -> BasicProperties {
    BasicProperties::default().with_expiration("1".into())
}

/// With a further routing key in this header.
fn copied(header: &'static str, key: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(header.into(), AMQPValue::FieldArray(vec![AMQPValue::LongString(key.into())].into()));
    BasicProperties::default().with_headers(headers)
}

#[tokio::test]
async fn what_expires_leaves_a_quorum_queue_for_its_dead_letters_and_nothing_that_the_hub_publishes_does() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let (queue, exchange) = (broker.names().to("waste"), broker.names().deliveries());
    publish(rabbit, (&exchange, &queue), short_lived(), "1").await;
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &queue, "2")]).await;
    let mut unrouted = broker.consumer(&broker.names().unrouted(), 10).await.unwrap();
    let dropped = take(unrouted.as_mut(), 1).await.remove(0);
    assert_eq!((dropped.bound_for(), dropped.dropped_because()), (queue.as_str(), Some("expired")));
    assert_eq!(&dropped.body[..], b"1");
    let mut consumer = broker.consumer(&queue, 10).await.unwrap();
    let kept = take(consumer.as_mut(), 1).await;
    assert_eq!((bodies(&kept), &kept[0].forbidden[..]), (vec!["2"], &[][..]));
}

#[tokio::test]
async fn what_expires_leaves_no_trace_of_a_quorum_queue_without_dead_letters() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = format!("{}own", broker.names().to(""));
    declare_queue(rabbit, &queue, &[("x-queue-type", AMQPValue::LongString("quorum".into()))]).await;
    publish(rabbit, ("", &queue), short_lived(), "1").await;
    let kept = Outgoing { exchange: String::new(), ..to(&broker, &queue, "2") };
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![kept]).await;
    let mut consumer = broker.consumer(&queue, 10).await.unwrap();
    assert_eq!(bodies(&take(consumer.as_mut(), 1).await), ["2"]);
    assert_eq!(broker.depth(&broker.names().unrouted()).await.unwrap().messages, 0);
}

#[tokio::test]
async fn a_priority_means_nothing_to_the_third_generation_and_overtakes_in_the_fourth() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = broker.names().to("waste");
    let ordinary = ["1", "2"].map(|number| to(&broker, &queue, number));
    publish_all(broker.publisher().await.unwrap().as_mut(), ordinary.into()).await;
    let urgent = BasicProperties::default().with_priority(9);
    publish(rabbit, (&broker.names().deliveries(), &queue), urgent, "3").await;
    let mut consumer = broker.consumer(&queue, 10).await.unwrap();
    let expected = if rabbit.version() < (4, 0) { ["1", "2", "3"] } else { ["3", "1", "2"] };
    assert_eq!(bodies(&take(consumer.as_mut(), 3).await), expected);
}

/// What is sent to one queue with a header that names another is in both, with the routing key of the one.
async fn check_copy(header: &'static str, seen: &[&'static str]) {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let (queue, lane) = (broker.names().to("waste"), broker.names().lane("council-tax"));
    publish(rabbit, (&broker.names().deliveries(), &queue), copied(header, &lane), "1").await;
    for reached in [&queue, &lane] {
        let mut consumer = broker.consumer(reached, 10).await.unwrap();
        let one = take(consumer.as_mut(), 1).await.remove(0);
        assert_eq!((&one.body[..], &one.routing_key), (&b"1"[..], &queue), "{reached}");
        assert_eq!((&one.forbidden[..], one.header(header).is_some()), (seen, !seen.is_empty()));
    }
}

#[tokio::test]
async fn a_cc_reaches_another_queue_of_its_exchange_and_is_seen_in_both() {
    check_copy("CC", &["CC"]).await;
}

#[tokio::test]
async fn a_bcc_reaches_another_queue_of_its_exchange_and_is_seen_in_neither() {
    check_copy("BCC", &[]).await;
}

#[tokio::test]
async fn a_cc_leads_out_of_no_exchange_and_a_queue_that_two_keys_reach_has_one_copy() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let (exchange, lane) = (broker.names().in_exchange("gazetteer"), broker.names().lane("council-tax"));
    publish(rabbit, (&exchange, "street.created.v1"), copied("CC", &lane), "1").await;
    let next = Outgoing { exchange, ..to(&broker, "street.created.v1", "2") };
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![next, to(&broker, &lane, "3")]).await;
    for (queue, expected) in [(broker.names().ingress("gazetteer"), vec!["1", "2"]), (lane, vec!["3"])] {
        let mut consumer = broker.consumer(&queue, 10).await.unwrap();
        assert_eq!(bodies(&take(consumer.as_mut(), expected.len()).await), expected, "{queue}");
    }
}
