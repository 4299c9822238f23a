//! Real input that nobody here wrote, where `shared/data` lies beside the house: all of it is delivered or accounted for.

#![expect(clippy::print_stdout, reason = "what is skipped is told")]

use std::fs;
use std::path::{Path, PathBuf};

use postroom_council::{Case, CodeList, Listed};
use postroom_format::{Table, TableRow};
use postroom_tests::council::{TestCouncil, house};
use postroom_tests::demo::Standins;
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
    taken_by(TestCouncil::example(), from, inbox, takes)
}

/// The same, by this council.
fn taken_by(
    council: TestCouncil,
    from: &Path,
    inbox: &str,
    takes: impl Fn(&str) -> bool,
) -> (TestHub, Value) {
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
    let council = TestCouncil::example();
    let _file_server = Standins::start(&council);
    let (hub, status) = taken_by(council, &data.join("planning-odp"), "planning/in", |_| true);
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

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// The hours of the example, as the council writes them, and other spellings of the same.
const HOURS: &str = "hours,synonyms\n09:30-19:00,9:30 - 19:00|09:30 - 19:00|0930 - 1900|9:30 to 19:00|\
                     09:30 to 19:00|From 9:30 to 19:00|9:30am - 7pm\n";
const REGISTERED: &str = "food.business.registered.v1";

/// Has registrations of food businesses come from the folder of `system`, with hours as the list `hours` writes them.
fn take_registrations(council: &TestCouncil, system: &str, hours: &str) {
    council.write(&format!("lists/{system}-hours.csv"), hours);
    let lookup = |day: &str| {
        let from = format!("registration.establishment.activities.opening_hours_{day}");
        format!(
            "[[source.map.lookup]]\nname = \"{day}\"\nlist = \"{system}-hours\"\nfrom = \"{from}\"\nrequired = true\n"
        )
    };
    let files = "files = [{ pattern = \"*.json\", format = { kind = \"json\" } }]";
    let text = format!(
        "title = \"Food\"\n[source]\nconnector = \"file\"\n[source.settings]\nfolder = \"{system}/in\"\nsettle = \"100ms\"\n\
         {files}\n[[source.map]]\nrule = \"a food business was registered\"\nevent = \"{REGISTERED}\"\n{}",
        DAYS.map(lookup).concat()
    );
    council.write(&format!("systems/{system}/system.toml"), &text);
    let open = |day: &str| {
        format!("{day} = if activities.opening_day_{day} == true {{ %lookup.{day} }} else {{ null }}\n")
    };
    let mapping = format!(
        "activities = .registration.establishment.activities\n\
         details = .registration.establishment.establishment_details\n\
         {}hours = compact({{ {} }})\n\
         {{ \"subject\": \"food-business:\" + (string(details.establishment_primary_number) ?? \"\"), \"data\": {{ \"hours\": hours }} }}\n",
        DAYS.map(open).concat(),
        DAYS.map(|day| format!("\"{day}\": {day}")).join(", "),
    );
    council.write(&format!("systems/{system}/events/{REGISTERED}.vrl"), &mapping);
}

/// The small council, whose book takes the hours of food businesses.
fn council_of_food() -> TestCouncil {
    let council = TestCouncil::small();
    let hours = json!({
        "type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", "maxLength": 11,
        "description": "From when until when.", "x-class": "none",
    });
    let days: serde_json::Map<_, _> = DAYS.map(|day| (day.to_owned(), hours.clone())).into_iter().collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "additionalProperties": false, "required": ["hours"], "description": "A food business was registered.",
        "properties": {"hours": {
            "type": "object", "additionalProperties": false, "properties": days,
            "description": "The days on which it is open.", "x-class": "none",
        }},
    });
    council.write(&format!("schemas/{REGISTERED}/schema.json"), &schema.to_string());
    council
        .write(&format!("schemas/{REGISTERED}/valid/monday.json"), r#"{"hours": {"monday": "09:30-19:00"}}"#);
    council.write(&format!("schemas/{REGISTERED}/invalid/as-told.json"), r#"{"hours": {"monday": "9:30"}}"#);
    council.write("systems/book/messages/food.schema.json", &schema.to_string());
    let route = format!("from = \"{REGISTERED}\"\nto = \"book\"\nmessage = \"food\"\n");
    council.write("routes/food-to-book/route.toml", &route);
    council.write("routes/food-to-book/mapping.vrl", "{ \"hours\": .hours }\n");
    council
}

#[test]
fn the_same_opening_hours_in_seven_spellings_are_one_and_a_spelling_that_no_list_knows_is_an_exception() {
    let Some(data) = data() else { return };
    let council = council_of_food();
    take_registrations(&council, "food", HOURS);
    take_registrations(&council, "stall", &HOURS.replace("|9:30am - 7pm", ""));
    let from = data.join("food-registration");
    let files =
        ["food/in", "stall/in"].map(|inbox| council.feed_all(&from, inbox, |name| name.ends_with(".json")));
    let mut hub = TestHub::ready(council, Rabbit::shared().url());
    let status = settled(&mut hub, files.iter().sum());
    let counted = |system: &str| {
        ["records_read", "mapped", "refused"].map(|name| status["sources"][system][name].clone())
    };
    assert_eq!(counted("food"), [2, 2, 0].map(Value::from), "{status:#}");
    assert_eq!(counted("stall"), [2, 0, 2].map(Value::from), "{status:#}");
    let hours = |days: &[&str]| {
        let open = days.iter().map(|day| ((*day).to_owned(), json!("09:30-19:00")));
        json!({"hours": open.collect::<serde_json::Map<_, _>>()})
    };
    let told = hub.council.outbox_lines("book/out");
    assert_eq!(told, [hours(&["monday", "tuesday", "thursday"]), hours(&DAYS[..6])]);
    let listed = hub.json(&["invalid", "list", "--system", "stall", "--json"]);
    let refused: Vec<_> =
        listed["records"].as_array().expect("a list").iter().map(|row| &row["record"]).collect();
    let words = "lookup `wednesday`: the code list `stall-hours` does not know what stands in \
                 `registration.establishment.activities.opening_hours_wednesday`";
    assert_eq!(refused.len(), 2);
    for record in refused {
        assert_eq!((&record["rule"], &record["words"]), (&json!("unknown-code"), &json!(words)));
    }
}
