//! Carrying out declarations, and what passive ones tell.

use lapin::{
    Channel, ExchangeKind as Kind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use super::fault::{answered, ended, reply, reply_code, words};
use crate::{ANSWER_TIMEOUT, Argument, Arguments, BrokerError, Declaration, Depth, ExchangeKind};

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

const EXCHANGE: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: false,
    durable: true,
    auto_delete: false,
    internal: false,
    nowait: false,
};

/// Makes one object, or finds it made alike.
pub(super) async fn declare(channel: &Channel, declaration: Declaration) -> Result<(), BrokerError> {
    match declaration {
        Declaration::Exchange { name, kind, arguments } => {
            let doing = format!("declaring exchange {name:?}");
            let asked = channel.exchange_declare(name.into(), kind.into(), EXCHANGE, table(arguments));
            alike(doing, asked).await
        }
        Declaration::Queue { name, arguments } => {
            let doing = format!("declaring queue {name:?}");
            alike(doing, channel.queue_declare(name.into(), DURABLE, table(arguments))).await.map(drop)
        }
        Declaration::Binding { queue, exchange, routing_key } => {
            let doing = format!("binding queue {queue:?} to exchange {exchange:?}");
            let options = QueueBindOptions { nowait: false };
            let none = FieldTable::default();
            let asked = channel.queue_bind(queue.into(), exchange.into(), routing_key.into(), options, none);
            answered(&doing, asked).await
        }
    }
}

/// Whether an exchange or a queue is not there; a binding, of which AMQP cannot ask, counts as there. The broker closes
/// the channel of an object that is not there.
pub(super) async fn is_missing(channel: &Channel, declaration: &Declaration) -> Result<bool, BrokerError> {
    let doing = format!("looking for {:?}", declaration.name());
    let found = match declaration {
        Declaration::Exchange { name, kind, .. } => {
            let options = ExchangeDeclareOptions { passive: true, ..EXCHANGE };
            let none = FieldTable::default();
            let asked = channel.exchange_declare(name.as_str().into(), (*kind).into(), options, none);
            answered(&doing, asked).await
        }
        Declaration::Queue { name, .. } => depth(channel, name).await.map(drop),
        Declaration::Binding { .. } => Ok(()),
    };
    match found {
        Ok(()) => Ok(false),
        Err(BrokerError::Missing { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Awaits the answer to a declaration: one that differs is told apart.
async fn alike<T>(doing: String, asked: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    match timeout(ANSWER_TIMEOUT, asked).await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) if reply_code(&error) == Some(reply::PRECONDITION_FAILED) => {
            Err(BrokerError::Differs { doing, detail: words(&error) })
        }
        Ok(Err(error)) => Err(ended(&doing, &error)),
        Err(_) => Err(BrokerError::TimedOut { doing, limit: ANSWER_TIMEOUT }),
    }
}

/// Declares the exclusive queue `name`, which the connection then holds until its end.
pub(super) async fn lock(channel: &Channel, name: &str) -> Result<(), BrokerError> {
    let options = QueueDeclareOptions { durable: false, exclusive: true, ..DURABLE };
    match timeout(ANSWER_TIMEOUT, channel.queue_declare(name.into(), options, FieldTable::default())).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if reply_code(&error) == Some(reply::RESOURCE_LOCKED) => {
            Err(BrokerError::Locked { queue: name.to_owned() })
        }
        Ok(Err(error)) => Err(ended("taking the lock", &error)),
        Err(_) => Err(BrokerError::TimedOut { doing: "taking the lock".to_owned(), limit: ANSWER_TIMEOUT }),
    }
}

/// Asks how much waits in `queue`.
pub(super) async fn depth(channel: &Channel, queue: &str) -> Result<Depth, BrokerError> {
    let doing = format!("asking for the depth of queue {queue:?}");
    let options = QueueDeclareOptions { passive: true, ..DURABLE };
    let found = answered(&doing, channel.queue_declare(queue.into(), options, FieldTable::default())).await?;
    Ok(Depth { messages: found.message_count(), consumers: found.consumer_count() })
}

fn table(arguments: Arguments) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value.into());
    }
    table
}

impl From<Argument> for AMQPValue {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::Text(text) => Self::LongString(text.into()),
            Argument::Number(number) => Self::LongLongInt(number),
            Argument::Flag(flag) => Self::Boolean(flag),
        }
    }
}

impl From<ExchangeKind> for Kind {
    fn from(kind: ExchangeKind) -> Self {
        match kind {
            ExchangeKind::Direct => Self::Direct,
            ExchangeKind::Fanout => Self::Fanout,
            ExchangeKind::Topic => Self::Topic,
        }
    }
}
