//! The server: reports that are posted become records, and whoever asks is told what the board knows. A report is
//! answered when the broker has it, with the id of the back office where that comes in time.

mod admission;
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
use postroom_connector::{
    Arrival, CertificateAt, ConnectorError, Failure, Settings, SettingsError, Source, SourceKind,
};
use postroom_listener::{ClaimError, Listeners};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::NAME;
use crate::store::{Side, Store};
use admission::Admissions;
use answering::Answering;
use batch::{Taken, batch};
use counter::{Counter, Trouble};
use place::Place;
pub(crate) use settings::keep_days;
use settings::{ASKING, REPORTING, ServerSettings};

/// How long one call waits for a report.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most reports in one batch.
const MOST_REPORTS: usize = 200;

/// Settings to begin with.
const BEGINNING: &str = r#"path = "/open311/SYSTEM"
api_keys = [{ file = "SYSTEM/key" }]
services = [{ code = "fly-tipping", name = "Fly-tipping" }]
"#;

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

    fn keys(&self) -> Vec<&'static str> {
        settings::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        ServerSettings::read(settings).map(|read| read.wanted.certificates()).unwrap_or_default()
    }

    fn troubles(&self, settings: &Settings) -> Vec<SettingsError> {
        let troubles = |read: ServerSettings| read.wanted.troubles(&Listeners::shared().troubles());
        ServerSettings::read(settings).map(troubles).unwrap_or_default()
    }

    /// Whoever comes before the path is held is told to come again.
    fn announce(&self, settings: &Settings) {
        if let Ok(read) = ServerSettings::read(settings) {
            Listeners::shared().expect(read.wanted.address, &read.wanted.path);
        }
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        let read = ServerSettings::read(settings)?;
        let admission = Admissions::new(read.keys.clone(), settings.clone())?;
        let side = Side::Server { same_within: read.same_within };
        let store = Arc::new(Store::new(settings, read.store.as_deref(), side, read.keep_days));
        Ok(Box::new(Server { settings: read, admission, store, trouble: Trouble::default(), open: None }))
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
    admission: Admissions,
    store: Arc<Store>,
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
                let (sender, reports) = mpsc::channel(REPORTING);
                let counter = Counter {
                    settings: self.settings.clone(),
                    store: Arc::clone(&self.store),
                    admission: self.admission.clone(),
                    trouble: self.trouble.clone(),
                    reports: sender,
                    reporting: Arc::new(Semaphore::new(REPORTING)),
                    asking: Arc::new(Semaphore::new(ASKING)),
                };
                let serving = tokio::spawn(Arc::new(counter).run(place.visits()));
                Open { reports, _place: place, _serving: AbortOnDropHandle::new(serving) }
            }
        };
        Ok(&mut self.open.insert(open).reports)
    }
}

#[async_trait]
impl Source for Server {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        self.store.clean(Utc::now()).await?;
        let answering = Answering { store: Arc::clone(&self.store), wait: self.settings.wait };
        let label = self.settings.wanted.path.clone();
        let (trouble, admission) = (self.trouble.clone(), self.admission.clone());
        let reports = self.serve().await?;
        if let Some(error) = trouble.take().or_else(|| admission.fault()) {
            return Err(error);
        }
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
        Ok(Arrival::Batch(Box::new(batch(label, all, answering))))
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
