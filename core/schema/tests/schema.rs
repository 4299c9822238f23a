//! What a schema may be, and what a violation tells.

use std::path::{Path, PathBuf};

use postroom_schema::{Validator, Vocabulary};
use serde_json::{Value, json};

const CANARY: &str = "Canary-Jane-Doe-07700900123";

#[test]
fn no_violation_quotes_the_value() {
    let fragments = [
        json!({"pattern": "^[0-9]+$"}),
        json!({"enum": ["a", "b"]}),
        json!({"const": "a"}),
        json!({"format": "date"}),
        json!({"format": "email"}),
        json!({"format": "uuid"}),
        json!({"maxLength": 3}),
        json!({"minLength": 300}),
        json!({"type": "integer"}),
        json!({"type": ["integer", "null"]}),
        json!({"not": {"type": "string"}}),
        json!({"format": "date-time"}),
        json!({"format": "uri"}),
        json!({"format": "time"}),
        json!({"allOf": [{"minLength": 1}, {"maxLength": 2}]}),
        json!({"if": {"type": "string"}, "then": {"const": "a"}}),
        json!({"oneOf": [{"type": "integer"}, {"type": "null"}]}),
        json!({"anyOf": [{"pattern": "x"}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "string"}, {"minLength": 1}]}),
        json!(false),
    ];
    for fragment in fragments {
        let schema = json!({"type": "object", "properties": {"name": fragment}});
        let violations = Validator::compile(&schema)
            .expect("a schema")
            .validate(&json!({"name": CANARY}).into())
            .expect_err("a violation");
        let told = format!("{violations:?}");
        assert!(!violations.is_empty() && !told.contains("Canary") && !told.contains("07700"), "{told}");
        assert_eq!(violations[0].pointer, "/name");
    }
    let closed = json!({"type": "object", "additionalProperties": false, "properties": {}});
    let list = json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}});
    let keyed = json!({"additionalProperties": {"type": "integer"}});
    let names = json!({"propertyNames": {"maxLength": 3}});
    let needs = json!({"dependentRequired": {"a": ["b"]}, "minProperties": 9});
    let items = json!({"contains": {"type": "integer"}, "maxItems": 0});
    let number = json!({"minimum": 5, "multipleOf": 2, "exclusiveMaximum": 1});
    for (schema, value) in [
        (keyed, json!({"Jane Doe": "Jane Doe"})),
        (names, json!({"Jane Doe": 1})),
        (needs, json!({"a": "Jane Doe"})),
        (items, json!(["Jane Doe"])),
        (number, json!(4711)),
    ] {
        let told = format!("{:?}", Validator::compile(&schema).expect("a schema").validate(&value.into()));
        assert!(told.starts_with("Err") && !told.contains("Jane") && !told.contains("4711"), "{told}");
    }
    for (schema, value) in [(closed, json!({CANARY: 1, "Jane Doe": 2})), (list, json!([CANARY, CANARY]))] {
        let told = format!("{:?}", Validator::compile(&schema).expect("a schema").validate(&value.into()));
        assert!(told.starts_with("Err") && !told.contains("Jane Doe"), "{told}");
    }
}

#[test]
fn every_violation_is_told_with_its_place_and_rule() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["uprn", "on"],
        "properties": {"uprn": {"type": "integer", "maximum": 9}, "on": {"type": "string", "format": "date"}}
    });
    let violations = Validator::compile(&schema)
        .expect("a schema")
        .validate(&json!({"uprn": 10, "extra": 1}).into())
        .expect_err("violations");
    let mut told: Vec<String> = violations.iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "additionalProperties at \"\": unknown: `extra`",
            "maximum at \"/uprn\": it is above 9",
            "required at \"\": `on` is required",
        ]
    );
}

#[test]
fn a_schema_that_cannot_be_checked_is_refused() {
    let refused = [
        json!({"type": "wrong"}),
        json!({"type": "string", "format": "postcode"}),
        json!({"$ref": "http://example.org/other.json"}),
        json!({"$ref": "#/$defs/absent"}),
        json!({"type": "string", "pattern": "("}),
    ];
    for schema in refused {
        assert!(Validator::compile(&schema).is_err(), "{schema}");
    }
}

/// Writes a type with one schema and its examples.
fn write_type(folder: &Path, schema: &Value, valid: &Value, invalid: &Value) -> std::io::Result<()> {
    for (place, name, value) in
        [("", "schema.json", schema), ("valid", "a.json", valid), ("invalid", "b.json", invalid)]
    {
        let place = folder.join(place);
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join(name), value.to_string())?;
    }
    Ok(())
}

#[test]
fn every_problem_of_a_vocabulary_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let field = json!({"type": "string", "description": "x", "x-class": "P"});
    let good = json!({"type": "object", "additionalProperties": false, "properties": {"a": field}});
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    write_type(&folder.path().join("good.v1"), &good, &json!({"a": "x"}), &json!({"b": 1})).expect("written");
    write_type(&folder.path().join("open.v1"), &open, &json!({"a": 1}), &json!({"a": "fine"}))
        .expect("written");
    write_type(&folder.path().join("Unnamed"), &good, &json!({}), &json!(1)).expect("written");
    let nested =
        json!({"description": "x", "oneOf": [{"type": ["object", "null"], "properties": {"b": {}}}]});
    let nested = json!({"type": "object", "additionalProperties": false, "properties": {"n": nested}});
    write_type(&folder.path().join("nested.v1"), &nested, &json!({}), &json!(1)).expect("written");
    let (vocabulary, problems) = Vocabulary::load(&[folder.path().to_owned()]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(vocabulary.names().collect::<Vec<_>>(), ["good.v1", "nested.v1", "open.v1"]);
    let told: Vec<String> = vocabulary.check_examples().iter().map(|problem| problem.words.clone()).collect();
    assert!(
        told.iter().any(|words| words.starts_with("/properties/n/oneOf/0: the object is closed")),
        "{told:?}"
    );
    for expected in ["closed", "description", "x-class", "a text is expected", "is valid"] {
        assert!(told.iter().any(|words| words.contains(expected)), "{expected} in {told:?}");
    }
    let (_, twice) = Vocabulary::load(&[folder.path().to_owned(), folder.path().to_owned()]);
    assert!(twice.iter().any(|problem| problem.words.contains("already")), "{twice:?}");
}

#[test]
fn the_vocabulary_of_the_repository_is_whole() {
    let schemas = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let (vocabulary, problems) = Vocabulary::load(&[schemas]);
    assert_eq!((problems, vocabulary.check_examples()), (vec![], vec![]));
    assert!(vocabulary.names().count() >= 12);
}
