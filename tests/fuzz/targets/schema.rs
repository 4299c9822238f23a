//! Bytes as a JSON Schema: whatever it says, its shape and its validator are made or refused, and validate what it holds itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postroom_event::read_value;
use postroom_schema::Validator;
use postroom_transform::{Data, Shape};

fuzz_target!(|bytes: &[u8]| {
    let Ok(schema) = read_value(bytes) else { return };
    let _shape = Shape::of_schema(&schema);
    if let Ok(validator) = Validator::compile(&schema) {
        let _valid = validator.validate(&Data::from(schema.clone()));
        let _classes = validator.classes_at("a.b");
    }
});
