//! A canary in every personal field of every event type of the example council, through every way in which an event fails,
//! and everything that the hub and its commands say and write then.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_schema::Vocabulary;
use postroom_tests::council::{PARCEL, TestCouncil, YARD_HEAD, copy, house};
use postroom_tests::hub::TestHub;
use postroom_tests::hub::collector::Collector;
use postroom_tests::hub::http::get;
use postroom_tests::hub::wire::{Arrived, Wire};
use postroom_tests::marked::{self, Marked};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use super::commands;
use super::echo::Echo;
use super::secrets::Written;
use crate::rig::add_target_at;
use crate::work::{publish, publish_body, small, until_number};

/// One purpose for everything, so that every field goes to every target.
const PURPOSE: &str = "[purposes.canary]\ntitle = \"Canary\"\nlawful_basis = \"none: nobody is real\"\n\
    classes = [\"P\", \"S\", \"C\", \"B\"]\n";
/// What every target gets, and what becomes of it: taken, refused with all of it in the answer, told in vain, and not as its
/// schema asks for.
const TARGETS: [&str; 4] = ["desk", "till", "gate", "vault"];
/// A type with a field that an office knows somebody by, which is noted for the desk.
const NOTED: (&str, &str) = ("tenancy.started.v1", "tenancy_reference");
/// The kind of what is noted.
const KIND: &str = "tenancy";
/// What is known to stand at a place: a search that does not find it there would find no canary either.
const KNOWN: [(&str, &str); 5] = [
    ("log", "dispatch.dead"),
    ("metrics", "target=\"till\""),
    ("receipts", "person:m0"),
    ("work items", "/payer_email: a text is expected"),
    ("spans", "deliver"),
];
/// Rows of the yard about somebody.
const ROWS: &str =
    "M,a,zq7canary9001,shelf,zq7canary9002,+4477009090003\nM,a,3,shelf,zq7canary9004\nM,a,4,shelf,,\n";

/// The hub, and what was planted.
pub(super) struct Canary {
    pub(super) hub: TestHub,
    pub(super) all: Vec<Marked>,
    /// The folder of what is given to commands, and of what they write for whoever asked for values.
    pub(super) given: tempfile::TempDir,
    written: Vec<Written>,
}

/// A type as a name of a message and in the names of its routes.
pub(super) fn message_of(event_type: &str) -> String {
    event_type.replace('.', "-")
}

/// The schema with no room for any value.
fn narrowed(mut schema: Value) -> Value {
    fn narrow(part: &mut Value) {
        match part["type"].as_str() {
            Some("string") if part.get("enum").is_none() => part["maxLength"] = json!(1),
            Some("integer" | "number") => (part["minimum"], part["maximum"]) = (json!(-2), json!(-1)),
            _ => {}
        }
        let inside = ["properties", "$defs"].map(|name| part.get(name).cloned().unwrap_or_default());
        for (name, fields) in ["properties", "$defs"].into_iter().zip(inside) {
            for field in fields.as_object().into_iter().flat_map(|fields| fields.keys()) {
                narrow(&mut part[name][field]);
            }
        }
        if part.get("items").is_some() {
            narrow(&mut part["items"]);
        }
    }
    narrow(&mut schema);
    schema
}

/// Adds the routes of a type to every target.
fn add_routes(council: &TestCouncil, vocabulary: &Vocabulary, event_type: &str) {
    let (message, known) = (message_of(event_type), vocabulary.get(event_type).expect("the type"));
    for target in TARGETS {
        let schema = known.validator.schema().clone();
        let schema = if target == "vault" { narrowed(schema) } else { schema };
        council.write(&format!("systems/{target}/messages/{message}.schema.json"), &schema.to_string());
        let folder = format!("routes/{message}-to-{target}");
        let noted = format!(
            "[[fill]]\nxref = \"{KIND}\"\nkey = \"subject\"\nid = \"{}\"\nsystem = \"desk\"\n",
            NOTED.1
        );
        let noted = if (event_type, target) == (NOTED.0, "desk") { noted } else { String::new() };
        let route = format!(
            "from = \"{event_type}\"\nto = \"{target}\"\nmessage = \"{message}\"\npurpose = \"canary\"\n{noted}"
        );
        council.write(&format!("{folder}/route.toml"), &route);
        council.write(&format!("{folder}/mapping.vrl"), ".\n");
    }
}

/// Adds a route on which the mapping of a move ends in a number that is too large.
fn add_sum(council: &TestCouncil) {
    let message = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"sum": {"type": "integer", "x-class": "P"}},
    });
    council.write("systems/sums/system.toml", "title = \"Sums\"\n[target]\nconnector = \"queue\"\n");
    council.write("systems/sums/messages/sum.schema.json", &message.to_string());
    let route = "from = \"resident.moved.v1\"\nto = \"sums\"\nmessage = \"sum\"\npurpose = \"canary\"\n";
    council.write("routes/moved-to-sum/route.toml", route);
    let mapping = "{ \"sum\": (int(.to_address.uprn) ?? 1) * 99999999999 }\n";
    council.write("routes/moved-to-sum/mapping.vrl", mapping);
}

/// Has the officers told of what is theirs.
fn add_officers(council: &TestCouncil, vocabulary: &Vocabulary) {
    let (raised, message) = ("work.item.raised.v1", message_of("work.item.raised.v1"));
    let schema = vocabulary.get(raised).expect("the type").validator.schema();
    council.write("systems/officers/system.toml", "title = \"Officers\"\n[target]\nconnector = \"queue\"\n");
    council.write(&format!("systems/officers/messages/{message}.schema.json"), &schema.to_string());
    let route = format!("from = \"{raised}\"\nto = \"officers\"\nmessage = \"{message}\"\n");
    council.write("routes/raised-to-officers/route.toml", &route);
    council.write("routes/raised-to-officers/mapping.vrl", ".\n");
}

/// The small council with every type of the example, whose source is the shop.
fn grown(council: &TestCouncil, till: &Echo, collector: &Collector) -> Vec<Marked> {
    let folders = ["schemas", "deploy/council/schemas"].map(|folder| house().join(folder));
    let (vocabulary, problems) = Vocabulary::load(&folders);
    assert!(problems.is_empty(), "{problems:?}");
    let folders = folders.map(|folder| folder.display().to_string());
    let more = format!(
        "[schemas]\nfolders = [{folders}]\n[telemetry]\notlp = \"{}\"\n[limits]\nin_place = \"1s\"\n",
        collector.url(),
        folders = folders.map(|folder| format!("{folder:?}")).join(", ")
    );
    council.edit("council.toml", "[limits]\n", &more);
    council.write("purposes.toml", PURPOSE);
    council.edit(
        "systems/shop/system.toml",
        "connector = \"queue\"",
        "connector = \"queue\"\nreceipts = true",
    );
    let book = fs::read_to_string(council.folder().join("systems/book/system.toml")).unwrap();
    council.write("systems/vault/system.toml", &book.replace("book/out", "vault/out"));
    council.write("systems/desk/system.toml", "title = \"Desk\"\n[target]\nconnector = \"queue\"\n");
    add_target_at(council, "till", &format!("{}/422", till.url()), "problem = \"/code\"\n");
    add_target_at(council, "gate", &format!("{}/500", till.url()), "problem = \"/code\"\n");
    for target in ["till", "gate"] {
        fs::remove_dir_all(council.folder().join(format!("routes/parcel-to-{target}"))).unwrap();
    }
    let all = marked::all(&vocabulary);
    all.iter().for_each(|marked| add_routes(council, &vocabulary, &marked.event_type));
    add_sum(council);
    add_officers(council, &vocabulary);
    all
}

impl Canary {
    pub(super) fn planted(&self) -> impl Iterator<Item = &String> {
        self.all.iter().flat_map(|marked| &marked.planted)
    }

    /// The event of the type with that number.
    fn event(&self, number: usize) -> Value {
        self.all[number].event(&format!("m{number}"), "/systems/shop")
    }

    /// The same with what is no value of its field in the place of each that is planted.
    fn wrong(&self, number: usize) -> Value {
        let mut event = self.event(number);
        event["id"] = json!(format!("w{number}"));
        fn spoil(value: &mut Value, planted: &[String]) {
            match value {
                Value::Object(fields) => fields.values_mut().for_each(|value| spoil(value, planted)),
                Value::Array(items) => items.iter_mut().for_each(|value| spoil(value, planted)),
                value if marked::found(planted, &value.to_string()).is_some() => {
                    *value = json!([value.clone(), {value.to_string(): value.clone()}]);
                }
                _ => {}
            }
        }
        spoil(&mut event["data"], &self.all[number].planted);
        event
    }

    /// Writes a file that is given to commands.
    pub(super) fn give(&self, name: &str, text: &str) -> PathBuf {
        let file = self.given.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// Publishes all of it, and waits until each has failed in its way.
    async fn plant(&mut self) {
        let count = self.all.len();
        for number in 0..count {
            let (right, wrong) = (self.event(number).to_string(), self.wrong(number).to_string());
            self.give(&format!("m{number}.json"), &right);
            self.give(&format!("w{number}.json"), &wrong);
            publish_body(&self.hub, wrong.as_bytes()).await;
        }
        self.give("rows.csv", &format!("{YARD_HEAD}{ROWS}"));
        self.give("half.csv", &format!("{YARD_HEAD}M,a,1,shelf,\"zq7canary9005"));
        let references = self.planted().take(2).map(|value| format!("{value}\n{value},")).collect::<String>();
        self.give("good.csv", "key,id\nperson:m1,zq7canary9006\n");
        self.give("references.csv", &format!("key,id\n{references}"));
        let broken = self.event(0).to_string().replace("\"data\":", "\"data\"");
        publish_body(&self.hub, broken.as_bytes()).await;
        publish(&self.hub, &(0..count).map(|number| self.event(number)).collect::<Vec<_>>()).await;
        self.hub.council.feed("yard/in", "rows.csv", &fs::read(self.given.path().join("rows.csv")).unwrap());
        let count = count as u64;
        for (number, least) in [
            ("/sources/shop/events/invalid", count + 1),
            ("/targets/desk/delivered", count),
            ("/targets/sums/dead", 1),
            ("/targets/till/dead", count),
            ("/targets/vault/dead", count),
            ("/targets/gate/held", count),
            ("/sources/yard/refused", 1),
        ] {
            until_number(&self.hub, number, least);
        }
    }

    /// What the hub tells others: its metrics, its receipts, and what the officers are told.
    async fn hear(&mut self, address: &str) {
        for (place, path) in [("metrics", "/metrics"), ("health", "/health/ready")] {
            self.written.push((place.to_owned(), get(address, path).1));
        }
        let prefix = &self.hub.council.prefix;
        for (place, queue, least) in [
            ("receipts", "shop-receipts", 2 * self.all.len() + 1),
            ("work items", "to.officers", self.all.len()),
        ] {
            let wire = Wire::open(Rabbit::shared().url()).await;
            let told: Vec<Arrived> = wire.read(&format!("{prefix}{queue}"), least).await;
            self.written.extend(told.iter().map(|one| (place.to_owned(), format!("{one:?}"))));
        }
    }

    /// A copy of a folder of the council beside what is given, to be changed.
    fn beside(&self, folder: &str, name: &str) -> PathBuf {
        let beside = self.given.path().join(name);
        if !beside.exists() {
            copy(&self.hub.council.folder().join(folder), &beside);
        }
        beside
    }

    /// The council as it was before a schema was changed.
    pub(super) fn older(&self) -> PathBuf {
        let older = self.beside("", "older");
        let file = older.join(format!("schemas/{PARCEL}/schema.json"));
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("\"maximum\":", "\"exclusiveMaximum\":"))
            .unwrap();
        older
    }

    /// The routes with one personal field less on the way to the desk, where a message can do without one.
    pub(super) fn changed(&self) -> PathBuf {
        let changed = self.beside("routes", "changed");
        for marked in &self.all {
            let message = message_of(&marked.event_type);
            let schema =
                self.hub.council.folder().join(format!("systems/desk/messages/{message}.schema.json"));
            let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
            let required = schema["required"].as_array().unwrap();
            let mut fields = schema["properties"].as_object().unwrap().iter();
            let spare =
                fields.find(|(name, field)| !required.contains(&json!(name)) && field["x-class"] != "none");
            if let Some((name, _)) = spare {
                let mapping = format!("compact(merge(., {{ \"{name}\": null }}))\n");
                fs::write(changed.join(format!("{message}-to-desk/mapping.vrl")), mapping).unwrap();
            }
        }
        changed
    }

    /// What lies in a folder and below that the hub has written by itself.
    fn files(&mut self, folder: &Path) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // The ledger keeps events whole, and what cannot be read is put aside as it came.
            if path.is_dir() {
                self.files(&path);
            } else if !name.starts_with("ledger.db") && !name.ends_with(".csv") {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                self.written.push((path.display().to_string(), text));
            }
        }
    }
}

#[tokio::test]
async fn no_value_of_any_personal_field_is_in_anything_that_is_said_or_written_whatever_becomes_of_it() {
    let (hub, till, collector) = (small(), Echo::start(), Collector::start());
    let all = grown(&hub.council, &till, &collector);
    let given = tempfile::tempdir().unwrap();
    let mut canary = Canary { hub, all, given, written: Vec::new() };
    canary.hub.start();
    let address = canary.hub.wait_for("health.listening")["address"].as_str().unwrap().to_owned();
    canary.hub.wait_for("hub.ready");
    let prefix = &canary.hub.council.prefix;
    let (queue, exchange) = (format!("{prefix}shop-receipts"), format!("{prefix}receipts"));
    Wire::open(Rabbit::shared().url()).await.bind(&queue, &exchange, "shop.#").await;
    canary.plant().await;
    canary.hear(&address).await;
    let (said, odd) = commands::run(&canary);
    canary.written.extend(said);
    assert!(canary.hub.stop().success());
    let told = till.told();
    let untold: Vec<_> = canary.planted().filter(|value| !told.contains(value.as_str())).collect();
    assert!(untold.is_empty(), "the till was not told {untold:?}");
    let lines = canary.hub.lines.iter().map(|line| ("log".to_owned(), line.to_string()));
    canary.written.extend(lines);
    let spans = collector.requests().into_iter();
    canary
        .written
        .extend(spans.map(|body| ("spans".to_owned(), String::from_utf8_lossy(&body).into_owned())));
    for folder in [canary.hub.council.folder(), canary.hub.council.data()] {
        canary.files(&folder);
    }
    for (place, known) in KNOWN {
        let there = canary.written.iter().any(|(at, text)| at == place && text.contains(known));
        assert!(there, "{known} was not found in {place}");
    }
    let leaked: Vec<String> = canary
        .written
        .iter()
        .filter_map(|(place, text)| {
            let value = marked::found(canary.planted(), text)?;
            let line = text.lines().find(|line| marked::found([&value], line).is_some()).unwrap_or(text);
            Some(format!("{place}: {value}: {line}"))
        })
        .collect();
    assert!(leaked.is_empty(), "{} places: {leaked:#?}", leaked.len());
    assert!(odd.is_empty(), "{odd:#?}");
}
