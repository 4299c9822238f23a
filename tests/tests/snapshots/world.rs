//! A yard that exports all its parcels each night, and what came of it: events on the broker, sums in the ledger, files put
//! away. It is killed by dropping what it does between two steps.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use postroom_broker::memory::Server;
use postroom_broker::{Broker, Topology};
use postroom_connector::{Arrival, Batch, Connectors};
use postroom_connector_file::{FileSink, FileSource};
use postroom_connector_http::HttpSource;
use postroom_council::{Council, Verdicts};
use postroom_ledger::{Ledger, Sums};
use postroom_router::sums::differences;
use postroom_router::{Again, Halts, Publishing, Taken, publish_batch};
use postroom_tests::council::{PARCEL, TestCouncil, YARD_HEAD};
use serde_json::Value;

/// Longest wait for a file that is there.
const DEADLINE: Duration = Duration::from_secs(30);
const YARD: &str = "systems/yard/system.toml";
/// Tells the change, the old place and the new one by the place of the event.
const MAPPING: &str = r#"
old = string(%old.place) ?? "-"
{
  "subject": "parcel:" + .parcel,
  "data": { "number": parse_int(.number) ?? .number, "place": join([%change, old, .place], " ") }
}
"#;
/// The same, of records that may have any fields.
const POLLED: &str = r#"
parcel = string(.parcel) ?? "-"
old = string(%old.place) ?? "-"
place = string(.place) ?? "-"
{ "subject": "parcel:" + parcel, "data": { "number": 1, "place": join([%change, old, place], " ") } }
"#;

/// The yard at work.
pub(crate) struct World {
    pub(crate) text: TestCouncil,
    council: Arc<Council>,
    connectors: Connectors,
    /// The connector of the yard.
    kind: &'static str,
    server: Server,
    ledger: PathBuf,
    files: std::cell::Cell<u32>,
}

/// An event: the subject, what its place says, and its id.
pub(crate) type Event = (String, String, String);

impl World {
    /// A yard whose snapshots have these settings beside their key.
    pub(crate) fn new(settings: &str) -> Self {
        Self::mapping(settings, MAPPING)
    }

    /// The same of a system that is asked at `address` for all it has, in JSON or in elements of XML.
    pub(crate) fn polled(settings: &str, address: &str) -> Self {
        let text = TestCouncil::small();
        let format = match address.ends_with(".xml") {
            true => "format = { kind = \"xml\", record = \"Parcel\" }",
            false => "format = \"json\"\nrecords = \"/parcels\"",
        };
        let yard = format!(
            "title = \"Yard\"\n[source]\nconnector = \"http\"\n\
             snapshot = {{ key = [\"parcel\"]{settings} }}\n\
             [source.settings]\nkey = \"/parcel\"\n{format}\npoll = {{ url = \"{address}\" }}\n\
             [[source.map]]\nrule = \"a parcel was moved\"\nevent = \"{PARCEL}\"\n"
        );
        text.write(YARD, &yard);
        Self::of(text, "http", POLLED)
    }

    pub(crate) fn mapping(settings: &str, mapping: &str) -> Self {
        let text = TestCouncil::small();
        let snapshot = format!("connector = \"file\"\nsnapshot = {{ key = [\"parcel\"]{settings} }}\n");
        text.edit(YARD, "connector = \"file\"\n", &snapshot);
        text.edit(YARD, "settle = \"100ms\"", "settle = \"1ms\"");
        Self::of(text, "file", mapping)
    }

    fn of(text: TestCouncil, kind: &'static str, mapping: &str) -> Self {
        text.write(&format!("systems/yard/events/{PARCEL}.vrl"), mapping);
        let connectors = Connectors::default().with_source(FileSource).with_sink(FileSink);
        let connectors = connectors.with_source(HttpSource);
        let council = Council::load(&text.folder(), Some(&text.data()), &connectors);
        let council = council.map_err(|problems| format!("{problems:#?}")).expect("a council");
        let wrong = council.prove(&Verdicts::default(), &|_, _| {}).problems;
        assert!(wrong.is_empty(), "{wrong:#?}");
        std::fs::create_dir_all(text.data()).expect("a folder");
        let ledger = text.data().join("ledger.db");
        let (council, files) = (Arc::new(council), std::cell::Cell::new(0));
        Self { text, council, connectors, kind, server: Server::new(), ledger, files }
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        Ledger::open(&self.ledger).await.expect("a ledger")
    }

    /// Puts a snapshot of these rows, `parcel,number,place`, into the inbox.
    pub(crate) fn feed(&self, rows: &[&str]) {
        let rows: String = rows.iter().map(|row| format!("M,{row},Ann,0999\n")).collect();
        self.files.set(self.files.get() + 1);
        let name = format!("night-{:03}.csv", self.files.get());
        self.text.feed("yard/in", &name, format!("{YARD_HEAD}{rows}").as_bytes());
    }

    /// The next snapshot.
    async fn batch(&self) -> Box<dyn Batch> {
        let side = self.council.systems["yard"].source.as_ref().expect("a source");
        let kind = self.connectors.source(self.kind).expect("the connector");
        let mut source = kind.build(&side.settings).expect("settings");
        let arrived = async {
            loop {
                match source.next().await.expect("a system") {
                    Arrival::Batch(batch) => return batch,
                    Arrival::Idle => {}
                    Arrival::Refused(refused) => panic!("{refused:?}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, arrived).await.expect("a snapshot")
    }

    /// Takes the next file of the inbox as a program that has just started; killed between two of its steps when it has
    /// come to so many waits.
    async fn run(&self, again: Again, waits: usize) -> Option<Taken> {
        let broker = self.server.connect(&self.council.prefix, "hub");
        let topology = Topology { sources: vec!["yard".to_owned()], ..Topology::default() };
        broker.declare(&topology).await.expect("declared");
        let (council, broker): (_, Arc<dyn Broker>) = (Arc::clone(&self.council), Arc::new(broker));
        let (ledger, halts) = (self.ledger().await, Halts::default());
        let publishing = Publishing { council, ledger, broker, halts };
        let batch = self.batch().await;
        let taking = publish_batch(&publishing, "yard", batch, again, &|_| {});
        until_killed(taking, waits).await.map(|taken| taken.expect("taken"))
    }

    pub(crate) async fn take(&self) -> Taken {
        self.run(Again::No, usize::MAX).await.expect("nobody kills it")
    }

    pub(crate) async fn take_as(&self, again: Again) -> Taken {
        self.run(again, usize::MAX).await.expect("nobody kills it")
    }

    /// What became of it, unless it is killed before.
    pub(crate) async fn take_until(&self, waits: usize) -> Option<Taken> {
        self.run(Again::No, waits).await
    }

    /// Feeds a snapshot, takes it whole, and tells the events of it.
    pub(crate) async fn night(&self, rows: &[&str]) -> Vec<(String, String)> {
        let before = self.events().len();
        self.feed(rows);
        let taken = self.take().await;
        assert!(matches!(taken, Taken::Whole(_)), "{taken:?}");
        let events = self.events().split_off(before);
        events.into_iter().map(|(subject, place, _)| (subject, place)).collect()
    }

    /// Every event in the ingress, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        let ingress = format!("{}ingress.yard", self.council.prefix);
        let read = |body: &[u8]| {
            let event: Value = serde_json::from_slice(body).expect("JSON");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            (text(&event["subject"]), text(&event["data"]["place"]), text(&event["id"]))
        };
        self.server.ready(&ingress).iter().map(|one| read(&one.body)).collect()
    }

    /// The sums, of which the first must be true.
    pub(crate) async fn sums(&self) -> Sums {
        let sums = self.ledger().await.sums().await.expect("read");
        assert_eq!(differences(&sums, |_| None), [""; 0]);
        sums
    }

    /// The names of the files that were put into a folder of the inbox.
    pub(crate) fn put(&self, folder: &str) -> Vec<String> {
        postroom_tests::council::names_in(&self.text.data().join("yard/in").join(folder))
    }
}

/// Runs `work` until it has waited so many times, and drops it there.
async fn until_killed<T>(work: impl Future<Output = T>, waits: usize) -> Option<T> {
    let (mut work, mut left) = (pin!(work), waits);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
