//! What the hub tells kinds of connectors, and asks them, for both sides of systems.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::path::Path;
use std::sync::Arc;

use postroom_connector::{
    Arrival, ConnectorError, Connectors, Opening, PeerOf, Settings, SettingsError, Sink, SinkKind, Source,
    SourceKind, TlsServer,
};
use postroom_council::Council;
use postroom_ledger::{Ledger, Peer};
use postroom_router::{Certificates, Configuration, Connect, Hub, OF_HUB, Own};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const TYPE: &str = "thing.changed.v1";

/// A kind that notes whom it hears of, and has a trouble with the files of each.
#[derive(Clone, Default)]
struct Heard(Arc<watch::Sender<Vec<String>>>);

impl Heard {
    fn note(&self, side: &str, settings: &Settings) {
        self.0.send_modify(|heard| heard.push(format!("{side} of {}", settings.system)));
    }
}

fn trouble() -> Vec<SettingsError> {
    vec![SettingsError::new("key", "it cannot be read")]
}

impl SinkKind for Heard {
    fn name(&self) -> &'static str {
        "heard"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn troubles(&self, _settings: &Settings) -> Vec<SettingsError> {
        trouble()
    }

    fn announce(&self, settings: &Settings) {
        self.note("target", settings);
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Err(SettingsError::new("key", "nothing is delivered here"))
    }
}

impl SourceKind for Heard {
    fn name(&self) -> &'static str {
        "heard"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn troubles(&self, _settings: &Settings) -> Vec<SettingsError> {
        trouble()
    }

    fn announce(&self, settings: &Settings) {
        self.note("source", settings);
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        Err(SettingsError::new("key", "nothing is read here"))
    }

    fn open(&self, _settings: &Settings, _path: &Path) -> Result<Arrival, ConnectorError> {
        unreachable!("nothing is opened here")
    }
}

/// A council of a system with both sides, and what its kind hears.
fn council(folder: &Path) -> (Arc<Council>, Arc<Connectors>, Heard) {
    std::fs::write(folder.join("council.toml"), "name = \"Small\"\n").unwrap();
    let sides = format!(
        "title = \"Both\"\n[source]\nconnector = \"heard\"\n[[source.map]]\nrule = \"all\"\nevent = \"{TYPE}\"\n\
         [target]\nconnector = \"heard\"\n"
    );
    let files = [
        ("systems/both/system.toml".to_owned(), sides),
        (format!("systems/both/events/{TYPE}.vrl"), "[]".to_owned()),
        (format!("schemas/{TYPE}/schema.json"), r#"{"type": "object"}"#.to_owned()),
        (format!("schemas/{TYPE}/valid/empty.json"), "{}".to_owned()),
    ];
    for (file, text) in files {
        std::fs::create_dir_all(folder.join(&file).parent().unwrap()).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
    }
    let heard = Heard::default();
    let connectors = Connectors::default().with_source(heard.clone()).with_sink(heard.clone());
    let council = Council::load(folder, None, &connectors).expect("a council without problems");
    (Arc::new(council), Arc::new(connectors), heard)
}

#[tokio::test]
async fn each_side_of_a_system_is_announced_to_its_kind_before_the_broker_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (council, connectors, heard) = council(folder.path());
    let ledger = Ledger::open(&folder.path().join("ledger.db")).await.unwrap();
    let never: Connect = Box::new(|| Box::pin(std::future::pending()));
    let hub = Hub::new(council, connectors, ledger, never, CancellationToken::new());
    let mut hears = heard.0.subscribe();
    tokio::select! {
        ended = hub.run() => panic!("the hub ended: {ended:?}"),
        heard = hears.wait_for(|heard| heard.len() == 2) => {
            assert_eq!(*heard.unwrap(), ["source of both", "target of both"]);
        }
    }
}

#[test]
fn the_troubles_of_each_side_of_a_system_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (council, connectors, _) = council(folder.path());
    let named = Certificates::new(Configuration::new(council), connectors, Own::default()).named();
    let told: Vec<_> =
        named.iter().map(|one| (one.setting.as_str(), one.trouble.as_deref().unwrap_or_default())).collect();
    assert_eq!(told, [("source.key", "it cannot be read"), ("target.key", "it cannot be read")]);
}

#[tokio::test]
async fn of_what_was_shown_only_that_of_a_system_or_server_that_is_still_met_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (council, connectors, _) = council(folder.path());
    let ledger = Ledger::open(&folder.path().join("ledger.db")).await.unwrap();
    for (system, setting) in
        [("both", "target.url"), ("gone", "target.url"), (OF_HUB, "broker.url"), (OF_HUB, "ledger.url")]
    {
        let (system, setting) = (system.to_owned(), setting.to_owned());
        ledger.note_peer(Peer { system, setting, until: 1 }).await.unwrap();
    }
    let broker = PeerOf { system: OF_HUB.to_owned(), setting: "broker.url" };
    let servers = vec![Arc::new(TlsServer::new(broker, "broker.example", 5671, Opening::None))];
    let own = Own { servers, ..Own::default() };
    let known = Certificates::new(Configuration::new(council), connectors, own).known(&ledger).await.unwrap();
    let shown = known.iter().filter(|one| one.role == "peer");
    let shown: Vec<_> = shown.map(|one| (one.system.as_str(), one.setting.as_str())).collect();
    assert_eq!(shown, [("both", "target.url"), (OF_HUB, "broker.url")]);
}
