//! What three nodes keep when one of them goes.

use postroom_broker::{Amqp, Broker, Names, Options};
use postroom_tests::rabbitmq::{
    Cluster,
    port::{DEADLINE, bodies, connect, publish_all, take, to, topology},
};
use tokio::time::{Instant, timeout};

/// Publishes one by one to the node at `url`, in sessions of its own, until a publish is confirmed.
async fn until_confirmed(url: &str, prefix: &str, body: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let options = Options { names: Names::new(prefix), connection_name: "postroom".to_owned() };
        if let Ok(broker) = Amqp::connect(url, options).await
            && let Ok(mut publisher) = broker.publisher().await
            && let Ok(confirms) =
                publisher.publish(vec![to(&broker, &broker.names().to("waste"), body)]).await
            && let Ok(answers) = timeout(DEADLINE, confirms.wait()).await
            && answers.iter().all(postroom_tests::rabbitmq::port::is_confirmed)
        {
            return;
        }
        assert!(Instant::now() < deadline, "nothing is confirmed any more");
    }
}

#[tokio::test]
async fn what_was_confirmed_is_read_in_order_from_the_nodes_that_stay_when_one_is_killed() {
    let mut cluster = Cluster::start();
    let prefix = cluster.nodes()[0].prefix();
    let broker = connect(&cluster.nodes()[0], &prefix).await;
    broker.declare(&topology()).await.unwrap();
    let queue = broker.names().to("waste");
    let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let messages = numbers.iter().map(|number| to(&broker, &queue, number)).collect();
    publish_all(broker.publisher().await.unwrap().as_mut(), messages).await;
    cluster.nodes()[0].kill();
    let other = cluster.nodes()[1].url().to_owned();
    until_confirmed(&other, &prefix, "200").await;
    let broker = connect(&cluster.nodes()[2], &prefix).await;
    let mut consumer = broker.consumer(&queue, 500).await.unwrap();
    let arrived = take(consumer.as_mut(), 201).await;
    assert_eq!(bodies(&arrived[..200]), numbers);
}
