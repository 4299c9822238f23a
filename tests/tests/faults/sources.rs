//! Sources over HTTP in a whole hub, which stops and starts again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postroom_broker::memory::Server;
use postroom_connector::PeerOf;
use postroom_connector_http::HttpSource;
use postroom_ledger::{Ledger, Pause};
use postroom_listener::{Answer, Limits, Listeners, StatusCode, Wanted};
use postroom_request::{Peer, client, header};
use postroom_tests::council::{PARCEL, TestCouncil};
use postroom_tests::ports;
use serde_json::json;

use crate::simulation::{Simulated, connectors, until};

const MAPPING: &str = r#"{
  "subject": "parcel:" + (string(.parcel) ?? ""),
  "data": { "number": .number, "place": "shelf" }
}
"#;
const SENDER: Peer = Peer { name: "the hub", max_answer_bytes: 1024 };
/// Longest wait of a sender.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has `system` read over HTTP, by these settings.
pub(crate) fn over_http(council: &TestCouncil, system: &str, settings: &str) {
    let map = format!("[[source.map]]\nrule = \"a parcel was moved\"\nevent = \"{PARCEL}\"\n");
    let text = format!("title = \"T\"\n[source]\nconnector = \"http\"\n{map}[source.settings]\n{settings}\n");
    council.write(&format!("systems/{system}/system.toml"), &text);
    council.write(&format!("systems/{system}/events/{PARCEL}.vrl"), MAPPING);
}

/// A system that is asked for moves behind a number.
#[derive(Clone, Default)]
struct Moves(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    last: u64,
    /// What it was asked for moves behind.
    asked: Vec<String>,
}

impl Moves {
    fn until(&self, last: u64) {
        self.0.lock().expect("moves").last = last;
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("moves").asked)
    }

    /// Answers from now on: where.
    async fn answer(&self) -> SocketAddr {
        let address = "127.0.0.1:0".parse().expect("an address");
        let wanted = Wanted {
            system: "kept".to_owned(),
            address,
            path: "/moves".to_owned(),
            tls: None,
            limits: Limits::default(),
        };
        let mut claim = Listeners::default().claim(wanted).await.expect("a port");
        let (address, moves) = (claim.address(), self.clone());
        tokio::spawn(async move {
            while let Some(asked) = claim.next().await {
                let behind = asked.query.unwrap_or_default().replace("behind=", "");
                asked.reply.send(Answer::words(StatusCode::OK, moves.behind(&behind)));
            }
        });
        address
    }

    fn behind(&self, behind: &str) -> String {
        let mut told = self.0.lock().expect("moves");
        told.asked.push(behind.to_owned());
        let first = behind.parse::<u64>().expect("a number") + 1;
        let moves = (first..=told.last).map(|number| json!({"parcel": "a", "number": number}));
        json!(moves.collect::<Vec<_>>()).to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_goes_on_from_its_cursor_when_the_hub_was_killed() {
    let (council, moves) = (TestCouncil::small(), Moves::default());
    moves.until(5);
    let url = format!("http://{}/moves?behind={{cursor}}", moves.answer().await);
    let cursor = "cursor = { max = '/number', kind = 'number', start = '0' }";
    let poll = format!("key = '/number'\n[source.settings.poll]\nurl = '{url}'\nevery = '1s'\n{cursor}");
    over_http(&council, "yard", &poll);
    let hub = Simulated::at_work(council, Server::new(), connectors().with_source(HttpSource)).await;
    until("the cursor behind the fifth", async || {
        hub.ledger.cursor("yard").await.unwrap().as_deref() == Some("5")
    })
    .await;
    assert_eq!(moves.asked()[0], "0");
    let (council, server) = hub.killed().await;
    moves.asked();
    moves.until(8);
    let hub = Simulated::at_work(council, server, connectors().with_source(HttpSource)).await;
    hub.until_sums("book", "all of it", |book| book.delivered == 8).await;
    until("the cursor behind the eighth", async || {
        hub.ledger.cursor("yard").await.unwrap().as_deref() == Some("8")
    })
    .await;
    assert_eq!(moves.asked()[0], "5", "it asks where it was, and not from the start");
    let numbers: Vec<_> =
        hub.council.outbox_lines("book/out").iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    let yard = hub.ledger.sums().await.unwrap().sources["yard"].clone();
    // What the killed hub had taken and not acked comes again, and is known.
    assert_eq!((yard.records_read, yard.mapped), (8, 8));
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_path_nobody_holds_yet_is_told_to_come_again_and_taken_then() {
    let council = TestCouncil::small();
    let listen = ports::address();
    std::fs::create_dir_all(council.data()).expect("a folder");
    std::fs::write(council.data().join("token"), "quite-secret").expect("a secret");
    for system in ["gate", "yard"] {
        let settings = format!(
            "listen = '{listen}'\npath = '/{system}'\nkey = '/number'\nbearer = {{ file = 'token' }}"
        );
        over_http(&council, system, &settings);
    }
    let paused = Pause {
        system: "yard".to_owned(),
        since: 1,
        until: None,
        actor: "an officer".to_owned(),
        reason: "not yet".to_owned(),
    };
    let ledger = Ledger::open(&council.data().join("ledger.db")).await.unwrap();
    ledger.pause(paused.clone()).await.unwrap();
    let hub = Simulated::at_work(council, Server::new(), connectors().with_source(HttpSource)).await;
    let peer = PeerOf { system: "sender".to_owned(), setting: "url" };
    let client = client(peer, PATIENCE).expect("a client");
    let post = async |path: &str| {
        let request = client.post(format!("http://{listen}{path}")).bearer_auth("quite-secret");
        SENDER.ask(request.body(r#"{"parcel": "a", "number": 1}"#)).await.ok()
    };
    until("the gate", async || post("/gate").await.is_some_and(|answer| answer.status == 200)).await;
    let told = post("/yard").await.expect("an answer");
    assert_eq!(told.status, 503);
    assert!(told.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(post("/shed").await.expect("an answer").status, 404);
    ledger.resume(paused).await.unwrap();
    until("the yard", async || post("/yard").await.is_some_and(|answer| answer.status == 200)).await;
    hub.until_sums("book", "both", |book| book.delivered == 2).await;
    hub.end().await;
}
