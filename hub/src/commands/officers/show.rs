//! `postroom dead show` and `postroom invalid show`: one with everything that is kept of it, values masked.

use std::process::ExitCode;

use postroom_event::{DispatchId, read_value};
use postroom_ledger::{Attempt, DeadShown, InvalidShown, Ledger, Note};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

use crate::cli::{FormArgs, ShowArgs};
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;

pub(super) async fn dead(ledger: &Ledger, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let (id, reveal) = (&args.id, args.reveal);
    let dispatch: DispatchId =
        id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the id of a dispatch")))?;
    let Some(shown) = ledger.dead_show(dispatch).await? else { return Ok(unknown(id)) };
    told(reveal, id);
    show(&args.form, &letter(&shown, reveal));
    Ok(ExitCode::SUCCESS)
}

/// A dead letter with everything that is kept of it.
pub(crate) fn letter(shown: &DeadShown, reveal: bool) -> Value {
    let letter = &shown.letter;
    json!({
        "dispatch": letter.dispatch.id.to_string(), "route": &*letter.dispatch.route,
        "target": &*letter.dispatch.target, "type": &*letter.dispatch.event_type,
        "subject": letter.dispatch.subject, "state": shown.state, "code": letter.reason.code,
        "words": letter.reason.words, "detail": letter.reason.detail,
        "blocks": shown.blocks, "attempts": letter.attempts,
        "failed_at": output::time(letter.failed_at),
        "failures": shown.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "decisions": shown.notes.iter().map(decision).collect::<Vec<_>>(),
        "message": letter.message.as_ref().map(|message| value(message, reveal)),
        "event": content(&letter.event.body, reveal),
    })
}

pub(super) async fn invalid(ledger: &Ledger, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let (id, reveal) = (&args.id, args.reveal);
    let number = id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the number of an event")))?;
    let Some(shown) = ledger.invalid_show(number).await? else { return Ok(unknown(id)) };
    told(reveal, id);
    show(&args.form, &event(&shown, reveal));
    Ok(ExitCode::SUCCESS)
}

/// An invalid event with everything that is kept of it.
pub(crate) fn event(shown: &InvalidShown, reveal: bool) -> Value {
    let summary = &shown.summary;
    json!({
        "id": summary.id, "system": summary.system, "code": summary.code, "place": summary.place,
        "words": summary.words, "bytes": summary.body_size,
        "received_at": output::time(summary.received_at), "state": summary.state,
        "decisions": shown.notes.iter().map(decision).collect::<Vec<_>>(),
        "claims": value(&json!(summary.claims), reveal), "content_type": shown.content_type,
        "headers": shown.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "body": shown.body.bytes.as_deref().map(|bytes| content(bytes, reveal)),
    })
}

fn attempt(attempt: &Attempt) -> Value {
    let mut shown = json!({
        "attempt": attempt.number, "at": output::time(attempt.started_at),
        "milliseconds": attempt.took / 1_000, "outcome": attempt.outcome, "answer": attempt.words,
    });
    if !attempt.detail.is_empty() {
        shown["detail"] = json!(attempt.detail);
    }
    shown
}

fn decision(note: &Note) -> Value {
    json!({
        "decided": note.action, "by": note.actor, "at": output::time(note.at), "reason": note.reason,
        "job": note.job,
    })
}

/// Prints one as JSON, which is also the form for people: names and values, a line each, or a line an item.
fn show(form: &FormArgs, shown: &Value) {
    if form.json {
        return output::json(shown);
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => output::line(format!("{name}: {text}")),
            Value::Null => {}
            Value::Array(items) if items.iter().all(Value::is_object) => {
                items.iter().for_each(|item| output::line(format!("{name}: {}", flat(item))));
            }
            _ => output::line(format!("{name}: {}", serde_json::to_string_pretty(value).unwrap_or_default())),
        }
    }
}

/// An object in one line.
pub(crate) fn flat(item: &Value) -> String {
    let fields = item.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let said = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    said.collect::<Vec<_>>().join(", ")
}

fn unknown(id: &str) -> ExitCode {
    output::complaint(format!("postroom: nothing is kept under `{id}`"));
    ExitCode::from(FOUND_WRONG)
}

/// Says in the log that values were shown.
fn told(reveal: bool, what: &str) {
    if reveal {
        telemetry::start(telemetry::Form::Text);
        telemetry::operator_revealed(&output::actor(), what);
    }
}

/// A body as JSON, masked unless it is to be revealed; what is no JSON is told by its size.
pub(crate) fn content(bytes: &[u8], reveal: bool) -> Value {
    match read_value(bytes) {
        Ok(json) => value(&json, reveal),
        Err(_) if reveal => Value::from(String::from_utf8_lossy(bytes).into_owned()),
        Err(_) => Value::from(format!("<{} bytes>", bytes.len())),
    }
}

fn value(json: &Value, reveal: bool) -> Value {
    if reveal { json.clone() } else { output::masked(json) }
}
