//! An event as another version of its type: what `upgrade.vrl` and `downgrade.vrl` make of its data, step by step, each checked
//! against the schema of its version. Pure. The event stays what was published: its type, its id and its envelope (ADR 0012).

use postroom_council::{Conversion, Council, Route};
use postroom_event::Event;
use postroom_transform::{Data, Input, MetaValue, Runner};

use crate::decide::{Unmappable, in_words};

/// The code of an event that cannot be made the version that a route reads.
pub(crate) const CODE: &str = "version";

/// What a step finds under `%`.
const NOTHING: [(&str, MetaValue<'_>); 0] = [];

/// The data as the last version of a conversion.
pub(crate) fn convert(
    council: &Council,
    runner: &mut Runner,
    conversion: &Conversion,
    data: Data,
) -> Result<Data, Unmappable> {
    let mut data = data;
    for step in &conversion.steps {
        let to = &step.to;
        let no = |words: String| Unmappable::new(CODE, format!("as `{to}`: {words}"));
        let program = step.program.get().map_err(|_| no("it does not compile: postroom check".to_owned()))?;
        data = runner.map(program, &mut Input::new(data, &NOTHING)).map_err(|error| no(error.to_string()))?;
        let known = council.vocabulary.get(to).ok_or_else(|| no("it has no schema".to_owned()))?;
        known.validator.validate(&data).map_err(|violations| no(in_words(&violations)))?;
    }
    Ok(data)
}

/// The event as `route` reads it: its data are those of the version of the route, its envelope stays as it was published.
pub(crate) fn as_read(
    council: &Council,
    runner: &mut Runner,
    route: &Route,
    event: Event<Data>,
) -> Result<Event<Data>, Unmappable> {
    if event.event_type == route.from {
        return Ok(event);
    }
    let Some(conversion) = council.versions.between(&event.event_type, &route.from) else {
        let words = format!("a `{}` cannot be made what the route reads", event.event_type);
        return Err(Unmappable::new(CODE, words));
    };
    let data = convert(council, runner, conversion, event.data)?;
    Ok(Event { data, ..event })
}
