//! The conformance kit, on a server whose sender tries again until it is heard, on a board, and on a client.

use std::net::TcpListener;
use std::ops::Range;

use async_trait::async_trait;
use postroom_connector::conformance::sink::{
    Ground as Target, Trouble, each_trouble_has_its_meaning_and_costs_nothing,
    what_comes_again_takes_effect_once,
};
use postroom_connector::conformance::source::{
    Ground as Origin, a_system_that_is_away_is_told, it_says_in_time_that_nothing_came,
    nothing_is_lost_or_doubled, what_came_to_nothing_comes_again, what_is_taken_is_not_read_again,
};
use postroom_connector::conformance::{CANARY, SECRET, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SinkKind, SourceKind};
use postroom_connector_open311::{Open311Sink, Open311Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use crate::desk::{Desk, Ground, handover, post, report};
use crate::endpoint::{Endpoint, stranger};

const AT_ONCE: &str = "wait = '0s'";

/// A resident who reports one thing after the other, each until it is taken.
struct Resident {
    ground: Ground,
    put: UnboundedSender<u64>,
    _reporting: AbortOnDropHandle<()>,
}

impl Resident {
    async fn new() -> Self {
        let ground = Ground::new().await;
        let url = format!("{}/requests.json", ground.base_url());
        let (put, mut to_report) = unbounded_channel();
        let reporting = tokio::spawn(async move {
            while let Some(number) = to_report.recv().await {
                while post(&url, &report(&format!("{number}"))).await.status != 200 {}
            }
        });
        Self { ground, put, _reporting: AbortOnDropHandle::new(reporting) }
    }
}

#[async_trait]
impl Origin for Resident {
    fn kind(&self) -> &dyn SourceKind {
        &Open311Source
    }

    fn settings(&self) -> Settings {
        self.ground.server(AT_ONCE)
    }

    async fn put(&mut self, numbers: Range<u64>) {
        for number in numbers {
            self.put.send(number).expect("a resident");
        }
    }

    fn number(&self, record: &Value) -> u64 {
        record["description"].as_str().and_then(|text| text.parse().ok()).expect("a number")
    }
}

#[tokio::test]
async fn wherever_the_hub_dies_no_report_is_lost_or_doubled() {
    nothing_is_lost_or_doubled(&mut Resident::new().await).await;
}

#[tokio::test]
async fn a_report_that_was_answered_is_not_taken_again() {
    what_is_taken_is_not_read_again(&mut Resident::new().await).await;
}

#[tokio::test]
async fn a_report_that_came_to_nothing_comes_again() {
    what_came_to_nothing_comes_again(&mut Resident::new().await).await;
}

#[tokio::test]
async fn a_server_that_nobody_comes_to_says_so_in_time() {
    it_says_in_time_that_nothing_came(&mut Resident::new().await).await;
}

#[tokio::test]
async fn an_address_that_somebody_else_listens_to_is_told() {
    let resident = Resident::new().await;
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    a_system_that_is_away_is_told(&resident, &resident.ground.server_at(&address, AT_ONCE)).await;
}

#[tokio::test]
async fn wrong_settings_of_the_server_are_told_with_their_key_and_looking_at_them_touches_nothing() {
    let ground = Ground::new().await;
    let check = |settings: &Settings| Open311Source.check(settings);
    let literal = format!("api_keys = '{SECRET}'");
    let wrong = [("api_keys", literal.as_str()), ("path", "path = 'v2'"), ("services", "services = []")];
    settings_errors_name_their_key(check, &ground.server(""), &wrong);
    check_opens_nothing(check, |address| ground.server_at(&address.to_string(), ""));
}

/// An endpoint, and a client in front of it.
struct County {
    folder: TempDir,
    endpoint: Endpoint,
    stranger: String,
    /// Where the client goes now.
    address: String,
    format: &'static str,
}

impl County {
    fn new(format: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), SECRET).expect("a file");
        let endpoint = Endpoint::start();
        Self { address: endpoint.address.clone(), folder, endpoint, stranger: stranger(), format }
    }

    fn settings_at(&self, address: &str) -> Settings {
        let text = format!(
            "form = 'client'\nbase_url = '{address}'\napi_key = {{ file = 'key' }}\ntimeout = '2s'\nformat = '{}'",
            self.format
        );
        let table = text.parse().expect("TOML");
        Settings { table, data: self.folder.path().to_owned(), system: "county".to_owned() }
    }
}

#[async_trait]
impl Target for County {
    fn kind(&self) -> &dyn SinkKind {
        &Open311Sink
    }

    fn settings(&self) -> Settings {
        self.settings_at(&self.address)
    }

    async fn order(&mut self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Away => {
                let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
                self.address = format!("http://{}/v2", closed.expect("a port"));
            }
            Trouble::WrongCertificate => self.address.clone_from(&self.stranger),
            _ => self.endpoint.state().trouble = Some(trouble),
        }
        true
    }

    async fn heal(&mut self) {
        self.address.clone_from(&self.endpoint.address);
        self.endpoint.state().trouble = None;
    }

    async fn taken(&mut self) -> Vec<u64> {
        let number = |posted: &Vec<(String, String)>| {
            let found = posted.iter().find(|(name, _)| name == "address_id");
            found.and_then(|(_, text)| text.parse().ok()).expect("a number")
        };
        self.endpoint.state().posted.iter().map(number).collect()
    }

    fn message(&self, number: u64) -> Value {
        json!({"service_code": "potholes", "address_id": number.to_string(), "last_name": CANARY, "description": CANARY})
    }
}

#[tokio::test]
async fn each_trouble_of_an_endpoint_has_its_meaning_and_costs_nothing() {
    for format in ["xml", "json"] {
        each_trouble_has_its_meaning_and_costs_nothing(&mut County::new(format)).await;
    }
}

#[test]
fn wrong_settings_of_the_client_are_told_with_their_key_and_looking_at_them_touches_nothing() {
    let county = County::new("xml");
    let check = |settings: &Settings| Open311Sink.check(settings);
    let literal = format!("api_key = '{SECRET}'");
    let wrong = [
        ("form", "form = 'fax'"),
        ("api_key", literal.as_str()),
        ("base_url", "base_url = 'http://county.example'"),
        ("timeout", "timeout = '3'"),
    ];
    settings_errors_name_their_key(check, &county.settings(), &wrong);
    check_opens_nothing(check, |address| county.settings_at(&format!("http://{address}")));
    let board = |text: &str| Settings {
        table: text.parse().expect("TOML"),
        data: county.folder.path().to_owned(),
        system: "reports".to_owned(),
    };
    settings_errors_name_their_key(check, &board("form = 'board'"), &[("keep_days", "keep_days = 0")]);
    check_opens_nothing(check, |_| board("form = 'board'"));
}

/// A board, of which the server's own words tell what took effect.
struct Board(Ground);

#[async_trait]
impl Target for Board {
    fn kind(&self) -> &dyn SinkKind {
        &Open311Sink
    }

    fn settings(&self) -> Settings {
        self.0.settings("form = 'board'")
    }

    /// Its file cannot be opened: that nobody could write to it is the one trouble of a board.
    async fn order(&mut self, trouble: Trouble) -> bool {
        let is_away = trouble == Trouble::Away;
        if is_away {
            std::fs::write(self.0.data.path().join("open311"), "no folder").expect("a file");
        }
        is_away
    }

    async fn heal(&mut self) {
        std::fs::remove_file(self.0.data.path().join("open311")).expect("removed");
    }

    async fn taken(&mut self) -> Vec<u64> {
        let desk = Desk::open_at(self.0.again().await, AT_ONCE, |_| None).await;
        let told = desk.get("requests.json?start_date=2026-05-01T00:00:00Z").await.json();
        let number = |request: &Value| request["service_request_id"].as_str().and_then(|id| id.parse().ok());
        told.as_array().expect("a list").iter().filter_map(number).collect()
    }

    fn message(&self, number: u64) -> Value {
        json!({"service_request_id": number.to_string(), "updated_datetime": "2026-05-04T12:00:00Z", "status_notes": CANARY})
    }
}

#[tokio::test]
async fn a_board_that_cannot_be_written_is_down_and_costs_nothing() {
    each_trouble_has_its_meaning_and_costs_nothing(&mut Board(Ground::new().await)).await;
}

#[tokio::test]
async fn what_comes_to_a_board_again_takes_effect_once() {
    what_comes_again_takes_effect_once(&mut Board(Ground::new().await)).await;
    let desk = Desk::open(AT_ONCE, |_| None).await;
    let said = |number, status: &str, day: u64| {
        let time = format!("2026-05-{day:02}T12:00:00Z");
        handover(number, json!({"service_request_id": "7", "status": status, "updated_datetime": time}))
    };
    let (opened, closed) = (said(1, "open", 4), said(2, "closed", 5));
    for handover in [&opened, &closed, &opened] {
        desk.board.deliver(handover).await.expect("told");
    }
    let told = desk.get("requests/7.json").await;
    assert_eq!(
        (told.text("status").as_deref(), told.json().as_array().map(Vec::len)),
        (Some("closed"), Some(1))
    );
}
