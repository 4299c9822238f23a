//! Personal data and the commands that read the council's text and an event, without a broker: the record of processing, and
//! what is said of an event whose every personal field is marked.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::path::Path;
use std::process::{Command, Output};

use postroom_schema::Vocabulary;
use postroom_tests::council::{TestCouncil, house};
use postroom_tests::hub::program;
use serde_json::{Value, json};

/// What must not be seen.
const MARK: &str = "zq7person";
/// The sample whose fields are marked.
const SAMPLE: &str = "deploy/council/samples/customer-services/01-moved-within-the-district.event.json";

/// What the program does with a council, its data in a folder of its own.
fn run(council: &Path, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).arg("--council").arg(council).env("POSTROOM_DATA", data);
    command.output().expect("the program can be run")
}

/// What it says, on both of its outputs.
fn said(output: &Output) -> String {
    [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat()
}

fn record(format: &str) -> String {
    let data = tempfile::tempdir().expect("a folder");
    let output = run(&house().join("deploy/council"), data.path(), &["docs", "ropa", "--format", format]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_record_names_each_field_with_its_class_its_purpose_and_its_target_in_every_form() {
    for format in ["md", "csv", "html"] {
        let record = record(format);
        for named in [
            ".name.family",
            "%subject",
            "household-waste-collection",
            "Environmental Protection Act 1990",
            "subscribers to garden waste",
            "2 years after the last collection",
            "Waste and street cleaning",
            "resident.moved.v1",
        ] {
            assert!(record.contains(named), "{format}: {named}: {record}");
        }
        assert!(record.to_lowercase().contains("draft for the data protection officer"), "{record}");
    }
}

#[test]
fn of_a_purpose_that_does_not_say_whose_data_it_is_the_record_says_that_it_is_still_to_be_added() {
    let asks = "`people` in purposes.toml, for ";
    assert!(!record("md").replace('\\', "").contains(asks), "the example says it of every purpose");
    let council = TestCouncil::example();
    council.edit("purposes.toml", "people = [\"former tenants of the council\"]\n", "");
    let output = run(&council.folder(), &council.data(), &["docs", "ropa"]);
    let told = said(&output).replace('\\', "");
    assert!(told.contains(&format!("{asks}empty-homes\n")), "{told}");
    assert!(told.contains("| whose data | not said |"), "{told}");
}

/// The places of the plain values below `value`.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// The event of the sample, and the places of its personal fields.
fn sample() -> (Value, Vec<String>) {
    let text = std::fs::read_to_string(house().join(SAMPLE)).expect("the sample");
    let event: Value = serde_json::from_str(&text).expect("an event");
    let (vocabulary, problems) = Vocabulary::load(&[house().join("schemas")]);
    assert!(problems.is_empty(), "{problems:?}");
    let schema = vocabulary.get(event["type"].as_str().expect("a type")).expect("its schema");
    let is_personal = |place: &String| {
        let steps =
            place.split('/').skip(1).map(|step| if step.parse::<usize>().is_ok() { "[]" } else { step });
        schema
            .validator
            .classes_of(steps)
            .is_some_and(|classes| classes.known.iter().any(|class| class != "none"))
    };
    let mut places = Vec::new();
    leaves(&event["data"], "", &mut places);
    places.retain(is_personal);
    assert!(places.len() >= 15, "{places:?}");
    (event, places)
}

#[test]
fn what_is_explained_of_an_event_holds_no_value_of_a_personal_field_right_or_wrong() {
    let (folder, council) = (tempfile::tempdir().expect("a folder"), house().join("deploy/council"));
    let (event, places) = sample();
    let file = folder.path().join("event.json");
    let explain = |event: &Value, more: &[&str]| {
        std::fs::write(&file, event.to_string()).expect("a file for the event");
        let file = file.display().to_string();
        said(&run(&council, folder.path(), &[&["explain", &file], more].concat()))
    };
    let revealing = ["--reveal", "--reason", "a test"];
    let (masked, revealed) = (explain(&event, &["--json"]), explain(&event, &revealing));
    // What a subject or a kind of thing is called is no value.
    let is_told = |value: &str| value.len() < 4 || event["subject"].to_string().contains(value);
    let values = places.iter().filter_map(|place| event["data"].pointer(place)?.as_str());
    let values: Vec<&str> = values.filter(|value| !is_told(value)).collect();
    for value in &values {
        assert!(!masked.contains(value), "{value}: {masked}");
    }
    assert!(values.iter().any(|value| revealed.contains(value)), "{revealed}");
    assert!(revealed.contains("operator.revealed") && revealed.contains("a test"), "{revealed}");
    for place in places {
        let mut wrong = event.clone();
        *wrong["data"].pointer_mut(&place).expect("its place") = json!([MARK, { MARK: MARK }]);
        let said = explain(&wrong, &[]);
        assert!(said.starts_with("invalid: ") && !said.contains(MARK), "{place}: {said}");
    }
}

#[test]
fn nobody_sees_values_without_saying_why() {
    let (folder, council) = (tempfile::tempdir().expect("a folder"), house().join("deploy/council"));
    let file = house().join(SAMPLE).display().to_string();
    for more in [&["--reveal"][..], &["--reveal", "--reason", ""], &["--reason", "a test"]] {
        let output = run(&council, folder.path(), &[&["explain", &file], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{more:?}");
    }
}

#[test]
fn a_golden_case_that_differs_is_told_without_its_values() {
    let (council, (mut event, places)) = (TestCouncil::example(), sample());
    for place in places.iter().filter(|place| place.ends_with("/family") || place.ends_with("/given")) {
        *event["data"].pointer_mut(place).expect("its place") = json!(MARK);
    }
    let case = "routes/resident-moved-to-counciltax/cases/marked";
    council.write(&format!("{case}/event.json"), &event.to_string());
    council.write(&format!("{case}/message.json"), &json!({"record": "MOVE", "name": MARK}).to_string());
    let output = run(&council.folder(), &council.data(), &["check"]);
    let said = said(&output);
    assert!(said.contains("error[case]") && !said.contains(MARK), "{said}");
}
