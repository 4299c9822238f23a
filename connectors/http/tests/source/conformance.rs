//! The conformance kit, on a webhook whose sender tries again until it is heard, and on a system that is asked.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use postroom_connector::conformance::source::{
    Ground, a_system_that_is_away_is_told, it_says_in_time_that_nothing_came, nothing_is_lost_or_doubled,
    what_came_to_nothing_comes_again, what_is_taken_is_not_read_again,
};
use postroom_connector::conformance::{CANARY, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SourceKind};
use postroom_connector_http::HttpSource;
use postroom_listener::header::HeaderValue;
use postroom_listener::{Answer, Asked, Claim, StatusCode};
use postroom_request::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use crate::hook::{ask, client, keep, owned, tls};
use crate::room::{SECRET, data, settings};

/// A sender that posts one record after the other, each until it is answered 200.
struct Sender {
    folder: TempDir,
    kept: Claim,
    put: UnboundedSender<u64>,
    _sending: AbortOnDropHandle<()>,
}

impl Sender {
    async fn new() -> Self {
        let kept = keep(None).await;
        let url = format!("http://{}/hooks/in", kept.address());
        let (put, mut to_send) = unbounded_channel();
        let client = client(tls());
        let sending = tokio::spawn(async move {
            while let Some(number) = to_send.recv().await {
                while send(client.clone(), url.clone(), number).await != 200 {}
            }
        });
        Self { folder: data(), kept, put, _sending: AbortOnDropHandle::new(sending) }
    }
}

async fn send(client: Client, url: String, number: u64) -> u16 {
    let body = json!({"number": number, "name": CANARY}).to_string();
    let known = [("authorization", "Bearer open sesame")];
    ask(client, Method::POST, url, owned(&known, &body)).await.status
}

#[async_trait]
impl Ground for Sender {
    fn kind(&self) -> &dyn SourceKind {
        &HttpSource
    }

    fn settings(&self) -> Settings {
        hook_at(&self.folder, self.kept.address())
    }

    async fn put(&mut self, numbers: Range<u64>) {
        for number in numbers {
            self.put.send(number).expect("a sender");
        }
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }
}

fn hook_at(folder: &TempDir, address: SocketAddr) -> Settings {
    let text =
        format!("listen = '{address}'\npath = '/hooks/in'\nkey = '/number'\nbearer = {{ file = 'secret' }}");
    settings(folder, &text)
}

/// A system that knows its records by number, and tells them three at a time.
struct Asks {
    folder: TempDir,
    address: SocketAddr,
    known: Arc<Mutex<Vec<u64>>>,
    _answering: AbortOnDropHandle<()>,
}

/// Records on a page.
const PAGE: usize = 3;

impl Asks {
    async fn new() -> Self {
        let mut claim = keep(None).await;
        let (address, known) = (claim.address(), Arc::default());
        let told = Arc::clone(&known);
        let answering = tokio::spawn(async move {
            while let Some(asked) = claim.next().await {
                let answer = page(&asked, &told);
                asked.reply.send(answer);
            }
        });
        Self { folder: data(), address, known, _answering: AbortOnDropHandle::new(answering) }
    }
}

/// The page that `since=..&page=..` asks for.
fn page(asked: &Asked, known: &Mutex<Vec<u64>>) -> Answer {
    let query = asked.query.as_deref().unwrap_or_default();
    let number = |name: &str| -> u64 {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)).expect("a field");
        value.parse().expect("a number")
    };
    let (since, page) = (number("since="), usize::try_from(number("page=")).expect("few"));
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let items = known.iter().filter(|number| **number + 1 > since).skip((page - 1) * PAGE).take(PAGE);
    let items: Vec<Value> =
        items.map(|number| json!({"number": number, "seen": number + 1, "name": CANARY})).collect();
    let json = HeaderValue::from_static("application/json");
    Answer::new(StatusCode::OK).body(json, json!({"items": items}).to_string())
}

#[async_trait]
impl Ground for Asks {
    fn kind(&self) -> &dyn SourceKind {
        &HttpSource
    }

    fn settings(&self) -> Settings {
        asks_at(&self.folder, self.address)
    }

    async fn put(&mut self, numbers: Range<u64>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).extend(numbers);
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }
}

fn asks_at(folder: &TempDir, address: SocketAddr) -> Settings {
    let text = format!(
        "key = '/number'\nrecords = '/items'\n[poll]\nurl = 'http://{address}/kept?since={{cursor}}&page={{page}}'\n\
         every = '1s'\npages = {{ by = 'number' }}\nbearer = {{ file = 'secret' }}\n\
         cursor = {{ max = '/seen', kind = 'number', start = '0' }}"
    );
    settings(folder, &text)
}

#[tokio::test]
async fn wherever_the_hub_dies_no_webhook_is_lost_or_doubled() {
    nothing_is_lost_or_doubled(&mut Sender::new().await).await;
}

#[tokio::test]
async fn a_webhook_that_was_answered_is_not_taken_again() {
    what_is_taken_is_not_read_again(&mut Sender::new().await).await;
}

#[tokio::test]
async fn a_webhook_that_came_to_nothing_comes_again() {
    what_came_to_nothing_comes_again(&mut Sender::new().await).await;
}

#[tokio::test]
async fn a_webhook_that_nobody_calls_says_so_in_time() {
    it_says_in_time_that_nothing_came(&mut Sender::new().await).await;
}

#[tokio::test]
async fn an_address_that_somebody_else_listens_to_is_told() {
    let ground = Sender::new().await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = hook_at(&ground.folder, other.local_addr().expect("an address"));
    a_system_that_is_away_is_told(&ground, &settings).await;
}

#[tokio::test]
async fn wherever_the_hub_dies_no_answer_is_lost_or_doubled() {
    nothing_is_lost_or_doubled(&mut Asks::new().await).await;
}

#[tokio::test]
async fn what_was_asked_for_and_taken_comes_not_again_while_the_hub_lives() {
    let mut ground = Asks::new().await;
    ground.put(0..8).await;
    let mut source = crate::room::source(&ground.settings());
    let mut keys = Vec::new();
    while keys.len() < 8 {
        keys.extend(crate::room::take(source.as_mut()).await);
    }
    // The end of the round, and the next one behind it.
    for _ in 0..4 {
        assert!(matches!(source.next().await, Ok(postroom_connector::Arrival::Idle)));
    }
    assert_eq!(keys, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn what_was_asked_for_and_taken_is_known_again_by_a_hub_that_is_started_anew() {
    what_is_taken_is_not_read_again(&mut Asks::new().await).await;
}

#[tokio::test]
async fn an_answer_that_came_to_nothing_comes_again() {
    what_came_to_nothing_comes_again(&mut Asks::new().await).await;
}

#[tokio::test]
async fn a_system_that_has_nothing_says_so_in_time() {
    it_says_in_time_that_nothing_came(&mut Asks::new().await).await;
}

#[tokio::test]
async fn a_system_that_nobody_runs_is_told() {
    let ground = Asks::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let settings = asks_at(&ground.folder, closed.expect("a port"));
    a_system_that_is_away_is_told(&ground, &settings).await;
}

#[test]
fn wrong_settings_are_told_with_their_key_and_looking_at_them_touches_nothing() {
    let folder = data();
    let anywhere = "127.0.0.1:9".parse().expect("an address");
    let check = |settings: &Settings| HttpSource.check(settings);
    let wrong = [
        ("path", "path = 'in'"),
        ("key", "key = 'id'"),
        ("rate", "rate = 'often'"),
        ("bearer", "bearer = 5"),
    ];
    settings_errors_name_their_key(check, &hook_at(&folder, anywhere), &wrong);
    settings_errors_name_their_key(check, &asks_at(&folder, anywhere), &[("key", "key = 'id'")]);
    check_opens_nothing(check, |address| hook_at(&folder, address));
    check_opens_nothing(check, |address| asks_at(&folder, address));
}
