//! `postroom replay`: events of the journal, sent again. Without `--yes` it only tells what would be sent.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use postroom_ledger::JobFilter;
use postroom_router::{Halts, Line, PROPOSED_REPLAY, Plan, Publishing, Request, lease};
use serde_json::{Value, json};

use crate::cli::{Cli, ReplayArgs};
use crate::commands::officers::unknown;
use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

/// Lines of a plan that are printed; `--json` has all.
const MOST_PRINTED: usize = 50;
/// Proposals that are looked through.
const MOST_PROPOSALS: u32 = 1_000;

pub(crate) async fn replay(cli: &Cli, args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let broker = place.broker().await?;
    let (council, ledger) = (place.council.clone(), place.ledger().await?);
    let ground = Publishing { council, ledger, broker: broker.clone(), halts: Halts::default() };
    let unreadable = |error| Failure::Unreachable(format!("planning the replay: {error}"));
    let plan = postroom_router::plan(&ground, &request(args)?).await.map_err(unreadable)?;
    broker.close().await;
    if plan.lines.is_empty() {
        all_known(&place, args)?;
    }
    let jobs = if args.yes { submit(&place, &ground, &plan, args).await? } else { Vec::new() };
    if args.form.json {
        output::json(&as_json(&plan, &jobs));
    } else {
        print(&plan, args, &jobs);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is named and is nowhere in the configuration. What the configuration no longer has may still be in the journal.
fn all_known(place: &Place, args: &ReplayArgs) -> Result<(), Failure> {
    let council = &place.council;
    let sources = council.sources().map(|(system, _)| system.name.as_str()).collect();
    let targets = council.targets().map(|(system, _)| system.name.as_str()).collect();
    let routes = council.routes.iter().map(|route| &*route.name).collect();
    let types = council.vocabulary.names().collect();
    for (what, given, names) in [
        ("source", &args.system, sources),
        ("target", &args.to, targets),
        ("route", &args.route, routes),
        ("event type", &args.event_type, types),
    ] {
        let names: Vec<&str> = names;
        if let Some(name) = given.as_deref().filter(|name| !names.contains(name)) {
            return Err(unknown(what, name, names));
        }
    }
    Ok(())
}

fn request(args: &ReplayArgs) -> Result<Request, Failure> {
    Ok(Request {
        from: args.from.as_deref().map(moment).transpose()?,
        until: args.until.as_deref().map(moment).transpose()?,
        system: args.system.clone(),
        event_type: args.event_type.clone(),
        subject: args.subject.clone(),
        route: args.route.clone(),
        to: args.to.clone(),
        again: args.again,
        stale: args.stale,
    })
}

/// A time as RFC 3339, or as a duration back from now; in seconds since the epoch.
fn moment(text: &str) -> Result<u64, Failure> {
    let seconds = match postroom_connector::parse_duration(text) {
        Some(ago) => Utc::now().timestamp() - i64::try_from(ago.as_secs()).unwrap_or(i64::MAX),
        None => DateTime::parse_from_rfc3339(text)
            .map_err(|_| {
                let words = "is neither a time such as `2026-03-20T10:14:00Z` nor a duration back from now such as `2h`";
                Failure::Wrong(format!("`{text}` {words}"))
            })?
            .timestamp(),
    };
    Ok(u64::try_from(seconds).unwrap_or(0))
}

/// Submits the jobs, and takes back what was proposed for the target, if anything is sent.
async fn submit(
    place: &Place,
    ground: &Publishing,
    plan: &Plan,
    args: &ReplayArgs,
) -> Result<Vec<i64>, Failure> {
    let council = &place.council;
    let lease_of = |line: &Line| match council.is_queue_target(&line.target) {
        true => lease::of_ingress(&line.system),
        false => lease::of_lane(&line.target),
    };
    let (actor, reason) = (output::actor(), args.reason.clone().unwrap_or_default());
    let jobs =
        postroom_router::submit_replay(&ground.ledger, plan, args.rate, (&actor, &reason), lease_of).await?;
    if let Some(target) = args.to.as_ref().filter(|_| plan.sent() > 0) {
        let (kind, target) = (Some(PROPOSED_REPLAY.to_owned()), Some(target.clone()));
        let filter = JobFilter { kind, target, ..JobFilter::default() };
        for proposed in ground.ledger.jobs(&filter, MOST_PROPOSALS).await? {
            ground.ledger.cancel(proposed.id, Utc::now().timestamp_micros()).await?;
        }
    }
    Ok(jobs)
}

fn as_json(plan: &Plan, jobs: &[i64]) -> Value {
    let counts = plan.counts();
    let routes = counts
        .iter()
        .map(|((route, target), fates)| json!({"route": route, "target": target, "dispatches": fates}));
    json!({"plan": plan, "routes": routes.collect::<Vec<_>>(), "sent": plan.sent(), "jobs": jobs})
}

fn print(plan: &Plan, args: &ReplayArgs, jobs: &[i64]) {
    let events = count(usize::try_from(plan.events).unwrap_or(usize::MAX), "event");
    output::line(format!(
        "{events}, of them {} invalid now and {} not in the ledger",
        plan.invalid, plan.unknown
    ));
    let words = ["new", "again", "suppressed", "overtaken", "unmappable", "no-longer"];
    let mut table = output::table(&[
        "route",
        "target",
        "new",
        "again",
        "suppressed",
        "overtaken",
        "unmappable",
        "no longer",
    ]);
    for ((route, target), fates) in plan.counts() {
        let numbers = words.iter().map(|word| fates.get(word).copied().unwrap_or(0).to_string());
        table.add_row([route, target].into_iter().chain(numbers).collect::<Vec<_>>());
    }
    output::line(table.to_string());
    let told = plan.lines.iter().filter(|line| !line.fate.is_sent() || line.changed.is_some());
    for line in told.clone().take(MOST_PRINTED) {
        let fate = json!(line.fate);
        let more: Vec<String> = ["was", "by", "code"]
            .iter()
            .filter_map(|key| Some(format!("{key} {}", fate[key].as_str()?)))
            .chain(line.changed.as_ref().map(|fields| match fields.is_empty() {
                true => "the same message".to_owned(),
                false => format!("changed: {}", fields.join(" ")),
            }))
            .collect();
        output::line(format!("  {} -> {}: {} {}", line.event, line.route, line.fate.word(), more.join(", ")));
    }
    if told.count() > MOST_PRINTED {
        output::line("  and more: --json has all of them");
    }
    if args.yes {
        jobs.iter().for_each(|job| output::line(format!("job {job}: carried out at once when the hub runs")));
        output::line(format!(
            "replay {}: {} at {}/s",
            plan.replay,
            count(plan.sent(), "dispatch"),
            args.rate
        ));
    } else {
        output::line(format!("nothing was sent; --yes sends {}", plan.sent()));
    }
}
