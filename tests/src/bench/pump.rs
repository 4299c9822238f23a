//! The bare pump: queue to queue through `lapin` in its best form and nothing else. What a hub can reach at most.
//!
//! One consuming channel with a constant prefetch, one publishing task on one channel of another connection, publishes
//! started in order and awaited together, deliveries gathered under load, one multiple ack for each chunk. It runs as a
//! process of its own, as the hub does.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Outcome;
use super::broker::{Started, confirmed, confirming, connect, start};

const PREFETCH: u16 = 1_000;
const CHUNK: usize = 200;
/// Chunks whose confirms may be outstanding.
const PIPELINE: usize = 3;
/// How much longer deliveries are gathered under load.
const GATHER: Duration = Duration::from_micros(500);
/// A chunk of so many deliveries means load.
const LOADED_FROM: usize = 8;

/// Publishes of one chunk, and the tag that acks it.
struct Chunk {
    publishes: Vec<Started>,
    last_tag: u64,
}

/// Pumps from the queue `from`, through `exchange`, to each key of `to` until it is killed.
pub(crate) async fn run(url: &str, exchange: String, from: &str, to: Vec<String>) -> Outcome<()> {
    let (intake, output) = (connect(url).await?, connect(url).await?);
    let consuming = intake.create_channel().await?;
    consuming.basic_qos(PREFETCH, BasicQosOptions { global: false }).await?;
    let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
    let deliveries = consuming.basic_consume(from.into(), "".into(), options, FieldTable::default()).await?;
    let publishing = confirming(&output).await?;
    let (chunks, started) = mpsc::channel(PIPELINE);
    let taking = tokio::spawn(take(deliveries, publishing, (exchange, to), chunks));
    settle(&consuming, started).await?;
    taking.await?
}

async fn take(
    mut deliveries: Consumer,
    publishing: Channel,
    (exchange, to): (String, Vec<String>),
    chunks: mpsc::Sender<Chunk>,
) -> Outcome<()> {
    let mut loaded = false;
    while let Some(first) = deliveries.next().await {
        let mut taken = vec![first?];
        take_ready(&mut deliveries, &mut taken)?;
        if loaded && taken.len() < CHUNK {
            sleep_until(Instant::now() + GATHER).await;
            take_ready(&mut deliveries, &mut taken)?;
        }
        loaded = taken.len() >= LOADED_FROM;
        let last_tag = taken.last().map_or(0, |delivery| delivery.delivery_tag);
        let mut publishes = Vec::with_capacity(taken.len() * to.len());
        for Delivery { data, properties, .. } in taken {
            for queue in &to {
                publishes.push(start(&publishing, (&exchange, queue), data.clone(), properties.clone()));
            }
        }
        if chunks.send(Chunk { publishes, last_tag }).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn take_ready(deliveries: &mut Consumer, taken: &mut Vec<Delivery>) -> Outcome<()> {
    while taken.len() < CHUNK {
        match deliveries.next().now_or_never().flatten() {
            Some(delivery) => taken.push(delivery?),
            None => break,
        }
    }
    Ok(())
}

async fn settle(consuming: &Channel, mut chunks: mpsc::Receiver<Chunk>) -> Outcome<()> {
    while let Some(chunk) = chunks.recv().await {
        for publish in chunk.publishes {
            confirmed(Some(publish)).await?;
        }
        consuming.basic_ack(chunk.last_tag, BasicAckOptions { multiple: true }).await?;
    }
    Ok(())
}
