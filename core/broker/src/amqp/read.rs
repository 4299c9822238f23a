//! Reading a stream over AMQP 0-9-1, from a start to what is its end now.
//!
//! AMQP tells no stream's end, so it is looked for first, on a channel of its own: a consumer at the start and one at the
//! last chunk. One process of the broker feeds both, so once the second has something, the first has it too if there is
//! any, and an answer on the same channel comes after all that was sent before.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Connection, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::timeout;

use super::{channel_on, close_channel, consume::AmqpConsumer, convert, declare, fault};
use crate::{ANSWER_TIMEOUT, BrokerError, Consumer as _, Delivery, Entry, Reader, Start};

/// Entries of the last chunk that are looked at together.
const LOOK_AT_ONCE: u16 = 256;
/// More entries than a chunk can hold are not looked at: what is beyond came in since.
const MOST_ENTRIES_OF_A_CHUNK: usize = 1 << 16;
/// An empty stream sends nothing, and RabbitMQ counts the entries of a stream every five seconds only: one that has sent
/// nothing for longer than that and counts none is empty.
const COUNTED_AFTER: Duration = Duration::from_secs(6);
/// The header in which RabbitMQ tells the offset.
const OFFSET_HEADER: &str = "x-stream-offset";

/// Opens `stream` at `start`.
pub(super) async fn open(
    connection: &Connection,
    stream: &str,
    start: Start,
    prefetch: u16,
) -> Result<AmqpReader, BrokerError> {
    let doing = format!("reading stream {stream:?}");
    let looking = channel_on(connection).await?;
    // `lapin` cancels a consumer that is dropped on an open channel, and may send that behind the close, which the broker
    // answers by closing the connection: so they are dropped behind it.
    let mut consumers = Vec::new();
    let span = span(&looking, &mut consumers, (stream, start), &doing).await;
    close_channel(&looking).await;
    drop(consumers);
    let (span, mut consumer) = (span?, None);
    if let Some(span) = &span {
        let channel = channel_on(connection).await?;
        let source = consume(&channel, stream, Start::Offset(span.first).into(), prefetch, &doing).await?;
        consumer = Some(AmqpConsumer::new(channel, source));
    }
    Ok(AmqpReader { doing, span, consumer, done: None })
}

/// The offsets of the first and the last entry to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: u64,
    last: u64,
}

async fn span(
    channel: &Channel,
    consumers: &mut Vec<Consumer>,
    (stream, start): (&str, Start),
    doing: &str,
) -> Result<Option<Span>, BrokerError> {
    consumers.push(consume(channel, stream, start.into(), 1, doing).await?);
    consumers.push(consume(channel, stream, text("last"), LOOK_AT_ONCE, doing).await?);
    let [from, end] = consumers.as_mut_slice() else { return Ok(None) };
    let Some(found) = first_of_last_chunk(channel, stream, end, doing).await? else { return Ok(None) };
    let last = last(channel, end, found, doing).await?;
    let first = match from.next().now_or_never() {
        Some(given) => offset(&given_delivery(given, doing)?, doing)?,
        None => return Ok(None),
    };
    Ok((first <= last).then_some(Span { first, last }))
}

/// What the last chunk starts with; `None` when the stream is empty.
async fn first_of_last_chunk(
    channel: &Channel,
    stream: &str,
    end: &mut Consumer,
    doing: &str,
) -> Result<Option<Delivery>, BrokerError> {
    let mut given = timeout(COUNTED_AFTER, end.next()).await;
    if given.is_err() {
        if declare::depth(channel, stream).await?.messages == 0 {
            return Ok(None);
        }
        given = timeout(ANSWER_TIMEOUT, end.next()).await;
    }
    let Ok(given) = given else {
        return Err(BrokerError::TimedOut { doing: doing.to_owned(), limit: ANSWER_TIMEOUT });
    };
    given_delivery(given, doing).map(Some)
}

/// The greatest offset of the last chunk, of which the first entry was found.
async fn last(
    channel: &Channel,
    end: &mut Consumer,
    mut found: Delivery,
    doing: &str,
) -> Result<u64, BrokerError> {
    let (mut seen, mut looked_at) = (1, 1);
    loop {
        // Its answer comes after every entry that was sent before it.
        prefetch_of(channel, LOOK_AT_ONCE, doing).await?;
        while let Some(given) = end.next().now_or_never() {
            found = given_delivery(given, doing)?;
            seen += 1;
        }
        looked_at += seen;
        if seen < usize::from(LOOK_AT_ONCE) || looked_at > MOST_ENTRIES_OF_A_CHUNK {
            return offset(&found, doing);
        }
        let acked = channel.basic_ack(found.tag, BasicAckOptions { multiple: true });
        fault::answered(doing, acked).await?;
        seen = 0;
    }
}

fn given_delivery(
    given: Option<lapin::Result<lapin::message::Delivery>>,
    doing: &str,
) -> Result<Delivery, BrokerError> {
    match given {
        Some(Ok(arrived)) => Ok(convert::delivery(arrived)),
        Some(Err(error)) => Err(fault::ended(doing, &error)),
        None => Err(lost(doing, "the broker cancelled the consumer")),
    }
}

async fn prefetch_of(channel: &Channel, prefetch: u16, doing: &str) -> Result<(), BrokerError> {
    fault::answered(doing, channel.basic_qos(prefetch, BasicQosOptions { global: false })).await
}

async fn consume(
    channel: &Channel,
    stream: &str,
    start: AMQPValue,
    prefetch: u16,
    doing: &str,
) -> Result<Consumer, BrokerError> {
    prefetch_of(channel, prefetch, doing).await?;
    let mut arguments = FieldTable::default();
    arguments.insert(OFFSET_HEADER.into(), start);
    let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
    let asked = channel.basic_consume(stream.into(), ShortString::default(), options, arguments);
    fault::answered(doing, asked).await
}

impl From<Start> for AMQPValue {
    fn from(start: Start) -> Self {
        match start {
            Start::First => text("first"),
            // RabbitMQ's offsets are signed on the wire.
            Start::Offset(offset) => Self::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX)),
            Start::Time(seconds) => Self::Timestamp(seconds),
        }
    }
}

fn text(word: &str) -> AMQPValue {
    AMQPValue::LongString(word.into())
}

fn offset(delivery: &Delivery, doing: &str) -> Result<u64, BrokerError> {
    let told = delivery.header(OFFSET_HEADER).and_then(|told| told.parse().ok());
    told.ok_or_else(|| lost(doing, "an entry came without its offset"))
}

fn lost(doing: &str, detail: &str) -> BrokerError {
    BrokerError::Lost { doing: doing.to_owned(), detail: detail.to_owned() }
}

pub(super) struct AmqpReader {
    doing: String,
    /// What is left to hand out.
    span: Option<Span>,
    /// None when there was nothing to read.
    consumer: Option<AmqpConsumer>,
    /// The tag up to which entries were handed out and not acked yet: for a stream an ack is leave to send more.
    done: Option<u64>,
}

#[async_trait]
impl Reader for AmqpReader {
    fn last(&self) -> Option<u64> {
        self.span.map(|span| span.last)
    }

    async fn next(&mut self, most: usize) -> Result<Option<Vec<Entry>>, BrokerError> {
        let (Some(span), Some(consumer)) = (&mut self.span, &mut self.consumer) else { return Ok(None) };
        if span.first > span.last {
            return Ok(None);
        }
        if let Some(tag) = self.done.take() {
            consumer.acker().ack_up_to(tag).await?;
        }
        let Some(chunk) = consumer.next(most).await else {
            return Err(lost(&self.doing, consumer.ended().unwrap_or("the session is lost")));
        };
        self.done = chunk.last().map(|delivery| delivery.tag);
        let mut entries = Vec::with_capacity(chunk.len());
        for delivery in chunk {
            let offset = offset(&delivery, &self.doing)?;
            span.first = offset + 1;
            if offset <= span.last {
                entries.push(Entry { offset, delivery });
            }
        }
        Ok((!entries.is_empty()).then_some(entries))
    }

    async fn close(self: Box<Self>) {
        if let Some(consumer) = self.consumer {
            Box::new(consumer).close().await;
        }
    }
}
