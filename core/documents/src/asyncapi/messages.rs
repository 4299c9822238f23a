//! The messages: each event type in both modes of CloudEvents, and what targets read from queues.

use postroom_council::Council;
use postroom_event::{SPEC_VERSION, STRUCTURED};
use postroom_schema::EventType;
use serde_json::{Map, Value, json};

use super::{BINDINGS, key, schemas};
use crate::who::{said, states};

/// The keys of an event's messages: structured mode, and binary mode.
pub(super) fn of_event(event_type: &str) -> [String; 2] {
    [event_type.to_owned(), format!("{event_type}.binary")]
}

/// The key of a target's message.
pub(super) fn of_target(system: &str, message: &str) -> String {
    key(&format!("{system}.{message}"))
}

/// Every message that a channel names.
pub(super) fn all(council: &Council, headers: &[(&str, &str)]) -> Map<String, Value> {
    let mut all = Map::new();
    for event_type in council.vocabulary.types() {
        let [structured, binary] = of_event(&event_type.name);
        all.insert(structured, in_structured_mode(council, event_type));
        all.insert(binary, in_binary_mode(event_type));
    }
    for (system, side) in council.targets().filter(|(_, side)| side.is_queue()) {
        for (name, validator) in &side.messages {
            let key = of_target(&system.name, name);
            let mut message = described(name, validator.schema());
            message["payload"] = schemas::reference(&key);
            message["contentType"] = "application/json".into();
            message["headers"] = told(headers);
            message["description"] = format!(
                "For {}. The property `message_id` is the dispatch id: the same message has the same one however often it comes.",
                system.title
            )
            .into();
            all.insert(key, message);
        }
    }
    all
}

/// What every message says of itself: its name, and the title and description of its schema.
fn described(name: &str, schema: &Value) -> Value {
    let title = said(schema, "title").unwrap_or(name);
    let mut message = json!({ "name": name, "title": title });
    if let Some(text) = said(schema, "description") {
        message["summary"] = text.into();
    }
    message
}

fn in_structured_mode(council: &Council, event_type: &EventType) -> Value {
    let mut message = described(&event_type.name, &event_type.schema);
    message["contentType"] = STRUCTURED.into();
    message["payload"] = json!({ "allOf": [schemas::reference(schemas::ENVELOPE), {
        "type": "object",
        "required": ["data"],
        "properties": { "type": { "const": event_type.name }, "data": schemas::reference(&event_type.name) },
    }] });
    let source = states(council, &event_type.name).find_map(|(_, side)| side.owns.first());
    let source = source.map_or("/systems/example", String::as_str);
    let example = |(name, data): (String, Value)| {
        json!({ "name": name, "payload": {
            "specversion": SPEC_VERSION, "id": "example-1", "source": source, "type": event_type.name,
            "subject": "example:1", "time": "2026-03-20T10:14:00Z", "data": data,
        } })
    };
    message["examples"] = event_type.valid_examples().into_iter().map(example).collect();
    message
}

fn in_binary_mode(event_type: &EventType) -> Value {
    let mut message = described(&event_type.name, &event_type.schema);
    message["title"] = format!("{} (binary mode)", message["title"].as_str().unwrap_or_default()).into();
    message["contentType"] = "application/json".into();
    message["headers"] = json!({ "allOf": [schemas::reference(schemas::HEADERS), {
        "type": "object",
        "properties": { "cloudEvents:type": { "const": event_type.name } },
    }] });
    message["payload"] = schemas::reference(&event_type.name);
    message["bindings"] = json!({ "amqp": { "contentEncoding": "utf-8", "bindingVersion": BINDINGS } });
    message
}

/// The headers of a message that a target reads.
fn told(headers: &[(&str, &str)]) -> Value {
    let properties: Map<String, Value> = headers
        .iter()
        .map(|(name, means)| ((*name).to_owned(), json!({ "type": "string", "description": means })))
        .collect();
    json!({ "type": "object", "required": headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), "properties": properties })
}
