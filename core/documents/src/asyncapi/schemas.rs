//! The schemas: the council's own, taken apart so that every reference leads inside the one document, and those of the envelope.

use postroom_council::Council;
use postroom_event::{CHANNELS, SPEC_VERSION};
use serde_json::{Map, Value, json};

use super::messages;

/// The key of the envelope in structured mode.
pub(super) const ENVELOPE: &str = "cloudevent";
/// The key of the envelope in binary mode, as headers.
pub(super) const HEADERS: &str = "cloudevent.headers";
/// What a schema says of itself as a file, which means nothing inside another.
const OF_A_FILE: [&str; 3] = ["$schema", "$id", "$defs"];

/// A reference to the schema of that key.
pub(super) fn reference(key: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{key}") })
}

/// Every schema by its key: that of an event type or a message, with each of its definitions as `<key>.<definition>`.
pub(super) fn all(council: &Council) -> Map<String, Value> {
    let mut all = envelopes();
    for event_type in council.vocabulary.types() {
        add(&mut all, &event_type.name, &event_type.schema);
    }
    for (system, side) in council.targets().filter(|(_, side)| side.is_queue()) {
        for (name, validator) in &side.messages {
            add(&mut all, &messages::of_target(&system.name, name), validator.schema());
        }
    }
    all
}

fn add(all: &mut Map<String, Value>, key: &str, schema: &Value) {
    let mut whole = moved(schema, key);
    if let Some(whole) = whole.as_object_mut() {
        whole.retain(|keyword, _| !OF_A_FILE.contains(&keyword.as_str()));
    }
    all.insert(key.to_owned(), whole);
    for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        all.insert(format!("{key}.{}", super::key(name)), moved(definition, key));
    }
}

/// The same schema, its references led to where the definitions are now.
fn moved(schema: &Value, key: &str) -> Value {
    match schema {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| match value.as_str() {
                Some(target) if name == "$ref" => (name.clone(), Value::from(led(target, key))),
                _ => (name.clone(), moved(value, key)),
            };
            members.iter().map(member).collect()
        }
        Value::Array(items) => items.iter().map(|item| moved(item, key)).collect(),
        other => other.clone(),
    }
}

/// Where a reference inside a file leads once its schema stands under `key`.
fn led(target: &str, key: &str) -> String {
    let Some(pointer) = target.strip_prefix('#') else { return target.to_owned() };
    match pointer.strip_prefix("/$defs/") {
        None => format!("#/components/schemas/{key}{pointer}"),
        Some(rest) => {
            let (name, below) = rest
                .split_once('/')
                .map_or((rest, String::new()), |(name, below)| (name, format!("/{below}")));
            format!("#/components/schemas/{key}.{}{below}", super::key(name))
        }
    }
}

/// The envelope of CloudEvents 1.0 as the hub takes it, in both modes.
fn envelopes() -> Map<String, Value> {
    let text = |means: &str| json!({ "type": "string", "minLength": 1, "description": means });
    let attributes = [
        (
            "specversion",
            json!({ "type": "string", "const": SPEC_VERSION, "description": "The version of CloudEvents." }),
        ),
        ("id", text("Unique within its source; what comes twice under one id is taken once.")),
        ("source", text("Who states it: a source that the system owns.")),
        ("type", text("The event type with its version; the routing key.")),
        (
            "subject",
            text("What it is about, such as `uprn:990000001001`; order is kept per source and subject."),
        ),
        ("time", json!({ "type": "string", "format": "date-time", "description": "When it was recorded." })),
        ("correlationid", text("What it belongs to.")),
        ("effectivetime", text("From when it holds: a date, or an instant with its offset.")),
        (
            "channel",
            json!({ "type": "string", "enum": CHANNELS, "description": "How the fact reached the council." }),
        ),
    ];
    let required = ["specversion", "id", "source", "type", "subject"];
    let object = |prefix: &str| {
        let named = |name: &str| format!("{prefix}{name}");
        let properties: Map<String, Value> =
            attributes.iter().map(|(name, schema)| (named(name), schema.clone())).collect();
        json!({ "type": "object", "required": required.map(named), "properties": properties })
    };
    let mut structured = object("");
    structured["title"] = "A CloudEvent, in structured mode".into();
    structured["properties"]["datacontenttype"] = json!({ "type": "string", "const": "application/json" });
    let mut binary = object("cloudEvents:");
    binary["title"] = "The attributes of a CloudEvent, as headers in binary mode".into();
    Map::from_iter([(ENVELOPE.to_owned(), structured), (HEADERS.to_owned(), binary)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_to_where_its_definition_is_now() {
        let check = |target: &str, expected: &str| assert_eq!(led(target, "a.v1"), expected, "{target}");
        check("#/$defs/name", "#/components/schemas/a.v1.name");
        check("#/$defs/name/properties/given", "#/components/schemas/a.v1.name/properties/given");
        check("#/properties/x", "#/components/schemas/a.v1/properties/x");
        check("#", "#/components/schemas/a.v1");
        check("urn:elsewhere", "urn:elsewhere");
    }

    #[test]
    fn a_schema_is_taken_apart_and_a_field_that_is_called_like_a_keyword_stays() {
        let schema = json!({
            "$schema": "s", "$id": "i", "type": "object", "properties": {"$id": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"items": {"$ref": "#/$defs/n"}}},
        });
        let mut all = Map::new();
        add(&mut all, "a.v1", &schema);
        let there = json!({"$ref": "#/components/schemas/a.v1.n"});
        let expected = json!({
            "a.v1": {"type": "object", "properties": {"$id": there}},
            "a.v1.n": {"items": there},
        });
        assert_eq!(Value::from(all), expected);
    }
}
