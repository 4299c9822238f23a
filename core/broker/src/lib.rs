//! The broker: topology, connecting, publishing, consuming. The only crate that names `lapin`.
//!
//! The hub meets a broker through the port in [`Broker`], [`Publisher`] and [`Consumer`]; behind it stands RabbitMQ
//! ([`Amqp`]) or a broker in this process with faults to order ([`memory`]). *Delivery* has AMQP's meaning here. This
//! crate carries bytes: it knows neither events nor routes, decides nothing and logs nothing; the owner of a session
//! reconnects, with the delays of [`Backoff`].

mod amqp;
mod backoff;
mod error;
pub mod memory;
mod message;
mod port;
mod stream;
mod topology;

use std::time::Duration;

pub use amqp::{Amqp, Options, tls_server};
pub use backoff::Backoff;
pub use error::{BrokerError, Failure};
pub use message::{Delivery, Message, Outgoing};
pub use port::{Acker, Broker, Confirmed, Confirms, Consumer, Depth, Publication, Publisher};
pub use stream::{Entry, Reader, Start};
pub use topology::{Argument, Arguments, Declaration, ExchangeKind, Names, Topology};

/// Longest wait for a connection to be open, from the name look-up to the end of the handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the broker's answer to a declaration, an open, a consume or an ack's way to the socket.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the confirms of one batch, from its start; what has none by then is unknown.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a channel or a connection to close in good order.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Heartbeat that is offered to the broker, in seconds; the broker may ask for a smaller one.
pub const HEARTBEAT_SECONDS: u16 = 10;
/// Longest name, routing key, message id or other short text of AMQP 0-9-1, in bytes.
pub const MAX_SHORT_TEXT_BYTES: usize = 255;
