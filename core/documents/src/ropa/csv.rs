//! The record as CSV (RFC 4180), a row for each field: no cell is a formula to a spreadsheet.

use super::record::{Activity, Record, Transfer};

const HEAD: [&str; 16] = [
    "status",
    "purpose",
    "title",
    "lawful basis",
    "whose data",
    "kept by its targets",
    "route",
    "event type",
    "stated by",
    "recipient",
    "department",
    "supplier",
    "field of the event",
    "class",
    "what becomes of it",
    "in the message",
];

/// What stands in each row: a row may be taken for itself.
const STATUS: &str = "draft for the data protection officer";

/// The record as CSV.
pub(super) fn write(record: &Record<'_>) -> String {
    let rows = record
        .activities
        .iter()
        .flat_map(|activity| activity.transfers.iter().flat_map(move |transfer| rows(activity, transfer)));
    [row(&HEAD.map(str::to_owned))].into_iter().chain(rows).collect()
}

fn rows(activity: &Activity<'_>, transfer: &Transfer<'_>) -> Vec<String> {
    let [system, department, supplier] = transfer.recipient();
    let route = transfer.route;
    let (from, people) = (transfer.from.join(" or "), activity.people());
    let shared = [
        STATUS,
        activity.name,
        activity.title(),
        activity.basis(),
        &people,
        activity.retention(),
        &route.name,
        &route.from,
        &from,
        system,
        department,
        supplier,
    ];
    let one = |line: &super::lines::Line| {
        let own = [
            line.field.clone(),
            line.classes.join(" "),
            line.part.words().to_owned(),
            line.reaches.join(" "),
        ];
        row(&shared.iter().map(|cell| (*cell).to_owned()).chain(own).collect::<Vec<_>>())
    };
    transfer.lines.iter().map(one).collect()
}

fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell; what a spreadsheet would take for a formula begins with an apostrophe, as it does where somebody types one.
pub(super) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}
