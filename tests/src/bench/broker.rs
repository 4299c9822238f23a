//! The bench's own hand on the broker: filling queues, counting what is in them, and leaving nothing behind.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lapin::options::{
    ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use postroom_broker::{Declaration, Names, Topology};
use postroom_event::STRUCTURED;
use postroom_router::{ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Outcome;
use super::sample::{EVENT_TYPE, SOURCE, Sample};

/// Publishes whose confirms may be outstanding while a queue is filled.
const WINDOW: usize = 500;
/// How often a paced publisher looks what is due.
const TICK: Duration = Duration::from_millis(1);
/// How often it is looked whether a queue is consumed, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const CONSUMED_TIMEOUT: Duration = Duration::from_secs(60);
/// AMQP's delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;
const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// The broker under measurement.
pub(crate) struct Bench {
    channel: Channel,
    connection: Connection,
    /// The broker's URL.
    pub(crate) url: String,
    /// The user of the URL.
    pub(crate) user: String,
    /// The broker's process, where the environment names it.
    pub(crate) pid: Option<u32>,
}

/// A publish that was started, until its confirm.
pub(crate) type Started = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

impl Bench {
    /// Connects to `AMQP_URL`; `POSTROOM_TEST_BROKER_PID` names the broker's process.
    pub(crate) async fn connect() -> Outcome<Self> {
        let url = std::env::var("AMQP_URL")
            .map_err(|_| "AMQP_URL says where RabbitMQ is; ./deploy/bench sets it")?;
        let address: AMQPUri = url.parse().map_err(|_| "AMQP_URL cannot be read")?;
        let connection = connect(&url).await?;
        let channel = confirming(&connection).await?;
        let pid = std::env::var("POSTROOM_TEST_BROKER_PID").ok().and_then(|pid| pid.parse().ok());
        Ok(Self { channel, connection, user: address.authority.userinfo.username, url, pid })
    }

    /// Publishes `count` events and awaits every confirm; the seconds that it took.
    pub(crate) async fn fill(
        &self,
        exchange: &str,
        key: &str,
        sample: &Sample,
        count: usize,
    ) -> Outcome<f64> {
        let messages = (0..count).map(|number| (sample.event(number), self.properties()));
        self.fill_with((exchange, key), messages).await
    }

    /// Publishes `count` dispatches of one route to the lane of its target, as the router does.
    pub(crate) async fn fill_lane(
        &self,
        names: &Names,
        (target, route): (&str, &str),
        sample: &Sample,
        count: usize,
    ) -> Outcome<f64> {
        let messages = (0..count).map(|number| {
            let subject = sample.subject(number);
            let headers = [
                (TYPE_HEADER, EVENT_TYPE),
                (SOURCE_HEADER, SOURCE),
                (ROUTE_HEADER, route),
                (SUBJECT_HEADER, &subject),
            ];
            let mut table = FieldTable::default();
            for (name, value) in headers {
                table.insert(name.into(), AMQPValue::LongString(value.into()));
            }
            let properties = self.properties().with_headers(table);
            (sample.event(number), properties.with_correlation_id(sample.id(number).as_str().into()))
        });
        self.fill_with((&names.deliveries(), &names.lane(target)), messages).await
    }

    async fn fill_with(
        &self,
        to: (&str, &str),
        messages: impl Iterator<Item = (Vec<u8>, BasicProperties)>,
    ) -> Outcome<f64> {
        let begun = Instant::now();
        let mut outstanding: std::collections::VecDeque<Started> = std::collections::VecDeque::new();
        for (body, properties) in messages {
            outstanding.push_back(start(&self.channel, to, body, properties));
            if outstanding.len() > WINDOW {
                confirmed(outstanding.pop_front()).await?;
            }
        }
        while let Some(publish) = outstanding.pop_front() {
            confirmed(Some(publish)).await?;
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Publishes events at `rate` a second: when each was published.
    pub(crate) async fn pace(
        &self,
        to: (&str, &str),
        sample: &Sample,
        (count, rate): (usize, f64),
    ) -> Outcome<Vec<Instant>> {
        let (mut publishes, mut published) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let begun = Instant::now();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while published.len() < count {
            ticks.tick().await;
            let due = (begun.elapsed().as_secs_f64() * rate) as usize;
            while published.len() < due.min(count) {
                let number = published.len();
                let properties = self.properties().with_correlation_id(sample.id(number).as_str().into());
                published.push(Instant::now());
                publishes.push(start(&self.channel, to, sample.event(number), properties));
            }
        }
        for publish in publishes {
            confirmed(Some(publish)).await?;
        }
        Ok(published)
    }

    fn properties(&self) -> BasicProperties {
        BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type(STRUCTURED.into())
            .with_user_id(self.user.as_str().into())
    }

    /// Declares a quorum queue as the pump needs it.
    pub(crate) async fn queue(&self, name: &str) -> Outcome<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        self.channel.queue_declare(name.into(), DURABLE, arguments).await?;
        Ok(())
    }

    /// Messages that are ready in all of `queues`.
    pub(crate) async fn count(&self, queues: &[String]) -> Outcome<usize> {
        let mut messages = 0;
        for queue in queues {
            let passive = QueueDeclareOptions { passive: true, ..DURABLE };
            let found =
                self.channel.queue_declare(queue.as_str().into(), passive, FieldTable::default()).await?;
            messages += found.message_count() as usize;
        }
        Ok(messages)
    }

    /// Waits until somebody consumes a queue.
    pub(crate) async fn consumed(&self, queue: &str) -> Outcome<()> {
        let deadline = Instant::now() + CONSUMED_TIMEOUT;
        let mut look = interval(LOOK_EVERY);
        let passive = QueueDeclareOptions { passive: true, ..DURABLE };
        while self.channel.queue_declare(queue.into(), passive, FieldTable::default()).await?.consumer_count()
            == 0
        {
            if Instant::now() > deadline {
                return Err(format!("nobody consumes {queue} in time").into());
            }
            look.tick().await;
        }
        Ok(())
    }

    /// Empties `queues`.
    pub(crate) async fn purge(&self, queues: &[String]) -> Outcome<()> {
        for queue in queues {
            self.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions { nowait: false }).await?;
        }
        Ok(())
    }

    /// Deletes `queues` with all that is in them.
    pub(crate) async fn delete(&self, queues: &[String]) -> Outcome<()> {
        let options = QueueDeleteOptions { if_unused: false, if_empty: false, nowait: false };
        for queue in queues {
            self.channel.queue_delete(queue.as_str().into(), options).await?;
        }
        Ok(())
    }

    /// Deletes everything that a hub declares for `topology`.
    pub(crate) async fn delete_all(&self, names: &Names, topology: &Topology) -> Outcome<()> {
        for declaration in topology.declarations(names) {
            match declaration {
                Declaration::Queue { name, .. } => self.delete(&[name]).await?,
                Declaration::Exchange { name, .. } => {
                    let options = ExchangeDeleteOptions { if_unused: false, nowait: false };
                    self.channel.exchange_delete(name.as_str().into(), options).await?;
                }
                Declaration::Binding { .. } => {}
            }
        }
        Ok(())
    }

    /// Ends the connection in good order.
    pub(crate) async fn close(self) -> Outcome<()> {
        Ok(self.connection.close(200, "".into()).await?)
    }
}

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> Outcome<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("postroom bench".into());
    Ok(Connection::connect(url, properties).await?)
}

/// A channel that confirms.
pub(crate) async fn confirming(connection: &Connection) -> Outcome<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions { nowait: false }).await?;
    Ok(channel)
}

/// Starts a publish: its frames are queued when this returns.
pub(crate) fn start(
    channel: &Channel,
    (exchange, key): (&str, &str),
    body: Vec<u8>,
    properties: BasicProperties,
) -> Started {
    let (channel, exchange, key) = (channel.clone(), exchange.into(), key.into());
    let options = lapin::options::BasicPublishOptions { mandatory: false, immediate: false };
    let mut publish: BoxFuture<'static, _> =
        async move { channel.basic_publish(exchange, key, options, &body, properties).await?.await }.boxed();
    match (&mut publish).now_or_never() {
        Some(answer) => std::future::ready(answer).boxed(),
        None => publish,
    }
}

/// Awaits the confirm of a publish.
pub(crate) async fn confirmed(publish: Option<Started>) -> Outcome<()> {
    match publish {
        None => Ok(()),
        Some(publish) => match publish.await? {
            Confirmation::Ack(_) => Ok(()),
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                Err(format!("the broker refused a {EVENT_TYPE}").into())
            }
        },
    }
}
