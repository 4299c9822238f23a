//! Reading a stream: entries that stay where they are, by offset. It does not know what the journal is for.

use async_trait::async_trait;

use crate::{BrokerError, Delivery};

/// Where reading starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest entry that is kept.
    First,
    /// At this offset, or at the oldest entry where that one is kept no more.
    Offset(u64),
    /// At what came in at or after this time, in seconds since 1970-01-01T00:00:00Z by the broker's clock. RabbitMQ keeps
    /// the time of a chunk of entries, not of each, so some older ones may come first.
    Time(u64),
}

/// One entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: it never changes, and each entry's is greater than that of the one before.
    pub offset: u64,
    /// What was published; its tag means nothing, its timestamp is the publisher's.
    pub delivery: Delivery,
}

/// The entries of a stream from a start to what was its end when it was opened.
#[async_trait]
pub trait Reader: Send {
    /// The offset of the last entry that will be read; `None` when there is nothing to read.
    fn last(&self) -> Option<u64>;

    /// Takes up to `most` entries (at least 1 is taken as meant), in order. Asking for more says that those handed out
    /// before are done with: the broker sends no more than the prefetch beyond them. `None` once the entry at
    /// [`Self::last`] was handed out. Safe to drop half-way: what it took comes with the next call.
    ///
    /// # Errors
    /// [`BrokerError::Lost`]: the session is lost, or the stream was deleted. Open another at the offset that follows.
    async fn next(&mut self, most: usize) -> Result<Option<Vec<Entry>>, BrokerError>;

    /// Closes the channel and awaits that.
    async fn close(self: Box<Self>);
}
