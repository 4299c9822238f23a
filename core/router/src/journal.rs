//! Reading the journal: whose entry it is, where to begin, what is in it. It does not know why it is read.

use std::sync::Arc;
use std::time::Duration;

use postroom_broker::{Broker, BrokerError, Delivery, Entry, Reader, Start};
use postroom_council::Council;
use postroom_event::{Event, Received, decode};
use postroom_transform::Data;

use crate::Table;
use crate::decide::Decider;
use crate::entries::now;

/// Entries of the journal that the broker sends ahead.
const PREFETCH: u16 = 1_000;
/// Entries read together.
const CHUNK: usize = 500;

/// The journal from a start to what was its end when it was opened.
pub(crate) struct Journal {
    reader: Box<dyn Reader>,
}

impl Journal {
    /// Opens it; `None` where there is none.
    pub(crate) async fn open(broker: &dyn Broker, start: Start) -> Result<Option<Self>, BrokerError> {
        match broker.read(&broker.names().journal(), start, PREFETCH).await {
            Ok(reader) => Ok(Some(Self { reader })),
            Err(BrokerError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The last offset that will be read.
    pub(crate) fn last(&self) -> Option<u64> {
        self.reader.last()
    }

    /// The next entries; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Entry>>, BrokerError> {
        self.reader.next(CHUNK).await
    }

    pub(crate) async fn close(self) {
        self.reader.close().await;
    }
}

/// The system that published an entry: the one whose exchange it came through.
pub(crate) fn system_of<'c>(
    council: &'c Council,
    broker: &dyn Broker,
    delivery: &Delivery,
) -> Option<&'c str> {
    let name = delivery.exchange.strip_prefix(&broker.names().in_exchange(""))?;
    council.systems.get(name).filter(|system| system.source.is_some()).map(|system| system.name.as_str())
}

/// The event in an entry, if it can be read.
pub(crate) fn event_of(council: &Council, delivery: &Delivery) -> Option<Event<Data>> {
    let received = Received {
        content_type: delivery.content_type.as_deref(),
        headers: &delivery.headers,
        body: &delivery.body,
    };
    decode(&received, council.max_body).ok()
}

/// A decider by the configuration as it is now.
pub(crate) fn decider(council: &Arc<Council>, broker: &dyn Broker) -> Decider {
    let table = Arc::new(Table::new(Arc::clone(council)));
    Decider::new(Arc::clone(council), table, broker.user().to_owned())
}

/// How much younger than what the ledger forgets an entry must be to be set beside it: clocks differ, reading takes its
/// time, and the broker keeps the time of a chunk.
const REMEMBERED_MARGIN: Duration = Duration::from_secs(3_600);

/// The oldest entry that may be set beside the ledger: what is older may be forgotten there, and is none the less done.
pub(crate) fn remembered(council: &Council, now_micros: i64) -> Start {
    since(now_micros, council.keep.saturating_sub(REMEMBERED_MARGIN))
}

/// Whether the ledger remembers what was recorded at `at` (microseconds since the epoch).
pub(crate) fn remembers(council: &Council, at: i64) -> bool {
    matches!(remembered(council, now()), Start::Time(from) if from < seconds(at))
}

/// The offset of the first entry from `start` on.
pub(crate) async fn first_offset(broker: &dyn Broker, start: Start) -> Result<Option<u64>, BrokerError> {
    let Some(mut journal) = Journal::open(broker, start).await? else { return Ok(None) };
    let first = journal.next().await?.and_then(|entries| entries.first().map(|entry| entry.offset));
    journal.close().await;
    Ok(first)
}

/// Where to begin so that everything of the last `age` is read.
pub(crate) fn since(now_micros: i64, age: Duration) -> Start {
    Start::Time(seconds(now_micros).saturating_sub(age.as_secs()))
}

fn seconds(micros: i64) -> u64 {
    u64::try_from(micros / 1_000_000).unwrap_or(0)
}
