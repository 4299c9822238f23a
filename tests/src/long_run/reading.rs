//! What a system does that reads its own queue: takes each message, notes it, and only then acks it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use postroom_router::REPLAY_HEADER;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::oracle::Arrival;

/// Unacked messages of a reader.
const PREFETCH: u16 = 500;
/// Longest wait for a session.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing comes before another session is begun: one that was lost at a bad moment may end no stream, answer no
/// ack, and call itself connected.
const QUIET: Duration = Duration::from_secs(20);
/// How long it waits after a failure, e.g. while its queue is gone.
const BREATH: Duration = Duration::from_millis(200);

/// One system at its queue.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Where the broker is.
    pub(super) url: String,
    /// Its queue.
    pub(super) queue: String,
    /// What it has got, in order.
    pub(super) arrived: Arc<Mutex<Vec<Arrival>>>,
    /// Messages that all readers got, without those that came again.
    pub(super) count: Arc<AtomicU64>,
}

#[derive(Deserialize)]
struct Message {
    number: u64,
}

impl Reading {
    /// Reads until it is aborted.
    pub(super) async fn run(self) {
        let mut breath = interval(BREATH);
        breath.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A session that ends is followed by the next one.
            let _lost = self.session().await;
            breath.tick().await;
        }
    }

    async fn session(&self) -> lapin::Result<()> {
        let Ok(opened) = timeout(OPEN_WITHIN, self.open()).await else { return Ok(()) };
        let (connection, mut messages) = opened?;
        while connection.status().connected() {
            let Ok(Some(delivery)) = timeout(QUIET, messages.next()).await else { break };
            let delivery = delivery?;
            self.note(&delivery);
            let Ok(acked) = timeout(QUIET, delivery.ack(BasicAckOptions::default())).await else { break };
            acked?;
        }
        Ok(())
    }

    async fn open(&self) -> lapin::Result<(Connection, Consumer)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let (queue, options) = (self.queue.as_str().into(), BasicConsumeOptions::default());
        let messages = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
        Ok((connection, messages))
    }

    fn note(&self, delivery: &Delivery) {
        let Ok(message) = serde_json::from_slice::<Message>(&delivery.data) else { return };
        let id = delivery.properties.message_id().as_ref().map_or("", |id| id.as_str());
        let headers = delivery.properties.headers().as_ref();
        let arrival = Arrival {
            number: message.number,
            key: id.parse().unwrap_or_default(),
            at: now(),
            again: delivery.redelivered,
            replayed: headers.is_some_and(|headers| headers.inner().contains_key(REPLAY_HEADER)),
        };
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
        // What comes again is no sign that work goes on.
        self.count.fetch_add(u64::from(!arrival.again && !arrival.replayed), Ordering::Relaxed);
    }
}

/// Microseconds since the epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
