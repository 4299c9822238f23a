//! The small council with a real HTTP target beside the others, under a load of the shop; and what every target must have
//! got in the end.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_router::SOURCE_HEADER;
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::http_target::TestTarget;
use postroom_tests::http_target::oracle::Asked;
use postroom_tests::hub::wire::Arrived;
use postroom_tests::hub::{DEADLINE, TestHub};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::work::{ledger, number, publish, small};

/// Events of one load, and the parcels that they are about in turn.
pub(crate) const EVENTS: u64 = 300;
pub(crate) const PARCELS: u64 = 20;
/// How long the hub waits for a target that answers in the end, however busy the machine is.
pub(crate) const PATIENT: &str = "50s";
/// How often it is looked what was delivered.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The hub, and a target that fails as it is told.
pub(crate) struct Rig {
    pub(crate) hub: TestHub,
    pub(crate) till: TestTarget,
    pub(crate) published: u64,
}

/// Whether the hub can ask the target what has landed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    CanLookUp,
    CannotLookUp,
}

impl Rig {
    /// A hub that is not started, and waits so long for the answers of the till.
    pub(crate) fn new(timeout: &str, asking: Asking) -> Self {
        let (hub, till) = (small(), http_target());
        hub.council.edit("council.toml", "[limits]\n", "[limits]\nin_place = \"20s\"\n");
        let look_up = match asking {
            Asking::CanLookUp => format!("look_up = {{ url = \"{}/moves/{{id}}\" }}\n", till.url()),
            Asking::CannotLookUp => String::new(),
        };
        add_target(&hub.council, "till", &till, &format!("timeout = \"{timeout}\"\n{look_up}"));
        Self { hub, till, published: 0 }
    }

    /// Starts the hub, and waits until it works.
    pub(crate) fn start(&mut self) {
        self.hub.start();
        self.hub.wait_for("hub.ready");
    }

    /// Publishes so many events more.
    pub(crate) async fn publish(&mut self, count: u64) {
        let first = self.published + 1;
        self.published += count;
        publish(&self.hub, &events(first..=self.published)).await;
    }

    /// Waits until everything was delivered to `targets`, and nothing is held or dead; the status.
    pub(crate) async fn until_delivered(&self, targets: &[&str]) -> Value {
        let landed = timeout(DEADLINE, self.delivered(targets)).await;
        assert!(landed.is_ok(), "{} were not delivered in time: {:#}", self.published, self.status());
        let status = self.hub.settled();
        for target in targets {
            for state in ["held", "dead"] {
                assert_eq!(number(&status, &format!("/targets/{target}/{state}")), 0, "{status:#}");
            }
        }
        status
    }

    /// Ends when the ledger has a receipt of everything from each of `targets`.
    async fn delivered(&self, targets: &[&str]) {
        let (ledger, mut looks) = (ledger(&self.hub).await, interval(LOOK_EVERY));
        let mut all = false;
        while !all {
            looks.tick().await;
            let sums = ledger.sums().await.expect("the sums").targets;
            let delivered = |target: &&str| sums.get(*target).map_or(0, |sums| sums.delivered);
            all = targets.iter().all(|target| delivered(target) >= self.published);
        }
    }

    /// The status of the hub, which need not run.
    pub(crate) fn status(&self) -> Value {
        self.hub.json(&["status", "--json"])
    }
}

/// The shop's events of these numbers, of one parcel after the other.
pub(crate) fn events(numbers: RangeInclusive<u64>) -> Vec<Value> {
    let event =
        |number: u64| parcel_event(&format!("event-{number}"), &(number % PARCELS).to_string(), number);
    numbers.map(event).collect()
}

/// A target in a process of its own.
pub(crate) fn http_target() -> TestTarget {
    TestTarget::start(Path::new(env!("CARGO_BIN_EXE_http-target")), "/parcel")
}

/// Adds a target to the small council, at the address of `process`.
pub(crate) fn add_target(council: &TestCouncil, name: &str, process: &TestTarget, more: &str) {
    add_target_at(council, name, &process.url(), more);
}

/// The same at an address without a path, whoever is there.
pub(crate) fn add_target_at(council: &TestCouncil, name: &str, url: &str, more: &str) {
    let system = format!(
        "title = \"{name}\"\n[target]\nconnector = \"http\"\n[target.settings]\nurl = \"{url}/moves\"\n\
         reference = \"/reference\"\n{more}"
    );
    council.write(&format!("systems/{name}/system.toml"), &system);
    route_to(council, name);
}

/// A route to a target of the small council, by which it gets what the dock gets.
pub(crate) fn route_to(council: &TestCouncil, name: &str) {
    let schema = std::fs::read_to_string(council.folder().join("systems/dock/messages/parcel.schema.json"));
    council.write(&format!("systems/{name}/messages/parcel.schema.json"), &schema.unwrap());
    let route = format!(
        "from = \"{PARCEL}\"\nto = \"{name}\"\nmessage = \"parcel\"\nretry = [\"1s\", \"1s\", \"1s\", \"1h\"]\n"
    );
    council.write(&format!("routes/parcel-to-{name}/route.toml"), &route);
    let mapping = "{ \"number\": .number, \"place\": .place, \"parcel\": %subject }\n";
    council.write(&format!("routes/parcel-to-{name}/mapping.vrl"), mapping);
}

/// The keys under which the shop's events up to `count` are sent by `route`, and their numbers.
pub(crate) fn keys(route: &str, count: u64) -> HashMap<String, u64> {
    let key = |number: u64| DispatchId::new("/systems/shop", &format!("event-{number}"), route).to_string();
    (1..=count).map(|number| (key(number), number)).collect()
}

/// The keys under which the till gets what the dock got, and their numbers.
pub(crate) fn till_keys(messages: &[Arrived]) -> HashMap<String, u64> {
    let key = |message: &Arrived| {
        let source = &message.headers[SOURCE_HEADER];
        DispatchId::new(source, &message.correlation_id, "parcel-to-till").to_string()
    };
    let number = |message: &Arrived| message.body["number"].as_u64().expect("a number");
    messages.iter().map(|message| (key(message), number(message))).collect()
}

/// What stands under each of `keys` has landed, of one parcel first in the order of the numbers, and each in the same bytes
/// always; nothing was sent under another key.
pub(crate) fn assert_in_order(asked: &[Asked], keys: &HashMap<String, u64>) {
    let (mut last, mut bodies) = (HashMap::new(), HashMap::new());
    for one in asked.iter().filter(|one| one.method == "POST") {
        let number = keys[&one.key];
        assert_eq!(bodies.entry(&one.key).or_insert(&one.body), &&one.body, "one key, one message");
        if one.landed && one.times == 1 {
            let before = last.insert(&one.subject, number).unwrap_or_default();
            assert!(before < number, "{}: {number} came after {before}", one.subject);
        }
    }
    let landed: HashSet<&str> = landed(asked).map(|one| one.key.as_str()).collect();
    assert_eq!(landed.len(), keys.len(), "nothing is missing");
}

/// What landed.
pub(crate) fn landed(asked: &[Asked]) -> impl Iterator<Item = &Asked> {
    asked.iter().filter(|one| one.landed)
}

/// What landed that had landed before.
pub(crate) fn landed_again(asked: &[Asked]) -> Vec<&Asked> {
    landed(asked).filter(|one| one.times > 1).collect()
}
