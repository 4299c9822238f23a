//! A server with its board on a folder of their own, a hub in small that takes what is reported, and whoever asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postroom_connector::conformance::{CANARY, SECRET};
use postroom_connector::{
    Arrival, Batch, ConnectorError, Ending, Handover, Outgoing, Receipt, Settings, Sink, SinkKind, Source,
    SourceKind,
};
use postroom_connector_open311::{Open311Sink, Open311Source};
use postroom_event::{DispatchId, Reading};
use postroom_listener::{Claim, Limits, Listeners, Wanted};
use postroom_request::{Client, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Longest wait of a test for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Services of the tests.
const SERVICES: &str = "
[[services]]
code = 'potholes'
name = 'Potholes & cracks'
description = 'Holes in the road'
keywords = ['road', 'hole']
group = 'streets'
notice = 'We look within a week'
[[services]]
code = 'DMV66'
name = 'Abandoned cars'
type = 'realtime'
[[services.questions]]
code = 'WHISHETN'
description = 'What is the make?'
datatype = 'singlevaluelist'
required = true
values = [{ key = '123', name = 'Ford' }, { key = '124', name = 'Chrysler' }]
";

/// A data folder with the key in it, and a port that stays ours as long as this.
pub(crate) struct Ground {
    pub(crate) data: Arc<TempDir>,
    kept: Claim,
}

/// What somebody heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        self.body.parse().unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A text of the one request in it.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.json()[0][name].as_str().map(str::to_owned)
    }
}

impl Ground {
    pub(crate) async fn new() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("key"), format!("{SECRET}\n")).expect("a file");
        Self::at(Arc::new(data)).await
    }

    /// The same folder at a port of its own.
    pub(crate) async fn again(&self) -> Self {
        Self::at(Arc::clone(&self.data)).await
    }

    async fn at(data: Arc<TempDir>) -> Self {
        let address = "127.0.0.1:0".parse().expect("an address");
        let wanted = Wanted {
            system: "kept".to_owned(),
            address,
            path: "/kept".to_owned(),
            tls: None,
            limits: Limits::default(),
        };
        Self { data, kept: Listeners::shared().claim(wanted).await.expect("a port") }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v2", self.kept.address())
    }

    /// Settings of the server, with more.
    pub(crate) fn server(&self, more: &str) -> Settings {
        self.server_at(&self.kept.address().to_string(), more)
    }

    pub(crate) fn server_at(&self, address: &str, more: &str) -> Settings {
        let text = format!(
            "listen = '{address}'\npath = '/v2'\napi_keys = [{{ file = 'key' }}]\n\
             jurisdiction_id = 'zedshire.example'\n{more}\n{SERVICES}"
        );
        self.settings(&text)
    }

    pub(crate) fn settings(&self, text: &str) -> Settings {
        let table = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        Settings { table, data: self.data.path().to_owned(), system: "reports".to_owned() }
    }

    pub(crate) fn board(&self) -> Box<dyn Sink> {
        Open311Sink.build(&self.settings("form = 'board'")).expect("a board")
    }

    /// Every byte that is kept in the data folder of what the server keeps.
    pub(crate) fn kept_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.data.path().join("open311")).expect("a folder");
        files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("its bytes")).collect()
    }
}

pub(crate) fn source(settings: &Settings) -> Box<dyn Source> {
    Open311Source.check(settings).expect("settings");
    Open311Source.build(settings).expect("a source")
}

/// A server at its work, whose records a hub in small takes.
pub(crate) struct Desk {
    pub(crate) ground: Ground,
    pub(crate) board: Arc<dyn Sink>,
    pub(crate) records: Arc<Mutex<Vec<Value>>>,
    _hub: AbortOnDropHandle<()>,
}

/// What the back office does with a record, once the hub has it.
pub(crate) type Office = fn(&Value) -> Option<Value>;

impl Desk {
    pub(crate) async fn open(more: &str, office: Office) -> Self {
        Self::open_at(Ground::new().await, more, office).await
    }

    /// The same in a data folder that is there.
    pub(crate) async fn open_at(ground: Ground, more: &str, office: Office) -> Self {
        let (source, board) = (source(&ground.server(more)), Arc::<dyn Sink>::from(ground.board()));
        let records = Arc::default();
        let hub = tokio::spawn(take_all(source, Arc::clone(&board), Arc::clone(&records), office));
        let desk = Self { ground, board, records, _hub: AbortOnDropHandle::new(hub) };
        let began = Instant::now();
        while desk.get("services.json").await.status != 200 {
            assert!(began.elapsed() < DEADLINE, "nobody serves");
        }
        desk
    }

    /// Ends the server; its folder and its port stay.
    pub(crate) fn close(self) -> Ground {
        self.ground
    }

    pub(crate) fn taken(&self) -> Vec<Value> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn get(&self, resource: &str) -> Heard {
        get(&format!("{}/{resource}", self.ground.base_url())).await
    }

    pub(crate) async fn post(&self, resource: &str, form: &str) -> Heard {
        post(&format!("{}/{resource}", self.ground.base_url()), form).await
    }

    pub(crate) async fn tell(&self, message: Value) {
        tell(self.board.as_ref(), message).await.expect("told");
    }
}

/// Takes and puts away whatever comes; the back office answers at once.
async fn take_all(
    mut source: Box<dyn Source>,
    board: Arc<dyn Sink>,
    records: Arc<Mutex<Vec<Value>>>,
    office: Office,
) {
    loop {
        let Arrival::Batch(mut batch) = source.next().await.expect("a server") else { continue };
        let taken = read(batch.as_mut()).await;
        records.lock().unwrap_or_else(PoisonError::into_inner).extend(taken.iter().cloned());
        batch.finish(Ending::Done).await.expect("taken");
        for message in taken.iter().filter_map(office) {
            tell(board.as_ref(), message).await.expect("told");
        }
    }
}

/// The records of a batch, which is read to its end.
pub(crate) async fn read(batch: &mut dyn Batch) -> Vec<Value> {
    let mut records = Vec::new();
    loop {
        let readings = batch.read(2).await.expect("records");
        if readings.is_empty() {
            return records;
        }
        for reading in readings {
            match reading {
                Reading::Record(record) => {
                    assert_eq!(record.key.as_deref(), record.value["token"].as_str());
                    records.push(record.value);
                }
                Reading::Refused(fault) => panic!("{fault}"),
            }
        }
    }
}

/// The next batch.
pub(crate) async fn batch(source: &mut dyn Source) -> Box<dyn Batch> {
    let next = async {
        loop {
            if let Arrival::Batch(batch) = source.next().await.expect("a server") {
                return batch;
            }
        }
    };
    timeout(DEADLINE, next).await.expect("in time")
}

pub(crate) fn handover(number: u64, message: Value) -> Handover {
    let dispatch = DispatchId::new("/systems/office", &number.to_string(), "a-route");
    let item = Outgoing {
        dispatch,
        event_type: "service.request.updated.v1".to_owned(),
        subject: "request:1".to_owned(),
        message: Arc::new(message),
        traceparent: None,
    };
    Handover { id: dispatch.to_string(), items: vec![item] }
}

pub(crate) async fn tell(board: &dyn Sink, message: Value) -> Result<Receipt, ConnectorError> {
    board.deliver(&handover(1, message)).await
}

/// A client that trusts nobody.
pub(crate) fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let builder = Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(DEADLINE);
    builder.build().expect("a client")
}

async fn hear(request: RequestBuilder) -> Heard {
    let response = request.send().await.expect("an answer");
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
    let status = response.status().as_u16();
    Heard { status, kind: kind.unwrap_or_default(), body: response.text().await.expect("a body") }
}

pub(crate) async fn get(url: &str) -> Heard {
    hear(client().get(url)).await
}

pub(crate) async fn post(url: &str, form: &str) -> Heard {
    let form = form.to_owned();
    hear(client().post(url).header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

/// Posts beside.
pub(crate) fn posting(url: String, form: String) -> JoinHandle<Heard> {
    tokio::spawn(async move { post(&url, &form).await })
}

/// A report of somebody whose values are in it, under the right key.
pub(crate) fn report(description: &str) -> String {
    let who = CANARY.replace(' ', "+");
    format!(
        "api_key={SECRET}&service_code=potholes&lat=51.75&long=-0.34&first_name={who}&last_name={who}&\
         email=Canary-7f3a@example.org&phone=Canary-7f3a&description={description}"
    )
}
