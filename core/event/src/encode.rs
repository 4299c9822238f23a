//! An event as bytes: structured mode, attributes in the order of the specification.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{Event, SPEC_VERSION};

impl<T: Serialize> Event<T> {
    /// The event in structured mode ([`crate::STRUCTURED`]), UTF-8.
    pub fn to_bytes(&self) -> Vec<u8> {
        // JSON in memory always becomes bytes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<T: Serialize> Serialize for Event<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", SPEC_VERSION)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &self.event_type)?;
        map.serialize_entry("subject", &self.subject)?;
        if let Some(time) = self.time_text() {
            map.serialize_entry("time", &time)?;
        }
        for (name, text) in &self.extensions {
            map.serialize_entry(name, text)?;
        }
        map.serialize_entry("datacontenttype", "application/json")?;
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}
