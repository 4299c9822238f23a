//! The limits of a listener, each with its unit.

use std::time::Duration;

/// Most connections of one address at the same time, unless it is told otherwise; whoever comes then waits where the machine keeps them.
const MOST_CONNECTIONS: usize = 512;
/// Most bytes of bodies of one address at the same time, unless it is told otherwise.
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Most headers of a request.
pub(crate) const MOST_HEADERS: usize = 100;
/// Longest head of a request, in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most bytes over the limit of a body that are read and thrown away, so that its sender hears the answer.
pub(crate) const MAX_PASSED_BYTES: usize = 8 * 1024 * 1024;
/// When whoever could not be heard now may come again, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 5;
/// Wait after a connection could not be accepted, as where the machine has no more of them.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks at the files of a certificate.
pub(crate) const CERTIFICATE_LOOK: Duration = Duration::from_secs(2);
/// Longest wait for the last answer on a connection that is being closed.
pub(crate) const CLOSING_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for an address that was just given up.
pub(crate) const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// What one claim bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest body, in bytes: 413 beyond it.
    pub body_bytes: usize,
    /// Most requests that wait for their answer: 503 beyond it.
    pub waiting: usize,
    /// Longest wait for an answer: 503 after it.
    pub reply: Duration,
}

impl Default for Limits {
    /// A body of 1 MiB, 400 requests, 30 seconds.
    fn default() -> Self {
        Self { body_bytes: 1024 * 1024, waiting: 400, reply: Duration::from_secs(30) }
    }
}

/// How long a client is waited for, so that a slow one holds no place for ever, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For TLS, from the first byte to the last of the handshake.
    pub handshake: Duration,
    /// For the head of a request, and for the next one on a connection that is kept open.
    pub head: Duration,
    /// For the whole body.
    pub body: Duration,
    /// The age at which a connection is closed behind the answer that is under way.
    pub connection: Duration,
    /// Most connections at the same time.
    pub connections: usize,
    /// Most bytes of bodies at the same time, from the first that is read to the answer: 503 beyond it.
    pub body_bytes: usize,
}

impl Default for Patience {
    /// 10 seconds for TLS, 15 for a head, 30 for a body; a connection lives five minutes, and 512 at the same time, with 64 MiB of bodies.
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            connection: Duration::from_secs(300),
            connections: MOST_CONNECTIONS,
            body_bytes: MOST_BODY_BYTES,
        }
    }
}
