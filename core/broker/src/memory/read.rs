//! Reading a stream of the broker in this process.

use std::sync::Arc;

use async_trait::async_trait;

use super::queue::Queue;
use super::session::{Session, lost};
use crate::{BrokerError, Entry, Reader, Start};

pub(super) struct MemoryReader {
    session: Arc<Session>,
    stream: String,
    /// The offsets that are left, first and last.
    span: Option<(u64, u64)>,
    prefetch: usize,
}

impl MemoryReader {
    pub(super) fn open(
        session: Arc<Session>,
        stream: &str,
        start: Start,
        prefetch: u16,
    ) -> Result<Self, BrokerError> {
        let doing = format!("reading stream {stream:?}");
        session.check(&doing)?;
        let span = session.change(|state| {
            state.readers += 1;
            state.queues.get(stream).map(|queue| queue.span(start))
        });
        let span = span.ok_or(BrokerError::Missing { doing })?;
        Ok(Self { session, stream: stream.to_owned(), span, prefetch: usize::from(prefetch) })
    }
}

#[async_trait]
impl Reader for MemoryReader {
    fn last(&self) -> Option<u64> {
        self.span.map(|(_, last)| last)
    }

    async fn next(&mut self, most: usize) -> Result<Option<Vec<Entry>>, BrokerError> {
        let Some((first, last)) = self.span.filter(|(first, last)| first <= last) else { return Ok(None) };
        self.session.check("reading")?;
        let most = most.clamp(1, self.prefetch.max(1));
        let read = |queue: &Queue| queue.entries((first, last), most);
        let entries = self.session.state().queues.get(&self.stream).map(read);
        let entries = entries.ok_or_else(|| lost("reading"))?;
        self.session.has_read(entries.len());
        self.span = Some((first + entries.len() as u64, last));
        Ok(Some(entries))
    }

    async fn close(self: Box<Self>) {}
}
