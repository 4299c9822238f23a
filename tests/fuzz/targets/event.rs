//! Bytes as the body of a message: the decoder refuses them, or gives an event that comes back the same from its own bytes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use postroom_event::{Event, MAX_BODY_BYTES, Received, STRUCTURED, decode};
use serde_json::Value;

fn read(headers: &[(String, String)], content_type: &str, body: &Bytes) -> Option<Event<Value>> {
    decode(&Received { content_type: Some(content_type), headers, body }, MAX_BODY_BYTES).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let body = Bytes::copy_from_slice(bytes);
    if let Some(event) = read(&[], STRUCTURED, &body) {
        let again =
            read(&[], STRUCTURED, &Bytes::from(event.to_bytes())).expect("its own bytes are an event");
        assert_eq!(event, again);
    }
    let attributes =
        [("specversion", "1.0"), ("id", "a"), ("source", "/a"), ("type", "a.b.v1"), ("subject", "a:1")];
    let headers = attributes.map(|(name, value)| (format!("cloudEvents:{name}"), value.to_owned()));
    read(&headers, "application/json", &body);
});
