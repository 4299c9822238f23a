//! The three sums (DESIGN section 1): whether every input is accounted for, and the worker that checks it while the hub
//! runs. It counts; what was lost it does not know.

mod checks;

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_ledger::{LaneState, Ledger, LedgerError, SourceSums, Sums, TargetSums};
use tokio::time::Instant;

pub use self::checks::{Checks, Told};
use crate::Publishing;
use crate::session::{Session, WorkerError};

/// How often the sums are checked.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// How often a lane that changes notes how it stands.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// Events of one source that the router has decided.
pub fn decided(source: &SourceSums) -> u64 {
    let events = &source.events;
    events.routed + events.no_route + events.invalid + events.duplicate
}

/// An account that is kept in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Account {
    /// The records of a source, and what became of each.
    Records,
    /// The events that the hub published for a source, and those that were decided or wait.
    Events,
    /// The dispatches to a target, and where each of them is.
    Dispatches,
    /// Those of them that wait, and what is in the lane.
    Lane,
}

/// Where an account does not add up.
#[derive(Debug)]
struct Difference {
    account: Account,
    words: String,
    /// The same as long as nothing moves by which two counts, one after the other, could differ.
    still: String,
}

/// The differences of one moment, by system and account, so that one is known again when its numbers change.
type Found = BTreeMap<About, Difference>;
type About = (String, Account);

impl Difference {
    fn new(account: Account, words: String) -> Self {
        Self { account, words, still: String::new() }
    }

    fn about(self, system: &str) -> (About, Self) {
        ((system.to_owned(), self.account), self)
    }
}

/// Where the accounts of a source do not add up, while `waiting` events are in its ingress, where that is known. More events
/// than were published are no difference: some came twice. Of a system that publishes itself none are counted before they come.
fn of_source(system: &str, source: &SourceSums, waiting: Option<u64>) -> Vec<Difference> {
    let mut all = Vec::new();
    let sum = source.mapped + source.refused + source.ignored.values().sum::<u64>();
    if sum != source.records_read {
        let words = format!("{system}: {} records read, {sum} accounted for", source.records_read);
        all.push(Difference::new(Account::Records, words));
    }
    if let Some(waiting) = waiting.filter(|waiting| decided(source) + waiting < source.published) {
        let events = decided(source) + waiting;
        let words = format!("{system}: {} events published, {events} accounted for", source.published);
        all.push(Difference::new(Account::Events, words));
    }
    all
}

/// Where the accounts of a target do not add up. Fewer than were dispatched are no difference: they wait.
fn of_target(system: &str, target: &TargetSums) -> Option<Difference> {
    let words = format!("{system}: {} dispatches, {} more accounted for", target.dispatched, target.excess);
    (target.excess > 0).then(|| Difference::new(Account::Dispatches, words))
}

/// Where less is in the lane of a target, or in the hands of its worker, than waits for it.
async fn of_lane(
    ground: &Publishing,
    (system, target): (&str, &TargetSums),
    states: &[LaneState],
) -> Result<Option<Difference>, LedgerError> {
    if ground.council.is_queue_target(system) || target.waiting == 0 {
        return Ok(None);
    }
    let lane = ground.broker.names().lane(system);
    let Ok(depth) = ground.broker.depth(&lane).await else { return Ok(None) };
    let in_hand = states.iter().find(|state| state.target == system).map_or(0, |state| state.in_hand);
    let missing = target.waiting.saturating_sub(u64::from(depth.messages) + in_hand);
    if missing == 0 {
        return Ok(None);
    }
    let words = format!("{system}: {} dispatches wait, {missing} of them not in the lane", target.waiting);
    let still = match ground.ledger.oldest_waiting(system).await? {
        Some(oldest) => format!("the oldest is of {oldest}"),
        // It is among what had ended long ago, where the ledger does not look again.
        None => format!("{} dispatched, {} wait", target.dispatched, target.waiting),
    };
    Ok(Some(Difference { account: Account::Lane, words, still }))
}

/// Every difference that can be told from the ledger and the depths of the ingresses alone.
pub fn differences(sums: &Sums, ingress: impl Fn(&str) -> Option<u64>) -> Vec<String> {
    let sources = sums.sources.iter().flat_map(|(system, source)| of_source(system, source, ingress(system)));
    let targets = sums.targets.iter().filter_map(|(system, target)| of_target(system, target));
    sources.chain(targets).map(|difference| difference.words).collect()
}

/// Every difference of this moment.
async fn look(ground: &Publishing) -> Result<Found, LedgerError> {
    let (ledger, broker) = (&ground.ledger, &ground.broker);
    // Counted before the queues are: what arrives meanwhile cannot look lost.
    let sums = ledger.sums().await?;
    let mut found = Found::new();
    for (system, source) in &sums.sources {
        let waiting = broker.depth(&broker.names().ingress(system)).await.ok();
        let waiting = waiting.map(|depth| u64::from(depth.messages));
        found.extend(of_source(system, source, waiting).into_iter().map(|one| one.about(system)));
    }
    let states = ledger.lane_states().await?;
    for (system, target) in &sums.targets {
        let lane = of_lane(ground, (system, target), &states).await?;
        found.extend(of_target(system, target).into_iter().chain(lane).map(|one| one.about(system)));
    }
    Ok(found)
}

/// Checks the sums until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let (ground, mut checks) = (session.publishing(), Checks::default());
    while !session.stop.is_cancelled() {
        checks.check(&ground).await?;
        session.pause(CHECK_EVERY).await;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use postroom_ledger::EventSums;

    use super::*;

    fn words(differences: impl IntoIterator<Item = Difference>) -> Vec<String> {
        differences.into_iter().map(|difference| difference.words).collect()
    }

    #[test]
    fn a_record_that_is_missing_or_there_twice_is_a_difference() {
        let source = SourceSums { records_read: 6, mapped: 3, refused: 1, ..SourceSums::default() };
        for (ignored, expected) in [
            (1, vec!["yard: 6 records read, 5 accounted for"]),
            (2, vec![]),
            (3, vec!["yard: 6 records read, 7 accounted for"]),
        ] {
            let ignored = BTreeMap::from([("a rule".to_owned(), 1), ("another".to_owned(), ignored - 1)]);
            assert_eq!(
                words(of_source("yard", &SourceSums { ignored, ..source.clone() }, Some(0))),
                expected
            );
        }
    }

    #[test]
    fn a_published_event_that_was_neither_decided_nor_waits_is_a_difference_and_one_too_many_is_none() {
        let events = EventSums { routed: 1, no_route: 2, invalid: 3, duplicate: 4 };
        let source = SourceSums { published: 15, events, ..SourceSums::default() };
        let of = |waiting| words(of_source("yard", &source, waiting));
        assert_eq!(of(Some(4)), ["yard: 15 events published, 14 accounted for"]);
        assert_eq!((of(Some(5)), of(Some(6))), (vec![], vec![]));
        assert_eq!(of(None), [""; 0], "nobody knows what waits");
    }

    #[test]
    fn what_was_accounted_for_and_never_dispatched_is_a_difference_and_what_waits_is_none() {
        let of = |excess| {
            let target = TargetSums { dispatched: 4, waiting: 2, excess, ..TargetSums::default() };
            words(of_target("press", &target))
        };
        assert_eq!(of(1), ["press: 4 dispatches, 1 more accounted for"]);
        assert_eq!(of(0), [""; 0]);
    }

    #[test]
    fn the_differences_are_those_of_every_source_and_every_target() {
        let records = SourceSums { records_read: 1, ..SourceSums::default() };
        let events = SourceSums { published: 2, ..SourceSums::default() };
        let target = TargetSums { excess: 3, ..TargetSums::default() };
        let sources = BTreeMap::from([("shop".to_owned(), events), ("yard".to_owned(), records)]);
        let targets =
            BTreeMap::from([("dock".to_owned(), TargetSums::default()), ("press".to_owned(), target)]);
        let expected = [
            "shop: 2 events published, 1 accounted for",
            "yard: 1 records read, 0 accounted for",
            "press: 0 dispatches, 3 more accounted for",
        ];
        let waiting = |system: &str| (system == "shop").then_some(1);
        assert_eq!(differences(&Sums { sources, targets }, waiting), expected);
    }
}
