//! The sink: a message is one request, and its answer is a receipt or a failure with its meaning.

use async_trait::async_trait;
use postroom_connector::{
    ConnectorError, Failure, Handover, Outgoing, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::NAME;
use crate::exchange::{ask, client};
use crate::settings::SinkSettings;

/// The header by which a target knows a message that comes twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that says where a message stands in a distributed trace (W3C Trace Context).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

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

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let headers = read.headers(settings)?;
        let client = client(read.timeout)
            .map_err(|error| SettingsError::new("url", format!("no client can be made for it: {error}")))?;
        Ok(Box::new(HttpTarget { client, headers, settings: read }))
    }
}

struct HttpTarget {
    client: Client,
    headers: HeaderMap,
    settings: SinkSettings,
}

#[async_trait]
impl Sink for HttpTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let key = HeaderValue::from_str(&handover.id).map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the id is not fit for a header", error)
        })?;
        let body = body(handover).map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the message cannot be written as JSON", error)
        })?;
        let mut request = self
            .client
            .request(self.settings.method.clone(), self.settings.address.of(&handover.id))
            .headers(self.headers.clone())
            .header(IDEMPOTENCY_KEY, key)
            .body(body);
        if let [Outgoing { traceparent: Some(traceparent), .. }] = handover.items.as_slice() {
            request = request.header(TRACE_PARENT, traceparent);
        }
        ask(request).await?.receipt(&self.settings.pointers)
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        let Some(address) = &self.settings.look_up else { return Ok(None) };
        let request =
            self.client.request(Method::GET, address.of(&handover.id)).headers(self.headers.clone());
        let answer = ask(request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        answer.receipt(&self.settings.pointers).map(Some)
    }

    fn concurrency(&self) -> Option<usize> {
        self.settings.concurrency
    }
}

/// One message as it is; a batch, which has an id of its own, as an array of its messages.
fn body(handover: &Handover) -> serde_json::Result<Vec<u8>> {
    match handover.items.as_slice() {
        [one] if one.dispatch.to_string() == handover.id => serde_json::to_vec(&*one.message),
        batch => serde_json::to_vec(&batch.iter().map(|item| &*item.message).collect::<Vec<&Value>>()),
    }
}
