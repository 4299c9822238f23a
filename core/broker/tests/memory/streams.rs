//! Reading streams of the broker in this process.

use postroom_broker::{
    Broker, BrokerError, Entry, Outgoing, Start,
    memory::{MemoryBroker, Server},
};

use super::{broker, publish, to};

const JOURNAL: &str = "t.journal";

/// Ten events, of which each came in ten seconds after the one before, from 100 on.
async fn journal() -> MemoryBroker {
    let broker = broker().await;
    for number in 0..10 {
        broker.server().set_time(100 + number * 10);
        come_in(&broker, &number.to_string()).await;
    }
    broker
}

async fn come_in(broker: &MemoryBroker, body: &str) {
    let event = Outgoing { exchange: "t.in.gazetteer".to_owned(), ..to("street.created.v1", body) };
    assert_eq!(publish(broker.publisher().await.unwrap().as_mut(), vec![event]).await, "c");
}

async fn read(broker: &MemoryBroker, start: Start) -> (Option<u64>, Vec<u64>) {
    let mut reader = broker.read(JOURNAL, start, 4).await.unwrap();
    let (last, mut all) = (reader.last(), Vec::new());
    while let Some(chunk) = reader.next(100).await.unwrap() {
        assert!(!chunk.is_empty() && chunk.len() <= 4, "no more than the prefetch");
        all.extend(chunk.iter().map(number));
    }
    (last, all)
}

/// The offset, which in these tests is the event's number too.
fn number(entry: &Entry) -> u64 {
    assert_eq!(std::str::from_utf8(&entry.delivery.body).unwrap(), entry.offset.to_string());
    entry.offset
}

#[tokio::test]
async fn a_stream_is_read_from_its_start_an_offset_or_a_time_to_its_end() {
    let broker = journal().await;
    assert_eq!(read(&broker, Start::First).await, (Some(9), (0..10).collect()));
    assert_eq!(read(&broker, Start::Offset(7)).await, (Some(9), vec![7, 8, 9]));
    assert_eq!(read(&broker, Start::Time(171)).await, (Some(9), vec![8, 9]));
    assert_eq!(read(&broker, Start::Offset(10)).await, (None, vec![]));
    assert_eq!(read(&broker, Start::Time(191)).await, (None, vec![]));
    assert_eq!(read(&broker, Start::First).await.1.len(), 10, "reading takes nothing away");
}

#[tokio::test]
async fn what_comes_in_after_the_opening_is_not_read() {
    let broker = journal().await;
    let mut reader = broker.read(JOURNAL, Start::Offset(9), 4).await.unwrap();
    come_in(&broker, "10").await;
    assert_eq!(reader.next(4).await.unwrap().unwrap().iter().map(number).collect::<Vec<_>>(), [9]);
    assert_eq!(reader.next(4).await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_stream_has_nothing_and_one_that_is_not_there_is_missing() {
    let broker = broker().await;
    assert_eq!(read(&broker, Start::First).await, (None, vec![]));
    let missing = broker.read("t.nothing", Start::First, 4).await;
    assert!(matches!(missing.err(), Some(BrokerError::Missing { .. })));
}

async fn check_lost(fault: impl Fn(&Server)) {
    let broker = journal().await;
    let mut reader = broker.read(JOURNAL, Start::First, 4).await.unwrap();
    reader.next(4).await.unwrap();
    fault(broker.server());
    assert!(matches!(reader.next(4).await, Err(BrokerError::Lost { .. })));
}

#[tokio::test]
async fn a_reader_says_that_it_is_lost_and_never_that_it_is_at_the_end() {
    check_lost(Server::cut).await;
    check_lost(|server| server.delete(JOURNAL)).await;
}
