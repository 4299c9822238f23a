//! Rules on the folders of event types: the canonical vocabulary and each council's own.

use std::collections::BTreeMap;

use crate::tree::Offence;

/// What is found in the folder of one event type.
#[derive(Default)]
struct Folder {
    schema: bool,
    valid: bool,
    invalid: bool,
}

/// Folders of event types that lack the schema, a valid or an invalid example, or are not named as a type is.
pub(crate) fn incomplete(paths: &[&str]) -> Vec<Offence> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for path in paths {
        let Some((home, rest)) = split(path) else { continue };
        let Some((name, inside)) = rest.split_once('/') else { continue };
        let folder = folders.entry(format!("{home}{name}")).or_default();
        let is_json = inside.ends_with(".json");
        folder.schema |= inside == "schema.json";
        folder.valid |= is_json && inside.starts_with("valid/");
        folder.invalid |= is_json && inside.starts_with("invalid/");
    }
    folders.iter().flat_map(|(path, folder)| judge(path, folder)).collect()
}

/// A path in the vocabulary or in a council's own, taken apart behind `schemas/`.
fn split(path: &str) -> Option<(&str, &str)> {
    let home = if path.starts_with("schemas/") {
        "schemas/".len()
    } else if path.starts_with("deploy/") {
        path.find("/schemas/")? + "/schemas/".len()
    } else {
        return None;
    };
    Some(path.split_at(home))
}

fn judge(path: &str, folder: &Folder) -> Vec<Offence> {
    let name = path.rsplit('/').next().unwrap_or(path);
    [
        (is_type(name), "an event type is named in lower case with its version, as `property.created.v1`"),
        (folder.schema, "an event type has its schema.json"),
        (folder.valid, "an event type has an example in valid/"),
        (folder.invalid, "an event type has an example in invalid/"),
    ]
    .into_iter()
    .filter(|(right, _)| !right)
    .map(|(_, rule)| Offence::new(path, 1, rule))
    .collect()
}

fn is_type(name: &str) -> bool {
    let Some((words, version)) = name.rsplit_once(".v") else { return false };
    words.split('.').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        && version.parse::<u32>().is_ok_and(|number| number > 0)
}

#[test]
fn a_type_without_its_schema_or_examples_is_caught() {
    let check = |paths: &[&str], expected: usize| {
        assert_eq!(incomplete(paths).len(), expected, "{paths:?}");
    };
    let whole =
        ["schemas/a.b.v1/schema.json", "schemas/a.b.v1/valid/x.json", "schemas/a.b.v1/invalid/y.json"];
    check(&whole, 0);
    check(&whole[1..], 1);
    check(&whole[..1], 2);
    check(&["deploy/council/schemas/a.v2/schema.json", "deploy/council/schemas/a.v2/valid/x.json"], 1);
    check(&["schemas/A.b/schema.json", "schemas/A.b/valid/x.json", "schemas/A.b/invalid/y.json"], 1);
    check(&["schemas/README.md", "deploy/demo"], 0);
}
