//! What went past a dispatch, by the journeys of its subject. Pure, but for the question to the ledger.

use postroom_event::EventKey;
use postroom_ledger::{Dispatch, Journey, Ledger, LedgerError, Leg, State};

/// The code of a dispatch that is left out because a later one of its subject has arrived: a declared skip.
pub const CODE: &str = "overtaken";

/// The later event that has arrived before `dispatch`, by its CloudEvents id: for what goes before all that waits.
pub(crate) async fn by(
    ledger: &Ledger,
    dispatch: &Dispatch,
    source: &str,
) -> Result<Option<String>, LedgerError> {
    by_one_of(ledger, (dispatch, source), |_, leg| has_arrived(leg)).await
}

/// The later event that is at the target before `dispatch`, by its CloudEvents id: for what comes behind all that waits.
/// What `comes_behind` it again is none.
pub(crate) async fn by_appending(
    ledger: &Ledger,
    dispatch: &Dispatch,
    source: &str,
    comes_behind: impl Fn(EventKey) -> bool,
) -> Result<Option<String>, LedgerError> {
    let counts = |journey: &Journey, leg: &Leg| is_ahead(leg) && !journey.key.is_some_and(&comes_behind);
    by_one_of(ledger, (dispatch, source), counts).await
}

/// The later event of which a dispatch to the same target `counts`.
pub(crate) async fn by_one_of(
    ledger: &Ledger,
    (dispatch, source): (&Dispatch, &str),
    counts: impl Fn(&Journey, &Leg) -> bool,
) -> Result<Option<String>, LedgerError> {
    let journeys = ledger.trace(&dispatch.subject).await?;
    let place = Place { key: dispatch.event, source, subject: &dispatch.subject, target: &dispatch.target };
    Ok(past(&journeys, &place, counts).map(|later| later.id.clone()))
}

pub(crate) fn words(by: &str) -> String {
    format!("the later event `{by}` of its subject went before it; redriven, it would come after that one")
}

/// Where some events of one subject have been sent.
pub(crate) struct Ahead {
    journeys: Vec<Journey>,
}

impl Ahead {
    /// Of those of `events` that the ledger tells of `subject`.
    pub(crate) async fn of(
        ledger: &Ledger,
        subject: &str,
        events: Vec<EventKey>,
    ) -> Result<Self, LedgerError> {
        let mut journeys = ledger.trace(subject).await?;
        journeys.retain(|journey| journey.key.is_some_and(|key| events.contains(&key)));
        Ok(Self { journeys })
    }

    /// One of them that is at `target`, or comes there before what is appended now: its CloudEvents id.
    pub(crate) fn at(&self, target: &str) -> Option<&str> {
        let is_there = |leg: &Leg| leg.target == target && is_ahead(leg);
        let found = self.journeys.iter().find(|journey| journey.legs.iter().any(is_there));
        found.map(|journey| journey.id.as_str())
    }
}

/// Whose order is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) key: EventKey,
    pub(crate) source: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) target: &'a str,
}

/// The first journey behind that of `place` in the order of `journeys`, of the same source and subject, of which a dispatch
/// to the target `counts`.
pub(crate) fn past<'j>(
    journeys: &'j [Journey],
    place: &Place<'_>,
    counts: impl Fn(&Journey, &Leg) -> bool,
) -> Option<&'j Journey> {
    let own = journeys.iter().position(|journey| journey.key == Some(place.key))?;
    journeys[own + 1..].iter().find(|later| {
        let to_target = |leg: &&Leg| leg.target == place.target;
        later.source == place.source
            && later.subject == place.subject
            && later.legs.iter().filter(to_target).any(|leg| counts(later, leg))
    })
}

/// Whether a dispatch is with its target.
pub(crate) fn has_arrived(leg: &Leg) -> bool {
    matches!(leg.state, State::Delivered { .. } | State::Queued | State::Staged { .. })
}

/// Whether a dispatch is with its target, or comes there before what is appended now.
pub(crate) fn is_ahead(leg: &Leg) -> bool {
    leg.state == State::Waiting || has_arrived(leg)
}

#[cfg(test)]
mod tests {
    use postroom_event::DispatchId;
    use postroom_ledger::Verdict;

    use super::*;

    fn journey(id: &str, source: &str, state: State) -> Journey {
        let leg = Leg {
            id: DispatchId::new(source, id, "to-till"),
            route: "to-till".into(),
            target: "till".into(),
            state,
            held: None,
            attempts: Vec::new(),
            failed: None,
            notes: Vec::new(),
        };
        Journey {
            key: Some(EventKey::new(source, id)),
            system: "shop".into(),
            source: source.into(),
            id: id.into(),
            event_type: "parcel.moved.v1".into(),
            subject: "parcel:a".into(),
            correlation: None,
            received_at: 1,
            verdict: Verdict::Routed,
            import: None,
            legs: vec![leg],
        }
    }

    fn dead() -> State {
        State::Dead { at: 1, attempts: 1, code: "refused".into(), words: String::new(), discarded: false }
    }

    /// Which event went past the first one, by whether a later dispatch counts.
    fn check(journeys: &[Journey], counts: impl Fn(&Journey, &Leg) -> bool, expected: Option<&str>) {
        let place =
            Place { key: EventKey::new("/shop", "1"), source: "/shop", subject: "parcel:a", target: "till" };
        assert_eq!(past(journeys, &place, counts).map(|later| later.id.as_str()), expected);
    }

    #[test]
    fn what_has_arrived_behind_an_event_of_the_same_source_has_overtaken_it() {
        let arrived = |_: &Journey, leg: &Leg| has_arrived(leg);
        let first = journey("1", "/shop", State::Waiting);
        check(&[first.clone(), journey("2", "/shop", State::Queued)], arrived, Some("2"));
        check(&[journey("0", "/shop", State::Queued), first.clone()], arrived, None);
        check(&[first.clone(), journey("2", "/shop", State::Waiting)], arrived, None);
        check(&[first.clone(), journey("2", "/shop", dead())], arrived, None);
        check(&[first, journey("2", "/yard", State::Queued)], arrived, None);
    }

    #[test]
    fn what_waits_has_overtaken_what_is_appended_behind_it() {
        let ahead = |_: &Journey, leg: &Leg| is_ahead(leg);
        let first = journey("1", "/shop", State::Waiting);
        check(&[first.clone(), journey("2", "/shop", State::Waiting)], ahead, Some("2"));
        check(&[first, journey("2", "/shop", dead())], ahead, None);
    }
}
