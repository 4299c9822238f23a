//! What the broker itself has in its stream of everything that was published, read by nobody's word but its own.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde::Deserialize;
use tokio::time::timeout;

use super::publishing::number_of;

/// Unacked entries of a reader, and how many it acks at once.
const PREFETCH: u16 = 1_000;
const ACK_EVERY: usize = 250;
/// How long nothing comes at the end of a stream to which nobody publishes.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Entry {
    id: String,
}

/// Which of so many events, all of them confirmed and taken care of, the stream does not have.
pub(super) async fn missing(url: &str, stream: &str, events: u64) -> lapin::Result<HashSet<u64>> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut from = FieldTable::default();
    from.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let mut entries = channel.basic_consume(stream.into(), "".into(), options, from).await?;
    let mut missing: HashSet<u64> = (1..=events).collect();
    for read in 1.. {
        let Ok(Some(entry)) = timeout(QUIET, entries.next()).await else { break };
        let entry = entry?;
        if let Ok(Entry { id }) = serde_json::from_slice(&entry.data) {
            number_of(&id).map(|number| missing.remove(&number));
        }
        if read % ACK_EVERY == 0 {
            entry.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    Ok(missing)
}
