//! Personal data and the commands that read the council's text and an event, without a broker: the record of processing, and
//! what is said of an event whose every personal field is marked.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use postroom_schema::{EventType, Field, Vocabulary};
use postroom_tests::council::{TestCouncil, house};
use postroom_tests::hub::program;
use postroom_tests::marked::{self, Marked, WORD as MARK};
use postroom_transform::Data;
use serde_json::{Value, json};

/// So many types tell of a person at least.
const TYPES: usize = 10;
/// An event like a real one.
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

/// The types of the example council.
fn vocabulary() -> Vocabulary {
    let folders = ["schemas", "deploy/council/schemas"].map(|folder| house().join(folder));
    let (vocabulary, problems) = Vocabulary::load(&folders);
    assert!(problems.is_empty(), "{problems:?}");
    vocabulary
}

/// What is no value of the field that it takes the place of, whatever that may be.
fn wrong() -> Value {
    json!([MARK, { MARK: MARK }])
}

/// The places of personal values in marked data, whatever they hold.
fn places(known: &EventType, marked: &Marked) -> Vec<String> {
    let mut places = Vec::new();
    known.validator.each_value(&mut marked.data.clone(), &mut |at, said, _| {
        places.extend(said.classes.iter().any(|class| class != "none").then(|| at.to_owned()));
    });
    places
}

#[test]
fn every_personal_field_of_every_type_is_marked_but_for_words_that_its_schema_lists() {
    let vocabulary = vocabulary();
    let all = marked::all(&vocabulary);
    for known in vocabulary.types() {
        let of_type = all.iter().find(|marked| marked.event_type == known.name);
        let is_personal = |field: &Field<'_>| {
            let classes = known.validator.classes_of(field.path.replace("[]", ".[]").split('.'));
            classes.is_some_and(|classes| classes.known.iter().any(|class| class != "none"))
        };
        let fields = postroom_schema::fields(known.validator.schema());
        let personal: BTreeSet<_> = fields.into_iter().filter(is_personal).map(|field| field.path).collect();
        let Some(marked) = of_type else {
            assert!(personal.is_empty(), "{}: {personal:?}", known.name);
            continue;
        };
        let there = places(known, marked);
        for field in personal {
            let pointer = format!("/{}", field.replace("[]", "/0").replace('.', "/"));
            assert!(marked.data.pointer(&pointer).is_some(), "{}: {field} is not there", known.name);
        }
        let planted = |place: &&String| {
            let value = marked.data.pointer(place).expect("its place").to_string();
            marked::found(&marked.planted, &value).is_some()
        };
        let unmarked: Vec<_> = there.iter().filter(|place| !planted(place)).cloned().collect();
        assert_eq!(unmarked, marked.listed, "{}", known.name);
        let valid = known.validator.validate(&Data::from(marked.data.clone()));
        assert_eq!(valid, Ok(()), "{}", known.name);
        for place in there {
            let mut data = marked.data.clone();
            *data.pointer_mut(&place).expect("its place") = wrong();
            let told = format!("{:?}", known.validator.validate(&Data::from(data)).expect_err("violations"));
            assert_eq!(marked::found(&marked.planted, &told), None, "{}{place}: {told}", known.name);
        }
    }
    assert!(all.len() >= TYPES, "{}", all.len());
}

#[test]
fn what_is_explained_of_any_event_holds_no_value_of_a_personal_field_right_or_wrong() {
    let (folder, council) = (tempfile::tempdir().expect("a folder"), house().join("deploy/council"));
    let (file, vocabulary) = (folder.path().join("event.json"), vocabulary());
    let explain = |event: &Value, more: &[&str]| {
        std::fs::write(&file, event.to_string()).expect("a file for the event");
        let file = file.display().to_string();
        said(&run(&council, folder.path(), &[&["explain", &file], more].concat()))
    };
    let mut revealed = 0;
    for marked in marked::all(&vocabulary) {
        let mut event = marked.event("marked", "/systems/housing");
        for form in [&[][..], &["--json"]] {
            let told = explain(&event, form);
            assert!(!told.contains("invalid"), "{told}");
            assert_eq!(marked::found(&marked.planted, &told), None, "{told}");
        }
        let told = explain(&event, &["--reveal", "--reason", "a test"]);
        assert!(told.contains("operator.revealed") && told.contains("a test"), "{told}");
        revealed += usize::from(marked::found(&marked.planted, &told).is_some());
        let known = vocabulary.get(&marked.event_type).expect("the type");
        for place in places(known, &marked) {
            *event["data"].pointer_mut(&place).expect("its place") = wrong();
        }
        let told = explain(&event, &[]);
        assert!(told.starts_with("invalid: "), "{told}");
        assert_eq!(marked::found(&marked.planted, &told), None, "{told}");
    }
    assert!(revealed >= 5, "who asks sees them: {revealed}");
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
    let (council, vocabulary) = (TestCouncil::example(), vocabulary());
    let all = marked::all(&vocabulary);
    let moved = all.iter().find(|marked| marked.event_type == "resident.moved.v1").expect("the type");
    let case = "routes/resident-moved-to-counciltax/cases/marked";
    let event = moved.event("marked", "/systems/customer-services");
    council.write(&format!("{case}/event.json"), &event.to_string());
    council.write(&format!("{case}/message.json"), &json!({"record": "MOVE", "name": MARK}).to_string());
    let output = run(&council.folder(), &council.data(), &["check"]);
    let said = said(&output);
    assert!(said.contains("error[case]"), "{said}");
    assert_eq!(marked::found(&moved.planted, &said), None, "{said}");
}
