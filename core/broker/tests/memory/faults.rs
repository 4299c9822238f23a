//! Faults to order, and what RabbitMQ does that nobody wishes for, as measured.

use std::collections::BTreeSet;

use postroom_broker::{
    Broker, Confirms, Declaration, Delivery, Outgoing, Publication, Topology,
    memory::{Fault, MemoryBroker, Odds},
};

use super::{LANE, TO, bodies, broker, publish, to};

const UNROUTED: &str = "t.unrouted";
const INGRESS: &str = "t.ingress.gazetteer";

#[tokio::test]
async fn faults_strike_the_next_publishes_in_the_order_they_were_ordered() {
    let broker = broker().await;
    let server = broker.server();
    let mut publisher = broker.publisher().await.unwrap();
    server.fail_next(Fault::Nacked, 1);
    server.fail_next(Fault::Lost, 1);
    server.fail_next(Fault::Unanswered, 1);
    let batch = ["1", "2", "3", "4"].map(|body| to(TO, body)).to_vec();
    assert_eq!(publish(publisher.as_mut(), batch).await, "n??c");
    assert_eq!(bodies(&server.ready(TO)), ["3", "4"]);
}

#[tokio::test]
async fn a_full_queue_nacks_until_it_has_room() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    broker.server().limit(TO, 1);
    assert_eq!(publish(publisher.as_mut(), vec![to(TO, "1"), to(TO, "2"), to(LANE, "3")]).await, "cnc");
    broker.server().unlimit(TO);
    assert_eq!(publish(publisher.as_mut(), vec![to(TO, "4")]).await, "c");
}

#[tokio::test]
async fn a_blocked_broker_says_so_until_it_is_not() {
    let broker = broker().await;
    broker.server().block();
    assert!(broker.blocked());
    broker.server().unblock();
    assert!(!broker.blocked());
}

async fn start(broker: &MemoryBroker, body: &str) -> Confirms {
    broker.publisher().await.unwrap().publish(vec![to(TO, body)]).await.unwrap()
}

#[tokio::test]
async fn what_is_published_while_the_broker_blocks_is_answered_after_it() {
    let broker = broker().await;
    broker.server().block();
    let confirms = start(&broker, "1").await;
    assert!(broker.server().ready(TO).is_empty());
    broker.server().unblock();
    assert!(matches!(confirms.wait().await[..], [Publication::Confirmed(_)]));
    assert_eq!(bodies(&broker.server().ready(TO)), ["1"]);
}

#[tokio::test]
async fn what_is_published_while_the_broker_blocks_is_unknown_when_the_session_ends_first() {
    let broker = broker().await;
    broker.server().block();
    let confirms = start(&broker, "1").await;
    broker.server().cut();
    assert_eq!(confirms.wait().await, [Publication::Unknown]);
    broker.server().unblock();
    assert!(broker.server().ready(TO).is_empty());
}

#[tokio::test]
async fn a_partial_fan_out_is_nacked_and_one_queue_keeps_its_copy() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    broker.server().fail_next(Fault::Partial, 1);
    let event = Outgoing { exchange: "t.in.gazetteer".to_owned(), ..to("street.v1", "1") };
    assert_eq!(publish(publisher.as_mut(), vec![event]).await, "n");
    let copies = [INGRESS, "t.journal"].map(|queue| broker.server().ready(queue).len());
    assert_eq!(copies.iter().sum::<usize>(), 1, "{copies:?}");
}

async fn answers_of(seed: u64) -> String {
    let broker = broker().await;
    let odds = Odds { nacked: 200, unanswered: 200, ..Odds::default() };
    broker.server().fail_by_chance(seed, odds);
    let mut publisher = broker.publisher().await.unwrap();
    publish(publisher.as_mut(), (0..100).map(|_| to(TO, "x")).collect()).await
}

#[tokio::test]
async fn a_seed_repeats_its_faults() {
    let first = answers_of(7).await;
    assert_eq!(first, answers_of(7).await);
    assert_ne!(first, answers_of(8).await);
    assert_eq!(first.chars().collect::<BTreeSet<_>>(), BTreeSet::from(['c', 'n', '?']));
}

/// A lane with so many numbered messages.
async fn lane(count: usize) -> MemoryBroker {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    publish(publisher.as_mut(), (0..count).map(|number| to(LANE, &number.to_string())).collect()).await;
    broker
}

fn numbers(chunk: &[Delivery]) -> Vec<usize> {
    bodies(chunk).into_iter().map(|body| body.parse().unwrap()).collect()
}

/// Consumers that each take what they get, ack nothing, and go: with these prefetches, one after another.
async fn after_kills(prefetches: &[u16]) -> Vec<usize> {
    let broker = lane(10).await;
    for prefetch in prefetches {
        broker.consumer(LANE, *prefetch).await.unwrap().next(10).await.unwrap();
    }
    let mut consumer = broker.consumer(LANE, 10).await.unwrap();
    numbers(&consumer.next(10).await.unwrap())
}

#[tokio::test]
async fn a_constant_prefetch_keeps_order_over_kills_and_a_lowered_one_does_not() {
    assert_eq!(after_kills(&[4, 4, 4]).await, (0..10).collect::<Vec<_>>());
    assert_eq!(after_kills(&[8, 2]).await, [2, 3, 4, 5, 6, 7, 0, 1, 8, 9]);
}

#[tokio::test]
async fn what_was_sent_to_a_consumer_that_never_asked_comes_again_in_order() {
    let broker = lane(10).await;
    let mut first = broker.consumer(LANE, 4).await.unwrap();
    assert_eq!(numbers(&first.next(1).await.unwrap()), [0]);
    assert_eq!(broker.depth(LANE).await.unwrap().messages, 6);
    drop(first);
    let mut second = broker.consumer(LANE, 4).await.unwrap();
    assert_eq!(numbers(&second.next(10).await.unwrap()), [0, 1, 2, 3]);
}

#[tokio::test]
async fn after_a_cancel_two_consumers_hold_messages_at_once() {
    let broker = lane(6).await;
    let mut first = broker.consumer(LANE, 3).await.unwrap();
    let held = first.next(3).await.unwrap();
    let mut second = broker.consumer(LANE, 3).await.unwrap();
    broker.server().overlap(LANE);
    assert!(first.next(1).await.is_none());
    let later = second.next(3).await.unwrap();
    assert_eq!(numbers(&later), [3, 4, 5], "while the first still holds what was before");
    first.acker().ack(held[0].tag).await.unwrap();
    first.close().await;
    second.acker().ack_up_to(later[2].tag).await.unwrap();
    assert_eq!(numbers(&second.next(3).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn an_ack_after_the_broker_took_a_message_back_is_ignored_and_it_comes_again() {
    let broker = lane(2).await;
    let mut first = broker.consumer(LANE, 2).await.unwrap();
    let held = first.next(2).await.unwrap();
    broker.server().cancel(LANE);
    assert!(first.next(1).await.is_none());
    first.acker().ack_up_to(held[1].tag).await.unwrap();
    let mut second = broker.consumer(LANE, 2).await.unwrap();
    assert_eq!(numbers(&second.next(2).await.unwrap()), [0, 1]);
}

#[tokio::test]
async fn the_smaller_delivery_limit_wins_and_what_exceeds_it_says_where_it_was_going() {
    let broker = lane(1).await;
    broker.server().limit_deliveries(LANE, 2);
    for delivered in 0..3 {
        let mut consumer = broker.consumer(LANE, 1).await.unwrap();
        let chunk = consumer.next(1).await.unwrap();
        assert_eq!(chunk[0].redelivered, delivered > 0);
    }
    assert_eq!(broker.depth(LANE).await.unwrap().messages, 0);
    let mut unrouted = broker.consumer(UNROUTED, 10).await.unwrap();
    let dropped = unrouted.next(1).await.unwrap().remove(0);
    assert_eq!((dropped.bound_for(), dropped.dropped_because()), (LANE, Some("delivery_limit")));
    assert_eq!((dropped.routing_key.as_str(), std::str::from_utf8(&dropped.body).unwrap()), (LANE, "0"));
}

#[tokio::test]
async fn without_a_policy_the_limit_of_the_topology_drops_nothing() {
    let broker = lane(1).await;
    broker.server().limit_deliveries(LANE, 2);
    broker.server().unlimit_deliveries(LANE);
    for _ in 0..50 {
        broker.consumer(LANE, 1).await.unwrap().next(1).await.unwrap();
    }
    assert_eq!(broker.depth(LANE).await.unwrap().messages, 1);
}

#[tokio::test]
async fn what_is_missing_is_declared_again_and_named() {
    let broker = broker().await;
    let topology = Topology {
        sources: vec!["gazetteer".to_owned()],
        lanes: vec!["council-tax".to_owned()],
        ..Topology::default()
    };
    assert_eq!(broker.redeclare_missing(&topology).await.unwrap(), []);
    let mut consumer = broker.consumer(LANE, 1).await.unwrap();
    broker.server().delete(LANE);
    assert!(consumer.next(1).await.is_none() && !broker.exists(LANE).await.unwrap());
    let missing = broker.redeclare_missing(&topology).await.unwrap();
    assert_eq!(missing.iter().map(Declaration::name).collect::<Vec<_>>(), [LANE]);
    assert!(broker.exists(LANE).await.unwrap());
    let mut publisher = broker.publisher().await.unwrap();
    assert_eq!(publish(publisher.as_mut(), vec![to(LANE, "1")]).await, "c");
    assert_eq!(bodies(&broker.server().ready(LANE)), ["1"], "it is bound again");
}

#[tokio::test]
async fn what_reached_no_queue_says_where_it_was_going() {
    let broker = broker().await;
    let mut publisher = broker.publisher().await.unwrap();
    publish(publisher.as_mut(), vec![to("t.lane.nobody", "1")]).await;
    let stray = broker.server().ready(UNROUTED).remove(0);
    assert_eq!((stray.bound_for(), stray.dropped_because()), ("t.lane.nobody", None));
}
