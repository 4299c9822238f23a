//! What RabbitMQ does when it is short of memory.

use postroom_broker::Broker;
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, council, publish_all, take, to},
};
use tokio::time::{Instant, timeout};

async fn until_blocked_is(broker: &dyn Broker, expected: bool) {
    let deadline = Instant::now() + DEADLINE;
    while broker.blocked() != expected {
        assert!(Instant::now() < deadline, "blocked is never {expected}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_memory_alarm_blocks_a_publisher_and_says_so_while_consuming_and_acks_go_on() {
    let rabbit = Rabbit::start();
    let broker = council(&rabbit).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    publish_all(publisher.as_mut(), vec![to(&broker, &queue, "1")]).await;
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.000001"]);
    // A broker blocks whoever publishes, at the first publish after the alarm.
    let held_up = publisher.publish(vec![to(&broker, &queue, "2")]).await.unwrap();
    until_blocked_is(&broker, true).await;
    let mut consumer = broker.consumer(&queue, 10).await.unwrap();
    let first = take(consumer.as_mut(), 1).await;
    consumer.acker().ack(first[0].tag).await.unwrap();
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    until_blocked_is(&broker, false).await;
    assert!(
        timeout(DEADLINE, held_up.wait())
            .await
            .unwrap()
            .iter()
            .all(postroom_tests::rabbitmq::port::is_confirmed)
    );
}
