//! Reading streams through the port from a real RabbitMQ.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroom_broker::{Amqp, Broker, BrokerError, Entry, Outgoing, Start};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, council, publish_all, to},
};
use tokio::time::timeout;

/// Small, so that a test of a few hundred entries sees its effect.
const PREFETCH: u16 = 100;
const BATCH: usize = 500;
/// Entries that are asked for at once.
const AT_ONCE: usize = 1_000;

async fn come_in(broker: &Amqp, from: usize, count: usize) {
    let mut publisher = broker.publisher().await.unwrap();
    let exchange = broker.names().in_exchange("gazetteer");
    for first in (from..from + count).step_by(BATCH) {
        let numbers = first..(from + count).min(first + BATCH);
        let events = numbers.map(|number| Outgoing {
            exchange: exchange.clone(),
            ..to(broker, "street.created.v1", &number.to_string())
        });
        publish_all(publisher.as_mut(), events.collect()).await;
    }
}

async fn read(broker: &Amqp, start: Start) -> (Option<u64>, Vec<u64>) {
    let journal = broker.names().journal();
    let reading = broker.read(&journal, start, PREFETCH);
    let mut reader = timeout(DEADLINE, reading).await.unwrap().unwrap();
    let (last, mut all) = (reader.last(), Vec::new());
    while let Some(chunk) = timeout(DEADLINE, reader.next(AT_ONCE)).await.unwrap().unwrap() {
        // Before RabbitMQ 4 the rest of a chunk comes whatever the prefetch is.
        let most = if Rabbit::shared().version().0 < 4 { AT_ONCE } else { usize::from(PREFETCH) };
        assert!(chunk.len() <= most, "{} entries", chunk.len());
        all.extend(chunk.iter().map(number));
    }
    reader.close().await;
    (last, all)
}

/// The offset, which in these tests is the event's number too.
fn number(entry: &Entry) -> u64 {
    assert_eq!(std::str::from_utf8(&entry.delivery.body).unwrap(), entry.offset.to_string());
    entry.offset
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_journal_is_read_from_its_start_or_an_offset_to_its_end_in_order_and_whole() {
    let broker = council(Rabbit::shared()).await;
    assert_eq!(read(&broker, Start::First).await, (None, vec![]), "an empty one");
    for count in 1..=20_u64 {
        come_in(&broker, usize::try_from(count - 1).unwrap(), 1).await;
        assert_eq!(read(&broker, Start::First).await, (Some(count - 1), (0..count).collect()));
    }
    come_in(&broker, 20, 4_980).await;
    assert_eq!(read(&broker, Start::First).await, (Some(4_999), (0..5_000).collect()));
    assert_eq!(read(&broker, Start::Offset(4_321)).await, (Some(4_999), (4_321..5_000).collect()));
    assert_eq!(read(&broker, Start::Offset(5_000)).await, (None, vec![]));
}

#[tokio::test]
async fn a_journal_is_read_from_a_time_and_nothing_of_that_time_is_left_out() {
    let broker = council(Rabbit::shared()).await;
    come_in(&broker, 0, 50).await;
    let before = now();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while now() < before + 2 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    come_in(&broker, 50, 50).await;
    assert_eq!(read(&broker, Start::Time(before + 1)).await, (Some(99), (50..100).collect()));
    assert_eq!(read(&broker, Start::Time(before - 60)).await, (Some(99), (0..100).collect()));
    assert_eq!(read(&broker, Start::Time(now() + 60)).await, (None, vec![]), "a time after the last");
}

#[tokio::test]
async fn a_reader_ends_where_the_journal_ended_when_it_was_opened() {
    let broker = council(Rabbit::shared()).await;
    come_in(&broker, 0, 10).await;
    let mut reader = broker.read(&broker.names().journal(), Start::First, PREFETCH).await.unwrap();
    come_in(&broker, 10, 10).await;
    let mut all = Vec::new();
    while let Some(chunk) = reader.next(3).await.unwrap() {
        all.extend(chunk.iter().map(number));
    }
    assert_eq!((reader.last(), all), (Some(9), (0..10).collect()));
}

#[tokio::test]
async fn a_journal_deleted_under_a_reader_is_lost_and_one_that_is_not_there_is_missing() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let journal = broker.names().journal();
    come_in(&broker, 0, 500).await;
    let mut reader = broker.read(&journal, Start::First, PREFETCH).await.unwrap();
    reader.next(1).await.unwrap();
    rabbit.ctl(&["delete_queue", &journal]);
    let error = timeout(DEADLINE, async {
        loop {
            match reader.next(1).await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    });
    assert!(matches!(error.await.unwrap(), Some(BrokerError::Lost { .. })));
    let missing = broker.read(&journal, Start::First, PREFETCH).await;
    assert!(matches!(missing.err(), Some(BrokerError::Missing { .. })));
}

#[tokio::test]
async fn reading_while_events_come_in_ends() {
    let broker = council(Rabbit::shared()).await;
    come_in(&broker, 0, 1_000).await;
    let writing = async { come_in(&broker, 1_000, 4_000).await };
    let reading = async { timeout(Duration::from_secs(30), read(&broker, Start::Offset(900))).await };
    let ((), read) = tokio::join!(writing, reading);
    let (last, all) = read.unwrap();
    assert!(last >= Some(999));
    assert_eq!(all, (900..=last.unwrap()).collect::<Vec<_>>());
}
