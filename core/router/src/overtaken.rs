//! What went past a dispatch, by the journeys of its subject. Pure, but for the question to the ledger.

use postroom_event::EventKey;
use postroom_ledger::{Dispatch, Journey, Ledger, LedgerError, State};

/// The code of a dispatch that is left out because a later one of its subject has arrived: a declared skip.
pub(crate) const CODE: &str = "overtaken";

/// The later event that has gone past `dispatch`, by its CloudEvents id.
pub(crate) async fn by(
    ledger: &Ledger,
    dispatch: &Dispatch,
    source: &str,
) -> Result<Option<String>, LedgerError> {
    let journeys = ledger.trace(&dispatch.subject).await?;
    let place = Place { key: dispatch.event, source, subject: &dispatch.subject, target: &dispatch.target };
    Ok(past(&journeys, &place, |_| false).map(|later| later.id.clone()))
}

pub(crate) fn words(by: &str) -> String {
    format!("the later event `{by}` of its subject has arrived; redriven, it would come after that one")
}

/// Whose order is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) key: EventKey,
    pub(crate) source: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) target: &'a str,
}

/// The first journey behind that of `place` in the order of `journeys`, of the same source and subject, that has arrived at
/// the target, and that does not come once more itself.
pub(crate) fn past<'j>(
    journeys: &'j [Journey],
    place: &Place<'_>,
    comes_again: impl Fn(EventKey) -> bool,
) -> Option<&'j Journey> {
    let own = journeys.iter().position(|journey| journey.key == Some(place.key))?;
    journeys[own + 1..].iter().find(|later| {
        later.source == place.source
            && later.subject == place.subject
            && later.legs.iter().any(|leg| leg.target == place.target && has_arrived(&leg.state))
            && !later.key.is_some_and(&comes_again)
    })
}

fn has_arrived(state: &State) -> bool {
    matches!(state, State::Delivered { .. } | State::Queued | State::Staged { .. })
}

#[cfg(test)]
mod tests {
    use postroom_event::DispatchId;
    use postroom_ledger::{Leg, Verdict};

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

    /// Which event went past the first one, where those that `again` names come once more.
    fn check(journeys: &[Journey], again: &[&str], expected: Option<&str>) {
        let place =
            Place { key: EventKey::new("/shop", "1"), source: "/shop", subject: "parcel:a", target: "till" };
        let comes = |key| again.iter().any(|id| EventKey::new("/shop", id) == key);
        assert_eq!(past(journeys, &place, comes).map(|later| later.id.as_str()), expected);
    }

    #[test]
    fn what_has_arrived_behind_an_event_of_the_same_source_has_overtaken_it() {
        let first = journey("1", "/shop", State::Waiting);
        check(&[first.clone(), journey("2", "/shop", State::Queued)], &[], Some("2"));
        check(&[journey("0", "/shop", State::Queued), first.clone()], &[], None);
        check(&[first.clone(), journey("2", "/shop", State::Waiting)], &[], None);
        check(&[first.clone(), journey("2", "/shop", dead())], &[], None);
        check(&[first, journey("2", "/yard", State::Queued)], &[], None);
    }

    #[test]
    fn what_comes_once_more_behind_an_event_has_not_overtaken_it() {
        let all = [
            journey("1", "/shop", State::Queued),
            journey("2", "/shop", State::Queued),
            journey("3", "/shop", State::Queued),
        ];
        check(&all, &["2", "3"], None);
        check(&all, &["2"], Some("3"));
    }
}
