//! How a session with the broker fails. No error carries a password, a message or a value of one.

use std::time::Duration;

/// What a failure means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A new session may succeed.
    Transient,
    /// Somebody has to change something first.
    Permanent,
}

/// A failure of the broker or of the session with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The URL is not one of a broker.
    #[error("the broker's url is not of the form amqp://user:password@host:port/vhost or amqps://...")]
    Url,
    /// The broker cannot be reached, or broke off the handshake.
    #[error("connecting to {url}: {detail}")]
    Unreachable {
        /// Where, without the password.
        url: String,
        /// The cause as the system or the broker words it.
        detail: String,
    },
    /// The broker does not let this user in, or not into this virtual host.
    #[error("connecting to {url}: refused: {detail}")]
    Refused {
        /// Where, without the password.
        url: String,
        /// The cause as the broker words it.
        detail: String,
    },
    /// No answer within the time limit.
    #[error("{doing}: no answer within {} s", limit.as_secs())]
    TimedOut {
        /// What was asked.
        doing: String,
        /// The time limit.
        limit: Duration,
    },
    /// The channel or the connection is gone.
    #[error("{doing}: the session is lost: {detail}")]
    Lost {
        /// What was asked.
        doing: String,
        /// The cause as the broker or the client words it.
        detail: String,
    },
    /// The broker user lacks a permission.
    #[error("{doing}: not permitted: {detail}")]
    Denied {
        /// What was asked.
        doing: String,
        /// The cause as the broker words it.
        detail: String,
    },
    /// An object is there already, with other arguments.
    #[error("{doing}: it exists and differs: {detail}")]
    Differs {
        /// What was declared.
        doing: String,
        /// What differs, as the broker words it.
        detail: String,
    },
    /// An object is not there.
    #[error("{doing}: it does not exist")]
    Missing {
        /// What was asked.
        doing: String,
    },
    /// A queue is there, and the broker has nobody who serves it.
    #[error("consuming queue {queue:?}: the broker does not serve it: {detail}")]
    Unserved {
        /// Which one.
        queue: String,
        /// The cause as the broker words it.
        detail: String,
    },
    /// Another hub holds the lock of this prefix.
    #[error("another hub runs on this prefix: it holds the queue {queue:?}")]
    Locked {
        /// The exclusive queue that is the lock.
        queue: String,
    },
    /// A text is longer than AMQP allows; nothing was published.
    #[error("publishing: {field} is longer than {} bytes", crate::MAX_SHORT_TEXT_BYTES)]
    TooLong {
        /// Which one.
        field: &'static str,
    },
}

impl BrokerError {
    /// What it means for the next attempt.
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::Missing { .. }
            | Self::Unserved { .. } => Failure::Transient,
            Self::Url
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Differs { .. }
            | Self::Locked { .. }
            | Self::TooLong { .. } => Failure::Permanent,
        }
    }
}
