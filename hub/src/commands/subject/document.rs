//! Everything that is held of a subject as one document: JSON, or a listing for reading.

use postroom_ledger::{HeldDispatch, Sent, StagedKept, SubjectHeld, Whole, WorkItem};
use serde_json::{Map, Value, json};

use super::elsewhere::Elsewhere;
use crate::commands::officers::show::{content, event, letter};
use crate::commands::revealing::Revealing;
use crate::commands::trace;
use crate::output;

/// Who looks, why and when.
pub(super) struct Asked<'a> {
    pub(super) subject: &'a str,
    pub(super) reason: &'a str,
    pub(super) at: i64,
}

/// The document for programs; times are microseconds since the epoch, or as the clock in London shows them.
pub(super) fn json_of(
    asked: &Asked<'_>,
    held: &SubjectHeld,
    work: &[WorkItem],
    elsewhere: &Elsewhere,
) -> Value {
    let mut document = Map::new();
    document.insert("subject".to_owned(), json!(asked.subject));
    let written = json!({"by": output::actor(), "reason": asked.reason, "at": output::time(asked.at)});
    document.insert("written".to_owned(), written);
    document.insert("events".to_owned(), json!(held.events));
    document.extend(parts(held, work).map(|(name, items)| (name.to_owned(), Value::Array(items))));
    document.insert("elsewhere".to_owned(), json!(elsewhere));
    Value::Object(document)
}

/// The document for reading.
pub(super) fn text_of(
    asked: &Asked<'_>,
    held: &SubjectHeld,
    work: &[WorkItem],
    elsewhere: &Elsewhere,
) -> String {
    let mut lines = vec![
        format!("What the hub holds of {}", asked.subject),
        format!("written {} by {}: {}", output::time(asked.at), output::actor(), asked.reason),
    ];
    let mut part = |name: &str, told: Vec<String>| {
        lines.push(String::new());
        lines.push(format!("{} ({})", name.replace('_', " "), told.len()));
        lines.extend(told.iter().flat_map(|told| told.lines()).map(|line| format!("  {line}")));
    };
    part("events", held.events.iter().map(|event| trace::told(event).join("\n")).collect());
    for (name, items) in parts(held, work) {
        part(name, items.iter().map(block).collect());
    }
    part("elsewhere", elsewhere.lines());
    lines.join("\n")
}

/// An item for reading: a line a field, those behind the first set in; what says nothing is left out.
fn block(item: &Value) -> String {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let fields = item.as_object().into_iter().flatten().filter(|(_, value)| says(value));
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        Value::Number(at) if is_time(name) => {
            format!("{name}: {}", output::time(at.as_i64().unwrap_or_default()))
        }
        other => format!("{name}: {other}"),
    };
    fields.map(line).collect::<Vec<_>>().join("\n  ")
}

/// Whether a number under this name is a time of the ledger.
fn is_time(name: &str) -> bool {
    name == "at" || name == "since" || name.ends_with("_at")
}

/// Everything but the events, by what it is.
fn parts<'h>(
    held: &'h SubjectHeld,
    work: &'h [WorkItem],
) -> impl Iterator<Item = (&'static str, Vec<Value>)> + use<'h> {
    [
        ("dead_letters", held.dead.iter().map(whole_letter).collect()),
        ("invalid_events", held.invalid.iter().map(whole_event).collect()),
        ("holds", held.held.iter().map(hold).collect()),
        ("staged_messages", held.staged.iter().map(staged).collect()),
        ("sent_messages", held.sent.iter().map(sent).collect()),
        ("work_items", work.iter().map(|item| json!(item)).collect()),
        ("cross_references", held.xrefs.iter().map(|xref| json!(xref)).collect()),
        ("untold_receipts", held.receipts.iter().map(|receipt| json!(receipt)).collect()),
        ("jobs", held.jobs.iter().map(|job| json!(job)).collect::<Vec<_>>()),
        ("mentions", held.mentions.iter().map(|mention| json!(mention)).collect()),
    ]
    .into_iter()
}

fn whole_letter(shown: &postroom_ledger::DeadShown) -> Value {
    with_headers(letter(shown, Revealing::logged()), &shown.letter.event.headers)
}

fn whole_event(shown: &postroom_ledger::InvalidShown) -> Value {
    with_headers(event(shown, Revealing::logged()), &shown.headers)
}

fn hold(held: &HeldDispatch) -> Value {
    let dispatch = &held.dispatch;
    let shown = json!({
        "dispatch": dispatch.id.to_string(), "route": &*dispatch.route, "target": &*dispatch.target,
        "type": &*dispatch.event_type, "code": held.reason.code, "words": held.reason.words,
        "detail": held.reason.detail, "attempts": held.attempts, "held_at": output::time(held.at),
        "message": held.message.as_ref().map(|message| content(&message.bytes, Revealing::logged())),
    });
    with_event(shown, &held.event)
}

fn staged(staged: &StagedKept) -> Value {
    let shown = json!({
        "dispatch": staged.dispatch.to_string(), "route": staged.route, "target": staged.target,
        "staged_at": output::time(staged.at), "batch": staged.batch, "message": staged.message,
    });
    with_event(shown, &staged.event)
}

fn sent(sent: &Sent) -> Value {
    json!({
        "dispatch": sent.dispatch.to_string(), "target": sent.target, "until": output::time(sent.until),
        "message": content(&sent.content, Revealing::logged()),
    })
}

fn with_event(mut shown: Value, event: &Whole) -> Value {
    shown["event"] = content(&event.body, Revealing::logged());
    with_headers(shown, &event.headers)
}

fn with_headers(mut shown: Value, headers: &[(String, String)]) -> Value {
    shown["headers"] =
        headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into();
    shown
}
