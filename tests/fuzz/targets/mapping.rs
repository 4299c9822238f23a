//! Bytes as the text of a mapping: it is refused with its problems, or it runs, and what it makes fits what the check promised.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use postroom_transform::{Context, Input, Mapping, Runner, Shape};
use serde_json::{Value, json};

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["n", "name", "people"],
        "properties": {
            "n": {"type": "integer"}, "rate": {"type": "number"}, "name": {"type": "string"},
            "note": {"type": ["string", "null"]}, "open": {"type": "boolean"},
            "people": {"type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": ["given"],
                "properties": {"given": {"type": "string"}, "age": {"type": "integer"}},
            }},
        },
    })
}

fuzz_target!(|source: &str| {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    let shape = SHAPE.get_or_init(|| Shape::of_schema(&schema()));
    if let Ok(mapping) = Mapping::compile(source, shape, Context::Route) {
        let _misfits = mapping.misfits(&schema());
        for data in [
            json!({"n": i64::MIN, "name": "é", "people": []}),
            json!({"n": 0, "rate": -0.5, "name": "", "note": null, "open": true, "people": [{"given": "a"}, {"given": "b", "age": 7}]}),
        ] {
            let _made = Runner::default().map(&mapping, &mut Input::new(data.into(), &[]));
        }
    }
});
