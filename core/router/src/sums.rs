//! The three sums (DESIGN section 1): whether every input is accounted for, and the worker that checks it while the hub
//! runs. It counts; what was lost it does not know.

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_ledger::{LaneState, Ledger, LedgerError, SourceSums, Sums, TargetSums};
use postroom_telemetry as telemetry;
use tokio::time::Instant;

use crate::session::{Session, WorkerError};

/// How often the sums are checked.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// A difference that stands at so many checks in a row is no race between two counts.
const CHECKS: u32 = 3;
/// How often a lane that changes notes how it stands.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// Events of one source that the router has decided.
pub fn decided(source: &SourceSums) -> u64 {
    let events = &source.events;
    events.routed + events.no_route + events.invalid + events.duplicate
}

/// Where the accounts of a source do not add up, while `waiting` events are in its ingress, where that is known.
pub fn of_source(system: &str, source: &SourceSums, waiting: Option<u64>) -> Vec<String> {
    let mut all = Vec::new();
    let sum = source.mapped + source.refused + source.ignored.values().sum::<u64>();
    if sum != source.records_read {
        all.push(format!("{system}: {} records read, {sum} accounted for", source.records_read));
    }
    if let Some(waiting) = waiting.filter(|waiting| decided(source) + waiting < source.published) {
        let events = decided(source) + waiting;
        all.push(format!("{system}: {} events published, {events} accounted for", source.published));
    }
    all
}

/// Where the accounts of a target do not add up.
pub fn of_target(system: &str, target: &TargetSums) -> Vec<String> {
    if target.excess == 0 {
        return Vec::new();
    }
    vec![format!("{system}: {} dispatches, {} more accounted for", target.dispatched, target.excess)]
}

/// Checks the sums until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let mut checks = Checks::default();
    while !session.stop.is_cancelled() {
        let found = look(&session).await?;
        match checks.next(found) {
            Told::Differ(differences) => differences.iter().for_each(|words| telemetry::sums_differ(words)),
            Told::Agree => telemetry::sums_agree(),
            Told::Nothing => {}
        }
        session.pause(CHECK_EVERY).await;
    }
    Ok(())
}

/// The differences of this moment, by what they are about, so that the same is known again when its number changes.
async fn look(session: &Session) -> Result<BTreeMap<String, String>, WorkerError> {
    let (ledger, broker) = (&session.ledger, &session.broker);
    // Counted before the queues are: what arrives meanwhile cannot look lost.
    let sums = ledger.sums().await?;
    let mut found = BTreeMap::new();
    for (system, source) in &sums.sources {
        let waiting = broker.depth(&broker.names().ingress(system)).await.ok();
        for words in of_source(system, source, waiting.map(|depth| u64::from(depth.messages))) {
            found.insert(format!("source {system} {}", words.contains("records")), words);
        }
    }
    let states = ledger.lane_states().await?;
    for (system, target) in &sums.targets {
        for words in of_target(system, target) {
            found.insert(format!("target {system}"), words);
        }
        if session.council.is_queue_target(system) || target.waiting == 0 {
            continue;
        }
        let Ok(depth) = broker.depth(&broker.names().lane(system)).await else { continue };
        let in_hand = states.iter().find(|state| state.target == *system).map_or(0, |state| state.in_hand);
        let there = u64::from(depth.messages) + in_hand;
        if target.waiting > there
            && let Some(oldest) = ledger.oldest_waiting(system).await?
        {
            let missing = target.waiting - there;
            let words =
                format!("{system}: {} dispatches wait, {missing} of them not in the lane", target.waiting);
            // The same oldest: nothing moved meanwhile that a count could have missed.
            found.insert(format!("lane {system} {oldest}"), words);
        }
    }
    Ok(found)
}

/// What is to be said after a check.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Differ(Vec<String>),
    Agree,
}

/// The checks so far.
#[derive(Debug, Default)]
struct Checks {
    /// At how many checks in a row each difference stood.
    standing: BTreeMap<String, u32>,
    said: BTreeMap<String, String>,
}

impl Checks {
    fn next(&mut self, found: BTreeMap<String, String>) -> Told {
        self.standing = found
            .keys()
            .map(|about| (about.clone(), self.standing.get(about).copied().unwrap_or(0) + 1))
            .collect();
        let stands = |about: &String| self.standing.get(about).is_some_and(|checks| *checks >= CHECKS);
        let standing: BTreeMap<_, _> = found.into_iter().filter(|(about, _)| stands(about)).collect();
        let before = std::mem::replace(&mut self.said, standing);
        let news = self.said.iter().filter(|(about, words)| before.get(*about) != Some(words));
        let news: Vec<_> = news.map(|(_, words)| words.clone()).collect();
        if !news.is_empty() {
            Told::Differ(news)
        } else if self.said.is_empty() && !before.is_empty() {
            Told::Agree
        } else {
            Told::Nothing
        }
    }
}

/// What a lane noted last of how it stands.
#[derive(Debug, Default)]
pub(crate) struct LaneNote(Option<(Instant, LaneState)>);

impl LaneNote {
    /// Notes `state` if it is another one; the circuit at once, and what is in hand now and then.
    pub(crate) async fn note(&mut self, ledger: &Ledger, state: LaneState) -> Result<(), LedgerError> {
        let due = self.0.as_ref().is_none_or(|(at, noted)| {
            noted.down_since != state.down_since
                || (noted.in_hand != state.in_hand && at.elapsed() >= NOTE_EVERY)
        });
        if due {
            ledger.note_lane(state.clone()).await?;
            self.0 = Some((Instant::now(), state));
        }
        Ok(())
    }
}

/// Every difference that can be told from the ledger and the depths of the ingresses alone.
pub fn differences(sums: &Sums, ingress: impl Fn(&str) -> Option<u64>) -> Vec<String> {
    let sources = sums.sources.iter().flat_map(|(system, source)| of_source(system, source, ingress(system)));
    sources.chain(sums.targets.iter().flat_map(|(system, target)| of_target(system, target))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("lane press 7".to_owned(), words.to_owned())])
    }

    #[test]
    fn a_difference_is_told_once_when_it_stands_again_when_it_changes_and_when_it_is_over() {
        let mut checks = Checks::default();
        for _ in 1..CHECKS {
            assert_eq!(checks.next(found("2 missing")), Told::Nothing);
        }
        assert_eq!(checks.next(found("2 missing")), Told::Differ(vec!["2 missing".to_owned()]));
        assert_eq!(checks.next(found("2 missing")), Told::Nothing);
        assert_eq!(checks.next(found("3 missing")), Told::Differ(vec!["3 missing".to_owned()]));
        assert_eq!(checks.next(BTreeMap::new()), Told::Agree);
        assert_eq!(checks.next(BTreeMap::new()), Told::Nothing);
    }

    #[test]
    fn a_difference_that_passes_is_never_told() {
        let mut checks = Checks::default();
        for _ in 0..4 {
            assert_eq!(checks.next(found("2 missing")), Told::Nothing);
            assert_eq!(checks.next(BTreeMap::new()), Told::Nothing);
        }
    }
}
