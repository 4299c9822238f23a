//! The server: reports that are posted become records, and whoever asks is told what the board knows. A report is
//! answered when the broker has it, with the id of the back office where that comes in time.

mod answering;
mod batch;
mod counter;
mod form;
mod keys;
mod place;
mod posted;
mod question;
mod refusal;
mod resource;
mod services;
mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{Arrival, ConnectorError, Failure, Settings, SettingsError, Source, SourceKind};
use postroom_listener::{ClaimError, Listeners};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::NAME;
use crate::store::{Side, Store};
use answering::Answering;
use batch::{Reports, Taken};
use counter::{Admission, Counter, Trouble};
use place::Place;
pub(crate) use settings::keep_days;
use settings::{ServerSettings, WAITING};

/// How long one call waits for a report.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most reports in one batch.
const MOST_REPORTS: usize = 200;
/// Time between two looks at the keys.
const KEYS_LOOK: Duration = Duration::from_secs(5);

/// The kind of source that serves Open311 GeoReport v2.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open311Source;

impl SourceKind for Open311Source {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        ServerSettings::read(settings).map(drop)
    }

    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        let read = ServerSettings::read(settings)?;
        let (tell, admission) = watch::channel(admission(&read, settings)?);
        let store = Arc::new(Store::new(settings, read.store.as_deref(), Side::Server, read.keep_days));
        Ok(Box::new(Server {
            settings: read,
            written: settings.clone(),
            store,
            admission,
            tell,
            looked: Instant::now(),
            trouble: Trouble::default(),
            open: None,
        }))
    }

    fn open(&self, _settings: &Settings, _path: &Path) -> Result<Arrival, ConnectorError> {
        Err(ConnectorError::new(
            Failure::Permanent,
            "a report is posted to the server, not read from a file",
            "",
        ))
    }
}

struct Server {
    settings: ServerSettings,
    /// As the council wrote them: where the keys are read again.
    written: Settings,
    store: Arc<Store>,
    admission: watch::Receiver<Admission>,
    tell: watch::Sender<Admission>,
    looked: Instant,
    trouble: Trouble,
    open: Option<Open>,
}

/// A counter at its work.
struct Open {
    reports: mpsc::Receiver<Taken>,
    _place: Place,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    /// Begins to serve, where that is still to do; gives where the reports come out.
    async fn serve(&mut self) -> Result<&mut mpsc::Receiver<Taken>, ConnectorError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let claimed = Listeners::shared().claim(self.settings.wanted.clone()).await;
                let place = Place::new(claimed.map_err(|error| unclaimed(&error))?);
                let (sender, reports) = mpsc::channel(WAITING);
                let counter = Counter {
                    settings: self.settings.clone(),
                    store: Arc::clone(&self.store),
                    admission: self.admission.clone(),
                    trouble: self.trouble.clone(),
                    reports: sender,
                };
                let serving = tokio::spawn(counter.run(place.visits()));
                Open { reports, _place: place, _serving: AbortOnDropHandle::new(serving) }
            }
        };
        Ok(&mut self.open.insert(open).reports)
    }

    /// Takes up keys that were changed. Where one cannot be read nobody may report: it may have been withdrawn.
    async fn look_at_keys(&mut self) -> Result<(), ConnectorError> {
        if self.looked.elapsed() < KEYS_LOOK {
            return Ok(());
        }
        let (settings, written) = (self.settings.clone(), self.written.clone());
        let read = spawn_blocking(move || admission(&settings, &written)).await;
        let read = read.map_err(|_| {
            ConnectorError::new(Failure::Transient, "reading the API keys was interrupted", "")
        })?;
        match read {
            Ok(admission) => {
                self.tell.send_replace(admission);
                self.looked = Instant::now();
                Ok(())
            }
            Err(error) => {
                self.tell.send_replace(Admission::Nobody);
                Err(ConnectorError::new(Failure::Down, "nobody may report anything", error))
            }
        }
    }
}

#[async_trait]
impl Source for Server {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        self.store.clean(Utc::now()).await?;
        self.look_at_keys().await?;
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        let answering = Answering { store: Arc::clone(&self.store), wait: self.settings.wait };
        let label = self.settings.wanted.path.clone();
        let reports = self.serve().await?;
        let Ok(first) = timeout(PATIENCE, reports.recv()).await else { return Ok(Arrival::Idle) };
        let Some(first) = first else {
            // The counter has ended; the next call opens it again.
            self.open = None;
            return Ok(Arrival::Idle);
        };
        let mut all = vec![first];
        while all.len() < MOST_REPORTS
            && let Ok(taken) = reports.try_recv()
        {
            all.push(taken);
        }
        Ok(Arrival::Batch(Box::new(Reports::new(label, all, answering))))
    }
}

/// Whom the settings let report something; reads the keys: blocking.
fn admission(settings: &ServerSettings, written: &Settings) -> Result<Admission, SettingsError> {
    match &settings.keys {
        None => Ok(Admission::Anyone),
        Some(from) => from.keys(written).map(Admission::With),
    }
}

/// What it means that the path cannot be had.
fn unclaimed(error: &ClaimError) -> ConnectorError {
    let failure = match error {
        ClaimError::Listening { .. } => Failure::Down,
        ClaimError::Path { .. }
        | ClaimError::Taken { .. }
        | ClaimError::OtherTls { .. }
        | ClaimError::Tls { .. } => Failure::Permanent,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    ConnectorError::new(failure, error.to_string(), cause.unwrap_or_default())
}
