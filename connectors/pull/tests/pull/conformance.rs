//! What every sink must keep, tried with a system that pulls, takes each id once, and can be in trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::conformance::sink::{
    Ground, Trouble, each_trouble_has_its_meaning_and_costs_nothing, what_comes_again_takes_effect_once,
};
use postroom_connector::conformance::{SECRET, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SinkKind};
use postroom_connector_pull::PullSink;
use postroom_listener::{Claim, Limits, Listeners, Wanted};
use postroom_request::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::queue::{BEARER, data, keep, plain_client, settings};

/// How often the system looks.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// A system that pulls.
struct Library {
    data: TempDir,
    kept: Claim,
    state: Arc<Mutex<State>>,
    /// Somebody else at its path, so that nobody can listen there.
    squatter: Option<Claim>,
    pulling: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    /// What took effect, by its id.
    taken: BTreeMap<String, u64>,
}

impl Library {
    async fn new() -> Self {
        let (data, kept, state) = (data(), keep(None).await, Arc::new(Mutex::new(State::default())));
        let url = format!("http://{}/queues/library", kept.address());
        let pulling = tokio::spawn(pull(url, Arc::clone(&state)));
        Self { data, kept, state, squatter: None, pulling }
    }

    fn settings_at(&self, address: std::net::SocketAddr) -> Settings {
        settings(&self.data, &format!("listen = '{address}'\n{BEARER}"))
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.pulling.abort();
    }
}

async fn pull(url: String, state: Arc<Mutex<State>>) {
    let (client, mut looks) = (plain_client(), interval(LOOKS_EVERY));
    loop {
        looks.tick().await;
        let Ok(page) = client.get(&url).bearer_auth(SECRET).send().await else { continue };
        let Ok(page) = page.bytes().await else { continue };
        let page: Value = serde_json::from_slice(&page).unwrap_or_default();
        for message in page["messages"].as_array().into_iter().flatten() {
            answer(&client, &url, &state, message).await;
        }
    }
}

/// Answers one message by the trouble that the system is in.
async fn answer(client: &Client, url: &str, state: &Mutex<State>, message: &Value) {
    let id = message["dispatch"].as_str().expect("an id");
    let trouble = state.lock().expect("no panic").trouble;
    let failure = |retry| json!({"outcome": "failure", "words": "not taken", "retry": retry}).to_string();
    let success = json!({"outcome": "success", "reference": id}).to_string();
    let (bodies, takes) = match trouble {
        Some(Trouble::Fails) => (vec![failure(true)], false),
        Some(Trouble::Refuses) => (vec![failure(false)], false),
        Some(Trouble::Garbage) => (vec!["{\"outcome\":".to_owned(), success], true),
        Some(Trouble::Endless) => (vec![message.to_string().repeat(1_000), success], true),
        _ => (vec![success], true),
    };
    if takes {
        let number = message["message"]["number"].as_u64().expect("a number");
        state.lock().expect("no panic").taken.insert(id.to_owned(), number);
    }
    for body in bodies {
        let put =
            client.put(format!("{url}/{id}")).bearer_auth(SECRET).header("content-type", "application/json");
        // What is not heard is said again with the next look.
        drop(put.body(body).send().await);
    }
}

#[async_trait]
impl Ground for Library {
    fn kind(&self) -> &dyn SinkKind {
        &PullSink
    }

    fn settings(&self) -> Settings {
        self.settings_at(self.kept.address())
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }

    async fn order(&mut self, trouble: Trouble) -> bool {
        match trouble {
            // A system that is away, hangs or is cut off comes later, and so nothing has failed.
            Trouble::Hangs
            | Trouble::CutsAfter
            | Trouble::CutsBefore
            | Trouble::HalfAnswer
            | Trouble::Busy
            | Trouble::WrongCertificate => return false,
            Trouble::Away => {
                let path = "/queues/library".to_owned();
                let wanted = Wanted {
                    system: "kept".to_owned(),
                    address: self.kept.address(),
                    path,
                    tls: None,
                    limits: Limits::default(),
                };
                self.squatter = Some(Listeners::shared().claim(wanted).await.expect("the path"));
            }
            Trouble::Fails | Trouble::Refuses | Trouble::Garbage | Trouble::Endless => {}
        }
        self.state.lock().expect("no panic").trouble = Some(trouble);
        true
    }

    async fn heal(&mut self) {
        self.squatter = None;
        self.state.lock().expect("no panic").trouble = None;
    }

    async fn taken(&mut self) -> Vec<u64> {
        self.state.lock().expect("no panic").taken.values().copied().collect()
    }
}

#[tokio::test]
async fn each_trouble_of_a_system_has_its_meaning_and_costs_nothing() {
    each_trouble_has_its_meaning_and_costs_nothing(&mut Library::new().await).await;
}

#[tokio::test]
async fn a_message_that_comes_again_takes_effect_once() {
    what_comes_again_takes_effect_once(&mut Library::new().await).await;
}

#[tokio::test]
async fn wrong_settings_are_told_with_their_key() {
    let wrong = [
        ("bearer", "bearer = 'quite-secret-5d1c'"),
        ("listen", "listen = 'here'"),
        ("path", "path = 'queues'"),
        ("on_offer", "on_offer = 0"),
        ("rate", "rate = 'often'"),
    ];
    let library = Library::new().await;
    settings_errors_name_their_key(|settings| PullSink.check(settings), &library.settings(), &wrong);
}

#[tokio::test]
async fn checking_settings_opens_nothing() {
    let library = Library::new().await;
    check_opens_nothing(|settings| PullSink.check(settings), |address| library.settings_at(address));
}
