//! `postroom subject SUBJECT erase`: a preview, then what is held of it is removed in one transaction of the ledger. While
//! something of it is open nothing is erased: an officer settles that first, or has it given up.

use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use postroom_ledger::{Erase, Erased, Ledger, Mention, Open, SubjectHeld};
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::elsewhere::Elsewhere;
use super::erasures;
use crate::cli::{Consent, EraseArgs};
use crate::commands::officers::show::flat;
use crate::commands::officers::{consent, give_up};
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

/// How long it is waited for a hub that gives up what is open.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether that is done.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn erase(
    place: &Place,
    ledger: &Ledger,
    subject: &str,
    args: &EraseArgs,
) -> Result<ExitCode, Failure> {
    let held = ledger.subject(subject).await?;
    let elsewhere = Elsewhere::of(&place.council, &held);
    tell_held(&held, args);
    if is_nothing(&held, args) {
        return nothing(ledger, args).await;
    }
    let asked = asked(subject, args);
    let open = ledger.open_of(&asked).await?;
    open.iter().map(in_words).for_each(output::line);
    if !open.is_empty() && !args.discard_open && !args.consent.dry_run {
        return Err(still_open());
    }
    if !consent::given(&args.consent, &format!("erase what is held of {subject} for good?"))? {
        return Ok(ExitCode::SUCCESS);
    }
    if !open.is_empty() {
        discard(place, ledger, &asked, &open, &args.consent).await?;
    }
    carry_out(place, ledger, asked).await?;
    output::line("copies may be elsewhere:");
    elsewhere.lines().iter().for_each(|line| output::line(format!("  {line}")));
    Ok(ExitCode::SUCCESS)
}

/// Erases, tells it, and writes the file of the ledger anew.
async fn carry_out(place: &Place, ledger: &Ledger, asked: Erase) -> Result<(), Failure> {
    let at = Utc::now().timestamp_micros();
    match ledger.erase(Erase { at, ..asked }).await? {
        Erased::Done(erasure) => {
            telemetry::start(telemetry::Form::Text);
            telemetry::subject_erased(&erasure.actor, &erasure.reason, erasure.counts.values().sum());
            erasures::note(place, &erasure)?;
            output::line(format!("erased: {}", erasures::counts(&erasure)));
            scrub(ledger).await
        }
        Erased::Open(open) => {
            open.iter().map(in_words).for_each(output::line);
            Err(still_open())
        }
    }
}

fn asked(subject: &str, args: &EraseArgs) -> Erase {
    Erase {
        subject: subject.to_owned(),
        mentions: args.mentions,
        untold: args.discard_open,
        actor: output::actor(),
        reason: args.consent.reason.clone().unwrap_or_default(),
        at: 0,
    }
}

/// Whether there is nothing that the command would remove.
fn is_nothing(held: &SubjectHeld, args: &EraseArgs) -> bool {
    let but_mentions = SubjectHeld { mentions: held.mentions.clone(), ..SubjectHeld::default() };
    let goes = |mention: &Mention| args.mentions && !mention.is_open;
    *held == but_mentions && !held.mentions.iter().any(goes)
}

/// Of what is not there no erasing is recorded; an erasing that was stopped before the file was written anew is ended.
async fn nothing(ledger: &Ledger, args: &EraseArgs) -> Result<ExitCode, Failure> {
    output::line("there is nothing to erase");
    if args.consent.yes {
        scrub(ledger).await?;
    }
    Ok(ExitCode::from(FOUND_WRONG))
}

fn tell_held(held: &SubjectHeld, args: &EraseArgs) {
    for (kind, count) in [
        ("events", held.events.len()),
        ("dead letters", held.dead.len()),
        ("invalid events", held.invalid.len()),
        ("holds", held.held.len()),
        ("staged messages", held.staged.len()),
        ("messages that were sent and are kept", held.sent.len()),
        ("cross-references", held.xrefs.len()),
        ("receipts still to be told", held.receipts.len()),
        ("jobs that name it", held.jobs.len()),
    ] {
        if count > 0 {
            output::line(format!("  {kind}: {count}"));
        }
    }
    for mention in &held.mentions {
        let fate = match (mention.is_open, args.mentions) {
            (true, _) => "it stays until it has ended",
            (false, true) => "it goes too",
            (false, false) => "it stays; --mentions removes it too",
        };
        output::line(format!("  mentioned: {}; {fate}", named(mention)));
    }
}

/// Where something is mentioned, without what it says.
fn named(mention: &Mention) -> String {
    let mut shown = json!(mention);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("content");
        fields.remove("is_open");
    }
    flat(&shown)
}

/// What is open, and what settles it.
fn in_words(open: &Open) -> String {
    match open {
        Open::Waiting { id, target } => format!(
            "open: dispatch {id} waits in the lane of {target} until that takes it: postroom trace {id}; where the system is \
             paused, postroom resume {target}"
        ),
        Open::Held { id, target } => format!(
            "open: dispatch {id} is held until {target} takes it, or it is a dead letter: postroom holds --target {target}"
        ),
        Open::Staged { id, target } => {
            format!("open: dispatch {id} goes with the next batch of {target}: postroom status")
        }
        Open::Dead { id, .. } => format!(
            "open: dead letter {id}: postroom dead redrive {id} --reason ..., or postroom dead discard {id} --reason ..."
        ),
        Open::Invalid { id, .. } => format!(
            "open: invalid event {id}: postroom invalid redrive {id} --reason ..., or postroom invalid discard {id} --reason ..."
        ),
        Open::Job { id } => {
            format!("open: job {id}: postroom jobs show {id} --wait, or postroom jobs cancel {id}")
        }
        Open::Untold { receipts } => {
            format!("open: {receipts} receipts are still to be told; a hub that runs tells them at once")
        }
    }
}

fn still_open() -> Failure {
    let words = "nothing was erased: what is open must be settled first; --discard-open gives up dead letters and invalid events";
    Failure::Wrong(words.to_owned())
}

/// Gives up dead letters and invalid events as an officer does, and waits until nothing is open.
async fn discard(
    place: &Place,
    ledger: &Ledger,
    asked: &Erase,
    open: &[Open],
    consent: &Consent,
) -> Result<(), Failure> {
    let letters = open.iter().filter_map(|open| match open {
        Open::Dead { id, .. } => Some(id.clone()),
        _ => None,
    });
    let events = open.iter().filter_map(|open| match open {
        Open::Invalid { id, .. } => Some(*id),
        _ => None,
    });
    let consent = Consent { yes: true, ..consent.clone() };
    give_up(place, ledger, (letters.collect(), events.collect()), &consent).await?;
    let until = Instant::now() + GIVEN_UP_WITHIN;
    loop {
        let open = ledger.open_of(asked).await?;
        if open.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            open.iter().map(in_words).for_each(output::line);
            let words = "nothing was erased: this is still open; say it again once it is not";
            return Err(Failure::TimedOut(words.to_owned()));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Writes the file of the ledger anew.
async fn scrub(ledger: &Ledger) -> Result<(), Failure> {
    if !ledger.scrub().await? {
        let words = "the ledger's log is read all the time, and still holds old pages: say it again with --yes once it is quiet";
        return Err(Failure::TimedOut(words.to_owned()));
    }
    Ok(())
}
