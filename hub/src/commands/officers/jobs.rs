//! `postroom jobs`: what officers decided, how far it is carried out, and what was left as it was.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use postroom_ledger::{Job, JobFilter, JobState, Ledger, NewJob};
use postroom_router::{Left, Outcome};
use serde_json::{Value, json};

use crate::cli::{Cli, Deciding, FormArgs, JobsCommand};
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

/// How often a job that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most things left that are told one by one.
const MOST_LEFT: usize = 20;

/// Submits a job and says so.
pub(super) async fn submit(
    ledger: &Ledger,
    (kind, lease, what): (&str, &str, &str),
    params: Value,
    deciding: &Deciding,
) -> Result<(), Failure> {
    let new = NewJob {
        kind: kind.to_owned(),
        target: lease.to_owned(),
        params,
        actor: output::actor(),
        reason: deciding.consent.reason.clone().unwrap_or_default(),
        at: Utc::now().timestamp_micros(),
    };
    let job = ledger.submit(new).await?;
    output::line(format!("job {job}: {what}, at once when the hub runs (postroom jobs show {job})"));
    Ok(())
}

pub(crate) async fn jobs(cli: &Cli, command: &JobsCommand) -> Result<ExitCode, Failure> {
    let ledger = Place::load(cli)?.ledger().await?;
    match command {
        JobsCommand::List { limit, form } => list(&ledger, *limit, form).await,
        JobsCommand::Show { id, wait, form } => {
            let job = if *wait { ended(&ledger, *id).await? } else { find(&ledger, *id).await? };
            show(&job, form);
            Ok(ExitCode::SUCCESS)
        }
        JobsCommand::Cancel { id } => cancel(&ledger, *id).await,
    }
}

async fn list(ledger: &Ledger, limit: u32, form: &FormArgs) -> Result<ExitCode, Failure> {
    let jobs = ledger.jobs(&JobFilter::default(), limit).await?;
    let cells = jobs.iter().map(|job| {
        let far = format!("{} {}", state(job.state), far(job));
        [
            output::time(job.submitted_at),
            job.id.to_string(),
            format!("{} {}", job.kind, job.target),
            far,
            format!("{}: {}", job.actor, job.reason),
        ]
    });
    let all: Vec<_> = jobs.iter().map(without_set).collect();
    output::list(form.json, &json!(all), &["when", "job", "what", "how far", "who and why"], cells);
    Ok(ExitCode::SUCCESS)
}

/// A job for programs, without the ids that it works on.
fn without_set(job: &Job) -> Value {
    let mut job = json!(job);
    job.as_object_mut().map(|fields| fields.remove("params"));
    job
}

fn show(job: &Job, form: &FormArgs) {
    if form.json {
        return output::json(&json!(job));
    }
    output::line(format!("job {}: {} by {}", job.id, job.kind, job.target));
    output::line(format!("  {} {}", state(job.state), far(job)));
    output::line(format!("  decided {} by {}: {}", output::time(job.submitted_at), job.actor, job.reason));
    let Outcome { carried_out, left } = Outcome::of(job);
    output::line(format!("  carried out {carried_out}, left as they were {}", left.len()));
    told(&left).iter().for_each(output::line);
}

/// What was left, by its code, then one by one.
fn told(left: &[Left]) -> Vec<String> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for each in left {
        *codes.entry(&each.code).or_default() += 1;
    }
    let codes = codes.iter().map(|(code, number)| format!("  left, because {code}: {number}"));
    let ones =
        left.iter().take(MOST_LEFT).map(|each| format!("    {}: {}: {}", each.id, each.code, each.words));
    let more =
        left.len().checked_sub(MOST_LEFT + 1).map(|more| format!("    and {} more (--json)", more + 1));
    codes.chain(ones).chain(more).collect()
}

fn state(state: JobState) -> &'static str {
    match state {
        JobState::Submitted => "submitted",
        JobState::Running => "running",
        JobState::Cancelling => "is being cancelled",
        JobState::Cancelled => "cancelled",
        JobState::Done => "done",
    }
}

fn far(job: &Job) -> String {
    if job.total == 0 { String::new() } else { format!("{} of {}", job.done, job.total) }
}

async fn find(ledger: &Ledger, id: i64) -> Result<Job, Failure> {
    let found = ledger.jobs(&JobFilter { id: Some(id), ..JobFilter::default() }, 1).await?;
    found.into_iter().next().ok_or_else(|| Failure::Wrong(format!("there is no job {id}")))
}

/// The job once it has ended.
async fn ended(ledger: &Ledger, id: i64) -> Result<Job, Failure> {
    let bar = output::progress(0, "carrying out");
    loop {
        let job = find(ledger, id).await?;
        bar.set_length(job.total);
        bar.set_position(job.done);
        if matches!(job.state, JobState::Done | JobState::Cancelled) {
            bar.finish_and_clear();
            return Ok(job);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn cancel(ledger: &Ledger, id: i64) -> Result<ExitCode, Failure> {
    let Some(now) = ledger.cancel(id, Utc::now().timestamp_micros()).await? else {
        return Err(Failure::Wrong(format!("there is no job {id}")));
    };
    output::line(format!("job {id}: {}", state(now)));
    Ok(if now == JobState::Done { ExitCode::from(FOUND_WRONG) } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_left_is_told_by_its_codes_and_one_by_one_up_to_a_limit() {
        let left = |number: usize| Left {
            id: format!("d{number}"),
            code: if number == 0 { "decided" } else { "overtaken" }.to_owned(),
            words: "it is so".to_owned(),
        };
        let lines = told(&(0..22).map(left).collect::<Vec<_>>());
        assert_eq!(lines[..2], ["  left, because decided: 1", "  left, because overtaken: 21"]);
        assert_eq!(lines[2], "    d0: decided: it is so");
        assert_eq!((lines.len(), lines[22].as_str()), (23, "    and 2 more (--json)"));
        assert!(told(&[]).is_empty());
    }
}
