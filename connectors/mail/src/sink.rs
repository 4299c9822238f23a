//! The sink: a handover is one mail, and the server's answer is a receipt or a failure with its meaning.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use tokio::task::spawn_blocking;

use crate::NAME;
use crate::compose::Composer;
use crate::server::Server;
use crate::session::send;
use crate::settings::SinkSettings;

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

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let composer = Arc::new(read.composer);
        Ok(Box::new(MailTarget { server: read.server.open(settings)?, composer, at_once: read.concurrency }))
    }
}

struct MailTarget {
    server: Server,
    composer: Arc<Composer>,
    at_once: usize,
}

#[async_trait]
impl Sink for MailTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let (composer, handover) = (Arc::clone(&self.composer), handover.clone());
        let composed = spawn_blocking(move || composer.compose(&handover, Utc::now())).await;
        let mail = composed.map_err(|error| {
            ConnectorError::new(Failure::Transient, "the work on the mail was interrupted", error)
        })??;
        send(&self.server, &mail).await?;
        Ok(Receipt { reference: Some(mail.id) })
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.at_once)
    }
}
