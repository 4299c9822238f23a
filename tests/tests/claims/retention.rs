//! When a stream lets go of what is old: how long a journal keeps an event at least, and how much longer it may.

use std::time::{Duration, Instant};

use lapin::types::AMQPValue;
use postroom_broker::{Amqp, Broker, BrokerError, Failure, Outgoing, Publisher, Start, Topology};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, connect, council, declare_queue, publish_all, to, topology},
};
use tokio::time::timeout;

/// Size of a segment in bytes: an entry as long as that fills it, and the next one opens another.
const SEGMENT: u16 = 10_000;
/// An age that no test outlives.
const LONG: &str = "30D";
/// What the first entries are called: RabbitMQ 3.10 may confirm one before a new stream has started, and have it not.
const FIRST: &str = "first";
/// Entries that are asked for at once.
const AT_ONCE: u16 = 100;

/// A stream of small segments, under a prefix of its own, in the first of which there is something.
struct Stream {
    prefix: String,
    name: String,
    broker: Amqp,
    publisher: Box<dyn Publisher>,
}

impl Stream {
    async fn declared(age: &str) -> Self {
        let rabbit = Rabbit::shared();
        let prefix = rabbit.prefix();
        let broker = connect(rabbit, &prefix).await;
        let name = broker.names().journal();
        let arguments = [
            ("x-queue-type", AMQPValue::LongString("stream".into())),
            ("x-max-age", AMQPValue::LongString(age.into())),
            ("x-stream-max-segment-size-bytes", AMQPValue::LongLongInt(SEGMENT.into())),
        ];
        declare_queue(rabbit, &name, &arguments).await;
        let publisher = broker.publisher().await.unwrap();
        let mut stream = Self { prefix, name, broker, publisher };
        let deadline = Instant::now() + DEADLINE;
        stream.append(FIRST).await;
        while stream.read().await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the stream never starts");
            stream.append(FIRST).await;
        }
        stream
    }

    async fn append(&mut self, body: &str) {
        let entry = Outgoing { exchange: String::new(), ..to(&self.broker, &self.name, body) };
        publish_all(self.publisher.as_mut(), vec![entry]).await;
    }

    /// Appends an entry after which its segment is full.
    async fn fill(&mut self, name: &str) {
        self.append(&format!("{name:.<0$}", usize::from(SEGMENT))).await;
    }

    /// The names of all entries, in a session of its own: one that begins to read a segment as it goes may be lost.
    async fn read(&self) -> Result<Vec<String>, BrokerError> {
        let broker = connect(Rabbit::shared(), &self.prefix).await;
        let mut reader = broker.read(&self.name, Start::First, AT_ONCE).await?;
        let mut names = Vec::new();
        while let Some(chunk) = reader.next(AT_ONCE.into()).await? {
            let bodies = chunk.iter().map(|entry| String::from_utf8_lossy(&entry.delivery.body));
            names.extend(bodies.map(|body| body.trim_end_matches('.').to_owned()));
        }
        reader.close().await;
        broker.close().await;
        Ok(names)
    }

    /// Sees that all is kept until the last of it is older than `age`.
    async fn keeps(&self, expected: &[&str], age: Duration) {
        let written = Instant::now();
        // The broker has a clock of its own.
        while written.elapsed() < age + Duration::from_secs(1) {
            let mut kept = timeout(DEADLINE, self.read()).await.unwrap().unwrap();
            kept.retain(|name| name != FIRST);
            assert_eq!(kept, expected);
        }
    }

    /// Waits until this is all that is kept.
    async fn lets_go_but_for(&self, expected: &[&str]) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let kept = timeout(DEADLINE, self.read()).await.unwrap();
            if kept.as_ref().is_ok_and(|kept| kept == expected) {
                return;
            }
            assert!(Instant::now() < deadline, "what is kept is {kept:?}");
        }
    }
}

#[tokio::test]
async fn a_segment_goes_whole_when_another_is_opened_and_its_youngest_entry_is_old_and_not_before() {
    let mut stream = Stream::declared("5s").await;
    stream.fill("a").await;
    stream.append("b").await;
    stream.keeps(&["a", "b"], Duration::from_secs(5)).await;
    stream.fill("c").await;
    stream.append("d").await;
    // As old as what went, but beside a younger one.
    stream.lets_go_but_for(&["b", "c", "d"]).await;
}

#[tokio::test]
async fn a_policy_with_a_shorter_age_acts_at_once_on_every_segment_but_the_newest_however_old_that_is() {
    let mut stream = Stream::declared(LONG).await;
    stream.fill("a").await;
    stream.fill("b").await;
    stream.append("c").await;
    stream.keeps(&["a", "b", "c"], Duration::from_secs(1)).await;
    let (rabbit, pattern) = (Rabbit::shared(), format!("^{}$", stream.name.replace('.', "[.]")));
    rabbit.ctl(&["set_policy", &stream.name, &pattern, r#"{"max-age":"1s"}"#, "--apply-to", "queues"]);
    stream.lets_go_but_for(&["c"]).await;
    rabbit.ctl(&["clear_policy", &stream.name]);
}

#[tokio::test]
async fn a_journal_that_is_there_is_not_given_another_age_but_refused_by_its_name() {
    let broker = council(Rabbit::shared()).await;
    let shorter = Topology { journal_age: Some(Duration::from_secs(7 * 86_400)), ..topology() };
    let error = broker.redeclare_missing(&shorter).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Differs { .. }), "{error}");
    assert!(error.to_string().contains(&broker.names().journal()), "{error}");
    assert_eq!(error.failure(), Failure::Permanent);
}
