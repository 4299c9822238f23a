//! Who states an event type and who receives it, as the council's text has it.

use postroom_council::{Council, Route, SourceSystem, System};

/// The systems that state events of the type, by name.
pub(crate) fn states<'a>(
    council: &'a Council,
    event_type: &'a str,
) -> impl Iterator<Item = (&'a System, &'a SourceSystem)> {
    council.sources().filter(move |(_, side)| side.event_types().contains(event_type))
}

/// The routes of the type, by name.
pub(crate) fn routes<'a>(council: &'a Council, event_type: &'a str) -> impl Iterator<Item = &'a Route> {
    council.routes.iter().filter(move |route| route.from == event_type)
}

/// The text at a keyword of a schema, such as `title`.
pub(crate) fn said<'a>(schema: &'a serde_json::Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword)?.as_str().filter(|text| !text.is_empty())
}
