//! Real input that nobody here wrote, where `shared/data` lies beside the house: all of it is delivered or accounted for.

#![expect(clippy::print_stdout, reason = "what is skipped is told")]

use std::fs;
use std::path::{Path, PathBuf};

use postroom_council::{Case, CodeList, Listed};
use postroom_format::{Table, TableRow};
use postroom_tests::council::{TestCouncil, house};
use postroom_tests::hub::TestHub;
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

/// The real data, or nothing, said so.
fn data() -> Option<PathBuf> {
    let house = house();
    let found = house.ancestors().map(|folder| folder.join("shared/data")).find(|folder| folder.is_dir());
    if found.is_none() {
        println!("skipped: there is no shared/data beside the house");
    }
    found
}

/// The example council with the files of `from` that `takes` names in one inbox, once `ended` of them have ended.
fn taken(from: &Path, inbox: &str, takes: impl Fn(&str) -> bool) -> (TestHub, Value) {
    let council = TestCouncil::example();
    let files = council.feed_all(from, inbox, takes);
    let mut hub = TestHub::ready(council, Rabbit::shared().url());
    let status = settled(&mut hub, files);
    (hub, status)
}

/// The status once so many files have ended, in whatever way.
fn settled(hub: &mut TestHub, files: usize) -> Value {
    postroom_tests::hub::until("every file to end", || {
        let ended = hub.heard("import.finished") + hub.heard("import.refused") + hub.heard("import.repeated");
        (ended == files).then_some(())
    });
    hub.settled()
}

/// Labels of the hub's lines of `event`, in their order.
fn labels(hub: &TestHub, event: &str) -> Vec<String> {
    let of_event = hub.lines.iter().filter(|line| line["event"] == event);
    of_event.filter_map(|line| line["label"].as_str().map(str::to_owned)).collect()
}

#[test]
fn gazetteer_changes_are_taken_as_insert_update_delete() {
    let Some(data) = data() else { return };
    let (hub, status) = taken(&data.join("gazetteer-dtf73"), "gazetteer/in", |_| true);
    assert_eq!(labels(&hub, "import.finished"), ["insert.csv", "update.csv", "delete.csv"]);
    let source = &status["sources"]["gazetteer"];
    assert_eq!(
        (&source["records_read"], &source["mapped"], &source["refused"]),
        (&json!(5), &json!(5), &json!(0))
    );
    assert_eq!(source["events"], json!({"routed": 5, "no_route": 0, "invalid": 0, "duplicate": 0}));
    assert_eq!(status["targets"]["waste"]["delivered"], 5);
    let retired = hub.json(&["trace", "usrn:20900162", "--json"]);
    let steps: Vec<_> =
        retired.as_array().expect("journeys").iter().map(|one| one["event_type"].clone()).collect();
    assert_eq!(steps, ["street.created.v1", "street.retired.v1"]);
}

#[test]
fn billing_reports_are_delivered_and_a_trailer_that_lies_is_refused_with_both_numbers() {
    let Some(data) = data() else { return };
    let takes = |name: &str| name.ends_with(".xml");
    let (hub, status) = taken(&data.join("valuebill-ba-to-voa"), "billing/in", takes);
    let source = &status["sources"]["billing"];
    let counted = ["records_read", "mapped", "refused", "batches_done", "batches_refused"];
    assert_eq!(counted.map(|name| source[name].clone()), [36, 35, 0, 2, 1].map(Value::from), "{source:#}");
    assert_eq!(source["ignored"], json!({"CR09 asks for a review and has no event type": 1}));
    assert_eq!(source["events"], json!({"routed": 40, "no_route": 0, "invalid": 0, "duplicate": 0}));
    let reason = hub.council.data().join("billing/in/refused/CTInvalid1.xml.why.json");
    let reason: Value = serde_json::from_slice(&std::fs::read(reason).expect("a reason")).expect("JSON");
    let words = reason["words"].as_str().expect("words");
    assert!(words.contains('8') && words.contains('5'), "{words}");
    let delivered =
        ["counciltax", "waste", "elections"].map(|target| status["targets"][target]["delivered"].clone());
    assert_eq!(delivered, [40, 40, 4].map(Value::from), "only four of them have a UPRN");
}

#[test]
fn one_planning_application_is_followed_through_its_life() {
    let Some(data) = data() else { return };
    let (hub, status) = taken(&data.join("planning-odp"), "planning/in", |_| true);
    let source = &status["sources"]["planning"];
    let counted = ["records_read", "mapped", "refused"].map(|name| source[name].clone());
    assert_eq!(counted, [json!(9), json!(6), json!(0)], "{source:#}");
    assert_eq!(source["events"], json!({"routed": 6, "no_route": 0, "invalid": 0, "duplicate": 0}));
    assert_eq!(hub.council.outbox_lines("landcharges/out").len(), 6);
    assert_eq!(status["targets"]["landcharges"]["delivered"], 6);
}

#[test]
fn three_suppliers_exports_become_one_event_type() {
    let Some(data) = data() else { return };
    let council = TestCouncil::example();
    let from = data.join("elections-ems");
    let files: usize = ["idox", "xpress", "dcounts"]
        .map(|supplier| {
            council.feed_all(&from, &format!("elections-{supplier}/in"), |name| name.contains(supplier))
        })
        .iter()
        .sum();
    assert_eq!(files, 4);
    let mut hub = TestHub::ready(council, Rabbit::shared().url());
    let status = settled(&mut hub, files);
    for (supplier, read, routed) in [("idox", 9, 9), ("xpress", 9, 9), ("dcounts", 38, 19)] {
        let source = &status["sources"][format!("elections-{supplier}")];
        let counted = [&source["records_read"], &source["refused"], &source["events"]["routed"]];
        assert_eq!(counted, [&json!(read), &json!(0), &json!(routed)], "{supplier}: {source:#}");
    }
    assert_eq!(status["targets"]["elections"]["delivered"], 37);
    let text: String = hub.council.outbox("elections/out").into_iter().map(|(_, text)| text).collect();
    assert_eq!(text.matches("<change>").count(), 37);
}

/// A reason of the waste standard: its code, which names the reason that it is a part of, and its synonyms.
struct Reason {
    code: String,
    synonyms: Vec<String>,
}

/// The reasons for a missed collection in the table of the waste standard; nothing where it lacks a column.
fn reasons(table: &Table) -> Option<Vec<Reason>> {
    let column = |name: &str| table.columns.iter().position(|column| column == name);
    let (whole, part, synonyms) = (column("level_1")?, column("level_2")?, column("synonyms")?);
    let mut last = String::new();
    let read = |row: &TableRow| {
        let cell = |column: usize| row.cells[column].trim();
        if !cell(whole).is_empty() {
            cell(whole).clone_into(&mut last);
        }
        let code = if cell(part).is_empty() { last.clone() } else { format!("{last}: {}", cell(part)) };
        Reason { code, synonyms: synonyms_of(cell(synonyms)) }
    };
    Some(table.rows.iter().map(read).collect())
}

/// Spellings that the standard divides by ` / `, but not in brackets.
fn synonyms_of(text: &str) -> Vec<String> {
    let is_open = |text: &str| text.matches('(').count() > text.matches(')').count();
    let mut found: Vec<String> = Vec::new();
    for part in text.split(" / ").filter(|part| !part.is_empty()) {
        match found.last_mut() {
            Some(last) if is_open(last) => *last = format!("{last} / {part}"),
            _ => found.push(part.to_owned()),
        }
    }
    found
}

#[test]
fn each_reason_of_the_waste_standard_for_a_missed_collection_is_found_under_each_of_its_synonyms() {
    let Some(data) = data() else { return };
    let file = data.join("waste-standard/collection_event_types.csv");
    let table = Table::read(fs::read(file).expect("the standard"), 1_000).expect("a table");
    let reasons = reasons(&table).expect("its columns");
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |reason: &Reason| format!("{},{}\n", quoted(&reason.code), quoted(&reason.synonyms.join("|")));
    let list = format!("reason,synonyms\n{}", reasons.iter().map(line).collect::<String>());
    let council = TestCouncil::small();
    council.write("lists/missed-collection.csv", &list);
    let list = CodeList::read("missed-collection", &council.folder().join("lists/missed-collection.csv"));
    let list = list.expect("no spelling stands in two rows");
    let mut asked = 0;
    for reason in &reasons {
        for spelling in reason.synonyms.iter().chain([&reason.code]) {
            asked += 1;
            assert_eq!(list.says(spelling, Case::Told, 0), Listed::As(&reason.code), "{spelling}");
            let shouted = spelling.to_uppercase();
            assert_eq!(list.says(&shouted, Case::Ignored, 0), Listed::As(&reason.code), "{shouted}");
        }
    }
    assert_eq!((reasons.len(), asked), (34, 47));
    assert_eq!(list.says("Wrong bin (wrong residual", Case::Ignored, 0), Listed::Unknown);
}
