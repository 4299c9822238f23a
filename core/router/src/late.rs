//! Connectors whose settings are right and that cannot be made yet, e.g. because a secret is not where the settings say. The
//! others go on meanwhile; each use tries again, so that nothing has to be started anew.

use std::sync::Arc;

use async_trait::async_trait;
use postroom_connector::{
    Arrival, ConnectorError, Connectors, Failure, Handover, Receipt, Settings, SettingsError, Sink, Source,
};
use tokio::sync::OnceCell;

/// What makes a connector of one kind.
#[derive(Clone)]
pub(crate) struct Maker {
    connectors: Arc<Connectors>,
    /// The name of its kind.
    kind: String,
    settings: Settings,
}

impl Maker {
    pub(crate) fn new(connectors: &Arc<Connectors>, kind: &str, settings: &Settings) -> Self {
        Self { connectors: Arc::clone(connectors), kind: kind.to_owned(), settings: settings.clone() }
    }

    fn source(&self) -> Result<Box<dyn Source>, ConnectorError> {
        let kind = self.connectors.source(&self.kind).ok_or_else(unknown)?;
        kind.build(&self.settings).map_err(unmade)
    }

    fn sink(&self) -> Result<Box<dyn Sink>, ConnectorError> {
        let kind = self.connectors.sink(&self.kind).ok_or_else(unknown)?;
        kind.build(&self.settings).map_err(unmade)
    }
}

fn unknown() -> ConnectorError {
    ConnectorError::new(Failure::Down, "no connector of that kind is built in", "")
}

/// Nothing that is delivered is to blame.
fn unmade(error: SettingsError) -> ConnectorError {
    ConnectorError::new(Failure::Down, "it cannot be connected", error)
}

/// A source that is made when it is first asked.
pub(crate) struct LateSource {
    maker: Maker,
    made: Option<Box<dyn Source>>,
    cursor: Option<String>,
}

impl LateSource {
    pub(crate) fn new(maker: Maker) -> Self {
        Self { maker, made: None, cursor: None }
    }
}

#[async_trait]
impl Source for LateSource {
    fn resume(&mut self, cursor: &str) -> Result<(), ConnectorError> {
        self.cursor = Some(cursor.to_owned());
        Ok(())
    }

    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        if self.made.is_none() {
            let mut source = self.maker.source()?;
            if let Some(cursor) = &self.cursor {
                source.resume(cursor)?;
            }
            self.made = Some(source);
        }
        match &mut self.made {
            Some(source) => source.next().await,
            None => Ok(Arrival::Idle),
        }
    }
}

/// A sink that is made when the first message is for it, where it could not be made before.
pub(crate) struct LateSink {
    maker: Maker,
    made: OnceCell<Box<dyn Sink>>,
}

impl LateSink {
    pub(crate) fn new(maker: Maker) -> Self {
        let made = maker.sink().map_or_else(|_| OnceCell::new(), OnceCell::from);
        Self { maker, made }
    }

    async fn sink(&self) -> Result<&dyn Sink, ConnectorError> {
        self.made.get_or_try_init(async || self.maker.sink()).await.map(AsRef::as_ref)
    }
}

#[async_trait]
impl Sink for LateSink {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        self.sink().await?.deliver(handover).await
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        self.sink().await?.look_up(handover).await
    }

    fn concurrency(&self) -> Option<usize> {
        self.made.get().and_then(|sink| sink.concurrency())
    }
}
