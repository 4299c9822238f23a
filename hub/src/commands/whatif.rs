//! `postroom whatif`: a changed configuration, tried on the journal. Nothing is delivered, and nothing is written.

use std::process::ExitCode;
use std::sync::Arc;

use postroom_council::Council;
use postroom_router::{Differences, Example, RouteDifferences, Standing, Trial, what_if};
use postroom_telemetry as telemetry;
use serde_json::{Value, json};

use crate::cli::{Cli, WhatIfArgs};
use crate::failure::{DIFFERS, Failure, count};
use crate::output;
use crate::place::Place;

pub(crate) async fn whatif(cli: &Cli, args: &WhatIfArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let changed = Arc::new(changed(&place, args)?);
    let asks = place.council.asks_the_ledger() || changed.asks_the_ledger();
    let ledger = if asks { place.known_ledger().await? } else { None };
    let broker = place.broker().await?;
    let trial = Trial { council: place.council.clone(), changed, broker: broker.clone(), ledger };
    if args.reveal {
        telemetry::start(telemetry::Form::Text);
        telemetry::operator_revealed(&output::actor(), "a what-if");
    }
    let since = u64::try_from(args.since / 1_000_000).unwrap_or(0);
    let bar = output::progress(0, "looking at the journal");
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let found = what_if(&trial, (since, usize::from(args.sample)), &progress).await;
    bar.finish_and_clear();
    broker.close().await;
    let mut found = found.map_err(|error| Failure::Unreachable(format!("reading the journal: {error}")))?;
    if !args.reveal {
        found.examples.iter_mut().for_each(mask);
    }
    if args.form.json {
        output::json(&as_json(&found, &trial));
    } else {
        print(&found, &trial);
    }
    Ok(if found.differs() { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// The changed configuration, in which every program compiles.
fn changed(place: &Place, args: &WhatIfArgs) -> Result<Council, Failure> {
    let council = &place.council;
    let read =
        Council::read_changed(&council.folder, &args.routes, Some(council.data.as_path()), &place.connectors);
    let (changed, mut problems) = read.map_err(Failure::Configuration)?;
    changed.compile();
    for route in &changed.routes {
        problems.extend(route.mapping.get().err().unwrap_or_default());
        problems.extend(route.when.as_ref().and_then(|when| when.get().err()).unwrap_or_default());
    }
    if problems.is_empty() { Ok(changed) } else { Err(Failure::Configuration(problems)) }
}

fn mask(example: &mut Example) {
    for field in &mut example.fields {
        for value in [&mut field.before, &mut field.after].into_iter().flatten() {
            *value = output::masked(value);
        }
    }
}

fn as_json(found: &Differences, trial: &Trial) -> Value {
    let mut told = json!(found);
    told["differs"] = found.differs().into();
    told["folder"] = folder(trial).into();
    told
}

/// What is tried, in words.
fn folder(trial: &Trial) -> String {
    trial.changed.routes.first().map_or_else(
        || trial.changed.folder.display().to_string(),
        |route| route.folder.parent().unwrap_or(&route.folder).display().to_string(),
    )
}

fn print(found: &Differences, trial: &Trial) {
    reach(found);
    if found.still_invalid > 0 {
        output::line(format!("{} invalid by both", found.still_invalid));
    }
    if !found.newly_invalid.is_empty() {
        output::line(format!("newly invalid: {}", codes(&found.newly_invalid)));
    }
    if found.newly_valid > 0 {
        output::line(format!("no longer invalid: {}", found.newly_valid));
    }
    if found.asked_the_ledger {
        let none = if trial.ledger.is_none() { "; there is no ledger here, so none is known" } else { "" };
        output::line(format!("cross-references are those that are known today{none}"));
    }
    table(found);
    for route in found.routes.iter().filter(|route| route.differs()) {
        of_route(route);
    }
    found.examples.iter().for_each(example);
    let differing = found.routes.iter().filter(|route| route.differs()).count();
    match (found.differs(), differing) {
        (false, _) => output::line("no difference"),
        (true, 0) => output::line("events differ, and no route"),
        (true, _) => output::line(format!("{} differ", count(differing, "route"))),
    }
}

fn reach(found: &Differences) {
    let events = count(usize::try_from(found.events).unwrap_or(usize::MAX), "event");
    let since = output::time(i64::try_from(found.reach.asked).unwrap_or(0).saturating_mul(1_000_000));
    output::line(format!("{events} since {since}"));
    if found.reach.short {
        let first = found.reach.first.as_deref().unwrap_or("an unknown time");
        output::line(format!("the journal does not go back that far: it begins with an event of {first}"));
    }
}

fn table(found: &Differences) {
    let head = [
        "route",
        "target",
        "same",
        "changed",
        "newly refused",
        "newly sent",
        "no longer sent",
        "no longer refused",
        "still refused",
    ];
    let mut table = output::table(&head);
    for route in &found.routes {
        let name = match route.standing {
            Standing::Both => route.route.clone(),
            Standing::New => format!("{} (new)", route.route),
            Standing::Gone => format!("{} (gone)", route.route),
        };
        let counts = [
            route.same,
            route.changed,
            route.newly_refused.values().sum(),
            route.newly_sent,
            route.no_longer_sent,
            route.no_longer_refused,
            route.still_refused,
        ];
        let counts = counts.iter().map(u64::to_string);
        table.add_row([name, route.target.clone()].into_iter().chain(counts).collect::<Vec<_>>());
    }
    output::line(table.to_string());
}

/// In which fields messages differ, and why some are refused.
fn of_route(route: &RouteDifferences) {
    let head = format!("  {} -> {}", route.route, route.target);
    if !route.fields.is_empty() {
        let mut fields: Vec<_> = route.fields.iter().collect();
        fields.sort_by_key(|(_, messages)| std::cmp::Reverse(**messages));
        let fields: Vec<String> =
            fields.iter().map(|(field, messages)| format!("{field} {messages}")).collect();
        output::line(format!("{head}: changed: {}", fields.join(", ")));
    }
    if !route.newly_refused.is_empty() {
        output::line(format!("{head}: newly refused: {}", codes(&route.newly_refused)));
    }
}

fn codes(codes: &std::collections::BTreeMap<&'static str, u64>) -> String {
    codes.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
}

fn example(example: &Example) {
    let code = example.code.map(|code| format!(" ({code})")).unwrap_or_default();
    output::line(format!(
        "  {} about {} -> {}: {}{code}",
        example.event, example.subject, example.route, example.what
    ));
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    for field in &example.fields {
        output::line(format!("    {}: {} -> {}", field.field, shown(&field.before), shown(&field.after)));
    }
}
