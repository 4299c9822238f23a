//! The catalogue: an index of the event types and a web page each, for analysts and for whoever buys a system. Plain HTML
//! that works from a disk: no script, no font, nothing that is fetched.

mod page;
mod versions;
mod words;

use std::collections::BTreeMap;

use postroom_council::{Council, System};
use postroom_schema::EventType;

use crate::html::{self, code, escaped, table};
use crate::who::{routes, said, states};

/// What every page holds, by which a folder of them is known again.
pub const MARK: &str = "<meta name=\"generator\" content=\"postroom docs catalogue\">";
/// The name of the first page.
const INDEX: &str = "index.html";

/// A file of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The name of the file.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Every page, the index first.
pub fn catalogue(council: &Council) -> Vec<Page> {
    let pages = council
        .vocabulary
        .types()
        .map(|event_type| Page { name: file_of(&event_type.name), text: page::of(council, event_type) });
    std::iter::once(index(council)).chain(pages).collect()
}

/// The name of an event type's page.
fn file_of(event_type: &str) -> String {
    format!("{event_type}.html")
}

/// What people call an event type.
fn title_of(event_type: &EventType) -> &str {
    said(&event_type.schema, "title").unwrap_or(&event_type.name)
}

/// A system in words.
fn named(system: &System) -> String {
    match &system.department {
        Some(department) => format!("{} <small>({})</small>", escaped(&system.title), escaped(department)),
        None => escaped(&system.title),
    }
}

fn index(council: &Council) -> Page {
    let mut families: BTreeMap<&str, Vec<&EventType>> = BTreeMap::new();
    for event_type in council.vocabulary.types() {
        let family = event_type.name.split('.').next().unwrap_or_default();
        families.entry(family).or_default().push(event_type);
    }
    let mut body = format!(
        "<h1>{}: the events</h1>\n<p>What departments tell each other, who states it and who receives it. \
         Written from the council's text by <code>postroom docs catalogue</code>.</p>\n<div class=\"even\">\n",
        escaped(&council.name)
    );
    for (family, types) in families {
        let rows: Vec<Vec<String>> = types.into_iter().map(|event_type| row(council, event_type)).collect();
        body.push_str(&format!("<h2>{}</h2>\n", escaped(family)));
        let head = ["Event", "Type", "Published by", "Received by"];
        body.push_str(&table(&format!("Event types about {family}"), &head, &rows));
    }
    body.push_str("</div>\n");
    Page { name: INDEX.to_owned(), text: whole(&format!("{}: the events", council.name), &body) }
}

fn row(council: &Council, event_type: &EventType) -> Vec<String> {
    let link =
        format!("<a href=\"{}\">{}</a>", escaped(&file_of(&event_type.name)), escaped(title_of(event_type)));
    let publish: Vec<String> =
        states(council, &event_type.name).map(|(system, _)| escaped(&system.title)).collect();
    let mut receive: Vec<String> = routes(council, &event_type.name)
        .filter_map(|route| council.systems.get(&*route.to))
        .map(|system| escaped(&system.title))
        .collect();
    receive.dedup();
    vec![link, code(&event_type.name), or_nobody(&publish), or_nobody(&receive)]
}

fn or_nobody(systems: &[String]) -> String {
    if systems.is_empty() { "<em>nobody</em>".to_owned() } else { systems.join("; ") }
}

/// A whole page of the catalogue around its body.
fn whole(title: &str, body: &str) -> String {
    html::page(title, &format!("{MARK}\n"), body)
}
