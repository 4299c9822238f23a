//! What becomes of deliveries that nobody acks: the hub acks within minutes, and this is what it meets where it does not.

use postroom_broker::Broker;
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, bodies, council, publish_all, take, take_and_ack, to},
};
use tokio::time::timeout;

/// Has whatever is opened and declared later looked at every few seconds for what is unacked for twelve: it is half an hour as shipped.
/// A channel that is looked at again before its close-ok came closes a second time, and lapin ends its connection of that.
const IMPATIENT: &str = "application:set_env(rabbit, consumer_timeout, 12000), \
    application:set_env(rabbit, channel_tick_interval, 5000), \
    application:set_env(rabbit, quorum_tick_interval, 1000).";
/// The version from which the queue looks, and cancels the consumer; before, the channel does, and closes.
const CANCELS_FROM: (u32, u32) = (4, 3);

#[tokio::test]
async fn what_is_unacked_for_too_long_ends_its_consumer_and_comes_again_to_the_next_in_order_and_flagged() {
    let rabbit = Rabbit::start();
    rabbit.ctl(&["eval", IMPATIENT]);
    let broker = council(&rabbit).await;
    let queue = broker.names().lane("council-tax");
    let numbers = ["0", "1", "2", "3", "4"];
    let messages = numbers.map(|number| to(&broker, &queue, number));
    publish_all(broker.publisher().await.unwrap().as_mut(), messages.into()).await;
    let mut late = broker.consumer(&queue, 3).await.unwrap();
    let held = take(late.as_mut(), 3).await;
    let mut standby = broker.consumer(&queue, 3).await.unwrap();
    assert_eq!(timeout(DEADLINE, late.next(1)).await.unwrap(), None);
    let cancels = rabbit.version() >= CANCELS_FROM;
    let (reason, says) = (late.ended().unwrap(), if cancels { "cancelled" } else { "timed out" });
    assert!(reason.contains(says), "{reason}");
    let again = take_and_ack(standby.as_mut(), numbers.len()).await;
    assert_eq!(bodies(&again), numbers);
    // A channel that stays open takes the ack, and the broker ignores it.
    assert_eq!(late.acker().ack(held[2].tag).await.is_ok(), cancels);
    let flagged: Vec<_> = again.iter().map(|one| one.redelivered).collect();
    assert_eq!(flagged, [true, true, true, false, false]);
}
