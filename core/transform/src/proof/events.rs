//! What a source mapping makes: one event or a list of them, each with its envelope around its data.

use std::sync::OnceLock;

use postroom_event::{CHANNELS, SET_BY_HUB};
use serde_json::{Value, json};
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

use super::walk::{Asked, At, Walk, shown};
use super::{Found, Happens, Left, Made};
use crate::outline::{Look, Step};

/// What an event of a source mapping is, but for its data.
fn envelope() -> &'static Value {
    static ENVELOPE: OnceLock<Value> = OnceLock::new();
    ENVELOPE.get_or_init(|| {
        let channels: Vec<Value> = CHANNELS.iter().map(|name| json!(name)).chain([Value::Null]).collect();
        json!({
            "type": "object", "required": ["subject", "data"],
            "properties": {
                "data": true, "subject": {"type": "string", "minLength": 1},
                "id": {"type": ["string", "null"], "minLength": 1},
                "time": {"type": ["string", "null"], "format": "date-time"},
                "effectivetime": {"type": ["string", "null"], "format": "date or date-time"},
                "channel": {"enum": channels}
            },
            "additionalProperties": {"type": ["string", "null"]}
        })
    })
}

/// Compares what is made with events whose data keep the schema `data`.
pub(super) fn compare<'a>(made: &Made<'a>, data: &'a Value) -> (Vec<Found>, Vec<Left>) {
    let look: Look<'a> = made.outline.look();
    let mut walk = Walk::new(envelope(), "an event", &look);
    let top = walk.top();
    let kind = super::kinds::as_json(made.kind);
    let either = Kind::object(Collection::json()).or_array(Collection::json());
    walk.whole(&kind, &top);
    walk.types(&kind, &either, &top);
    let mut of_data = walk.anew(data);
    if let Some(items) = kind.as_array() {
        let at = walk.below(&top, &Step::Item, Asked::Required);
        event(&mut walk, &mut of_data, &items.reduced_kind().without_undefined(), &at, data);
    }
    if let Some(fields) = kind.as_object() {
        event(&mut walk, &mut of_data, &Kind::object(fields.clone()), &top, data);
    }
    let (mut found, mut left) = (walk.found, walk.left);
    found.extend(of_data.found);
    left.extend(of_data.left);
    (found, left)
}

fn event<'a>(walk: &mut Walk<'_, 'a>, of_data: &mut Walk<'_, 'a>, kind: &Kind, at: &At<'a>, data: &'a Value) {
    walk.compare(kind, envelope(), at);
    let Some(fields) = kind.as_object() else { return };
    for name in fields.known().keys().map(Field::as_str).filter(|name| !is_attribute(name)) {
        let at = walk.below(at, &Step::Field(name.to_owned()), Asked::Optional);
        let words = format!("{} is no name of an attribute: small letters and digits", shown(&at.path));
        walk.note(Found { happens: Happens::Always, ..walk.of(&at, "unknown-field", words) });
    }
    for name in SET_BY_HUB.into_iter().filter(|name| fields.known().contains_key(&(*name).into())) {
        let at = walk.below(at, &Step::Field(name.to_owned()), Asked::Optional);
        let words = format!("{} is set by the hub", shown(&at.path));
        walk.note(Found { happens: Happens::Always, ..walk.of(&at, "unknown-field", words) });
    }
    let whole = fields.known().get(&"data".into()).cloned().unwrap_or_else(|| fields.unknown_kind());
    let at = walk.below(at, &Step::Field("data".to_owned()), Asked::Required);
    of_data.compare(&whole.without_undefined(), data, &at);
}

fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
