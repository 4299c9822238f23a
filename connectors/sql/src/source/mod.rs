//! The source: looks at the database from time to time, and gives what it finds as batches, one after the other.

mod batch;
mod bounds;
mod mark;
mod outbox;
mod plan;
mod progress;
mod spool;
mod watermark;
mod whole;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::{
    Arrival, Batch, CertificateAt, ConnectorError, Failure, PeerOf, Settings, SettingsError, Source,
    SourceKind,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::line::Line;
use crate::settings::{self, Following, SourceSettings};
use crate::{NAME, RULES};
use batch::RowsBatch;
use outbox::OutboxReader;
use watermark::WatermarkReader;
use whole::WholeReader;

/// Longest that a call waits for rows.
const PATIENCE: Duration = Duration::from_secs(2);

/// Settings to begin with.
const BEGINNING: &str = r#"url = "sqlite:SYSTEM/SYSTEM.db"
outbox = { table = "outbox", id = "id", done = "delete" }
"#;

/// The kind of source that reads rows of a database.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqlSource;

impl SourceKind for SqlSource {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SourceSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::source_keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    /// None: columns have types, which only the database knows, and may be null.
    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn gives_wholes(&self, settings: &Settings) -> bool {
        SourceSettings::read(settings).is_ok_and(|read| matches!(read.following, Following::Whole(_)))
    }

    fn rules(&self) -> &'static [(&'static str, &'static str)] {
        RULES
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        SourceSettings::read(settings).map(|read| read.access.certificates()).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        let SourceSettings { access, following, what, every } = SourceSettings::read(settings)?;
        let peer = PeerOf::new(settings, "source.url");
        let line = Arc::new(Line::new(&access, settings, peer, 1)?);
        let reader = match following {
            Following::Outbox(outbox) => Reader::Outbox(OutboxReader::new(line, outbox, what)),
            Following::Watermark(watermark) => Reader::Watermark(WatermarkReader::new(line, watermark, what)),
            Following::Whole(whole) => {
                let folder = settings.data.join(NAME).join(&settings.system);
                Reader::Whole(WholeReader::new(line, whole, what, folder))
            }
        };
        let (hand, due) = (Arc::new(()), Arc::new(Due::now()));
        Ok(Box::new(Rows { reader, every, hand, due, look: None }))
    }

    fn open(&self, _settings: &Settings, _path: &Path) -> Result<Arrival, ConnectorError> {
        Err(ConnectorError::new(
            Failure::Permanent,
            "rows of a database are no file that could be published",
            "",
        ))
    }
}

/// How rows are found, and put away.
enum Reader {
    Outbox(Arc<OutboxReader>),
    Watermark(Arc<WatermarkReader>),
    Whole(Arc<WholeReader>),
}

/// Rows that a look found.
type FoundRows = Result<Option<RowsBatch>, ConnectorError>;
/// What a look found, and how long after it the next is due.
type Found = Result<Option<(Box<dyn Batch>, Duration)>, ConnectorError>;

/// When the database is looked at next.
struct Due(Mutex<Instant>);

impl Due {
    fn now() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_off(&self, pause: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
    }
}

/// The rows of one table or query.
struct Rows {
    reader: Reader,
    every: Duration,
    /// A batch holds it, too, as long as it lives: nothing else is read meanwhile.
    hand: Arc<()>,
    due: Arc<Due>,
    /// A look that is going on; kept here so that the caller may stop waiting and come back.
    look: Option<JoinHandle<Found>>,
}

impl Rows {
    fn begin(&self) -> JoinHandle<Found> {
        let (hand, every) = (Arc::clone(&self.hand), self.every);
        match &self.reader {
            Reader::Outbox(reader) => tokio::spawn(paged(Arc::clone(reader).look(hand), every)),
            Reader::Watermark(reader) => tokio::spawn(paged(Arc::clone(reader).look(hand), every)),
            Reader::Whole(reader) => {
                let done = whole::Done { due: Arc::clone(&self.due), every, _hand: hand };
                tokio::spawn(Arc::clone(reader).look(done))
            }
        }
    }

    /// Waits for the look that is going on, until `patience` ends.
    async fn found(&mut self, patience: Instant) -> Option<Found> {
        let look = self.look.as_mut()?;
        let found = timeout_at(patience, look).await.ok()?;
        self.look = None;
        // Why is not told: a panic may quote a value.
        Some(found.unwrap_or_else(|_| {
            Err(ConnectorError::new(Failure::Transient, "looking at the database was interrupted", ""))
        }))
    }
}

/// What a look at a page found: behind one that has more the next is due at once.
async fn paged(look: impl Future<Output = FoundRows>, every: Duration) -> Found {
    Ok(look.await?.map(|batch| {
        let pause = if batch.more_wait() { Duration::ZERO } else { every };
        (Box::new(batch) as Box<dyn Batch>, pause)
    }))
}

#[async_trait]
impl Source for Rows {
    fn resume(&mut self, cursor: &str) -> Result<(), ConnectorError> {
        match &self.reader {
            // What is in an outbox is what was not taken, and a table is read whole each time.
            Reader::Outbox(_) | Reader::Whole(_) => Ok(()),
            Reader::Watermark(reader) => reader.resume(cursor),
        }
    }

    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let patience = Instant::now() + PATIENCE;
        if self.look.is_none() {
            if Arc::strong_count(&self.hand) > 1 || self.due.at() > patience {
                sleep_until(patience).await;
                return Ok(Arrival::Idle);
            }
            sleep_until(self.due.at()).await;
            self.look = Some(self.begin());
        }
        match self.found(patience).await {
            None => Ok(Arrival::Idle),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) => {
                self.due.put_off(self.every);
                Ok(Arrival::Idle)
            }
            Some(Ok(Some((batch, pause)))) => {
                self.due.put_off(pause);
                Ok(Arrival::Batch(batch))
            }
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if let Some(look) = &self.look {
            look.abort();
        }
    }
}
