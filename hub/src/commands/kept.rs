//! `postroom dead` and `postroom invalid`: what is kept because a person must decide.

use std::process::ExitCode;

use postroom_event::{DispatchId, read_value};
use postroom_ledger::{DeadFilter, HoldFilter, Import, InvalidRow, Ledger, RefusedRecord, Whole};
use postroom_router::{DISCARD, REDRIVE};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

use crate::cli::{Cli, DeadCommand, FormArgs, KeptCommand};
use crate::commands::decide;
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

pub(crate) async fn dead(cli: &Cli, command: &DeadCommand) -> Result<ExitCode, Failure> {
    let command = match command {
        DeadCommand::Kept(command) => command,
        DeadCommand::Redrive(args) => return decide::decide(cli, REDRIVE, args).await,
        DeadCommand::Discard(args) => return decide::decide(cli, DISCARD, args).await,
    };
    let ledger = Place::load(cli)?.ledger().await?;
    match command {
        KeptCommand::List { limit, form } => {
            let rows = ledger.dead_list(&DeadFilter::default(), *limit).await?;
            let cells = rows.iter().map(|row| {
                let id = row.dispatch.to_string();
                [output::time(row.failed_at), id, row.route.clone(), row.code.clone(), row.words.clone()]
            });
            list(form, &json!(rows), &["when", "dispatch", "route", "code", "why"], cells);
            Ok(ExitCode::SUCCESS)
        }
        KeptCommand::Show { id, reveal, form } => {
            let dispatch: DispatchId =
                id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the id of a dispatch")))?;
            let Some(shown) = ledger.dead_show(dispatch).await? else { return Ok(unknown(id)) };
            let letter = &shown.letter;
            let message = letter.message.as_ref().map(|message| value(message, *reveal));
            told(*reveal, id);
            show(
                form,
                &json!({
                    "dispatch": letter.dispatch.id.to_string(), "route": &*letter.dispatch.route,
                    "target": &*letter.dispatch.target, "type": &*letter.dispatch.event_type,
                    "subject": letter.dispatch.subject, "state": shown.state, "code": letter.reason.code,
                    "words": letter.reason.words, "detail": letter.reason.detail, "attempts": letter.attempts,
                    "failed_at": output::time(letter.failed_at), "message": message,
                    "event": whole(&letter.event, *reveal),
                }),
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(crate) async fn holds(
    cli: &Cli,
    target: Option<&str>,
    limit: u32,
    form: &FormArgs,
) -> Result<ExitCode, Failure> {
    let ledger = Place::load(cli)?.ledger().await?;
    let filter = HoldFilter { target: target.map(str::to_owned), ..HoldFilter::default() };
    let rows = ledger.holds_list(&filter, limit).await?;
    let cells = rows.iter().map(|row| {
        let id = row.hold.dispatch.to_string();
        let next = match row.hold.next_at {
            Some(at) => output::time(at),
            None if row.hold.behind_dead_letter => "behind a dead letter".to_owned(),
            None => "behind another".to_owned(),
        };
        [output::time(row.hold.held_at), id, row.hold.route.clone(), next, row.words.clone()]
    });
    list(form, &json!(rows), &["since", "dispatch", "route", "next attempt", "why"], cells);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn invalid(cli: &Cli, command: &KeptCommand) -> Result<ExitCode, Failure> {
    let ledger = Place::load(cli)?.ledger().await?;
    match command {
        KeptCommand::List { limit, form } => {
            let rows = ledger.invalid_list(None, *limit).await?;
            let events = rows.iter().map(|row| {
                [
                    output::time(row.received_at),
                    row.id.to_string(),
                    row.system.clone(),
                    format!("{} {}", row.code, row.place),
                    row.words.clone(),
                ]
            });
            let refused = refused_records(&ledger, *limit).await?;
            let records = refused.iter().map(|(import, record)| {
                [
                    output::time(import.updated),
                    String::new(),
                    import.key.system.clone(),
                    format!("{} {}", record.rule, record.place),
                    place_of(&import.label, record),
                ]
            });
            let head = ["when", "id", "system", "rule and place", "why"];
            let all = json!({
                "events": rows.iter().map(without_claims).collect::<Vec<_>>(),
                "records": refused.iter().map(|(import, record)| {
                    json!({"system": import.key.system, "label": import.label, "record": record})
                }).collect::<Vec<_>>(),
            });
            list(form, &all, &head, events.chain(records));
            Ok(ExitCode::SUCCESS)
        }
        KeptCommand::Show { id, reveal, form } => {
            let number =
                id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the number of an event")))?;
            let Some(shown) = ledger.invalid_show(number).await? else { return Ok(unknown(id)) };
            told(*reveal, id);
            let body = shown.body.bytes.as_deref().map(|bytes| content(bytes, *reveal));
            show(
                form,
                &json!({
                    "id": shown.summary.id, "system": shown.summary.system, "code": shown.summary.code,
                "place": shown.summary.place, "words": shown.summary.words, "bytes": shown.summary.body_size,
                "received_at": output::time(shown.summary.received_at), "state": shown.summary.state,
                "claims": value(&json!(shown.summary.claims), *reveal), "content_type": shown.content_type,
                    "headers": shown.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                    "body": body,
                }),
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A row for programs; what its envelope claims was never checked and may be anything, so `show --reveal` tells it.
fn without_claims(row: &InvalidRow) -> Value {
    let mut row = json!(row);
    row.as_object_mut().map(|fields| fields.remove("claims"));
    row
}

/// Refused records of the newest imports, at most `limit` imports and as many records of each.
async fn refused_records(ledger: &Ledger, limit: u32) -> Result<Vec<(Import, RefusedRecord)>, Failure> {
    let mut all = Vec::new();
    for import in ledger.imports(None, limit).await? {
        let records = ledger.refused_records(&import.key.system, &import.key.batch, limit).await?;
        all.extend(records.into_iter().map(|record| (import.clone(), record)));
    }
    Ok(all)
}

fn place_of(label: &str, record: &RefusedRecord) -> String {
    if record.number == 0 {
        return format!("{label}: {}", record.words);
    }
    format!("{label}, line {}: {}", record.line, record.words)
}

fn list(form: &FormArgs, all: &Value, head: &[&str], cells: impl Iterator<Item = [String; 5]>) {
    if form.json {
        return output::json(all);
    }
    let mut table = output::table(head);
    let rows: Vec<_> = cells.collect();
    if rows.is_empty() {
        return output::line("none");
    }
    table.add_rows(rows);
    output::line(table.to_string());
}

/// Prints one as JSON, which is also the form for people: names and values, a line each.
fn show(form: &FormArgs, shown: &Value) {
    if form.json {
        return output::json(shown);
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => output::line(format!("{name}: {text}")),
            Value::Null => {}
            _ => output::line(format!("{name}: {}", serde_json::to_string_pretty(value).unwrap_or_default())),
        }
    }
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

fn whole(event: &Whole, reveal: bool) -> Value {
    content(&event.body, reveal)
}

/// A body as JSON, masked unless it is to be revealed; what is no JSON is told by its size.
fn content(bytes: &[u8], reveal: bool) -> Value {
    match read_value(bytes) {
        Ok(json) => value(&json, reveal),
        Err(_) if reveal => Value::from(String::from_utf8_lossy(bytes).into_owned()),
        Err(_) => Value::from(format!("<{} bytes>", bytes.len())),
    }
}

fn value(json: &Value, reveal: bool) -> Value {
    if reveal { json.clone() } else { output::masked(json) }
}
