//! The record as a page of headings, sentences and tables, which Markdown and HTML write each in its own way.

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_council::Council;

use super::record::{Activity, Record, Transfer};

/// A part of a page.
pub(super) enum Part {
    /// A heading of that level, from 1.
    Heading(usize, String),
    /// A paragraph.
    Words(String),
    /// A paragraph that must not be overlooked.
    Warning(String),
    /// Things beside each other.
    List(Vec<Cell>),
    /// A table: its head and its rows.
    Table(Vec<&'static str>, Vec<Vec<Cell>>),
}

/// A cell of a table.
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// Names as they are written in the council's text.
    Names(Vec<String>),
}

/// That nobody has to take it for more.
pub(super) const DRAFT: &str = "DRAFT for the data protection officer: written from the configuration of the hub, which knows its \
    own routes and nothing else. It is no record of processing until somebody who answers for it has completed and accepted it.";

/// What the configuration does not say and Article 30(1) asks for.
const TO_ADD: [&str; 4] = [
    "the name and contact details of the controller, of joint controllers, and of the data protection officer (a)",
    "recipients behind a target, such as its processors, and processing outside the hub (d)",
    "transfers to third countries and their safeguards: where a target keeps its data is not known here (e)",
    "the security measures of each target: those of the hub stand in docs/personal-data.md and docs/operations.md (g)",
];

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// The page of a record.
pub(super) fn page(record: &Record<'_>) -> Vec<Part> {
    let council = record.council;
    let mut page = vec![
        Part::Heading(1, format!("Record of processing activities: {}", council.name)),
        Part::Warning(DRAFT.to_owned()),
        Part::Words(
            "UK GDPR Article 30(1), as far as events go through the hub. Written by postroom docs ropa. Classes: P personal, \
             S special category, C council-tax data, B social-security data."
                .to_owned(),
        ),
        Part::Heading(2, "Still to be added: what the configuration does not say".to_owned()),
    ];
    page.push(Part::List(TO_ADD.map(text).into_iter().chain(whose(record)).collect()));
    page.extend(record.activities.iter().flat_map(activity));
    page.push(Part::Heading(2, "What the hub itself holds".to_owned()));
    page.push(Part::Table(vec!["where", "what of a person", "how long"], held(council)));
    page.push(Part::Heading(2, "Routes that carry nothing of a person".to_owned()));
    page.push(names(&record.impersonal));
    if !record.unused.is_empty() {
        page.push(Part::Heading(2, "Purposes for which nothing of a person is carried".to_owned()));
        page.push(names(&record.unused));
    }
    page
}

/// Of which purposes nobody says whose data it is.
fn whose(record: &Record<'_>) -> Option<Cell> {
    let silent = record.activities.iter().filter(|activity| activity.people().is_empty());
    let silent: Vec<&str> = silent.map(|activity| activity.name).collect();
    let words = format!(
        "whose data it is, by categories of people (c): `people` in purposes.toml, for {}",
        silent.join(", ")
    );
    (!silent.is_empty()).then(|| text(words))
}

fn names(all: &[&str]) -> Part {
    if all.is_empty() {
        return Part::Words("None.".to_owned());
    }
    Part::List(all.iter().map(|name| Cell::Names(vec![(*name).to_owned()])).collect())
}

fn activity(activity: &Activity<'_>) -> Vec<Part> {
    let mut parts = vec![Part::Heading(2, activity.title().to_owned())];
    let allowed = activity.purpose.map(|purpose| purpose.classes.clone()).unwrap_or_default();
    parts.push(Part::Table(
        vec!["of the purpose", "what the council says"],
        vec![
            vec![text("name"), Cell::Names(vec![activity.name.to_owned()])],
            vec![text("lawful basis"), text(activity.basis())],
            vec![
                text("whose data"),
                text(
                    Some(activity.people())
                        .filter(|said| !said.is_empty())
                        .unwrap_or_else(|| "not said".to_owned()),
                ),
            ],
            vec![text("classes allowed"), text(allowed.join(", "))],
            vec![text("kept by its targets"), text(activity.retention())],
        ],
    ));
    parts.extend(activity.transfers.iter().flat_map(transfer));
    parts
}

fn transfer(transfer: &Transfer<'_>) -> Vec<Part> {
    let [system, department, supplier] = transfer.recipient();
    let heading = format!("{}: to {system}", transfer.about);
    let words = format!(
        "Event type {}, stated by {}, goes by the route {} to {system} ({department}; {supplier}).",
        transfer.route.from,
        transfer.from.join(" or "),
        transfer.route.name
    );
    let row = |line: &super::lines::Line| {
        vec![
            Cell::Names(vec![line.field.clone()]),
            text(line.classes.join(", ")),
            text(line.part.words()),
            Cell::Names(line.reaches.clone()),
        ]
    };
    vec![
        Part::Heading(3, heading),
        Part::Words(words),
        Part::Table(
            vec!["field of the event", "class", "what becomes of it", "in the message"],
            transfer.lines.iter().map(row).collect(),
        ),
    ]
}

fn held(council: &Council) -> Vec<Vec<Cell>> {
    let journal = if council.journal {
        format!("{}, and until its segment of 16 MB goes as a whole", in_words(council.journal_age))
    } else {
        "there is none".to_owned()
    };
    let settled = format!("until somebody settles it, and then {}", in_words(council.keep));
    let snapshots = council.sources().filter(|(_, side)| side.snapshot.is_some());
    let snapshots: Vec<&str> = snapshots.map(|(system, _)| system.title.as_str()).collect();
    let kinds: Vec<&str> = council.xref_kinds().into_iter().collect();
    let row = |where_: &str, what: String, long: &str| vec![text(where_), text(what), text(long)];
    let mut rows = vec![
        row("journal (a stream of the broker)", "every event, whole".to_owned(), &journal),
        row(
            "queues of the broker",
            "events and messages on their way, whole".to_owned(),
            "until they are taken",
        ),
        row("ledger", "what is invalid, dead or held, whole".to_owned(), &settled),
        row("ledger", "batches that are not written yet, whole".to_owned(), "until they are handed over"),
        row(
            "ledger",
            "of what was delivered: its subject, ids, times and the reference of the target".to_owned(),
            &in_words(council.keep),
        ),
    ];
    for (sent, age) in kept_sent(council) {
        rows.push(row("ledger", sent, &in_words(age)));
    }
    if !snapshots.is_empty() {
        let what = format!("the kept fields of each record of {}", snapshots.join(" and "));
        rows.push(row("ledger", what, "as long as the system exports the record"));
    }
    if !kinds.is_empty() {
        let what = format!("cross-references of the kinds {}", kinds.join(" and "));
        rows.push(row("ledger", what, "until somebody removes them"));
    }
    rows.push(row(
        "folders of file sources",
        "files that were taken or refused, whole".to_owned(),
        "until the council removes them",
    ));
    rows
}

/// What was sent and is kept, each message of a system once, and how long at most.
fn kept_sent(council: &Council) -> BTreeMap<String, Duration> {
    let mut kept = BTreeMap::new();
    for route in &council.routes {
        let (Some(age), Some(target)) = (route.keep_sent, council.systems.get(&*route.to)) else { continue };
        let sent = format!("messages `{}` that were sent to {}, whole", route.message, target.title);
        let longest = kept.entry(sent).or_insert(age);
        *longest = age.max(*longest);
    }
    kept
}

/// A duration in the largest unit of which it has two, rounded up.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = units.iter().find(|(unit, _)| seconds >= 2 * unit);
    let (count, name) = unit.map_or((seconds, "seconds"), |(unit, name)| (seconds.div_ceil(*unit), name));
    format!("{count} {name}")
}
