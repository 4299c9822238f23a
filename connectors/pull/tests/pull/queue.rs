//! A sink at its work in a room of its own, and a system that knows the way to it.

use std::sync::Arc;
use std::time::Duration;

use postroom_connector::conformance::SECRET;
use postroom_connector::{ConnectorError, Handover, Outgoing, Receipt, Settings, Sink, SinkKind};
use postroom_connector_pull::PullSink;
use postroom_event::DispatchId;
use postroom_listener::{Claim, Limits, Listeners, Tls, Wanted};
use postroom_request::{Answer, Body, Client, Method, Peer, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How errors call a queue, and how much of its answer is read.
const QUEUE: Peer = Peer { name: "the queue", max_answer_bytes: 256 * 1024 * 1024 };
/// Longest wait of a test for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const BEARER: &str = "bearer = { file = 'token' }";

/// A sink at `/queues/library` of an address of its own.
pub(crate) struct Queue {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) data: TempDir,
    pub(crate) url: String,
    pub(crate) client: Client,
    /// Keeps the address.
    kept: Claim,
}

/// What a system heard.
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

pub(crate) type Delivering = JoinHandle<Result<Receipt, ConnectorError>>;

/// A client that trusts these authorities.
pub(crate) fn trusting(
    roots: RootCertStore,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
}

pub(crate) fn client(config: ClientConfig) -> Client {
    let builder = Client::builder().tls_backend_preconfigured(config).no_proxy().timeout(DEADLINE);
    builder.build().expect("a client")
}

pub(crate) fn plain_client() -> Client {
    client(trusting(RootCertStore::empty()).with_no_client_auth())
}

/// A path of a port of its own; the port stays as long as the claim.
pub(crate) async fn keep(tls: Option<Tls>) -> Claim {
    let address = "127.0.0.1:0".parse().expect("an address");
    let wanted = Wanted {
        system: "kept".to_owned(),
        address,
        path: "/kept".to_owned(),
        tls,
        limits: Limits::default(),
    };
    Listeners::shared().claim(wanted).await.expect("a port")
}

/// A data folder with the secret in it.
pub(crate) fn data() -> TempDir {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("token"), SECRET).expect("a file");
    data
}

pub(crate) fn settings(data: &TempDir, text: &str) -> Settings {
    let table = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Settings { table, data: data.path().to_owned(), system: "library".to_owned() }
}

/// The message of that number; each of a subject of its own.
pub(crate) fn handover(number: u64) -> Handover {
    let dispatch = DispatchId::new("/systems/shop", &number.to_string(), "parcel-to-library");
    let item = Outgoing {
        dispatch,
        event_type: "parcel.moved.v1".to_owned(),
        subject: format!("parcel:{number}"),
        message: Arc::new(json!({"number": number})),
        traceparent: None,
    };
    Handover { id: dispatch.to_string(), items: vec![item] }
}

pub(crate) fn id(number: u64) -> String {
    handover(number).id
}

impl Queue {
    /// With these settings, listening.
    pub(crate) async fn new(more: &str) -> Self {
        let (data, kept) = (data(), keep(None).await);
        let url = format!("http://{}/queues/library", kept.address());
        let sink = made(&settings(&data, &format!("listen = '{}'\n{more}", kept.address())));
        let queue = Self { sink, data, url, client: plain_client(), kept };
        queue.until_open().await;
        queue
    }

    /// The settings with which it was made.
    pub(crate) fn settings(&self, more: &str) -> Settings {
        settings(&self.data, &format!("listen = '{}'\n{more}", self.kept.address()))
    }

    pub(crate) async fn until_open(&self) {
        let begun = Instant::now();
        while matches!(self.get("").await.status, 404 | 503) {
            assert!(begun.elapsed() < DEADLINE, "nobody listens");
        }
    }

    /// Delivers a message, as the hub does; what comes of it is waited for.
    pub(crate) fn deliver(&self, number: u64) -> Delivering {
        let (sink, handover) = (Arc::clone(&self.sink), handover(number));
        tokio::spawn(async move { sink.deliver(&handover).await })
    }

    /// Delivers messages one after the other; each is on offer before the next.
    pub(crate) async fn offer(&self, numbers: impl IntoIterator<Item = u64>) -> Vec<Delivering> {
        let mut delivering = Vec::new();
        for number in numbers {
            delivering.push(self.deliver(number));
            self.until_on_offer(number).await;
        }
        delivering
    }

    pub(crate) async fn until_on_offer(&self, number: u64) {
        let begun = Instant::now();
        while !self.numbers("").await.contains(&number) {
            assert!(begun.elapsed() < DEADLINE, "{number} never came on offer");
        }
    }

    /// A request with the right authorization.
    pub(crate) fn request(&self, method: Method, below: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{below}", self.url)).bearer_auth(SECRET)
    }

    pub(crate) async fn get(&self, below: &str) -> Heard {
        heard(self.request(Method::GET, below)).await
    }

    /// The numbers of a page, in its order.
    pub(crate) async fn numbers(&self, query: &str) -> Vec<u64> {
        let page = self.get(query).await;
        assert_eq!(page.status, 200, "{}", page.body);
        numbers(&page.body)
    }

    pub(crate) async fn put(&self, id: &str, answer: &Value) -> Heard {
        let request = self.request(Method::PUT, &format!("/{id}"));
        heard(request.header("content-type", "application/json").body(answer.to_string())).await
    }

    /// The answer that it has the message, under a reference.
    pub(crate) async fn success(&self, number: u64) -> u16 {
        self.put(&id(number), &json!({"outcome": "success", "reference": format!("L-{number}")})).await.status
    }
}

pub(crate) fn made(settings: &Settings) -> Arc<dyn Sink> {
    PullSink.check(settings).expect("settings");
    PullSink.build(settings).expect("a sink").into()
}

pub(crate) fn numbers(page: &Value) -> Vec<u64> {
    let messages = page["messages"].as_array().expect("a list");
    messages.iter().map(|one| one["message"]["number"].as_u64().expect("a number")).collect()
}

pub(crate) async fn answered(request: RequestBuilder) -> Answer {
    QUEUE.ask(request).await.expect("an answer")
}

/// The body of an answer, which came whole.
pub(crate) fn whole(answer: &Answer) -> &[u8] {
    match &answer.body {
        Body::Whole(body) => body,
        cut => panic!("{cut:?}"),
    }
}

pub(crate) async fn heard(request: RequestBuilder) -> Heard {
    let answer = answered(request).await;
    let status = answer.status.as_u16();
    Heard { status, body: serde_json::from_slice(whole(&answer)).unwrap_or_default() }
}

/// What came of a delivery.
pub(crate) async fn came(delivering: Delivering) -> Result<Receipt, ConnectorError> {
    timeout(DEADLINE, delivering).await.expect("in time").expect("no panic")
}
