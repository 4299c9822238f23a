//! `postroom docs config-schema`: what the schemas take and refuse is what the program takes and refuses.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_schema::Validator;
use postroom_tests::council::{TestCouncil, house};
use serde_json::{Value, json};

use crate::{postroom, said};

const FILES: [&str; 4] = ["council", "purposes", "system", "route"];

fn schema(name: &str) -> Validator {
    let text = said(&house(), &["docs", "config-schema", name]);
    let schema: Value = text.parse().expect("JSON");
    // Draft 7 says `definitions`, and every other word that is used means the same in the draft that is known here.
    Validator::compile(&json!({"definitions": schema["definitions"], "allOf": [schema]})).expect("a schema")
}

/// Every file of that name in the example council.
fn files(name: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                walk(&path, name, found);
            } else if path.file_name().is_some_and(|file| file == name) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&house().join("deploy/council"), &format!("{name}.toml"), &mut found);
    found
}

fn read(file: &Path) -> toml::Table {
    fs::read_to_string(file).expect("a file").parse().expect("TOML")
}

fn as_json(table: &toml::Table) -> Value {
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn every_file_of_the_example_council_is_valid() {
    assert_eq!(said(&house(), &["docs", "config-schema"]).lines().collect::<Vec<_>>(), FILES);
    for name in FILES {
        let (schema, files) = (schema(name), files(name));
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let valid = schema.validate(&as_json(&read(&file)).into());
            assert_eq!(valid, Ok(()), "{}", file.display());
        }
    }
}

/// The table with one key misspelt, for each key of it and below; names of the council's own are no keys.
fn misspelt(table: &toml::Table) -> Vec<(String, toml::Table)> {
    let mut all = Vec::new();
    for (key, value) in table {
        let mut wrong = table.clone();
        wrong.remove(key);
        wrong.insert(format!("{key}x"), value.clone());
        all.push((key.clone(), wrong));
        let mut below = |inner: &toml::Table, put: &dyn Fn(toml::Table) -> toml::Value| {
            for (name, wrong) in misspelt(inner) {
                let mut whole = table.clone();
                whole.insert(key.clone(), put(wrong));
                all.push((format!("{key}.{name}"), whole));
            }
        };
        match value {
            // What stands deeper in settings is read by its connector.
            toml::Value::Table(inner) if key == "settings" => {
                below(
                    &inner.iter().map(|(key, _)| (key.clone(), toml::Value::Boolean(true))).collect(),
                    &toml::Value::Table,
                );
            }
            toml::Value::Table(inner) => below(inner, &toml::Value::Table),
            toml::Value::Array(items) => {
                if let Some(toml::Value::Table(first)) = items.first() {
                    below(first, &|wrong| toml::Value::Array(vec![toml::Value::Table(wrong)]));
                }
            }
            _ => {}
        }
    }
    all
}

#[test]
fn a_key_that_is_misspelt_is_refused_by_the_schema() {
    for name in FILES {
        let schema = schema(name);
        for file in files(name) {
            for (key, wrong) in misspelt(&read(&file)) {
                // The names of purposes are the council's.
                if name == "purposes" && key.matches('.').count() == 1 {
                    continue;
                }
                assert!(schema.validate(&as_json(&wrong).into()).is_err(), "{}: {key}", file.display());
            }
        }
    }
}

#[test]
fn a_key_that_is_misspelt_is_refused_by_check() {
    for (file, from, to, code) in [
        ("council.toml", "[limits]", "[limit]", "toml"),
        ("council.toml", "body_bytes", "body_byte", "toml"),
        ("systems/yard/system.toml", "title", "titel", "toml"),
        ("systems/yard/system.toml", "rule", "rool", "toml"),
        ("systems/book/system.toml", "folder", "foldr", "setting"),
        ("systems/book/system.toml", "max_items", "max_item", "batch"),
        ("routes/parcel-to-book/route.toml", "message", "mesage", "toml"),
    ] {
        let council = TestCouncil::small();
        council.edit(file, from, to);
        let output = postroom(&council.folder(), &["check"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && told.contains(&format!("error[{code}]")),
            "{file} {to}: {told}"
        );
    }
}
