//! What the record says, before it has a form: the routes that carry personal data by their purpose.

use std::collections::{BTreeMap, BTreeSet};

use postroom_council::{Council, Purpose, Route, System};

use super::lines::{self, Line};

/// The record of a council.
pub(super) struct Record<'a> {
    pub(super) council: &'a Council,
    /// By the name of the purpose; what has none comes first.
    pub(super) activities: Vec<Activity<'a>>,
    /// The routes that carry nothing of a person.
    pub(super) impersonal: Vec<&'a str>,
    /// The purposes under which nothing of a person is carried.
    pub(super) unused: Vec<&'a str>,
}

/// What is done for one purpose.
pub(super) struct Activity<'a> {
    pub(super) name: &'a str,
    /// The purpose; `None` where a route names none, or one that is not known, which a check refuses.
    pub(super) purpose: Option<&'a Purpose>,
    pub(super) transfers: Vec<Transfer<'a>>,
}

/// One route that carries personal data.
pub(super) struct Transfer<'a> {
    pub(super) route: &'a Route,
    /// What the event says, in the words of its schema.
    pub(super) about: &'a str,
    /// The titles of the systems that state it.
    pub(super) from: Vec<&'a str>,
    /// The system that receives it.
    pub(super) to: Option<&'a System>,
    pub(super) lines: Vec<Line>,
}

impl<'a> Record<'a> {
    /// What the council's text says.
    pub(super) fn of(council: &'a Council) -> Self {
        let mut by_purpose: BTreeMap<&str, Vec<Transfer<'a>>> = BTreeMap::new();
        let mut impersonal = Vec::new();
        for route in &council.routes {
            let lines = lines::of(council, route);
            if lines.is_empty() {
                impersonal.push(&*route.name);
                continue;
            }
            let purpose = route.purpose.as_deref().unwrap_or_default();
            by_purpose.entry(purpose).or_default().push(transfer(council, route, lines));
        }
        let used: BTreeSet<&str> = by_purpose.keys().copied().collect();
        let unused =
            council.purposes.keys().map(String::as_str).filter(|name| !used.contains(name)).collect();
        let activity = |(name, transfers)| Activity { name, purpose: council.purposes.get(name), transfers };
        let activities = by_purpose.into_iter().map(activity).collect();
        Self { council, activities, impersonal, unused }
    }
}

impl Activity<'_> {
    /// What the purpose is called.
    pub(super) fn title(&self) -> &str {
        self.purpose.map_or("No purpose is named: `postroom check` refuses this", |purpose| &purpose.title)
    }

    /// On what basis, in the council's words.
    pub(super) fn basis(&self) -> &str {
        self.purpose.map_or("not said", |purpose| &purpose.lawful_basis)
    }

    /// Whose data it is, in the council's words; empty where they do not say.
    pub(super) fn people(&self) -> String {
        self.purpose.map(|purpose| purpose.people.join("; ")).unwrap_or_default()
    }

    /// How long the targets keep it, in the council's words.
    pub(super) fn retention(&self) -> &str {
        self.purpose.and_then(|purpose| purpose.retention.as_deref()).unwrap_or("not said")
    }
}

impl Transfer<'_> {
    /// The receiving system, its department and who supplies it.
    pub(super) fn recipient(&self) -> [&str; 3] {
        let Some(system) = self.to else { return [&self.route.to, "not said", "not said"] };
        [
            &system.title,
            system.department.as_deref().unwrap_or("not said"),
            system.supplier.as_deref().unwrap_or("not said"),
        ]
    }
}

fn transfer<'a>(council: &'a Council, route: &'a Route, lines: Vec<Line>) -> Transfer<'a> {
    let event = council.vocabulary.get(&route.from);
    let about = event.and_then(|event| event.schema.get("title")?.as_str()).unwrap_or(&route.from);
    Transfer { route, about, from: stating(council, &route.from), to: council.systems.get(&*route.to), lines }
}

/// The titles of the systems that state a type. One that publishes itself and does not say which types may state any, and is
/// named where no other does.
fn stating<'a>(council: &'a Council, event_type: &str) -> Vec<&'a str> {
    let stating = council.sources().filter(|(_, side)| side.event_types().contains(event_type));
    let stating: Vec<&str> = stating.map(|(system, _)| system.title.as_str()).collect();
    if !stating.is_empty() {
        return stating;
    }
    let publishing = council.sources().filter(|(_, side)| side.is_queue());
    publishing.map(|(system, _)| system.title.as_str()).collect()
}
