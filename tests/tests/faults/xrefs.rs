//! Cross-references: what a target called a thing when it took it, an event told or an officer imported is there for every
//! route that asks, and what nobody knows waits for an officer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postroom_broker::memory::Server;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_event::DispatchId;
use postroom_ledger::{DeadFilter, Xref, XrefFilter, XrefKey};
use postroom_router::{UNKNOWN_REFERENCE, lease};
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::hub::TestHub;
use serde_json::Value;
use tokio::sync::watch;

use crate::lanes::Till;
use crate::lookups::redrive;
use crate::simulation::{Simulated, connectors, put, until};

/// A register that gives everything it takes a number of its own, while it is open.
#[derive(Clone)]
struct Register {
    is_open: Arc<watch::Sender<bool>>,
    took: Arc<Mutex<Vec<Value>>>,
}

impl Default for Register {
    fn default() -> Self {
        Self { is_open: Arc::new(watch::Sender::new(true)), took: Arc::default() }
    }
}

impl SinkKind for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Register {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let _ = self.is_open.subscribe().wait_for(|is_open| *is_open).await;
        let subject = &handover.items[0].subject;
        self.took.lock().unwrap().push(handover.items[0].message["place"].clone());
        Ok(Receipt { reference: Some(format!("R-{subject}")) })
    }
}

const KIND: &str = "parcel-in-register";
const FILL: &str = "[[fill]]\nxref = \"parcel-in-register\"\nkey = \"subject\"\nfrom = \"receipt\"\n";
const LOOKUP: &str = "[[lookup]]\nname = \"number\"\nxref = \"parcel-in-register\"\nfrom = \"subject\"\nsystem = \"register\"\n";
/// A subject that no word of a dead letter may say.
const STRANGE: &str = "zebediah";

fn add_target(council: &TestCouncil, name: &str, connector: &str) {
    council.write(
        &format!("systems/{name}/system.toml"),
        &format!("title = \"{name}\"\n[target]\nconnector = \"{connector}\"\n"),
    );
    let schema = std::fs::read_to_string(council.folder().join("systems/dock/messages/parcel.schema.json"));
    council.write(&format!("systems/{name}/messages/parcel.schema.json"), &schema.unwrap());
}

fn route(council: &TestCouncil, (target, when): (&str, &str), more: &str, place: &str) {
    let route =
        format!("from = \"{PARCEL}\"\nto = \"{target}\"\nmessage = \"parcel\"\nwhen = \"{when}\"\n{more}");
    council.write(&format!("routes/parcel-to-{target}/route.toml"), &route);
    let mapping = format!("{{ \"number\": .number, \"place\": {place}, \"parcel\": %subject }}\n");
    council.write(&format!("routes/parcel-to-{target}/mapping.vrl"), &mapping);
}

/// The register takes the first move of each parcel; the dock, the till and the book get the later ones, with what the
/// register calls the parcel.
fn council() -> TestCouncil {
    let council = TestCouncil::small();
    add_target(&council, "register", "register");
    add_target(&council, "till", "till");
    route(&council, ("register", ".number == 1"), FILL, ".place");
    route(&council, ("dock", ".number > 1"), LOOKUP, "%lookup.number");
    route(&council, ("till", ".number > 1"), LOOKUP, "%lookup.number");
    route(&council, ("book", ".number > 1"), LOOKUP, "%lookup.number");
    council
}

async fn start(council: TestCouncil, till: &Till) -> Simulated {
    start_with(council, till, &Register::default()).await
}

async fn start_with(council: TestCouncil, till: &Till, register: &Register) -> Simulated {
    let connectors = connectors().with_sink(register.clone()).with_sink(till.clone());
    Simulated::at_work(council, Server::new(), connectors).await
}

async fn known(hub: &Simulated) -> Vec<(String, String, String)> {
    let listed = hub.ledger.xref_list(&XrefFilter::default(), 10).await.unwrap();
    listed.into_iter().map(|xref| (xref.of.key, xref.of.system, xref.id)).collect()
}

fn docked_places(hub: &Simulated) -> Vec<String> {
    let ready = hub.server.ready(&hub.name("to.dock")).into_iter();
    let place =
        |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["place"].as_str().unwrap().to_owned();
    ready.map(|one| place(&one.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_called_a_thing_when_it_took_it_is_known_to_the_routes_of_others() {
    let till = Till::default();
    let hub = start(council(), &till).await;
    hub.put_about("a1", "a", 1);
    until("the reference", async || known(&hub).await.len() == 1).await;
    assert_eq!(known(&hub).await, [("parcel:a".into(), "register".into(), "R-parcel:a".into())]);
    assert_eq!(hub.delivered("register").await, 1, "the receipt is in the same write");
    hub.put_about("a2", "a", 2);
    hub.until_sums("dock", "the second", |dock| (dock.delivered, dock.dead) == (1, 0)).await;
    hub.until_sums("till", "the second", |till| (till.delivered, till.dead) == (1, 0)).await;
    hub.until_sums("book", "the second", |book| (book.delivered, book.dead) == (1, 0)).await;
    assert_eq!(docked_places(&hub), ["R-parcel:a"]);
    assert_eq!(hub.council.outbox_lines("book/out")[0]["place"], "R-parcel:a");
    assert_eq!(till.numbers("a"), [2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_null_where_the_route_says_so_and_what_is_known_is_told() {
    let (council, till) = (council(), Till::default());
    let lookup = format!("{LOOKUP}unknown = \"null\"\n");
    for target in ["dock", "till", "book"] {
        route(&council, (target, ".number > 1"), &lookup, "string(%lookup.number) ?? \"nowhere\"");
    }
    let hub = start(council, &till).await;
    hub.put_about("b2", "b", 2);
    hub.until_sums("dock", "what nobody knows", |dock| dock.delivered == 1).await;
    hub.until_sums("till", "what nobody knows", |till| (till.delivered, till.dead) == (1, 0)).await;
    hub.until_sums("book", "what nobody knows", |book| (book.delivered, book.dead) == (1, 0)).await;
    hub.put_about("a1", "a", 1);
    hub.until_sums("register", "the first", |register| register.delivered == 1).await;
    hub.put_about("a2", "a", 2);
    hub.until_sums("dock", "what is known", |dock| (dock.delivered, dock.dead) == (2, 0)).await;
    hub.until_sums("book", "what is known", |book| (book.delivered, book.dead) == (2, 0)).await;
    assert_eq!(docked_places(&hub), ["nowhere", "R-parcel:a"]);
    let booked = hub.council.outbox_lines("book/out");
    assert_eq!([&booked[0]["place"], &booked[1]["place"]], ["nowhere", "R-parcel:a"]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_found_by_the_id_of_its_dispatch_and_what_is_kept_no_longer_is_an_exception() {
    let (council, till) = (council(), Till::default());
    route(&council, ("register", ".number == 1"), "keep_sent = \"1d\"\n", ".place");
    let lookup = "[[lookup]]\nname = \"sent\"\nsent = \"parcel\"\nfrom = \"place\"\nsystem = \"register\"\n";
    let sent = "upcase(%lookup.sent.parcel)";
    for target in ["dock", "till", "book"] {
        route(&council, (target, ".number > 1"), lookup, sent);
    }
    let hub = start(council, &till).await;
    hub.put_about("a1", "a", 1);
    hub.until_sums("register", "the first", |register| register.delivered == 1).await;
    let told = |id: &str, of: DispatchId| {
        let mut event = parcel_event(id, id, 2);
        event["data"]["place"] = of.to_string().into();
        put(&hub.server, &hub.council, &event);
    };
    told("b2", DispatchId::new("/systems/shop", "a1", "parcel-to-register"));
    hub.until_sums("till", "what was sent", |till| (till.delivered, till.dead) == (1, 0)).await;
    hub.until_sums("book", "what was sent", |book| (book.delivered, book.dead) == (1, 0)).await;
    hub.until_sums("dock", "what was sent", |dock| (dock.delivered, dock.dead) == (1, 0)).await;
    assert_eq!(docked_places(&hub), ["PARCEL:A"]);
    assert_eq!(hub.council.outbox_lines("book/out")[0]["place"], "PARCEL:A");
    hub.ledger.forget_sent(i64::MAX).await.unwrap();
    told("c2", DispatchId::new("/systems/shop", "a1", "parcel-to-register"));
    hub.until_sums("till", "what is forgotten", |till| (till.delivered, till.dead) == (1, 1)).await;
    hub.until_sums("dock", "what is forgotten", |dock| (dock.delivered, dock.dead) == (1, 1)).await;
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 9).await.unwrap();
    assert!(dead.iter().all(|letter| letter.code == UNKNOWN_REFERENCE), "{dead:?}");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_calls_a_thing_is_known_to_what_waited_behind_it_in_the_same_lane() {
    let (council, till, register) = (council(), Till::default(), Register::default());
    let route = format!(
        "from = \"{PARCEL}\"\nto = \"register\"\nmessage = \"parcel\"\nwhen = \".number > 1\"\n{LOOKUP}"
    );
    council.write("routes/later-to-register/route.toml", &route);
    let mapping = "{ \"number\": .number, \"place\": %lookup.number, \"parcel\": %subject }\n";
    council.write("routes/later-to-register/mapping.vrl", mapping);
    register.is_open.send_replace(false);
    let hub = start_with(council, &till, &register).await;
    for number in 1..=3 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    hub.until_sums("register", "all three", |sums| sums.dispatched == 3).await;
    until("its lane to have them in hand", async || hub.server.ready(&hub.name("lane.register")).is_empty())
        .await;
    register.is_open.send_replace(true);
    hub.until_sums("register", "all three", |sums| (sums.delivered, sums.dead) == (3, 0)).await;
    let took = register.took.lock().unwrap().clone();
    assert_eq!(took[1..], ["R-parcel:a", "R-parcel:a"], "{took:?}");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_is_sent_again_as_it_was_though_another_reference_is_known_by_then() {
    let (council, till) = (council(), Till::default());
    council.edit("council.toml", "[limits]\n", "[limits]\nin_place = \"200ms\"\n");
    let mapping = "{ \"number\": parse_int(%lookup.number) ?? 0, \"place\": .place, \"parcel\": %subject }\n";
    council.write("routes/parcel-to-till/mapping.vrl", mapping);
    council.retry_soon("parcel-to-till");
    let hub = start(council, &till).await;
    let known_as = async |id: &str| {
        let of = XrefKey { kind: KIND.into(), key: "parcel:a".into(), system: "register".into() };
        let xref = Xref { of, id: id.into(), at: 1, noted_by: "job 1".into() };
        hub.ledger.note_xrefs(vec![xref]).await.unwrap();
    };
    known_as("41").await;
    till.fail("a", Failure::Transient);
    hub.put_about("a2", "a", 2);
    hub.until_sums("till", "the first, held", |till| till.held == 1).await;
    known_as("42").await;
    hub.put_about("a3", "a", 3);
    hub.until_sums("till", "the second behind it", |till| till.held == 2).await;
    till.heal();
    hub.until_sums("till", "both", |till| (till.delivered, till.dead) == (2, 0)).await;
    assert_eq!(
        till.numbers("a"),
        [41, 42],
        "the first as it was sent, the second as it is known when its turn comes"
    );
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_holds_its_subject_and_is_delivered_in_order_once_it_was_imported() {
    let till = Till::default();
    let hub = start(council(), &till).await;
    hub.put_about("a2", STRANGE, 2);
    hub.put_about("a3", STRANGE, 3);
    for target in ["dock", "till"] {
        let what = "the second behind the first";
        hub.until_sums(target, what, |sums| (sums.delivered, sums.dead, sums.held) == (0, 1, 1)).await;
    }
    hub.until_sums("book", "both, for each is made before it is staged", |book| book.dead == 2).await;
    for row in hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap() {
        let expected =
            "lookup `number`: no `parcel-in-register` of `register` is known for what stands in `subject`";
        assert_eq!((row.code.as_str(), row.words.as_str(), row.attempts), (UNKNOWN_REFERENCE, expected, 0));
    }
    let of = XrefKey { kind: KIND.into(), key: format!("parcel:{STRANGE}"), system: "register".into() };
    let imported = Xref { of, id: "R-7".into(), at: 1, noted_by: "job 1".into() };
    hub.ledger.note_xrefs(vec![imported]).await.unwrap();
    redrive(&hub, "dock", lease::of_ingress("shop")).await;
    redrive(&hub, "till", lease::of_lane("till")).await;
    redrive(&hub, "book", lease::of_lane("book")).await;
    for target in ["dock", "till", "book"] {
        hub.until_sums(target, "both", |sums| (sums.delivered, sums.dead, sums.held) == (2, 0, 0)).await;
    }
    assert_eq!(docked_places(&hub), ["R-7", "R-7"]);
    assert_eq!(till.numbers(STRANGE), [2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_tells_is_known_to_its_own_routes_at_once_and_to_those_of_later_events() {
    let till = Till::default();
    let council = council();
    let fill =
        "[[fill]]\nxref = \"parcel-in-register\"\nkey = \"subject\"\nid = \"owner\"\nsystem = \"register\"\n";
    route(&council, ("register", ".number == 2"), fill, ".place");
    let hub = start(council, &till).await;
    let told = |id: &str, number: u64, owner: &str| {
        let mut event = parcel_event(id, "a", number);
        event["data"]["owner"] = owner.into();
        put(&hub.server, &hub.council, &event);
    };
    told("a2", 2, "R-1");
    told("a3", 3, "R-2");
    hub.until_sums("dock", "both", |dock| (dock.delivered, dock.dead) == (2, 0)).await;
    hub.until_sums("till", "both", |till| (till.delivered, till.dead) == (2, 0)).await;
    assert_eq!(docked_places(&hub), ["R-1", "R-1"], "only the route that takes an event notes what it tells");
    told("a2", 2, "R-9");
    until("the second of a again", async || {
        hub.ledger.sums().await.unwrap().sources["shop"].events.duplicate == 1
    })
    .await;
    let is = |id: &str| [("parcel:a".to_owned(), "register".to_owned(), id.to_owned())];
    assert_eq!(known(&hub).await, is("R-1"), "an event that comes again tells nothing");
    told("b2", 2, "R-3");
    until("the newest word", async || known(&hub).await == is("R-3")).await;
    hub.stopped().await;
}

/// The small council, whose route to the dock asks what the yard calls a parcel, without a hub at work.
fn asking() -> TestHub {
    let council = TestCouncil::small();
    let lookup = LOOKUP.replace("system = \"register\"", "system = \"yard\"");
    route(&council, ("dock", ".number > 1"), &lookup, "%lookup.number");
    TestHub::new(council, "amqp://nobody@127.0.0.1:1")
}

#[test]
fn an_import_says_what_is_new_changed_and_the_same_and_writes_it_when_it_may() {
    let hub = asking();
    let import = |text: &str, more: &[&str]| {
        hub.council.write("yard.csv", text);
        let file = hub.council.folder().join("yard.csv").display().to_string();
        let fixed = ["xref", "import", &file, "--kind", KIND, "--system", "yard", "--reason", "first load"];
        hub.run(&[&fixed, more].concat())
    };
    let said = |output: &std::process::Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let counts = |told: &Value| ["new", "changed", "same"].map(|name| told[name].as_u64().unwrap());
    let listed = || hub.json(&["xref", "list", "--kind", KIND, "--json"]).as_array().cloned().unwrap();
    let two = "key,id\nparcel:a,Y-1\nparcel:b,Y-2\n";
    let tried = said(&import(two, &["--dry-run", "--json"]));
    assert_eq!((counts(&tried), &tried["written"], listed().len()), ([2, 0, 0], &Value::Bool(false), 0));
    assert!(!import(two, &[]).status.success(), "nobody was asked, so nothing is done");
    assert_eq!(listed().len(), 0);
    assert_eq!(counts(&said(&import(two, &["--yes", "--json"]))), [2, 0, 0]);
    let told = said(&import("key,id\nparcel:a,Y-1\nparcel:b,Y-9\nparcel:c,Y-3\n", &["--yes", "--json"]));
    assert_eq!((counts(&told), &told["written"]), ([1, 1, 1], &Value::Bool(true)));
    let ids: Vec<_> = listed().iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, ["Y-1", "Y-9", "Y-3"]);
    let job = hub.json(&["jobs", "show", &told["job"].to_string(), "--json"]);
    assert_eq!((&job["kind"], &job["reason"]), (&"xref-import".into(), &"first load".into()));
    let twice = import("key,id\nparcel:a,Y-1\nparcel:d,Y-4\nparcel:a,Y-5\n", &["--yes"]);
    let words = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(!twice.status.success() && words.contains("line 4: the key of line 2 again"), "{words}");
    assert!(!words.contains("parcel:a") && listed().len() == 3, "{words}");
    assert_eq!(hub.json(&["xref", "show", "parcel:c", "--json"])[0]["id"], "Y-3");
    hub.say(&["xref", "remove", "--kind", KIND, "--key", "parcel:b", "--reason", "merged", "--yes"]);
    assert_eq!(listed().len(), 2);
}

#[test]
fn explain_asks_the_ledger_where_there_is_one_and_says_what_was_not_resolved_where_there_is_none() {
    let hub = asking();
    hub.council.write("event.json", &parcel_event("e2", "a", 2).to_string());
    let file = hub.council.folder().join("event.json").display().to_string();
    let explained = || {
        let told = hub.json(&["explain", &file, "--json", "--reveal", "--reason", "a test"]);
        let routes = told["routes"].as_array().cloned().unwrap();
        (routes.into_iter().find(|route| route["target"] == "dock").unwrap(), told["unresolved"].clone())
    };
    let (dock, unresolved) = explained();
    assert!(dock["why"].as_str().unwrap().starts_with("unknown-reference: "), "{dock}");
    assert_eq!(unresolved, serde_json::json!([{"kind": KIND, "system": "yard"}]));
    hub.council.write("yard.csv", "key,id\nparcel:a,Y-1\n");
    let csv = hub.council.folder().join("yard.csv").display().to_string();
    hub.say(&["xref", "import", &csv, "--kind", KIND, "--system", "yard", "--reason", "first load", "--yes"]);
    let (dock, unresolved) = explained();
    assert_eq!((&dock["message"]["place"], unresolved), (&"Y-1".into(), Value::Null));
}

#[test]
fn a_golden_case_says_what_the_ledger_would() {
    let check = |lookups: &str, code: i32, words: &str| {
        let hub = asking();
        let case = "routes/parcel-to-dock/cases/plain";
        hub.council.write(&format!("{case}/event.json"), &parcel_event("case", "a", 2).to_string());
        let message = r#"{"number": 2, "place": "Y-1", "parcel": "parcel:a"}"#;
        hub.council.write(&format!("{case}/message.json"), message);
        if !lookups.is_empty() {
            hub.council.write(&format!("{case}/lookups.json"), lookups);
        }
        let output = hub.run(&["check"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{lookups}: {said}");
        assert!(said.contains(words), "{lookups}: {said}");
    };
    check(r#"{"number": "Y-1"}"#, 0, "");
    check(r#"{"number": "Y-2"}"#, 1, "/place differs");
    check(r#"{"number": null}"#, 1, "unknown-reference");
    check("", 1, "unknown-reference");
    check(r#"{"numbr": "Y-1"}"#, 1, "no lookup `numbr`");
    check(r#"{"number": 7}"#, 1, "a text or null");
}

#[test]
fn a_golden_case_has_null_where_the_route_takes_what_nobody_knows() {
    let hub = asking();
    let lookup = LOOKUP.replace("system = \"register\"", "system = \"yard\"\nunknown = \"null\"");
    route(&hub.council, ("dock", ".number > 1"), &lookup, "string(%lookup.number) ?? \"nowhere\"");
    let case = "routes/parcel-to-dock/cases/plain";
    hub.council.write(&format!("{case}/event.json"), &parcel_event("case", "a", 2).to_string());
    let message = r#"{"number": 2, "place": "nowhere", "parcel": "parcel:a"}"#;
    hub.council.write(&format!("{case}/message.json"), message);
    for lookups in ["{}", r#"{"number": null}"#] {
        hub.council.write(&format!("{case}/lookups.json"), lookups);
        hub.say(&["check"]);
    }
}
