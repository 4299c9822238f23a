//! Deliveries of one queue in chunks, and their acks.

use std::{mem, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use lapin::{Channel, options::BasicAckOptions, types::ShortString};
use tokio::time::sleep;

use super::{REPLY_SUCCESS, close_channel, convert, fault};
use crate::{Acker, BrokerError, Consumer, Delivery};

/// How much longer deliveries are gathered under load: it halves the pump's CPU and costs a few milliseconds, so not
/// at other times.
const GATHER: Duration = Duration::from_micros(500);
/// A chunk of so many deliveries means load.
const LOADED_FROM: usize = 8;

pub(super) struct AmqpConsumer {
    channel: Arc<Channel>,
    stream: lapin::Consumer,
    /// Taken from the stream and not handed out yet.
    chunk: Vec<Delivery>,
    loaded: bool,
    ended: Option<String>,
}

impl AmqpConsumer {
    pub(super) fn new(channel: Channel, stream: lapin::Consumer) -> Self {
        Self { channel: Arc::new(channel), stream, chunk: Vec::new(), loaded: false, ended: None }
    }

    /// Keeps what the stream gave; the end of the stream is the end of the session.
    fn keep(&mut self, given: Option<lapin::Result<lapin::message::Delivery>>) {
        match given {
            Some(Ok(arrived)) => self.chunk.push(convert::delivery(arrived)),
            Some(Err(error)) => self.ended = Some(fault::words(&error)),
            None => self.ended = Some("the broker cancelled the consumer".to_owned()),
        }
    }

    fn take_ready(&mut self, most: usize) {
        while self.ended.is_none() && self.chunk.len() < most {
            match self.stream.next().now_or_never() {
                Some(given) => self.keep(given),
                None => break,
            }
        }
    }
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn next(&mut self, most: usize) -> Option<Vec<Delivery>> {
        let most = most.max(1);
        if self.ended.is_none() && self.chunk.is_empty() {
            let first = self.stream.next().await;
            self.keep(first);
        }
        self.take_ready(most);
        if self.loaded && self.chunk.len() < most {
            sleep(GATHER).await;
            self.take_ready(most);
        }
        if self.ended.is_some() {
            return None;
        }
        self.loaded = self.chunk.len() >= LOADED_FROM;
        Some(mem::take(&mut self.chunk))
    }

    fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    fn acker(&self) -> Arc<dyn Acker> {
        Arc::new(AmqpAcker { channel: Arc::clone(&self.channel) })
    }

    async fn close(self: Box<Self>) {
        close_channel(&self.channel).await;
    }
}

impl Drop for AmqpConsumer {
    /// Sends the close of the channel, if it was not sent, before `lapin` drops its own consumer: that would cancel it.
    fn drop(&mut self) {
        let _ = self.channel.close(REPLY_SUCCESS, ShortString::default()).now_or_never();
    }
}

struct AmqpAcker {
    channel: Arc<Channel>,
}

impl AmqpAcker {
    async fn send(&self, tag: u64, options: BasicAckOptions) -> Result<(), BrokerError> {
        fault::answered("acking", self.channel.basic_ack(tag, options)).await
    }
}

#[async_trait]
impl Acker for AmqpAcker {
    async fn ack(&self, tag: u64) -> Result<(), BrokerError> {
        self.send(tag, BasicAckOptions { multiple: false }).await
    }

    async fn ack_up_to(&self, tag: u64) -> Result<(), BrokerError> {
        self.send(tag, BasicAckOptions { multiple: true }).await
    }
}
