//! The sink: a message is on offer from the moment at which the hub delivers it until the system has answered.

use std::sync::Arc;

use async_trait::async_trait;
use postroom_connector::{
    CertificateAt, ConnectorError, Failure, Handover, Manner, Outgoing, Receipt, Settings, SettingsError,
    Sink, SinkKind,
};
use postroom_listener::{Gate, Listeners};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::NAME;
use crate::serving::{Serving, Standing};
use crate::settings::{self, PullSettings};
use crate::shelf::{LINGERS, Shelf};

/// Settings to begin with.
const BEGINNING: &str = r#"path = "/queues/SYSTEM"
bearer = { file = "SYSTEM/token" }
"#;

/// The kind of sink whose messages the system fetches.
#[derive(Debug, Clone, Copy, Default)]
pub struct PullSink;

impl SinkKind for PullSink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        PullSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn manner(&self) -> Manner {
        Manner::Pulled
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        PullSettings::read(settings).map(|read| read.wanted.certificates()).unwrap_or_default()
    }

    fn troubles(&self, settings: &Settings) -> Vec<SettingsError> {
        let troubles = |read: PullSettings| read.wanted.troubles(&Listeners::shared().troubles());
        PullSettings::read(settings).map(troubles).unwrap_or_default()
    }

    /// Whoever comes before the path is held is told to come again.
    fn announce(&self, settings: &Settings) {
        if let Ok(read) = PullSettings::read(settings) {
            Listeners::shared().expect(read.wanted.address, &read.wanted.path);
        }
    }

    /// Begins to listen: what nobody has put anything on must say so, too.
    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = PullSettings::read(settings)?;
        let gate = Gate::new(&read.proofs, settings)?;
        let (on_offer, shelf) = (read.on_offer, Arc::new(Shelf::new(LINGERS)));
        let (tells, standing) = watch::channel(Standing::Beginning);
        let serving = Serving::new(read, settings.clone(), gate, Arc::clone(&shelf));
        let serving = tokio::spawn(serving.run(tells));
        Ok(Box::new(PullTarget { shelf, standing, on_offer, serving }))
    }
}

struct PullTarget {
    shelf: Arc<Shelf>,
    standing: watch::Receiver<Standing>,
    on_offer: usize,
    serving: JoinHandle<()>,
}

impl PullTarget {
    /// Why the system cannot fetch anything, once that is known; nothing where it can.
    async fn closed_from_the_first(&self) -> Option<ConnectorError> {
        let mut standing = self.standing.clone();
        match standing.wait_for(|standing| !matches!(standing, Standing::Beginning)).await.as_deref() {
            Ok(Standing::Closed(error)) => Some(error.clone()),
            Ok(Standing::Beginning | Standing::Open) => None,
            Err(_) => Some(gone()),
        }
    }

    /// Waits until the system cannot fetch anything any more; why.
    async fn closed(&self) -> ConnectorError {
        let mut standing = self.standing.clone();
        match standing.wait_for(|standing| matches!(standing, Standing::Closed(_))).await.as_deref() {
            Ok(Standing::Closed(error)) => error.clone(),
            Ok(Standing::Beginning | Standing::Open) | Err(_) => gone(),
        }
    }
}

fn gone() -> ConnectorError {
    ConnectorError::new(Failure::Down, "nobody listens for the system any more", "")
}

#[async_trait]
impl Sink for PullTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let message = single(handover)?;
        if let Some(closed) = self.closed_from_the_first().await {
            return Err(closed);
        }
        tokio::select! {
            biased;
            verdict = self.shelf.offer(message) => verdict.result(),
            closed = self.closed() => Err(closed),
        }
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.on_offer)
    }
}

impl Drop for PullTarget {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The one message of a handover.
fn single(handover: &Handover) -> Result<&Outgoing, ConnectorError> {
    match handover.items.as_slice() {
        [one] => Ok(one),
        _ => {
            let words = "messages are fetched one by one: leave out [target.batch]";
            Err(ConnectorError::new(Failure::Permanent, words, ""))
        }
    }
}
