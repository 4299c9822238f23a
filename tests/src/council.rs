//! Councils for tests, each in a folder of its own: a copy of the example, or a small one that is proved in a moment.
//!
//! The small one has a yard that exports parcels as CSV, a shop that publishes them itself, a book that takes JSON Lines,
//! and a dock that reads its own queue.

#![expect(clippy::expect_used, reason = "support for tests: what goes wrong here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::ports;

/// The root of the house.
pub fn house() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate lies in the house").to_owned()
}

/// A council's folder, beside its data.
pub struct TestCouncil {
    root: tempfile::TempDir,
    /// Prefix of its objects on the broker; no other test has it.
    pub prefix: String,
    /// The broker user of the system that publishes itself.
    pub publisher: String,
}

impl TestCouncil {
    /// A copy of the example council.
    pub fn example() -> Self {
        let council = Self::empty();
        copy(&house().join("deploy/council"), &council.folder());
        let schemas = house().join("schemas");
        council.edit("council.toml", "../../schemas", &schemas.display().to_string());
        council.edit("council.toml", "\"postroom.\"", &format!("\"{}\"", council.prefix));
        let user = format!("broker_user = \"{}\"", council.publisher);
        council.edit("systems/customer-services/system.toml", "broker_user = \"customer-services\"", &user);
        let waste = format!("broker_user = \"{}\"", council.waste());
        council.edit("systems/waste/system.toml", "broker_user = \"waste\"", &waste);
        // Each test has ports of its own.
        let [pay, benefits, notify, mail, files, accounts] = [(); 6].map(|()| ports::free().to_string());
        for system in ["payments", "letters", "lighting", "reports"] {
            council.edit(
                &format!("systems/{system}/system.toml"),
                "127.0.0.1:8088",
                &format!("127.0.0.1:{pay}"),
            );
        }
        council.edit("systems/accounts/system.toml", "8091", &accounts);
        council.edit("systems/benefits/system.toml", "8089", &benefits);
        council.edit("systems/letters/system.toml", "8090", &notify);
        council.edit("systems/repairs/system.toml", "8025", &mail);
        for system in ["gardenwaste", "landcharges"] {
            council.edit(&format!("systems/{system}/system.toml"), "8022", &files);
        }
        council
    }

    /// The small council.
    pub fn small() -> Self {
        let council = Self::empty();
        council.write(
            "council.toml",
            &format!(
                "name = \"Small\"\n[broker]\nprefix = \"{}\"\n[limits]\nbody_bytes = 65536\n",
                council.prefix
            ),
        );
        council.write(&format!("schemas/{PARCEL}/schema.json"), &schema(None).to_string());
        council.write(&format!("schemas/{PARCEL}/valid/parcel.json"), r#"{"number": 1, "place": "shelf"}"#);
        council.write(&format!("schemas/{PARCEL}/invalid/number-missing.json"), r#"{"place": "shelf"}"#);
        council.write("systems/yard/system.toml", YARD);
        council.write(&format!("systems/yard/events/{PARCEL}.vrl"), RECORD_TO_EVENT);
        let shop = format!(
            "title = \"Shop\"\nbroker_user = \"{}\"\n[source]\nconnector = \"queue\"\n",
            council.publisher
        );
        council.write("systems/shop/system.toml", &shop);
        council.write("systems/book/system.toml", BOOK);
        council.write("systems/book/messages/parcel.schema.json", &schema(Some(20)).to_string());
        council.write("systems/dock/system.toml", "title = \"Dock\"\n[target]\nconnector = \"queue\"\n");
        council.write("systems/dock/messages/parcel.schema.json", &schema(Some(20)).to_string());
        for target in ["book", "dock"] {
            let route = format!("from = \"{PARCEL}\"\nto = \"{target}\"\nmessage = \"parcel\"\n");
            council.write(&format!("routes/parcel-to-{target}/route.toml"), &route);
            council.write(&format!("routes/parcel-to-{target}/mapping.vrl"), EVENT_TO_MESSAGE);
        }
        council
    }

    /// An empty one.
    pub(crate) fn empty() -> Self {
        let root =
            tempfile::Builder::new().prefix("postroom-test-").tempdir().expect("a folder for the council");
        let name = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..10]);
        Self { root, prefix: format!("{name}."), publisher: format!("{name}-publisher") }
    }

    /// The broker user of waste in the example.
    pub fn waste(&self) -> String {
        format!("{}-waste", self.publisher)
    }

    /// The folder of its text.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("council")
    }

    /// The folder of inboxes, outboxes and the ledger.
    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Writes a file of its text.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.folder().join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder of the council");
        fs::write(file, text).expect("a file of the council");
    }

    /// Replaces what must stand in a file of its text.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder().join(path)).expect("a file of the council");
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, &text.replace(from, to));
    }

    /// Has what a route holds tried again each second, for longer than any test waits.
    pub fn retry_soon(&self, route: &str) {
        let (message, retry) = ("message = \"parcel\"\n", vec!["\"1s\""; 100].join(", "));
        let file = format!("routes/{route}/route.toml");
        self.edit(&file, message, &format!("{message}retry = [{retry}]\n"));
    }

    /// Puts a file into a folder of the data, whole from the first moment.
    pub fn feed(&self, folder: &str, name: &str, content: &[u8]) {
        let folder = self.data().join(folder);
        fs::create_dir_all(&folder).expect("an inbox");
        fs::write(folder.join(format!(".{name}.part")), content).expect("a file for the inbox");
        fs::rename(folder.join(format!(".{name}.part")), folder.join(name)).expect("a file in the inbox");
    }

    /// Puts copies of the files of `from` that `takes` names into a folder of the data; how many.
    pub fn feed_all(&self, from: &Path, folder: &str, takes: impl Fn(&str) -> bool) -> usize {
        let names = names_in(from).into_iter().filter(|name| takes(name));
        names
            .map(|name| self.feed(folder, &name, &fs::read(from.join(&name)).expect("a file to feed")))
            .count()
    }

    /// The files of an outbox, oldest first, as name and text.
    pub fn outbox(&self, folder: &str) -> Vec<(String, String)> {
        let folder = self.data().join(folder);
        let mut files: Vec<_> = names_in(&folder)
            .into_iter()
            .map(|name| {
                let path = folder.join(&name);
                let written =
                    fs::metadata(&path).and_then(|file| file.modified()).expect("a file of the outbox");
                (
                    written,
                    name,
                    String::from_utf8_lossy(&fs::read(path).expect("a file of the outbox")).into_owned(),
                )
            })
            .collect();
        files.sort();
        files.into_iter().map(|(_, name, text)| (name, text)).collect()
    }

    /// The lines of the JSON Lines in an outbox, oldest first.
    pub fn outbox_lines(&self, folder: &str) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        self.outbox(folder).iter().flat_map(|(_, text)| text.lines().map(read).collect::<Vec<_>>()).collect()
    }
}

/// The names of the files in a folder that are not hidden, in order; none where there is no folder.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of the copy");
    for entry in fs::read_dir(from).expect("a folder to copy").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file of the copy");
        }
    }
}

/// The one event type of the small council.
pub const PARCEL: &str = "parcel.moved.v1";

/// An event of the shop about `parcel`, in structured mode.
pub fn parcel_event(id: &str, parcel: &str, number: u64) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/systems/shop", "type": PARCEL,
        "subject": format!("parcel:{parcel}"), "time": "2026-03-20T10:14:00Z",
        "data": {"number": number, "place": "shelf"},
    })
}

/// A file of the yard: `count` rows about `parcels` parcels, the numbers of each rising.
pub fn yard_rows(count: u64, parcels: u64) -> String {
    let row = |number: u64| format!("M,{},{number},shelf,,\n", number % parcels);
    format!("{YARD_HEAD}{}", (1..=count).map(row).collect::<String>())
}

/// The head of a file of the yard.
pub const YARD_HEAD: &str = "code,parcel,number,place,owner,telephone\n";

const YARD: &str = r#"
title = "Yard"
[source]
connector = "file"
[source.settings]
folder = "yard/in"
settle = "100ms"
[[source.settings.files]]
pattern = "*.csv"
format = { kind = "csv", delimiter = ",", encoding = "utf-8", header = true, required = [
    "code", "parcel", "number", "place", "owner", "telephone",
] }
[[source.map]]
rule = "a parcel was moved"
when = '.code == "M"'
event = "parcel.moved.v1"
[[source.ignore]]
rule = "a parcel that stays is no event"
when = '.code == "S"'
"#;

const BOOK: &str = r#"
title = "Book"
[target]
connector = "file"
[target.settings]
folder = "book/out"
name = "parcels-{batch}.jsonl"
format = { kind = "jsonl" }
[target.batch]
every = "300ms"
max_items = 500
"#;

const RECORD_TO_EVENT: &str = r#"{
  "subject": "parcel:" + .parcel,
  "data": merge(
    compact({ "owner": .owner, "telephone": .telephone }),
    { "number": parse_int(.number) ?? .number, "place": .place }
  )
}
"#;

const EVENT_TO_MESSAGE: &str = r#"merge(
  compact({ "owner": .owner, "telephone": .telephone }),
  { "number": .number, "place": .place, "parcel": %subject }
)
"#;

/// The schema of the event, or with a limit on the place that of the message, which names the parcel too.
fn schema(longest_place: Option<u64>) -> Value {
    let text = |longest: u64, class: &str| json!({"type": "string", "minLength": 1, "maxLength": longest, "description": "A text.", "x-class": class});
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "additionalProperties": false, "required": ["number", "place"],
        "description": "A parcel was moved.",
        "properties": {
            "number": {
                "type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64,
                "description": "Which move.", "x-class": "none",
            },
            "place": text(longest_place.unwrap_or(100), "none"),
            "owner": text(100, "none"),
            "telephone": text(100, "none"),
        },
    });
    if longest_place.is_some() {
        schema["properties"]["parcel"] = text(200, "none");
        schema["required"] = json!(["number", "place", "parcel"]);
    }
    schema
}
