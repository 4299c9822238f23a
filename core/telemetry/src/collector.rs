//! The way of steps to an OpenTelemetry collector: OTLP, protobuf over plain HTTP, in batches from a thread of its own.
//! What the collector does not take in time is lost, and no event waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::events::{collector_back, collector_lost};
use crate::output::chain;
use crate::trace::TRACER;

/// Longest wait for the collector's answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long steps are gathered before they are sent.
const GATHER: Duration = Duration::from_secs(1);
/// Steps that may wait to be sent; more are lost.
const MAX_WAITING_STEPS: usize = 8_192;
/// Steps sent at once.
const MAX_SENT_STEPS: usize = 512;
/// Largest answer of a collector, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Traces that are told to a collector until [`Self::stop`].
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to tell steps to the collector at `endpoint` (`http://host:port`); they name `service`. Called on the
    /// runtime that sends them; a second call in the same process is not heard.
    ///
    /// # Errors
    /// When the endpoint is no URL.
    pub fn start(endpoint: &str, service: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new())
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(SEND_TIMEOUT)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING_STEPS)
            .with_max_export_batch_size(MAX_SENT_STEPS)
            .with_scheduled_delay(GATHER)
            .build();
        let named = [
            KeyValue::new("service.name", "postroom"),
            KeyValue::new("service.namespace", service.to_owned()),
        ];
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_attributes(named).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .build();
        let _already_started = TRACER.set(provider.tracer("postroom"));
        Ok(Self(provider))
    }

    /// Sends what is gathered, for at most five seconds. Blocks: not for a thread of the runtime that sends.
    pub fn stop(&self) {
        let _lost = self.0.shutdown_with_timeout(SEND_TIMEOUT);
    }
}

/// Sends from the runtime of the hub, whichever thread asks.
#[derive(Debug, Clone)]
struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    /// Whether the collector did not take the last steps.
    lost: Arc<AtomicBool>,
}

impl Sender {
    fn new() -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, runtime: Handle::current(), lost: Arc::default() }
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Full::from)).await?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(format!("the collector answers {}", head.status).into());
        }
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

impl Sender {
    /// Says once that the collector is lost, and once that it is back.
    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        match (answer, self.lost.swap(answer.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => collector_lost(&chain(error.as_ref())),
            (Ok(_), true) => collector_back(),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.clone().send(request);
        let sent = self.runtime.spawn(async move {
            tokio::time::timeout(SEND_TIMEOUT, sending).await.unwrap_or_else(|late| Err(late.into()))
        });
        let answer = sent.await.unwrap_or_else(|cut_short| Err(cut_short.into()));
        self.tell(&answer);
        answer
    }
}
