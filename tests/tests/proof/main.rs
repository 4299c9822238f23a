//! What `postroom check` says of mappings that do not make what is taken: five of each kind, in exact words.
//!
//! `told/CODE.vrl` holds five wrong mappings, `told/CODE.txt` all that `check` prints of them. With
//! `POSTROOM_WRITE_TOLD` set, a test that fails writes down what is printed now.

#![expect(clippy::expect_used, clippy::panic, reason = "what goes wrong in a test fails it")]

mod family;
mod generated;
mod personal;
mod sample;
mod sound;

use std::fs;

use postroom_tests::council::{TestCouncil, house};
use postroom_tests::hub::TestHub;
use serde_json::{Value, json};

/// Between two mappings of a file.
const DIVIDER: &str = "# ---\n";

/// The event type, with an object, lists, and fields that may be absent or null.
fn event() -> Value {
    let mut classed = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
        "description": "A tree was reported.",
        "required": ["reference", "kind", "girth", "photo", "tags", "place", "seen"],
        "properties": {
            "reference": {"type": "string"}, "kind": {"enum": ["fallen", "diseased", "dangerous"]},
            "height": {"type": "integer"}, "girth": {"type": "number"}, "photo": {"type": "boolean"},
            "note": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "object", "additionalProperties": false, "required": ["town"],
                "properties": {"town": {"type": "string"}, "street": {"type": "string"}}},
            "seen": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["on"],
                "properties": {"on": {"type": "string"}, "by": {"type": "string"}}}}
        }
    });
    class(&mut classed);
    classed
}

/// Gives every field of a schema what the house asks of it.
fn class(schema: &mut Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for field in fields.into_iter().flat_map(|fields| fields.values_mut()) {
        field["description"] = "A field.".into();
        class(field);
        if field.get("items").is_some() {
            field["items"]["x-class"] = "none".into();
            class(&mut field["items"]);
        }
        field["x-class"] = "none".into();
    }
}

/// What the crew takes.
fn message() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["reference", "what", "place", "metres"],
        "properties": {
            "reference": {"type": "string"}, "what": {"type": "string", "enum": ["fell", "prune", "inspect"]},
            "place": {"type": "object", "additionalProperties": false, "required": ["street", "town"],
                "properties": {"street": {"type": "string"}, "town": {"type": "string"}}},
            "metres": {"type": "integer"}, "urgent": {"type": "boolean"}, "note": {"type": "string"},
            "form": {"const": 1},
            "photos": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["name"], "properties": {"name": {"type": "string"}, "taken": {"type": "string"}}}}
        }
    })
}

const TREE: &str = "tree.reported.v1";

/// The small council with trees, and a crew that takes jobs.
fn council() -> TestCouncil {
    let council = TestCouncil::small();
    council.write(&format!("schemas/{TREE}/schema.json"), &event().to_string());
    let valid = json!({"reference": "a", "kind": "fallen", "girth": 1.5, "photo": false, "tags": [],
        "place": {"town": "Zedbury"}, "seen": []});
    council.write(&format!("schemas/{TREE}/valid/plain.json"), &valid.to_string());
    council.write(&format!("schemas/{TREE}/invalid/empty.json"), "{}");
    council.write("systems/crew/system.toml", "title = \"Crew\"\n[target]\nconnector = \"queue\"\n");
    council.write("systems/crew/messages/job.schema.json", &message().to_string());
    council
}

fn wrong(code: &str) -> Vec<String> {
    let file = house().join(format!("tests/tests/proof/told/{code}.vrl"));
    let text = fs::read_to_string(file).expect("the wrong mappings");
    text.split(DIVIDER).map(str::to_owned).collect()
}

/// A route for each mapping.
fn with_routes(code: &str) -> TestCouncil {
    let council = council();
    for (number, mapping) in (1..).zip(wrong(code)) {
        let route = format!("from = \"{TREE}\"\nto = \"crew\"\nmessage = \"job\"\n");
        council.write(&format!("routes/{number}-to-crew/route.toml"), &route);
        council.write(&format!("routes/{number}-to-crew/mapping.vrl"), &mapping);
    }
    council
}

/// A system for each mapping, that exports trees.
fn with_sources(code: &str) -> TestCouncil {
    let council = council();
    for (number, mapping) in (1..).zip(wrong(code)) {
        let system = format!(
            "title = \"Trees\"\n[source]\nconnector = \"file\"\n[source.settings]\nfolder = \"{number}/in\"\n\
             [[source.settings.files]]\npattern = \"*.csv\"\nformat = {{ kind = \"csv\", delimiter = \",\", \
             encoding = \"utf-8\", header = true, required = [\"id\", \"town\", \"girth\", \"photo\"] }}\n\
             [[source.map]]\nrule = \"all\"\nevent = \"{TREE}\"\n"
        );
        council.write(&format!("systems/trees-{number}/system.toml"), &system);
        council.write(&format!("systems/trees-{number}/events/{TREE}.vrl"), &mapping);
    }
    council
}

/// A route for each condition, whose mapping is right.
fn with_conditions(code: &str) -> TestCouncil {
    let council = council();
    let right = "{ \"reference\": .reference, \"what\": \"fell\", \"metres\": 1, \"place\": { \"street\": \"\", \"town\": .place.town } }";
    for (number, when) in (1..).zip(wrong(code)) {
        let when = when.trim();
        let route = format!("from = \"{TREE}\"\nto = \"crew\"\nmessage = \"job\"\nwhen = '{when}'\n");
        council.write(&format!("routes/{number}-to-crew/route.toml"), &route);
        council.write(&format!("routes/{number}-to-crew/mapping.vrl"), right);
    }
    council
}

/// Asserts that `check` prints what `told/CODE.txt` holds, and nothing else.
fn assert_told(code: &str, council: TestCouncil) {
    let folder = format!("{}/", council.folder().display());
    let output = TestHub::new(council, "amqp://nobody@127.0.0.1:1").run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).replace(&folder, "");
    let file = house().join(format!("tests/tests/proof/told/{code}.txt"));
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if std::env::var_os("POSTROOM_WRITE_TOLD").is_some() {
        fs::write(&file, &said).expect("written");
    }
    assert_eq!(said, expected, "{code}");
}

#[test]
fn a_required_field_that_is_never_set_is_told() {
    assert_told("missing", with_routes("missing"));
}

#[test]
fn a_required_field_that_is_not_always_set_is_told() {
    assert_told("may-be-missing", with_routes("may-be-missing"));
}

#[test]
fn a_value_that_may_be_null_is_told() {
    assert_told("may-be-null", with_routes("may-be-null"));
}

#[test]
fn a_value_of_another_type_is_told() {
    assert_told("wrong-type", with_routes("wrong-type"));
}

#[test]
fn a_field_that_the_target_does_not_have_is_told() {
    assert_told("unknown-field", with_routes("unknown-field"));
}

#[test]
fn an_object_with_fields_of_any_name_is_told() {
    assert_told("open-object", with_routes("open-object"));
}

#[test]
fn a_literal_that_is_none_of_the_values_is_told() {
    assert_told("not-in-enum", with_routes("not-in-enum"));
}

#[test]
fn a_field_that_the_event_does_not_have_is_told() {
    assert_told("misread", with_routes("misread"));
}

#[test]
fn a_lookup_that_is_not_declared_is_told() {
    assert_told("unknown-lookup", with_routes("unknown-lookup"));
}

#[test]
fn a_call_that_would_stop_the_mapping_is_told() {
    assert_told("failing-call", with_routes("failing-call"));
}

#[test]
fn an_assignment_that_a_closure_loses_is_told() {
    assert_told("assignment-in-closure", with_routes("assignment-in-closure"));
}

#[test]
fn a_condition_that_is_neither_true_nor_false_is_told() {
    assert_told("not-boolean", with_conditions("not-boolean"));
}

#[test]
fn what_a_source_mapping_never_makes_right_is_told() {
    for code in [
        "source-missing",
        "source-wrong-type",
        "source-unknown-field",
        "source-not-in-enum",
        "source-set-by-hub",
    ] {
        assert_told(code, with_sources(code));
    }
}

#[test]
fn what_may_go_beyond_64_bits_is_listed_by_its_text_and_what_has_bounds_is_not() {
    let council = council();
    let route = format!(
        "from = \"{TREE}\"\nto = \"crew\"\nmessage = \"job\"\nwhen = '(int(.height) ?? 0) - 1 > 2 * length(.tags)'\n"
    );
    let mapping = "{\n  \"reference\": .reference + \"-\" + .kind, \"what\": \"fell\", \"metres\": 1 + (int(.height)  ?? 0) * 3,\n  \
        \"place\": { \"street\": \"none\", \"town\": .place.town }\n}\n";
    council.write("routes/tree-to-crew/route.toml", &route);
    council.write("routes/tree-to-crew/mapping.vrl", mapping);
    let output = TestHub::new(council, "amqp://nobody@127.0.0.1:1").run(&["check", "--unproved"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let told = "routes/tree-to-crew/mapping.vrl\n  64 bits: (int(.height) ?? 0) * 3, 1 + (int(.height) ?? 0) * 3\n\
        routes/tree-to-crew/route.toml\n  64 bits: (int(.height) ?? 0) - 1\n";
    assert!(said.contains(told), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Most bytes that `check` prints of a mapping of ten megabytes.
const MOST_SAID: usize = 20_000;

#[test]
fn bad_input_is_refused_by_name_and_all_of_it_at_once() {
    let council = council();
    let mut tree = message();
    tree["properties"]["photos"]["items"] = json!({"$ref": "#"});
    for (name, mapping) in [
        ("deep", "[".repeat(2_000)),
        ("large", "x = 1; ".repeat(10 * 1024 * 1024 / 7)),
        ("right", ".".to_owned()),
    ] {
        let message = if name == "right" { "tree" } else { "job" };
        let route = format!("from = \"{TREE}\"\nto = \"crew\"\nmessage = \"{message}\"\n");
        council.write(&format!("routes/{name}/route.toml"), &route);
        council.write(&format!("routes/{name}/mapping.vrl"), &mapping);
    }
    council.write("systems/crew/messages/tree.schema.json", &tree.to_string());
    let mut event = event();
    event["properties"]["seen"]["items"] = json!({"$ref": "#"});
    council.write("schemas/tree.recalled.v1/schema.json", &event.to_string());
    let output = TestHub::new(council, "amqp://nobody@127.0.0.1:1").run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.len() < MOST_SAID, "{} bytes", said.len());
    for told in [
        "error[nested-too-deep]: brackets are nested deeper than 24 levels",
        "error[too-large]: it has 10485755 bytes, the limit is 1048576",
        "/properties/photos/items/$ref: the reference leads back to itself: a schema cannot contain itself",
        "\"/properties/seen/items/$ref\": the reference leads back to itself: a schema cannot contain itself",
    ] {
        assert!(said.contains(told), "{told} is not told: {said}");
    }
}
