//! Where copies of what the hub held of a subject may be that it cannot remove itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postroom_broker::Names;
use postroom_council::Council;
use postroom_ledger::{State, SubjectHeld};
use serde::Serialize;

use crate::failure::count;
use crate::output;

/// Where copies may be.
#[derive(Debug, Serialize)]
pub(super) struct Elsewhere {
    /// The journal, in words.
    journal: String,
    /// The earliest time at which its newest event goes from the journal, in microseconds since the epoch.
    not_before: Option<i64>,
    /// What targets were given.
    targets: BTreeMap<String, Given>,
    /// Files of connectors.
    files: Vec<String>,
    /// What is said of every subject.
    others: [&'static str; 2],
}

/// What a target was given.
#[derive(Debug, Serialize)]
struct Given {
    deliveries: usize,
    /// The newest, in microseconds since the epoch.
    newest: i64,
    /// Where it may wait to be read.
    queue: Option<String>,
}

/// What is true wherever it is said.
const OTHERS: [&str; 2] = [
    "backups of the ledger: as long as they are kept; once one is put back, `postroom subject erasures` tells what to erase again",
    "sources: what they read the events from is theirs",
];

impl Elsewhere {
    pub(super) fn of(council: &Council, held: &SubjectHeld) -> Self {
        let age = i64::try_from(council.journal_age.as_micros()).unwrap_or(i64::MAX);
        let events = held.events.iter().map(|event| event.received_at);
        let newest = events.chain(held.invalid.iter().map(|event| event.summary.received_at)).max();
        let not_before = newest.filter(|_| council.journal).map(|newest| newest.saturating_add(age));
        let targets = given(council, held);
        let sources: BTreeSet<&str> = held.events.iter().map(|event| event.system.as_str()).collect();
        let mut files: Vec<String> = sources.into_iter().filter_map(|name| read_by(council, name)).collect();
        files.extend(targets.keys().filter_map(|name| written_for(council, name)));
        Self { journal: journal(council, not_before), not_before, targets, files, others: OTHERS }
    }

    /// A line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let given = self.targets.iter().map(|(target, given)| {
            let queue = given.queue.as_ref().map(|queue| format!("; in `{queue}` until it reads that"));
            let (deliveries, newest) = (given.deliveries, output::time(given.newest));
            let deliveries =
                if deliveries == 1 { "1 delivery".to_owned() } else { format!("{deliveries} deliveries") };
            let queue = queue.unwrap_or_default();
            format!("{target} had {deliveries}, the last {newest}, and has to erase them itself{queue}")
        });
        let others = self.others.iter().map(|other| (*other).to_owned());
        [self.journal.clone()].into_iter().chain(given).chain(self.files.clone()).chain(others).collect()
    }
}

fn journal(council: &Council, not_before: Option<i64>) -> String {
    let Some(not_before) = not_before else {
        return match council.journal {
            true => "the journal: it may have events that the ledger has forgotten".to_owned(),
            false => "there is no journal".to_owned(),
        };
    };
    format!(
        "the journal: its newest event goes {} at the earliest, after {}; it goes with its segment, when all events in that are as old, \
         a newer segment exists and the broker looks (docs/operations.md, \"How long things are kept\")",
        output::time(not_before),
        days(council.journal_age)
    )
}

fn days(age: Duration) -> String {
    count(usize::try_from(age.as_secs() / 86_400).unwrap_or(usize::MAX), "day")
}

/// What targets were given, as far as the ledger knows.
fn given(council: &Council, held: &SubjectHeld) -> BTreeMap<String, Given> {
    let mut targets: BTreeMap<String, Given> = BTreeMap::new();
    for event in &held.events {
        for leg in &event.legs {
            let at = match leg.state {
                State::Queued => event.received_at,
                State::Delivered { at, .. } => at,
                State::Waiting | State::Staged { .. } | State::Dead { .. } => continue,
            };
            let queue = || Names::new(&council.prefix).to(&leg.target);
            let given = targets.entry(leg.target.clone()).or_insert_with(|| Given {
                deliveries: 0,
                newest: at,
                queue: council.is_queue_target(&leg.target).then(queue),
            });
            given.deliveries += 1;
            given.newest = given.newest.max(at);
        }
    }
    targets
}

/// What is left of the batches that a source gave.
fn read_by(council: &Council, name: &str) -> Option<String> {
    let source = council.systems.get(name)?.source.as_ref()?;
    match source.connector.as_str() {
        "file" => Some(format!(
            "files that {name} gave: in `done/` and `refused/` of its folder, until somebody removes them"
        )),
        "open311" => Some(format!("the store of {name}: as long as `keep_days` in its system.toml says")),
        _ => None,
    }
}

/// What is left of what a target was given.
fn written_for(council: &Council, name: &str) -> Option<String> {
    let target = council.systems.get(name)?.target.as_ref()?;
    match target.connector.as_str() {
        "file" => Some(format!("files that were written for {name}: in its folder, until it takes them")),
        "open311" => Some(format!("the board of {name}: as long as `keep_days` in its system.toml says")),
        _ => None,
    }
}
