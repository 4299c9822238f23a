//! `postroom xref`: what systems call the things that events are about.

mod file;
mod import;

use std::process::ExitCode;

use chrono::Utc;
use postroom_ledger::{Ledger, NewJob, Xref, XrefFilter, XrefKey};
use serde_json::{Value, json};

use crate::cli::{Cli, Consent, FormArgs, WhichXrefs, XrefCommand, XrefRemoveArgs};
use crate::commands::officers::consent;
use crate::commands::revealing::Revealing;
use crate::failure::{FOUND_WRONG, Failure, count};
use crate::output;
use crate::place::Place;

/// The kind of job that says who removed cross-references, and why.
const REMOVE: &str = "xref-remove";
/// What stands in the place of an id that is not to be seen.
const MASKED: &str = "<text>";
/// Most that are shown of one thing.
const MOST_OF_ONE: u32 = 1_000;

pub(crate) async fn xref(cli: &Cli, command: &XrefCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match command {
        XrefCommand::List(args) => {
            let filter = filter(args.kind.as_ref(), &args.which);
            let revealing = Revealing::told(&args.reveal, "cross-references");
            let rows = ledger.xref_list(&filter, args.limit).await?;
            Ok(list(&place, rows, (revealing, &args.form)))
        }
        XrefCommand::Show { key, reveal, form } => {
            let revealing = Revealing::told(reveal, key);
            let filter = XrefFilter { key: Some(key.clone()), ..XrefFilter::default() };
            let rows = ledger.xref_list(&filter, MOST_OF_ONE).await?;
            Ok(list(&place, rows, (revealing, form)))
        }
        XrefCommand::Import(args) => import::import(&place, &ledger, args).await,
        XrefCommand::Remove(args) => remove(&ledger, args).await,
    }
}

fn filter(kind: Option<&String>, which: &WhichXrefs) -> XrefFilter {
    let WhichXrefs { key, system, id } = which;
    XrefFilter { kind: kind.cloned(), key: key.clone(), system: system.clone(), id: id.clone() }
}

/// Lists them; an id that routes note of something of a person is masked unless it is to be seen.
fn list(place: &Place, mut rows: Vec<Xref>, (revealing, form): (Revealing, &FormArgs)) -> ExitCode {
    let is_masked = |of: &XrefKey| !revealing.is_on() && place.council.has_personal_ids(&of.kind, &of.system);
    for row in rows.iter_mut().filter(|row| is_masked(&row.of)) {
        MASKED.clone_into(&mut row.id);
    }
    let cells = rows.iter().map(|row| {
        let of = &row.of;
        [of.kind.clone(), of.key.clone(), of.system.clone(), row.id.clone(), output::time(row.at)]
    });
    output::list(form.json, &json!(rows), &["kind", "key", "system", "id", "since"], cells);
    ExitCode::SUCCESS
}

async fn remove(ledger: &Ledger, args: &XrefRemoveArgs) -> Result<ExitCode, Failure> {
    let filter = filter(Some(&args.kind), &args.which);
    let meant = ledger.xref_count(&filter).await?;
    if !args.form.json {
        output::line(format!("{} would be forgotten", references(meant)));
    }
    if meant == 0 {
        return Ok(told(args.form.json, &json!({"removed": 0}), "nothing to forget", FOUND_WRONG));
    }
    if args.consent.dry_run && args.form.json {
        output::json(&json!({"removed": 0, "meant": meant}));
        return Ok(ExitCode::SUCCESS);
    }
    let question = format!("forget {}?", references(meant));
    if !consent::given(&args.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    // It may be removed because it tells who a person is.
    let one = filter.key.is_some() || filter.id.is_some();
    let params = json!({"kind": filter.kind, "system": filter.system, "by_key_or_id": one});
    let job = begun(ledger, REMOVE, &args.consent, params).await?;
    let removed = ledger.remove_xrefs(filter).await?;
    ended(ledger, job, removed).await?;
    let words = format!("{} forgotten, job {job}", references(removed));
    Ok(told(args.form.json, &json!({"removed": removed, "job": job}), &words, 0))
}

/// What came of a command, as JSON or in words, and its exit code.
fn told(as_json: bool, told: &Value, words: &str, code: u8) -> ExitCode {
    if as_json {
        output::json(told);
    } else {
        output::line(words);
    }
    ExitCode::from(code)
}

/// Notes who does something, and why, as a job that nobody else carries out; its number.
pub(super) async fn begun(
    ledger: &Ledger,
    kind: &str,
    consent: &Consent,
    params: Value,
) -> Result<i64, Failure> {
    let job = NewJob {
        kind: kind.to_owned(),
        target: String::new(),
        params,
        actor: output::actor(),
        reason: consent.reason.clone().unwrap_or_default(),
        at: now(),
    };
    Ok(ledger.submit(job).await?)
}

/// Notes that it is done.
pub(super) async fn ended(ledger: &Ledger, job: i64, number: u64) -> Result<(), Failure> {
    let outcome = json!({"carried_out": number, "left": []});
    ledger.advance(job, (number, number), outcome.clone(), now()).await?;
    Ok(ledger.finish(job, outcome, now()).await?)
}

fn now() -> i64 {
    Utc::now().timestamp_micros()
}

fn references(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "cross-reference")
}
