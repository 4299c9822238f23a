//! Ids that are the same however often a step runs: UUIDv5 of what they stand for (RFC 9562).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The namespace of every id that the hub derives.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b0f_2a54_91c6_5d0e_8a43_c5f1_6e2d_9b70);

/// One event, everywhere and for ever: UUIDv5 of its source and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey(pub Uuid);

impl EventKey {
    /// The key of the event `id` of `source`.
    pub fn new(source: &str, id: &str) -> Self {
        Self(derive(&[source, id]))
    }
}

/// One event through one route: UUIDv5 of source, event id and route. It goes with every attempt as idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DispatchId(pub Uuid);

impl DispatchId {
    /// The id of the dispatch of event `id` of `source` through `route`.
    pub fn new(source: &str, id: &str, route: &str) -> Self {
        Self(derive(&[source, id, route]))
    }

    /// The id of the same dispatch, made once more by `replay`.
    pub fn again(source: &str, id: &str, route: &str, replay: &str) -> Self {
        Self(derive(&[source, id, route, replay]))
    }
}

impl fmt::Display for DispatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DispatchId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// The id of a record that `system` knows by `key`; the key itself may be a value of a person.
pub fn record_id(system: &str, key: &str) -> String {
    derive(&[system, key]).to_string()
}

/// Joined by line feeds, which no attribute can hold, so that no two lists of parts give the same text.
fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatch_id_is_stable_and_differs_by_each_part() {
        let id = DispatchId::new("/planning", "17", "planning-to-waste");
        assert_eq!(id, DispatchId::new("/planning", "17", "planning-to-waste"));
        assert_eq!(id.to_string(), "1aa20084-2530-5322-9d12-9fd5a2510b59");
        for other in [("/plannin", "g17", "planning-to-waste"), ("/planning", "18", "planning-to-waste")] {
            assert_ne!(id, DispatchId::new(other.0, other.1, other.2));
        }
        let again = DispatchId::again("/planning", "17", "planning-to-waste", "replay-1");
        assert_ne!(again, id);
        assert_ne!(again, DispatchId::again("/planning", "17", "planning-to-waste", "replay-2"));
    }
}
