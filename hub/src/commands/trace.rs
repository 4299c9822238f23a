//! `postroom trace`: the whole journey of an event, in order of time.

use std::process::ExitCode;

use postroom_ledger::{Journey, Leg, State, Verdict};

use crate::cli::{Cli, FormArgs};
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

pub(crate) async fn trace(cli: &Cli, what: &str, form: &FormArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let journeys = place.ledger().await?.trace(what).await?;
    if form.json {
        output::json(&serde_json::to_value(&journeys).unwrap_or_default());
    } else if journeys.is_empty() {
        output::line("nothing is known of it: no event, dispatch or subject of that name");
    } else {
        journeys.iter().for_each(tell);
    }
    Ok(if journeys.is_empty() { ExitCode::from(FOUND_WRONG) } else { ExitCode::SUCCESS })
}

fn tell(journey: &Journey) {
    output::line(format!("{} about {} ({})", journey.event_type, journey.subject, journey.id));
    let from = journey.import.as_ref().map(|label| format!(", from {label}")).unwrap_or_default();
    step(journey.received_at, &format!("taken from {}{from}", journey.system));
    match &journey.verdict {
        Verdict::Routed => {}
        Verdict::NoRoute => step(journey.received_at, "no route wants it"),
        Verdict::Invalid { number, code, place, words } => {
            step(
                journey.received_at,
                &format!("invalid: {code} at {place:?}: {words} (postroom invalid show {number})"),
            );
        }
    }
    let mut legs: Vec<&Leg> = journey.legs.iter().collect();
    legs.sort_by_key(|leg| time_of(leg).unwrap_or(journey.received_at));
    for leg in legs {
        let at = time_of(leg).unwrap_or(journey.received_at);
        step(at, &format!("{} -> {}: {} (dispatch {})", leg.route, leg.target, in_words(&leg.state), leg.id));
    }
}

fn time_of(leg: &Leg) -> Option<i64> {
    match leg.state {
        State::Waiting | State::Queued => None,
        State::Staged { at, .. } | State::Delivered { at, .. } | State::Dead { at, .. } => Some(at),
    }
}

fn in_words(state: &State) -> String {
    match state {
        State::Waiting => "waiting in its lane".to_owned(),
        State::Queued => "delivered to its queue".to_owned(),
        State::Staged { batch: None, .. } => "waiting for the next batch".to_owned(),
        State::Staged { batch: Some(batch), .. } => format!("in batch {batch}, on its way"),
        State::Delivered { reference, .. } => match reference {
            Some(reference) => format!("delivered as {reference}"),
            None => "delivered".to_owned(),
        },
        State::Dead { code, words, discarded: false, .. } => format!("dead: {code}: {words}"),
        State::Dead { code, words, discarded: true, .. } => format!("discarded: {code}: {words}"),
    }
}

fn step(at: i64, what: &str) {
    output::line(format!("  {}  {what}", output::time(at)));
}
