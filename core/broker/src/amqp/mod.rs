//! The port on RabbitMQ, by `lapin`: one session is two connections, so that a broker short of memory, which blocks the
//! publishing one, still gets its acks. `lapin`'s own recovery stays off: a session that is lost is over.

mod address;
mod consume;
mod convert;
mod declare;
mod fault;
mod publish;
mod read;
mod watch;

use std::sync::Arc;
use std::time::Duration;

pub use address::tls_server;
use async_trait::async_trait;
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
    uri::AMQPUri,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::{
    consume::AmqpConsumer,
    fault::{answered, ended, refused, reply, reply_code, words},
    publish::AmqpPublisher,
    watch::Watch,
};
use crate::{
    ANSWER_TIMEOUT, Broker, BrokerError, CLOSE_TIMEOUT, CONNECT_TIMEOUT, Consumer, Declaration, Depth, Names,
    Publisher, Reader, Start, Topology,
};

/// Longest wait for a queue to take a consumer: one without a leader does not answer, while the broker answers everything else.
const CONSUME_TIMEOUT: Duration = Duration::from_secs(10);
/// AMQP's reply code for a close in good order.
const REPLY_SUCCESS: u16 = 200;

/// How a session names itself and its objects.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names of the objects.
    pub names: Names,
    /// What operators of the broker see as the connection's name, e.g. `postroom`.
    pub connection_name: String,
}

/// A session with RabbitMQ.
#[derive(Debug)]
pub struct Amqp {
    options: Options,
    user: String,
    publishing: Arc<Connection>,
    consuming: Connection,
    /// Held while a consumer is opened: what ends the connection then is the queue that was asked for.
    opening: Mutex<()>,
    watch: Watch,
}

impl Amqp {
    /// Opens a session at `url` (`amqp://user:password@host:port/vhost`, or `amqps`). Waits at most
    /// [`CONNECT_TIMEOUT`] for each of its two connections.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when the broker does not let the user in, [`BrokerError::Unreachable`] when it cannot be
    /// reached; none holds the password.
    pub async fn connect(url: &str, options: Options) -> Result<Self, BrokerError> {
        let address = address::parse(url)?;
        let publishing = Arc::new(open(&address, &format!("{} publishing", options.connection_name)).await?);
        let consuming = open(&address, &format!("{} consuming", options.connection_name)).await?;
        let watch = Watch::over(&[&publishing, &consuming]);
        let user = address.authority.userinfo.username;
        Ok(Self { options, user, publishing, consuming, opening: Mutex::default(), watch })
    }
}

async fn open(address: &AMQPUri, name: &str) -> Result<Connection, BrokerError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    match timeout(CONNECT_TIMEOUT, Connection::connect_uri(address.clone(), properties)).await {
        Ok(opened) => opened.map_err(|error| refused(address::shown(address), &error)),
        Err(_) => Err(BrokerError::TimedOut {
            doing: format!("connecting to {}", address::shown(address)),
            limit: CONNECT_TIMEOUT,
        }),
    }
}

async fn channel_on(connection: &Connection) -> Result<Channel, BrokerError> {
    answered("opening a channel", connection.create_channel()).await
}

async fn close_channel(channel: &Channel) {
    // A close that fails says that the channel is closed already.
    let _ = timeout(CLOSE_TIMEOUT, channel.close(REPLY_SUCCESS, ShortString::default())).await;
}

#[async_trait]
impl Broker for Amqp {
    fn names(&self) -> &Names {
        &self.options.names
    }

    fn user(&self) -> &str {
        &self.user
    }

    async fn declare(&self, topology: &Topology) -> Result<(), BrokerError> {
        let channel = channel_on(&self.consuming).await?;
        for declaration in topology.declarations(self.names()) {
            declare::declare(&channel, declaration).await?;
        }
        close_channel(&channel).await;
        Ok(())
    }

    async fn redeclare_missing(&self, topology: &Topology) -> Result<Vec<Declaration>, BrokerError> {
        let mut missing = Vec::new();
        let mut channel = channel_on(&self.consuming).await?;
        for declaration in topology.declarations(self.names()) {
            if declare::is_missing(&channel, &declaration).await? {
                channel = channel_on(&self.consuming).await?;
                missing.push(declaration);
            }
        }
        close_channel(&channel).await;
        self.declare(topology).await?;
        Ok(missing)
    }

    async fn publisher(&self) -> Result<Box<dyn Publisher>, BrokerError> {
        Ok(Box::new(AmqpPublisher::open(Arc::clone(&self.publishing)).await?))
    }

    async fn consumer(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let channel = channel_on(&self.consuming).await?;
        let doing = format!("consuming queue {queue:?}");
        answered(&doing, channel.basic_qos(prefetch, BasicQosOptions { global: false })).await?;
        let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
        let asked =
            channel.basic_consume(queue.into(), ShortString::default(), options, FieldTable::default());
        let _alone = self.opening.lock().await;
        match timeout(CONSUME_TIMEOUT, asked).await {
            Ok(Ok(stream)) => Ok(Box::new(AmqpConsumer::new(channel, stream))),
            Ok(Err(error)) if reply_code(&error) == Some(reply::INTERNAL_ERROR) => {
                // Whoever asks next finds that the connection is gone, and is not told this error.
                let _ = timeout(ANSWER_TIMEOUT, self.watch.lost()).await;
                Err(BrokerError::Unserved { queue: queue.to_owned(), detail: words(&error) })
            }
            Ok(Err(error)) => Err(ended(&doing, &error)),
            Err(_) => match timeout(CONSUME_TIMEOUT, self.depth(queue)).await {
                Ok(Ok(_)) => {
                    let detail = format!("no answer within {} s", CONSUME_TIMEOUT.as_secs());
                    Err(BrokerError::Unserved { queue: queue.to_owned(), detail })
                }
                _ => Err(BrokerError::TimedOut { doing, limit: CONSUME_TIMEOUT }),
            },
        }
    }

    async fn read(&self, stream: &str, start: Start, prefetch: u16) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(read::open(&self.consuming, stream, start, prefetch).await?))
    }

    async fn lock(&self) -> Result<(), BrokerError> {
        let channel = channel_on(&self.consuming).await?;
        declare::lock(&channel, &self.names().hub_lock()).await?;
        close_channel(&channel).await;
        Ok(())
    }

    async fn depth(&self, queue: &str) -> Result<Depth, BrokerError> {
        let channel = channel_on(&self.consuming).await?;
        let depth = declare::depth(&channel, queue).await?;
        close_channel(&channel).await;
        Ok(depth)
    }

    fn blocked(&self) -> bool {
        self.publishing.status().blocked() || self.consuming.status().blocked()
    }

    async fn lost(&self) -> String {
        self.watch.lost().await
    }

    async fn close(&self) {
        for connection in [&self.consuming, self.publishing.as_ref()] {
            let closing = connection.close(REPLY_SUCCESS, ShortString::default());
            // A close that fails says that the connection is gone already.
            let _ = timeout(CLOSE_TIMEOUT, closing).await;
        }
    }
}
