//! The sink: a handover is one mail, and the server's answer is a receipt or a failure with its meaning.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{
    CertificateAt, ConnectorError, Failure, Fresh, Handover, Receipt, Revealed, Settings, SettingsError,
    Sink, SinkKind,
};
use tokio::task::spawn_blocking;

use crate::NAME;
use crate::compose::Composer;
use crate::server::Server;
use crate::session::send;
use crate::settings::{self, SinkSettings};

/// Settings to begin with.
const BEGINNING: &str = r#"server = { host = "mail.example" }
from = "Postroom <postroom@council.example>"
to = ["SYSTEM@council.example"]
fields = ["reference"]
"#;

/// The kind of sink that sends mails.
#[derive(Debug, Clone, Copy, Default)]
pub struct MailSink;

impl SinkKind for MailSink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SinkSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        SinkSettings::read(settings).map(|read| read.server.certificates(settings)).unwrap_or_default()
    }

    fn reveals(&self, settings: &Settings) -> Vec<Revealed> {
        SinkSettings::read(settings).map(|read| read.reveals()).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let composer = Arc::new(read.composer);
        let (server, settings) = (read.server, settings.clone());
        let files = server.files(&settings);
        let server = Arc::new(Fresh::new(files, move || server.open(&settings))?);
        Ok(Box::new(MailTarget { server, composer, at_once: read.concurrency }))
    }
}

struct MailTarget {
    server: Arc<Fresh<Server>>,
    composer: Arc<Composer>,
    at_once: usize,
}

#[async_trait]
impl Sink for MailTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let (server, composer, handover) =
            (Arc::clone(&self.server), Arc::clone(&self.composer), handover.clone());
        let prepare = move || {
            let server = server.current().map_err(|error| {
                ConnectorError::new(Failure::Down, "what the mail server is met with cannot be read", error)
            })?;
            Ok((server, composer.compose(&handover, Utc::now())?))
        };
        let (server, mail) = spawn_blocking(prepare).await.map_err(|error| {
            ConnectorError::new(Failure::Transient, "the work on the mail was interrupted", error)
        })??;
        send(&server, &mail).await?;
        Ok(Receipt { reference: Some(mail.id) })
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.at_once)
    }
}
