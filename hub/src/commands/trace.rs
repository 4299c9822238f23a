//! `postroom trace`: the whole journey of an event, in order of time.

use std::process::ExitCode;

use postroom_ledger::{Action, Attempt, AttemptOutcome, Journey, Leg, Note, State, Verdict};

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
    for (at, what) in steps(journey) {
        output::line(format!("  {}  {what}", output::time(at)));
    }
}

/// A journey as what happened, in order of time; what happened in the same moment, in the order of the routes.
fn steps(journey: &Journey) -> Vec<(i64, String)> {
    let from = journey.import.as_ref().map(|label| format!(", from {label}")).unwrap_or_default();
    let mut steps = vec![(journey.received_at, format!("taken from {}{from}", journey.system))];
    match &journey.verdict {
        Verdict::Routed => {}
        Verdict::NoRoute => steps.push((journey.received_at, "no route wants it".to_owned())),
        Verdict::Invalid { number, code, place, words, notes, .. } => {
            let said = format!("invalid: {code} at {place:?}: {words} (postroom invalid show {number})");
            steps.push((journey.received_at, said));
            steps.extend(notes.iter().map(|note| (note.at, decided(note))));
        }
    }
    for leg in &journey.legs {
        let named = |(at, what): (i64, String)| (at, format!("{} -> {}: {what}", leg.route, leg.target));
        steps.extend(of_leg(leg, journey.received_at).into_iter().map(named));
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// What happened to one dispatch; where it stands goes last, at `taken` where the ledger has no time of it.
fn of_leg(leg: &Leg, taken: i64) -> Vec<(i64, String)> {
    let mut steps: Vec<_> = leg.attempts.iter().map(|attempt| (attempt.started_at, tried(attempt))).collect();
    steps.extend(
        leg.failed.as_ref().map(|failed| (failed.at, format!("dead: {}: {}", failed.code, failed.words))),
    );
    steps.extend(leg.notes.iter().map(|note| (note.at, decided(note))));
    if let Some(held) = &leg.held {
        let next = held.next_at.map(|at| format!(", to be tried at {}", output::time(at)));
        steps.push((held.at, format!("held: {}: {}{}", held.code, held.words, next.unwrap_or_default())));
    } else {
        let said = in_words(&leg.state);
        let latest = steps.iter().map(|(at, _)| *at).max().unwrap_or(taken);
        steps.push((time_of(leg).unwrap_or(latest), format!("{said} (dispatch {})", leg.id)));
    }
    steps
}

fn tried(attempt: &Attempt) -> String {
    let outcome = match attempt.outcome {
        AttemptOutcome::Transient => "failed for now",
        AttemptOutcome::Permanent => "refused",
        AttemptOutcome::Unknown => "not answered",
        AttemptOutcome::Down => "not reached",
    };
    let Attempt { number, took, words, .. } = attempt;
    format!("attempt {number} {outcome} after {} ms: {words}", took / 1_000)
}

fn decided(note: &Note) -> String {
    let what = match note.action {
        Action::Discarded => "discarded",
        Action::Redriven => "sent again",
    };
    let job = note.job.map(|job| format!(" (job {job})")).unwrap_or_default();
    format!("{what} by {}: {}{job}", note.actor, note.reason)
}

fn time_of(leg: &Leg) -> Option<i64> {
    match leg.state {
        State::Waiting | State::Queued => None,
        State::Staged { at, .. } | State::Delivered { at, .. } | State::Dead { at, .. } => Some(at),
    }
}

/// Where a dispatch stands; that it was discarded is told as the decision it was.
fn in_words(state: &State) -> String {
    match state {
        State::Waiting => "waiting in its lane".to_owned(),
        State::Queued => "delivered to its queue".to_owned(),
        State::Staged { batch: None, .. } => "waiting for the next batch".to_owned(),
        State::Staged { batch: Some(batch), .. } => format!("in batch {batch}, on its way"),
        State::Delivered { reference: Some(reference), .. } => format!("delivered as {reference}"),
        State::Delivered { reference: None, .. } => "delivered".to_owned(),
        State::Dead { code, words, .. } => format!("dead: {code}: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_event::DispatchId;
    use postroom_ledger::Failing;

    fn journey(legs: Vec<Leg>) -> Journey {
        Journey {
            key: None,
            system: "shop".to_owned(),
            source: "/systems/shop".to_owned(),
            id: "event-1".to_owned(),
            event_type: "parcel.moved.v1".to_owned(),
            subject: "parcel:a".to_owned(),
            correlation: None,
            received_at: 1_000,
            verdict: Verdict::Routed,
            import: None,
            legs,
        }
    }

    #[test]
    fn a_journey_is_told_in_order_of_time_with_attempts_decisions_and_the_reference() {
        let refused = Attempt {
            number: 1,
            started_at: 2_000,
            took: 31_000,
            outcome: AttemptOutcome::Permanent,
            words: "no such parcel".to_owned(),
        };
        let note = Note {
            action: Action::Redriven,
            actor: "ada".to_owned(),
            reason: "mended".to_owned(),
            job: Some(7),
            at: 4_000,
        };
        let id = DispatchId::new("/systems/shop", "event-1", "parcel-to-press");
        let leg = Leg {
            id,
            route: "parcel-to-press".to_owned(),
            target: "press".to_owned(),
            state: State::Delivered {
                at: 5_000,
                attempts: 2,
                batch: None,
                reference: Some("P-9".to_owned()),
            },
            held: None,
            attempts: vec![refused],
            failed: Some(Failing {
                at: 3_000,
                code: "refused".to_owned(),
                words: "no such parcel".to_owned(),
            }),
            notes: vec![note],
        };
        let way = "parcel-to-press -> press";
        let expected = [
            (1_000, "taken from shop".to_owned()),
            (2_000, format!("{way}: attempt 1 refused after 31 ms: no such parcel")),
            (3_000, format!("{way}: dead: refused: no such parcel")),
            (4_000, format!("{way}: sent again by ada: mended (job 7)")),
            (5_000, format!("{way}: delivered as P-9 (dispatch {id})")),
        ];
        assert_eq!(steps(&journey(vec![leg])), expected);
    }
}
