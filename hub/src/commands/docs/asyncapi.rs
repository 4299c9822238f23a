//! `postroom docs asyncapi`: what the program calls things on the broker, for the document of the council.

use postroom_broker::Names;
use postroom_council::Council;
use postroom_documents::{self as documents, Wire};
use postroom_router::{ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER};
use serde_json::Value;

/// The headers of a message that a target reads from its queue.
const HEADERS: [(&str, &str); 4] = [
    (TYPE_HEADER, "The type of the event."),
    (SOURCE_HEADER, "Who stated the event."),
    (ROUTE_HEADER, "The route that it took."),
    (SUBJECT_HEADER, "What the event is about; order is kept per source and subject."),
];

pub(super) fn asyncapi(council: &Council) -> Value {
    let names = Names::new(council.prefix.as_str());
    let exchange = |system: &str| names.in_exchange(system);
    let queue = |system: &str| names.to(system);
    documents::asyncapi(council, &Wire { exchange: &exchange, queue: &queue, headers: &HEADERS })
}
