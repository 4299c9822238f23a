//! The map of a council: which systems state which events, and who receives them. It knows no form: those are `mermaid` and `svg`.

mod drawing;
#[cfg(test)]
mod geometry;
mod measure;
mod mermaid;
mod order;
mod place;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use postroom_council::{Council, OWN_SYSTEM, System};

pub use mermaid::mermaid;
pub use svg::svg;

use crate::who::{routes, said, states};

/// The group of systems of which the text does not say whose they are.
const NOBODYS: &str = "No department";
/// The group of the hub's own system.
const THE_HUB: &str = "The hub";

/// What is drawn: three columns, and what goes from one to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The council's name.
    pub council: String,
    /// The systems that state events.
    pub sources: Vec<Node>,
    /// The event types that somebody states or receives.
    pub events: Vec<Node>,
    /// The systems that receive messages.
    pub targets: Vec<Node>,
    /// From sources to events.
    pub stated: Vec<Edge>,
    /// From events to targets.
    pub routed: Vec<Edge>,
}

/// A system or an event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What people call it.
    pub title: String,
    /// Its name in the text, and how it is reached.
    pub note: String,
    /// The department, or what the events are about.
    pub group: String,
}

/// What goes from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The place of the node that it leaves.
    pub from: usize,
    /// The place of the node to which it goes.
    pub to: usize,
    /// Whether it is only some of the events.
    pub some: bool,
    /// The rule or the routes that it stands for.
    pub names: Vec<String>,
}

impl Chart {
    /// The chart of a council.
    pub fn of(council: &Council) -> Self {
        let types: Vec<&str> = council.vocabulary.names().filter(|name| is_used(council, name)).collect();
        let sources: Vec<_> = council.sources().collect();
        let targets: Vec<_> = council.targets().collect();
        let place = |name: &str| types.iter().position(|known| *known == name);
        let stated = sources.iter().enumerate().flat_map(|(from, (_, side))| {
            let edge = move |to| Edge { from, to, some: false, names: Vec::new() };
            side.event_types().into_iter().filter_map(place).map(edge)
        });
        Self {
            council: council.name.clone(),
            stated: stated.collect(),
            routed: routed(
                council,
                &types,
                &targets.iter().map(|(system, _)| system.name.as_str()).collect::<Vec<_>>(),
            ),
            sources: sources.iter().map(|(system, side)| of_system(system, &side.connector)).collect(),
            targets: targets.iter().map(|(system, side)| of_system(system, &side.connector)).collect(),
            events: types.iter().map(|name| of_event(council, name)).collect(),
        }
    }

    /// What is drawn, in a sentence.
    fn summary(&self) -> String {
        let routes: usize = self.routed.iter().map(|edge| edge.names.len()).sum();
        format!(
            "{} source systems, {} event types, {} target systems, {routes} routes",
            self.sources.len(),
            self.events.len(),
            self.targets.len()
        )
    }

    /// The groups of a column in alphabetical order, each with the places of its nodes.
    fn groups(nodes: &[Node]) -> BTreeMap<&str, Vec<usize>> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, node) in nodes.iter().enumerate() {
            groups.entry(&node.group).or_default().push(place);
        }
        groups
    }
}

fn is_used(council: &Council, event_type: &str) -> bool {
    states(council, event_type).next().is_some() || routes(council, event_type).next().is_some()
}

fn of_system(system: &System, connector: &str) -> Node {
    let nobodys = if system.name == OWN_SYSTEM { THE_HUB } else { NOBODYS };
    Node {
        title: system.title.clone(),
        note: format!("{} · {connector}", system.name),
        group: system.department.as_deref().unwrap_or(nobodys).to_owned(),
    }
}

fn of_event(council: &Council, name: &str) -> Node {
    let schema = council.vocabulary.get(name).map(|event_type| &event_type.schema);
    Node {
        title: schema.and_then(|schema| said(schema, "title")).unwrap_or(name).to_owned(),
        note: name.to_owned(),
        group: name.split('.').next().unwrap_or(name).to_owned(),
    }
}

/// One edge for all routes of a type to a target; only some of the events where each of them has a filter.
fn routed(council: &Council, types: &[&str], targets: &[&str]) -> Vec<Edge> {
    let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
    for route in &council.routes {
        let from = types.iter().position(|name| *name == route.from);
        let to = targets.iter().position(|name| **name == *route.to);
        let Some((from, to)) = from.zip(to) else { continue };
        let edge =
            edges.entry((from, to)).or_insert_with(|| Edge { from, to, some: true, names: Vec::new() });
        edge.some &= route.when.is_some();
        edge.names.push(route.name.to_string());
    }
    edges.into_values().collect()
}

/// The groups of event types by name, in alphabetical order: each has a colour.
fn families(events: &[Node]) -> BTreeSet<&str> {
    events.iter().map(|node| node.group.as_str()).collect()
}
