//! `postroom invalid redrive|discard`: a preview, then a job for each ingress. Discarding needs no job: nobody but the ledger
//! knows of an invalid event.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use postroom_ledger::{Decision, InvalidFilter, Ledger};
use postroom_router::{InvalidSet, Outlook, REDRIVE_INVALID, Rehearsal, lease};
use serde_json::json;

use super::preview::{Preview, Words};
use super::{consent, jobs, which};
use crate::cli::{Deciding, InvalidDiscardArgs, InvalidRedriveArgs, WhichInvalid};
use crate::failure::{FOUND_WRONG, Failure, count};
use crate::output;
use crate::place::Place;

/// Most invalid events that one command decides on; the oldest, where more are meant.
const MOST_EVENTS: usize = 10_000;
/// Most invalid events of one job.
const EVENTS_A_JOB: usize = 1_000;

const WORDS: Words = Words { thing: "invalid event", accepted: "be valid" };

pub(super) async fn redrive(
    place: &Place,
    ledger: &Ledger,
    args: &InvalidRedriveArgs,
) -> Result<ExitCode, Failure> {
    let numbers = chosen(place, ledger, (&args.ids, &args.which, &args.deciding)).await?;
    let mut rehearsal = Rehearsal::new(Arc::clone(&place.council));
    let (mut preview, mut frozen) = (Preview::default(), BTreeMap::<String, Vec<i64>>::new());
    for number in numbers {
        let Some(shown) = ledger.invalid_show(number).await? else { continue };
        let outlook = rehearsal.invalid(&shown);
        preview.add(&outlook);
        let goes = match outlook {
            Outlook::Accepted => true,
            Outlook::Refused(_) => args.sending.all,
            Outlook::Barred(_) => false,
        };
        if goes {
            frozen.entry(shown.summary.system).or_default().push(number);
        }
    }
    preview.lines(&WORDS).iter().for_each(output::line);
    let number: usize = frozen.values().map(Vec::len).sum();
    if number == 0 {
        output::line("nothing to decide again");
        return Ok(ExitCode::from(FOUND_WRONG));
    }
    let question =
        format!("have {} decided again, {} a second?", count(number, WORDS.thing), args.sending.rate);
    if !consent::given(&args.deciding.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    for (system, numbers) in frozen {
        for chunk in numbers.chunks(EVENTS_A_JOB) {
            let params = json!(InvalidSet { numbers: chunk.to_vec(), rate: args.sending.rate });
            let what = format!("redrive {} of {system}", count(chunk.len(), WORDS.thing));
            let job = (REDRIVE_INVALID, lease::of_ingress(&system), what);
            jobs::submit(ledger, (job.0, &job.1, &job.2), params, &args.deciding).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn discard(
    place: &Place,
    ledger: &Ledger,
    args: &InvalidDiscardArgs,
) -> Result<ExitCode, Failure> {
    let numbers = chosen(place, ledger, (&args.ids, &args.which, &args.deciding)).await?;
    output::line(format!("{} would be given up for good", count(numbers.len(), WORDS.thing)));
    let question = format!("give up {}?", count(numbers.len(), WORDS.thing));
    if !consent::given(&args.deciding.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let reason = args.deciding.consent.reason.clone().unwrap_or_default();
    let by = Decision { actor: output::actor(), reason, job: None, at: Utc::now().timestamp_micros() };
    let discarded = ledger.discard_invalid(&numbers, by).await?;
    output::line(format!("discarded {}", count(discarded.len(), WORDS.thing)));
    Ok(ExitCode::SUCCESS)
}

/// The open invalid events that the officer means, at most [`MOST_EVENTS`], oldest first.
async fn chosen(
    place: &Place,
    ledger: &Ledger,
    (ids, which, deciding): (&[i64], &WhichInvalid, &Deciding),
) -> Result<Vec<i64>, Failure> {
    let filter = which::invalid(place, ledger, which, (deciding.code.as_ref(), Some("open"))).await?;
    let everything = InvalidFilter { state: filter.state.clone(), ..InvalidFilter::default() };
    if ids.is_empty() && filter == everything {
        return Err(which::nothing_named());
    }
    let mut meant = ledger.invalid_in_order(&filter, u32::MAX).await?;
    if !ids.is_empty() {
        for id in ids {
            check(ledger, *id).await?;
        }
        meant.retain(|number| ids.contains(number));
    }
    if meant.is_empty() {
        return Err(Failure::Wrong("no open invalid event is meant by this".to_owned()));
    }
    if meant.len() > MOST_EVENTS {
        let all = count(meant.len(), WORDS.thing);
        output::line(format!(
            "{all} are meant; this decides on the oldest {MOST_EVENTS}: do it again for the rest"
        ));
        meant.truncate(MOST_EVENTS);
    }
    Ok(meant)
}

/// That the number is of an open invalid event.
async fn check(ledger: &Ledger, number: i64) -> Result<(), Failure> {
    let shown = ledger.invalid_show(number).await?;
    let shown = shown.ok_or_else(|| Failure::Wrong(format!("nothing is kept under `{number}`")))?;
    if shown.summary.state != "open" {
        return Err(Failure::Wrong(format!(
            "the invalid event `{number}` is {} already",
            shown.summary.state
        )));
    }
    Ok(())
}
