//! The sink: a message is one request, and its answer is a receipt or a failure with its meaning.

use async_trait::async_trait;
use postroom_connector::{
    CertificateAt, ConnectorError, Handover, Outgoing, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_request::Peer;

use crate::NAME;
use line::Line;
use settings::{SinkSettings, Way};

mod address;
mod body;
mod content;
mod credentials;
#[cfg(test)]
mod handed;
mod judge;
mod line;
pub(crate) mod oauth2;
mod pace;
mod request;
mod rule;
mod settings;
mod soap;
mod template;

/// How errors call a target, and how much of its answer is read.
const TARGET: Peer = Peer { name: "the target", max_answer_bytes: 64 * 1024 };

/// The header by which a target knows a message that comes twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header that says where a message stands in a distributed trace (W3C Trace Context).
const TRACE_PARENT: &str = "traceparent";

/// Settings to begin with.
const BEGINNING: &str = r#"url = "https://SYSTEM.example/messages"
method = "POST"
bearer = { file = "SYSTEM/secret" }
"#;

/// The kind of sink that sends messages by HTTP.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpSink;

impl SinkKind for HttpSink {
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
        SinkSettings::read(settings).map(|read| read.credentials.certificates(settings)).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let line = Line::open(read.credentials, settings, read.timeout, read.interval)?;
        let (deliver, look_up, concurrency) = (read.deliver, read.look_up, read.concurrency);
        Ok(Box::new(HttpTarget { line, deliver, look_up, concurrency }))
    }
}

struct HttpTarget {
    line: Line,
    deliver: Way,
    look_up: Option<Way>,
    concurrency: Option<usize>,
}

#[async_trait]
impl Sink for HttpTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let mut call = self.deliver.request.call(handover)?.with(IDEMPOTENCY_KEY, &handover.id)?;
        if let [Outgoing { traceparent: Some(traceparent), .. }] = handover.items.as_slice() {
            call = call.with(TRACE_PARENT, traceparent)?;
        }
        self.deliver.judge.receipt(&self.line.send(&call).await?)
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        let Some(way) = &self.look_up else { return Ok(None) };
        let call = way.request.call(handover)?;
        way.judge.found(&self.line.send(&call).await?)
    }

    fn concurrency(&self) -> Option<usize> {
        self.concurrency
    }
}
