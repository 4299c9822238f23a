//! A canary in every credential of the hub and in a person's record, and everything that the hub says while whatever it
//! needs fails.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_tests::council::{TestCouncil, parcel_event};
use postroom_tests::hub::collector::Collector;
use postroom_tests::hub::http::get;
use postroom_tests::hub::proxy::Proxy;
use postroom_tests::hub::wire::{Arrived, Wire};
use postroom_tests::hub::{TestHub, until};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use super::NAME;
use super::echo::Echo;
use crate::postgres::Server;
use crate::rig::add_target_at;
use crate::work::{publish, small};

/// What every credential holds, and what each is.
const CANARY: &str = "zq7canary";
const AMQP: &str = "zq7canary-amqp";
const WRONG_AMQP: &str = "zq7canary-wrong-amqp";
const LEDGER: &str = "zq7canary-ledger";
const KEY: &str = "zq7canary-key";
const TOKEN: &str = "zq7canary-token";
const GATE: &str = "zq7canary-gate";
const MANAGEMENT: &str = "zq7canary-management";
/// The user and the password of the gate as its header has them: in base64.
const GATE_IN_HEADER: &str = "Z2F0ZTp6cTdjYW5hcnktZ2F0ZQ==";
/// What must not be seen of them.
const SECRETS: [&str; 2] = [CANARY, GATE_IN_HEADER];
/// What must not be seen of a person.
const PERSON: [&str; 2] = [NAME, "Zebediah"];
/// The files that hold two of the credentials.
const TOKEN_FILE: &str = "till.token";
const GATE_FILE: &str = "gate.password";
/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";
/// The words of an operator, which the hub repeats.
const REASON: &str = "the roof is mended";
/// What shows what is kept, and nothing of a person in it.
const SHOWN: [&str; 20] = [
    "check",
    "check --ledger",
    "docs ropa",
    "docs ropa --format csv",
    "docs ropa --format html",
    "status",
    "status --json",
    "dead list",
    "dead list --json",
    "dead list --groups",
    "holds",
    "holds --json",
    "invalid list --json",
    "jobs list --json",
    "worklist",
    "worklist --format json",
    "worklist --format csv",
    "trace refused",
    "trace refused --json",
    "trace parcel:500 --json",
];
/// What is known to stand at a place: a search that does not find it there would find no canary either.
const KNOWN: [(&str, &str); 11] = [
    ("log", REASON),
    ("log", "422 Unprocessable Entity"),
    ("run without a broker", "broker.refused"),
    ("run", "the ledger"),
    ("status --wait --timeout 1s", "the broker"),
    ("status --json", REASON),
    ("dead list --json", "422 Unprocessable Entity"),
    ("trace refused --json", "422 Unprocessable Entity"),
    ("metrics", "target=\"till\""),
    ("receipts", "parcel:422"),
    ("spans", "deliver"),
];

/// Something that was written: where, and what.
pub(super) type Written = (String, String);

/// What of it holds one of `marks`, in capitals or not.
fn found<'a>(written: &'a [Written], marks: &[&str]) -> Vec<&'a Written> {
    let holds = |text: &str| {
        let text = text.to_lowercase();
        marks.iter().any(|mark| text.contains(&mark.to_lowercase()))
    };
    written.iter().filter(|(_, text)| holds(text)).collect()
}

/// What commands say, on both of their outputs.
fn said(hub: &TestHub, commands: &[&str]) -> Vec<Written> {
    let answer = |command: &&str| {
        let arguments: Vec<&str> = command.split(' ').collect();
        let output = hub.run(&arguments);
        let said = [output.stdout, output.stderr].concat();
        ((*command).to_owned(), String::from_utf8_lossy(&said).into_owned())
    };
    commands.iter().map(answer).collect()
}

/// What the hub has logged.
fn logged(place: &str, hub: &TestHub) -> Vec<Written> {
    hub.lines.iter().map(|line| (place.to_owned(), line.to_string())).collect()
}

/// What lies in a folder and below, but for the secrets that the council put there.
fn files(folder: &Path) -> Vec<Written> {
    let read = |path: PathBuf| {
        if path.is_dir() {
            return files(&path);
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        vec![(path.display().to_string(), text)]
    };
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| !path.ends_with(TOKEN_FILE) && !path.ends_with(GATE_FILE)).flat_map(read).collect()
}

/// An event with a person in it, about which the till answers `status`.
fn event(id: &str, status: &str) -> Value {
    let mut event = parcel_event(id, status, 1);
    event["data"]["owner"] = json!(NAME);
    event["data"]["place"] = json!(NAME);
    event
}

/// A till at `url`, which asks for a key and a token, and a gate at which nobody listens.
fn add_targets(council: &TestCouncil, url: &str) {
    council.feed("", TOKEN_FILE, TOKEN.as_bytes());
    council.feed("", GATE_FILE, GATE.as_bytes());
    let till = format!(
        "problem = \"/code\"\nbearer = {{ file = \"{TOKEN_FILE}\" }}\n\
         headers = {{ X-Api-Key = {{ env = \"TILL_KEY\" }} }}\n"
    );
    add_target_at(council, "till", url, &till);
    let gate = format!("basic = {{ user = \"gate\", password = {{ file = \"{GATE_FILE}\" }} }}\n");
    add_target_at(council, "gate", &format!("http://{NOBODY}"), &gate);
}

/// The hub with a canary in every credential, on a wire that can be cut, and what it has said.
struct Marked {
    hub: TestHub,
    user: String,
    wire: Proxy,
    till: Echo,
    collector: Collector,
    server: Server,
    written: Vec<Written>,
}

impl Marked {
    fn new() -> Self {
        let (mut hub, server) = (small(), Server::start());
        let (till, collector) = (Echo::start(), Collector::start());
        let user = format!("{}hub", hub.council.prefix);
        Rabbit::shared().add_user(&user, AMQP, [".*", ".*", ".*"]);
        let wire = Proxy::to(&hub.url);
        wire.mend();
        hub.url = wire.url(&Rabbit::shared().url_as(&user, AMQP));
        // The server lets everybody in; what the hub makes of a password does not depend on that.
        hub.ledger = Some(server.database().replace("//hub@", &format!("//hub:{LEDGER}@")));
        let management = format!("POSTROOM_MANAGEMENT_URL=http://hub:{MANAGEMENT}@{NOBODY}");
        hub.through = vec!["env".to_owned(), format!("TILL_KEY={KEY}"), management];
        let limits = format!("[telemetry]\notlp = \"{}\"\n[limits]\nin_place = \"1s\"\n", collector.url());
        hub.council.edit("council.toml", "[limits]\n", &limits);
        let receipts = "connector = \"queue\"\nreceipts = true";
        hub.council.edit("systems/shop/system.toml", "connector = \"queue\"", receipts);
        add_targets(&hub.council, &till.url());
        Self { hub, user, wire, till, collector, server, written: Vec::new() }
    }

    fn receipts(&self) -> String {
        format!("{}shop-receipts", self.hub.council.prefix)
    }

    /// Starts the hub, and gives the address at which it can be watched.
    async fn start(&mut self) -> String {
        self.hub.start();
        let address = self.hub.wait_for("health.listening")["address"].as_str().unwrap().to_owned();
        self.hub.wait_for("hub.ready");
        let exchange = format!("{}receipts", self.hub.council.prefix);
        Wire::open(Rabbit::shared().url()).await.bind(&self.receipts(), &exchange, "shop.#").await;
        self.hub.say(&["pause", "book", "--reason", REASON]);
        self.until_heard("pause.begun", 1);
        address
    }

    fn until_heard(&mut self, event: &str, times: usize) {
        let hub = &mut self.hub;
        until(event, || (hub.heard(event) >= times).then_some(()));
    }

    fn say(&mut self, commands: &[&str]) {
        self.written.extend(said(&self.hub, commands));
    }

    /// The till refuses, cannot, and tells back what it was told; the gate is not there.
    async fn fail_at_targets(&mut self) {
        publish(&self.hub, &[event("taken", "201"), event("failed", "500"), event("refused", "422")]).await;
        for heard in ["dispatch.retried", "dispatch.held", "dispatch.dead", "target.down"] {
            self.until_heard(heard, 1);
        }
        let told = self.till.told();
        for mark in [KEY, TOKEN, NAME] {
            assert!(told.contains(mark), "the till was not told {mark}: {told}");
        }
    }

    /// Another hub has a wrong password for the broker, and then no ledger.
    fn start_wrong(&mut self) {
        let mut other = self.hub.beside();
        other.through.clone_from(&self.hub.through);
        other.url = self.wire.url(&Rabbit::shared().url_as(&self.user, WRONG_AMQP));
        other.start();
        other.wait_for("broker.refused");
        assert!(other.stop().success());
        self.written.extend(logged("run without a broker", &other));
        self.written.extend(said(&other, &["status", "status --wait --timeout 1s"]));
        other.ledger = Some(format!("postgres://hub:{LEDGER}@{NOBODY}/ledger"));
        self.written.extend(said(&other, &["run", "status --json", "dead list", "trace refused"]));
    }

    /// The connection to the broker is cut, and then the server of the ledger killed.
    async fn lose_broker_and_ledger(&mut self) {
        self.wire.cut();
        self.until_heard("broker.lost", 1);
        self.say(&["status", "status --json", "status --wait --timeout 1s"]);
        self.wire.mend();
        self.until_heard("broker.connected", 2);
        self.server.kill();
        publish(&self.hub, &[event("late", "201")]).await;
        self.until_heard("ledger.failed", 1);
        self.say(&["status", "dead list --json", "trace refused"]);
        self.server.begin();
        self.until_heard("ledger.back", 1);
    }

    /// Asks for everything that is shown, but for what a person asks for by name.
    async fn ask(&mut self, address: &str) {
        let dead = self.dead();
        self.say(&SHOWN);
        self.say(&[&format!("dead show {dead}"), &format!("dead show {dead} --json")]);
        for (place, path) in [("metrics", "/metrics"), ("health", "/health/ready")] {
            self.written.push((place.to_owned(), get(address, path).1));
        }
        let mut told: Vec<Arrived> = Vec::new();
        while !told.iter().any(|receipt| receipt.body["data"]["outcome"] == "dead") {
            told.extend(Wire::open(Rabbit::shared().url()).await.read(&self.receipts(), 1).await);
        }
        self.written.extend(told.iter().map(|receipt| ("receipts".to_owned(), format!("{receipt:?}"))));
    }

    /// The one dead letter.
    fn dead(&self) -> String {
        let dead = self.hub.json(&["dead", "list", "--json"]);
        assert_eq!(dead.as_array().map(Vec::len), Some(1), "{dead:#}");
        dead[0]["dispatch"].as_str().unwrap().to_owned()
    }

    /// Stops the hub: everything that it has said and told.
    fn end(&mut self) -> &[Written] {
        assert!(self.hub.stop().success());
        self.written.extend(logged("log", &self.hub));
        let spans = self.collector.requests().into_iter();
        let spans = spans.map(|body| ("spans".to_owned(), String::from_utf8_lossy(&body).into_owned()));
        self.written.extend(spans);
        &self.written
    }
}

#[tokio::test]
async fn no_word_of_the_hub_holds_a_credential_or_a_value_of_a_person_whatever_fails() {
    let mut marked = Marked::new();
    let address = marked.start().await;
    marked.fail_at_targets().await;
    marked.start_wrong();
    marked.lose_broker_and_ledger().await;
    marked.ask(&address).await;
    let dead = marked.dead();
    let why = "--reveal --reason asked";
    let revealing = [format!("dead show {dead} {why}"), format!("dead show {dead} --json {why}")];
    let revealed = said(&marked.hub, &revealing.each_ref().map(String::as_str));
    let folder = marked.hub.council.data();
    let written = marked.end();
    for (place, known) in KNOWN {
        let there: Vec<Written> = written.iter().filter(|(at, _)| at == place).cloned().collect();
        assert!(!found(&there, &[known]).is_empty(), "{known} was not found in {place}: {there:#?}");
    }
    let leaked = [found(written, &SECRETS), found(&revealed, &SECRETS)].concat();
    assert!(leaked.is_empty(), "credentials: {leaked:#?}");
    let (files, persons) = (files(&folder), found(written, &PERSON));
    assert!(found(&files, &SECRETS).is_empty(), "{:#?}", found(&files, &SECRETS));
    assert!(persons.is_empty(), "a person: {persons:#?}");
    assert_eq!(found(&revealed, &[NAME]).len(), 2, "who asks by name sees it: {revealed:#?}");
}

#[test]
fn the_search_finds_a_canary_wherever_it_is_planted_and_nothing_else() {
    for secret in [AMQP, WRONG_AMQP, LEDGER, KEY, TOKEN, GATE, MANAGEMENT, GATE_IN_HEADER] {
        let texts = [
            format!("amqp://hub:{secret}@127.0.0.1/"),
            json!({"fields": [{"reason": format!("Bearer {secret}")}]}).to_string(),
            secret.to_uppercase(),
        ];
        for text in texts {
            let planted = ("here".to_owned(), text);
            let written = [("log".to_owned(), "a canary of another kind".to_owned()), planted.clone()];
            assert_eq!(found(&written, &SECRETS), [&planted]);
        }
    }
}

/// Says that the commands end in vain, and that no canary is in their words.
fn assert_refused_in_silence(hub: &TestHub, commands: &[&str], what: &str) {
    for (command, words) in said(hub, commands) {
        assert!(!words.is_empty() && !words.contains("no problems"), "{what}: {command}: {words}");
        assert!(!words.contains(CANARY), "{what}: {command}: {words}");
    }
}

#[test]
fn a_secret_that_stands_in_the_text_of_the_council_is_refused_and_not_quoted() {
    let hub = TestHub::new(TestCouncil::small(), &format!("amqp://{NOBODY}"));
    let system = |settings: &str| {
        let head = "title = \"Till\"\n[target]\nconnector = \"http\"\n[target.settings]\n";
        hub.council.write("systems/till/system.toml", &format!("{head}{settings}\n"));
    };
    for secret in [
        format!("bearer = \"{TOKEN}\""),
        format!("headers = {{ X-Api-Key = \"{KEY}\" }}"),
        format!("basic = {{ user = \"gate\", password = \"{GATE}\" }}"),
        format!("basic = \"gate:{GATE}\""),
        format!("headers = \"X-Api-Key: {KEY}\""),
        format!("bearer = {TOKEN}"),
    ] {
        system(&format!("url = \"http://{NOBODY}\"\n{secret}"));
        assert_refused_in_silence(&hub, &["check", "run"], &secret);
    }
    system(&format!("url = \"https://gate:{GATE}@{NOBODY}\""));
    assert_refused_in_silence(&hub, &["check", "run"], "an address");
    fs::remove_dir_all(hub.council.folder().join("systems/till")).unwrap();
    let whole = fs::read_to_string(hub.council.folder().join("council.toml")).unwrap();
    for broker in [
        format!("[broker]\nuri = \"amqp://hub:{AMQP}@{NOBODY}\"\n"),
        format!("broker = \"amqp://hub:{AMQP}@{NOBODY}\"\n[other]\n"),
    ] {
        hub.council.write("council.toml", &whole.replace("[broker]\n", &broker));
        assert_refused_in_silence(&hub, &["check", "run"], &broker);
    }
}

#[test]
fn a_url_that_cannot_be_used_is_not_quoted() {
    let mut hub = TestHub::new(TestCouncil::small(), &format!("amqp://hub:{AMQP}@127.0.0.1:port/"));
    assert_refused_in_silence(&hub, &["status --wait --timeout 1s"], "a broker");
    for url in [
        format!("postgres://hub:{LEDGER}@127.0.0.1:port/ledger"),
        format!("hub:{LEDGER}@127.0.0.1"),
        format!("postgres://hub:{LEDGER}@{NOBODY}/ledger?sslmode={LEDGER}"),
        format!("postgres://hub@{NOBODY}/ledger?passwd={LEDGER}"),
    ] {
        hub.ledger = Some(url.clone());
        assert_refused_in_silence(&hub, &["run", "status"], &url);
    }
}
