//! `postroom subject SUBJECT export`: everything that is held of it, values and all. Who looked, and why, is logged and kept.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;
use postroom_ledger::{Ledger, NewJob, SubjectHeld, WorkFilter, WorkItem};
use postroom_router::business_reasons;
use postroom_telemetry as telemetry;
use serde_json::json;

use super::document::{self, Asked};
use super::elsewhere::Elsewhere;
use crate::cli::ExportArgs;
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

/// The kind of job that says who looked at what is held of a subject, and why.
const EXPORT: &str = "subject-export";

pub(super) async fn export(
    place: &Place,
    ledger: &Ledger,
    subject: &str,
    args: &ExportArgs,
) -> Result<ExitCode, Failure> {
    let held = ledger.subject(subject).await?;
    if held == SubjectHeld::default() {
        output::complaint(format!("postroom: nothing is held of `{subject}`"));
        return Ok(ExitCode::from(FOUND_WRONG));
    }
    let work = work(ledger, subject).await?;
    let elsewhere = Elsewhere::of(&place.council, &held);
    let asked = Asked { subject, reason: &args.reason, at: Utc::now().timestamp_micros() };
    let document = match args.form.json {
        true => {
            let document = document::json_of(&asked, &held, &work, &elsewhere);
            serde_json::to_string_pretty(&document).unwrap_or_default()
        }
        false => document::text_of(&asked, &held, &work, &elsewhere),
    };
    // Nobody sees anything before it is written down that he did.
    let job = note(ledger, &asked).await?;
    telemetry::start(telemetry::Form::Text);
    telemetry::subject_exported(&output::actor(), &args.reason, job);
    match &args.to {
        None => output::line(document),
        Some(file) => {
            write(file, &document)?;
            output::line(format!("{}: what is held of {subject}; it holds personal data", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The items of the work list about the subject.
async fn work(ledger: &Ledger, subject: &str) -> Result<Vec<WorkItem>, Failure> {
    let all = ledger.work_list(&business_reasons(), &WorkFilter::default(), u32::MAX).await?;
    Ok(all.into_iter().filter(|item| item.subject.as_deref() == Some(subject)).collect())
}

/// Keeps who looked, and why, as a job that nobody carries out; its number.
async fn note(ledger: &Ledger, asked: &Asked<'_>) -> Result<i64, Failure> {
    let job = NewJob {
        kind: EXPORT.to_owned(),
        target: String::new(),
        params: json!({ "subject": asked.subject }),
        actor: output::actor(),
        reason: asked.reason.to_owned(),
        at: asked.at,
    };
    let job = ledger.submit(job).await?;
    ledger.finish(job, json!({"carried_out": 1, "left": []}), asked.at).await?;
    Ok(job)
}

/// Writes a file that was not there, for its owner alone.
fn write(path: &Path, document: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| writeln!(file, "{document}"));
    written.map_err(|error| Failure::Unreachable(format!("writing {}: {error}", path.display())))
}
