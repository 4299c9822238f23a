//! `postroom trace`: the whole journey of an event, in order of time.

use std::process::ExitCode;

use postroom_ledger::{Action, Attempt, AttemptOutcome, Journey, Leg, Note, Released, State, Verdict};

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
        journeys.iter().flat_map(told).for_each(output::line);
    }
    Ok(if journeys.is_empty() { ExitCode::from(FOUND_WRONG) } else { ExitCode::SUCCESS })
}

/// A journey, a line a step.
pub(crate) fn told(journey: &Journey) -> Vec<String> {
    let head = format!("{} about {} ({})", journey.event_type, journey.subject, journey.id);
    let steps = steps(journey).into_iter().map(|(at, what)| format!("  {}  {what}", output::time(at)));
    [head].into_iter().chain(steps).collect()
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
    // The ledger has the time at which the outcome was written: what a quick lane did before that came after the taking.
    let earliest = steps.iter().map(|(at, _)| *at).min();
    if let (Some((taken_at, _)), Some(earliest)) = (steps.first_mut(), earliest) {
        *taken_at = earliest;
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// What happened to one dispatch; where it stands goes last, at `taken` where the ledger has no time of it.
fn of_leg(leg: &Leg, taken: i64) -> Vec<(i64, String)> {
    let mut steps: Vec<_> = leg.attempts.iter().map(|attempt| (attempt.started_at, tried(attempt))).collect();
    // Of one moment, a hold ends before what ended it, and begins after what led to it.
    steps.extend(leg.released.iter().map(|hold| (hold.at, let_go(hold))));
    steps.extend(
        leg.failed.as_ref().map(|failed| (failed.at, format!("dead: {}: {}", failed.code, failed.words))),
    );
    steps.extend(leg.notes.iter().map(|note| (note.at, decided(note))));
    steps.extend(leg.released.iter().map(|hold| (hold.held_at, held(&hold.code, &hold.words))));
    if let Some(holding) = &leg.held {
        let next = holding.next_at.map(|at| format!(", to be tried at {}", output::time(at)));
        let said = held(&holding.code, &holding.words);
        steps.push((holding.at, format!("{said}{}", next.unwrap_or_default())));
    } else {
        let said = in_words(&leg.state);
        let latest = steps.iter().map(|(at, _)| *at).max().unwrap_or(taken);
        steps.push((time_of(leg).unwrap_or(latest), format!("{said} (dispatch {})", leg.id)));
    }
    steps
}

fn held(code: &str, words: &str) -> String {
    format!("held: {code}: {words}")
}

fn let_go(hold: &Released) -> String {
    format!("released after {} s in its hold", (hold.at - hold.held_at) / 1_000_000)
}

fn tried(attempt: &Attempt) -> String {
    let outcome = match attempt.outcome {
        AttemptOutcome::Transient => "failed for now",
        AttemptOutcome::Permanent => "refused",
        AttemptOutcome::Unknown => "not answered",
        AttemptOutcome::Down => "not reached",
    };
    let Attempt { number, took, words, detail, .. } = attempt;
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    format!("attempt {number} {outcome} after {} ms: {words}{detail}", took / 1_000)
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
    use postroom_ledger::{Failing, Holding};

    const WAY: &str = "parcel-to-press -> press";

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

    fn leg(state: State) -> Leg {
        Leg {
            id: DispatchId::new("/systems/shop", "event-1", "parcel-to-press"),
            route: "parcel-to-press".to_owned(),
            target: "press".to_owned(),
            state,
            held: None,
            released: Vec::new(),
            attempts: Vec::new(),
            failed: None,
            notes: Vec::new(),
        }
    }

    fn delivered(at: i64) -> State {
        State::Delivered { at, attempts: 2, batch: None, reference: Some("P-9".to_owned()) }
    }

    fn released(code: &str, (held_at, at): (i64, i64)) -> Released {
        Released { held_at, at, code: code.to_owned(), words: "the target is away".to_owned() }
    }

    #[test]
    fn a_journey_is_told_in_order_of_time_with_attempts_decisions_and_the_reference() {
        let refused = Attempt {
            number: 1,
            started_at: 2_000,
            took: 31_000,
            outcome: AttemptOutcome::Permanent,
            words: "no such parcel".to_owned(),
            detail: "parcel-unknown".to_owned(),
        };
        let note = Note {
            action: Action::Redriven,
            actor: "ada".to_owned(),
            reason: "mended".to_owned(),
            job: Some(7),
            at: 4_000,
        };
        let failed = Failing { at: 3_000, code: "refused".to_owned(), words: "no such parcel".to_owned() };
        let leg =
            Leg { attempts: vec![refused], failed: Some(failed), notes: vec![note], ..leg(delivered(5_000)) };
        let id = leg.id;
        let expected = [
            (1_000, "taken from shop".to_owned()),
            (2_000, format!("{WAY}: attempt 1 refused after 31 ms: no such parcel: parcel-unknown")),
            (3_000, format!("{WAY}: dead: refused: no such parcel")),
            (4_000, format!("{WAY}: sent again by ada: mended (job 7)")),
            (5_000, format!("{WAY}: delivered as P-9 (dispatch {id})")),
        ];
        assert_eq!(steps(&journey(vec![leg])), expected);
    }

    #[test]
    fn a_hold_that_has_ended_is_told_twice_where_it_began_and_where_it_ended() {
        const SECOND: i64 = 1_000_000;
        let holds = vec![
            released("lane-full", (2 * SECOND, 5 * SECOND)),
            released("behind", (5 * SECOND, 309 * SECOND)),
        ];
        let leg = Leg { released: holds, ..leg(delivered(309 * SECOND)) };
        let id = leg.id;
        let expected = [
            (1_000, "taken from shop".to_owned()),
            (2 * SECOND, format!("{WAY}: held: lane-full: the target is away")),
            (5 * SECOND, format!("{WAY}: released after 3 s in its hold")),
            (5 * SECOND, format!("{WAY}: held: behind: the target is away")),
            (309 * SECOND, format!("{WAY}: released after 304 s in its hold")),
            (309 * SECOND, format!("{WAY}: delivered as P-9 (dispatch {id})")),
        ];
        assert_eq!(steps(&journey(vec![leg])), expected);
    }

    #[test]
    fn a_hold_that_lasts_is_told_behind_the_one_that_has_ended() {
        let holding = Holding {
            at: 3_000,
            attempts: 0,
            next_at: None,
            code: "behind".to_owned(),
            words: "an earlier one is held".to_owned(),
        };
        let holds = vec![released("lane-full", (2_000, 3_000))];
        let leg = Leg { released: holds, held: Some(holding), ..leg(State::Waiting) };
        let expected = [
            (1_000, "taken from shop".to_owned()),
            (2_000, format!("{WAY}: held: lane-full: the target is away")),
            (3_000, format!("{WAY}: released after 0 s in its hold")),
            (3_000, format!("{WAY}: held: behind: an earlier one is held")),
        ];
        assert_eq!(steps(&journey(vec![leg])), expected);
    }

    #[test]
    fn what_a_quick_lane_did_before_the_outcome_was_written_is_told_behind_the_taking() {
        let leg = leg(delivered(900));
        let id = leg.id;
        let expected =
            [(900, "taken from shop".to_owned()), (900, format!("{WAY}: delivered as P-9 (dispatch {id})"))];
        assert_eq!(steps(&journey(vec![leg])), expected);
    }
}
