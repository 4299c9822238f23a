//! What the broker in this process promises, and its faults.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod faults;
mod streams;

use std::time::Duration;

use bytes::Bytes;
use postroom_broker::{
    Broker, BrokerError, Delivery, Depth, Failure, Message, Outgoing, Publication, Publisher, Topology,
    memory::{MemoryBroker, Server},
};
use tokio::time::timeout;

const LANE: &str = "t.lane.council-tax";
const TO: &str = "t.to.waste";

async fn broker() -> MemoryBroker {
    let broker = Server::new().connect("t.", "hub");
    let topology = Topology {
        sources: vec!["gazetteer".to_owned()],
        lanes: vec!["council-tax".to_owned()],
        queues: vec!["waste".to_owned()],
        journal: true,
        journal_age: None,
    };
    broker.declare(&topology).await.unwrap();
    broker
}

fn to(queue: &str, body: &str) -> Outgoing {
    Outgoing {
        exchange: "t.deliveries".to_owned(),
        routing_key: queue.to_owned(),
        message: Message { body: Bytes::from(body.to_owned()), ..Message::default() },
    }
}

async fn publish(publisher: &mut dyn Publisher, batch: Vec<Outgoing>) -> String {
    let answers = publisher.publish(batch).await.unwrap().wait().await;
    let letter = |publication: &Publication| match publication {
        Publication::Confirmed(_) => 'c',
        Publication::Nacked => 'n',
        Publication::Unknown => '?',
    };
    answers.iter().map(letter).collect()
}

fn bodies(chunk: &[Delivery]) -> Vec<&str> {
    chunk.iter().map(|one| std::str::from_utf8(&one.body).unwrap()).collect()
}

#[tokio::test]
async fn what_is_published_arrives_in_order_and_is_gone_once_acked() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    assert_eq!(publish(publisher.as_mut(), vec![to(LANE, "1"), to(LANE, "2"), to(LANE, "3")]).await, "ccc");
    let mut consumer = broker.consumer(LANE, 10).await.unwrap();
    assert_eq!(bodies(&consumer.next(2).await.unwrap()), ["1", "2"]);
    let rest = consumer.next(2).await.unwrap();
    assert_eq!(bodies(&rest), ["3"]);
    consumer.acker().ack_up_to(rest[0].tag).await.unwrap();
    consumer.close().await;
    assert_eq!(broker.depth(LANE).await.unwrap(), Depth { messages: 0, consumers: 0 });
}

#[tokio::test]
async fn an_event_reaches_its_ingress_and_the_journal() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    let event = Outgoing { exchange: "t.in.gazetteer".to_owned(), ..to("street.created.v1", "{}") };
    assert_eq!(publish(publisher.as_mut(), vec![event]).await, "c");
    assert_eq!(broker.server().ready("t.ingress.gazetteer").len(), 1);
    assert_eq!(broker.server().ready("t.journal").len(), 1);
}

#[tokio::test]
async fn what_reaches_no_queue_lands_in_unrouted() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    assert_eq!(publish(publisher.as_mut(), vec![to("t.lane.nobody", "1")]).await, "c");
    assert_eq!(broker.server().ready("t.unrouted")[0].routing_key, "t.lane.nobody");
}

#[tokio::test]
async fn a_consumer_that_closes_gives_back_in_order_and_flagged() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    publish(publisher.as_mut(), vec![to(LANE, "1"), to(LANE, "2"), to(LANE, "3"), to(LANE, "4")]).await;
    let mut first = broker.consumer(LANE, 3).await.unwrap();
    let chunk = first.next(9).await.unwrap();
    assert_eq!(bodies(&chunk), ["1", "2", "3"], "no more than the prefetch");
    first.acker().ack(chunk[1].tag).await.unwrap();
    let mut second = broker.consumer(LANE, 3).await.unwrap();
    let wait = timeout(Duration::from_millis(20), second.next(9)).await;
    assert!(wait.is_err(), "only one consumer of a lane is active");
    first.close().await;
    let chunk = second.next(9).await.unwrap();
    assert_eq!(bodies(&chunk), ["1", "3", "4"]);
    assert!(
        chunk.iter().all(|one| one.redelivered),
        "4 was sent to the first when it acked 2, though it never asked"
    );
}

#[tokio::test]
async fn a_cut_ends_the_session_and_gives_back_what_was_in_hand() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    publish(publisher.as_mut(), vec![to(LANE, "1")]).await;
    let mut consumer = broker.consumer(LANE, 10).await.unwrap();
    let chunk = consumer.next(1).await.unwrap();
    broker.server().cut();
    assert!(consumer.next(1).await.is_none() && consumer.ended().is_some());
    broker.lost().await;
    let errors = [
        publisher.publish(vec![to(LANE, "2")]).await.unwrap_err(),
        consumer.acker().ack(chunk[0].tag).await.unwrap_err(),
        broker.declare(&Topology::default()).await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.failure() == Failure::Transient));
    let again = broker.server().connect("t.", "hub");
    let mut consumer = again.consumer(LANE, 10).await.unwrap();
    assert!(consumer.next(1).await.unwrap()[0].redelivered);
}

#[tokio::test]
async fn a_waiting_consumer_wakes_when_something_arrives_and_when_it_is_cancelled() {
    let broker = broker().await;
    let mut consumer = broker.consumer(LANE, 10).await.unwrap();
    let mut publisher = broker.publisher().await.unwrap();
    let (chunk, _) = tokio::join!(consumer.next(1), publish(publisher.as_mut(), vec![to(LANE, "1")]));
    assert_eq!(bodies(&chunk.unwrap()), ["1"]);
    let server = broker.server().clone();
    let (chunk, ()) = tokio::join!(consumer.next(1), async { server.cancel(LANE) });
    assert!(chunk.is_none());
}

#[tokio::test]
async fn a_second_lock_is_refused_until_the_first_session_ends() {
    let first = broker().await;
    let second = first.server().connect("t.", "hub");
    first.lock().await.unwrap();
    assert_eq!(second.lock().await, Err(BrokerError::Locked { queue: "t.hub.lock".to_owned() }));
    first.close().await;
    assert_eq!(second.lock().await, Ok(()));
}

#[tokio::test]
async fn a_message_in_another_name_closes_the_channel() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    let mut forged = to(TO, "1");
    forged.message.user_id = Some("finance".to_owned());
    assert_eq!(publish(publisher.as_mut(), vec![forged, to(TO, "2")]).await, "??");
    assert!(publisher.publish(vec![to(TO, "3")]).await.is_err());
    assert!(broker.server().ready(TO).is_empty());
}

#[tokio::test]
async fn a_delivery_can_be_put_that_no_publisher_could_send() {
    let broker = broker().await;
    let odd = Delivery { forbidden: vec!["expiration"], redelivered: true, ..Delivery::default() };
    broker.server().put(LANE, odd);
    let mut consumer = broker.consumer(LANE, 10).await.unwrap();
    let chunk = consumer.next(1).await.unwrap();
    assert_eq!((chunk[0].tag, chunk[0].forbidden.as_slice()), (1, ["expiration"].as_slice()));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_missing() {
    let broker = broker().await;
    broker.server().delete(LANE);
    assert!(matches!(broker.consumer(LANE, 1).await.err(), Some(BrokerError::Missing { .. })));
    assert!(matches!(broker.depth(LANE).await, Err(BrokerError::Missing { .. })));
}
