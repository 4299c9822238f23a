//! A new event type of the council's own, or a new version of one: a schema with examples of both kinds.

use std::path::Path;

use postroom_schema::EventType;
use serde_json::{Value, json};

use super::{DECIDE, Draft, titled};
use crate::Council;

impl Council {
    /// The files of a new event type: those of the version before it where there is one.
    ///
    /// # Errors
    /// Where there is one of that name, or it is no name.
    pub fn draft_event(&self, name: &str) -> Result<Draft, String> {
        if !postroom_schema::is_type_name(name) {
            return Err(format!(
                "`{name}` is not the name of an event type: words in lower case with full stops, then `.v` and a number"
            ));
        }
        if let Some(known) = self.vocabulary.get(name) {
            return Err(format!("there is `{name}` already, in {}", known.folder.display()));
        }
        let folder = Path::new("schemas").join(name);
        let mut draft = Draft::default();
        let at = folder.display();
        match self.before(name) {
            Some(before) => copied(&mut draft, &folder, name, before),
            None => {
                begun(&mut draft, &folder, name);
                draft.next.push(format!(
                    "{DECIDE} what the event holds: title, description and fields of {at}/schema.json"
                ));
            }
        }
        draft.next.push(format!("show it in {at}/valid and {at}/invalid: invented values only"));
        draft.next.push("postroom check".to_owned());
        Ok(draft)
    }

    /// The version before the one of that name.
    fn before(&self, name: &str) -> Option<&EventType> {
        let (words, number) = name.rsplit_once(".v")?;
        let before = number.parse::<u32>().ok()?.checked_sub(1)?;
        self.vocabulary.get(&format!("{words}.v{before}"))
    }
}

/// What a schema calls itself.
fn id_of(name: &str) -> String {
    let (words, number) = name.rsplit_once(".v").unwrap_or((name, "1"));
    format!("urn:postroom:event:{words}:{number}")
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn begun(draft: &mut Draft, folder: &Path, name: &str) {
    let words = name.rsplit_once(".v").map_or(name, |(words, _)| words);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id_of(name),
        "title": titled(words),
        "description": "Who states this fact, and who re-keys it today.",
        "type": "object",
        "additionalProperties": false,
        "required": ["reference"],
        "properties": {
            "reference": {
                "type": "string",
                "minLength": 1,
                "maxLength": 40,
                "description": "The reference of what it is about, as its system writes it.",
                "x-class": "none",
            },
        },
    });
    draft.add(folder.join("schema.json"), pretty(&schema));
    draft.add(folder.join("valid/minimal.json"), pretty(&json!({ "reference": "ZZ/0001" })));
    draft.add(folder.join("invalid/missing-reference.json"), pretty(&json!({})));
}

fn copied(draft: &mut Draft, folder: &Path, name: &str, before: &EventType) {
    let mut schema = before.schema.clone();
    schema["$id"] = id_of(name).into();
    draft.add(folder.join("schema.json"), pretty(&schema));
    for (kind, examples) in [("valid", before.valid_examples()), ("invalid", before.invalid_examples())] {
        for (example, value) in examples {
            draft.add(folder.join(kind).join(format!("{example}.json")), pretty(&value));
        }
    }
    let from = &before.name;
    draft.next.push(format!("{DECIDE} what differs from {from}, of which everything was copied"));
}
