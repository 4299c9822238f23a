//! The system that the hub is itself: it states what becomes of the work list, where a route asks for it. No folder makes it.

use std::collections::BTreeSet;
use std::path::Path;

use postroom_connector::Settings;

use crate::reading::Reading;
use crate::{Council, Problem, SourceSystem, System};

/// Its name.
pub const OWN_SYSTEM: &str = "postroom";
/// The connector of its source: the hub's own hand.
const OWN: &str = "own";
/// That an item of the work list came into being.
pub const WORK_RAISED: &str = "work.item.raised.v1";
/// That an item of the work list was settled.
pub const WORK_SETTLED: &str = "work.item.settled.v1";
/// The types of its events.
pub const WORK_TYPES: [&str; 2] = [WORK_RAISED, WORK_SETTLED];

impl SourceSystem {
    /// Whether the hub itself states its events.
    pub fn is_own(&self) -> bool {
        self.connector == OWN
    }
}

impl Council {
    /// Whether anybody is told of the work list.
    pub fn tells_work(&self) -> bool {
        self.routes.iter().any(|route| WORK_TYPES.contains(&route.from.as_str()))
    }
}

/// Adds the system to a council whose routes ask for what it states; nobody else has its name.
pub(crate) fn add(council: &mut Council, folder: &Path, reading: &mut Reading<'_>) {
    if council.systems.contains_key(OWN_SYSTEM) {
        let file = folder.join("systems").join(OWN_SYSTEM);
        let words = format!("`{OWN_SYSTEM}` is the hub itself: give the system another name");
        reading.problems.push(Problem::new(file, "name", words));
    } else if council.tells_work() {
        council.systems.insert(OWN_SYSTEM.to_owned(), own(council));
    }
}

fn own(council: &Council) -> System {
    let (system, data) = (OWN_SYSTEM.to_owned(), council.data.clone());
    System {
        name: OWN_SYSTEM.to_owned(),
        title: "Postroom".to_owned(),
        department: None,
        supplier: None,
        broker_user: None,
        expect_every: None,
        source: Some(SourceSystem {
            connector: OWN.to_owned(),
            owns: vec![format!("/systems/{OWN_SYSTEM}")],
            publishes: BTreeSet::new(),
            receipts: false,
            settings: Settings { table: toml::Table::new(), data, system },
            snapshot: None,
            maps: Vec::new(),
            ignores: Vec::new(),
        }),
        target: None,
    }
}
