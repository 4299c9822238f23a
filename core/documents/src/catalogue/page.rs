//! The page of one event type.

use postroom_council::{Council, Route, SourceSystem, System};
use postroom_schema::{EventType, Presence, fields};

use super::{file_of, named, title_of, versions, whole, words};
use crate::html::{code, escaped, table};
use crate::who::{routes, said, states};

/// The example that shows most.
const FULL: &str = "full";
/// What the classes mean.
const CLASSES: &str = "<p><small>Classes: <code>none</code> nothing about a person, <code>P</code> personal, <code>S</code> special category, \
    <code>C</code> council tax, <code>B</code> social security.</small></p>\n";

/// The page.
pub(super) fn of(council: &Council, event_type: &EventType) -> String {
    let title = title_of(event_type);
    let description =
        said(&event_type.schema, "description").map(|text| format!("<p>{}</p>\n", escaped(text)));
    let body = [
        "<nav><a href=\"index.html\">All events</a></nav>\n".to_owned(),
        format!("<h1>{}</h1>\n<p>{}</p>\n", escaped(title), code(&event_type.name)),
        description.unwrap_or_default(),
        publishers(council, event_type),
        receivers(council, event_type),
        all_fields(event_type),
        example(event_type),
        versions::of(council, event_type),
    ];
    whole(&format!("{title} ({})", event_type.name), &body.concat())
}

fn publishers(council: &Council, event_type: &EventType) -> String {
    let list: String = states(council, &event_type.name)
        .map(|(system, side)| {
            format!("<li>{}: {}</li>\n", named(system), how(system, side, &event_type.name))
        })
        .collect();
    let list =
        if list.is_empty() { "<p>Nobody yet.</p>\n".to_owned() } else { format!("<ul>\n{list}</ul>\n") };
    format!("<h2>Who publishes it</h2>\n{list}")
}

/// How a system states the type.
fn how(system: &System, side: &SourceSystem, event_type: &str) -> String {
    if side.is_queue() {
        let user = system.broker_user.as_ref().map(|user| format!(", as the broker user {}", code(user)));
        return format!("it publishes the event itself{}", user.unwrap_or_default());
    }
    if side.is_own() {
        return "the hub's own work list".to_owned();
    }
    let rules = side
        .maps
        .iter()
        .filter(|map| map.event_type == event_type)
        .map(|map| format!("“{}”", escaped(&map.rule)));
    format!(
        "read by the connector {}, by the rule {}",
        code(&side.connector),
        rules.collect::<Vec<_>>().join(" or ")
    )
}

fn receivers(council: &Council, event_type: &EventType) -> String {
    let rows: Vec<Vec<String>> =
        routes(council, &event_type.name).map(|route| receiver(council, route)).collect();
    if rows.is_empty() {
        return "<h2>Who receives it</h2>\n<p>Nobody yet.</p>\n".to_owned();
    }
    let head = ["System", "Route", "Message", "Which events", "Purpose"];
    format!("<h2>Who receives it</h2>\n{}", table("Routes of this event type", &head, &rows))
}

fn receiver(council: &Council, route: &Route) -> Vec<String> {
    let system = council.systems.get(&*route.to).map_or_else(|| escaped(&route.to), named);
    let message = match said(route.accepts.schema(), "title") {
        Some(title) => format!("{}<br>{}", escaped(title), code(&route.message)),
        None => code(&route.message),
    };
    let which = route.when.as_ref().map_or_else(|| "all".to_owned(), |when| code(when.source().trim()));
    vec![system, code(&route.name), message, which, purpose(council, route)]
}

fn purpose(council: &Council, route: &Route) -> String {
    let Some(name) = &route.purpose else { return "<em>none</em>".to_owned() };
    let Some(purpose) = council.purposes.get(name) else { return code(name) };
    let kept = purpose.retention.as_ref().map(|kept| format!("; kept {}", escaped(kept))).unwrap_or_default();
    format!("{}<br><small>{}{kept}</small>", escaped(&purpose.title), escaped(&purpose.lawful_basis))
}

fn all_fields(event_type: &EventType) -> String {
    let rows: Vec<Vec<String>> = fields(&event_type.schema)
        .into_iter()
        .map(|field| {
            let description = said(field.schema, "description").unwrap_or_default();
            vec![
                code(&field.path),
                words::of_type(field.schema),
                required(field.presence).to_owned(),
                words::classes(field.schema),
                escaped(description),
            ]
        })
        .collect();
    let head = ["Field", "Type", "Required", "Class", "What it holds"];
    format!("<h2>Fields</h2>\n{}{CLASSES}", table("Fields of the event's data", &head, &rows))
}

/// Whether a field is there, in words.
pub(super) fn required(presence: Presence) -> &'static str {
    match presence {
        Presence::Always => "yes",
        Presence::WithItsObject => "with what it is in",
        Presence::Maybe => "no",
    }
}

fn example(event_type: &EventType) -> String {
    let mut examples = event_type.valid_examples();
    let at = examples.iter().position(|(name, _)| name == FULL).unwrap_or(0);
    if examples.is_empty() {
        return String::new();
    }
    let (name, data) = examples.swap_remove(at);
    let text = serde_json::to_string_pretty(&data).unwrap_or_default();
    format!(
        "<h2>An example</h2>\n<p>The data of the example {}, which is invented.</p>\n<pre tabindex=\"0\">{}</pre>\n",
        code(&name),
        escaped(&text)
    )
}

/// A link to the page of another type.
pub(super) fn link(event_type: &EventType) -> String {
    format!("<a href=\"{}\">{}</a>", escaped(&file_of(&event_type.name)), code(&event_type.name))
}
