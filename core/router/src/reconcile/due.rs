//! How far back in the journal the filling of a lane begins: where everything that waits comes, in the order of the ledger.

use std::collections::{HashMap, VecDeque};

use postroom_broker::Start;
use postroom_event::{Event, EventKey};
use postroom_ledger::WaitingDispatch;

/// How long before the oldest of what waits was taken by the hub all of it may have come into the journal, in seconds; else the
/// whole journal is read.
const LOOK_BACK: [i64; 3] = [60, 3_600, 86_400];

/// Where on the journal it may begin, the nearest first.
pub(super) fn starts(all: &[WaitingDispatch]) -> impl Iterator<Item = Start> {
    // When the event of a replay came is not known.
    let backs = if all.iter().any(|found| found.replay.is_some()) { &LOOK_BACK[2..] } else { &LOOK_BACK };
    let oldest = all.iter().map(|found| found.received_at).min().unwrap_or(0);
    backs.iter().map(move |back| Start::Time(u64::try_from(oldest / 1_000_000 - back).unwrap_or(0)))
}

/// What is still to be found in the journal, by source and subject, in the order of the ledger.
pub(super) struct Due {
    order: HashMap<(String, String), VecDeque<EventKey>>,
    /// Whether nothing was found before what the ledger has before it.
    is_possible: bool,
}

impl Due {
    pub(super) fn of(all: &[WaitingDispatch]) -> Self {
        let mut order = HashMap::<_, VecDeque<EventKey>>::new();
        for found in all {
            let events = order.entry((found.source.to_string(), found.dispatch.subject.clone())).or_default();
            if !events.contains(&found.dispatch.event) {
                events.push_back(found.dispatch.event);
            }
        }
        Self { order, is_possible: true }
    }

    /// Whether more may come that tells anything.
    pub(super) fn is_open(&self) -> bool {
        self.is_possible && !self.order.is_empty()
    }

    /// Whether all was found, and in its order.
    pub(super) fn is_met(&self) -> bool {
        self.is_possible && self.order.is_empty()
    }

    pub(super) fn came<T>(&mut self, event: &Event<T>) {
        let (key, track) = (event.key(), (event.source.clone(), event.subject.clone()));
        let Some(events) = self.order.get_mut(&track) else { return };
        if events.front() == Some(&key) {
            events.pop_front();
            if events.is_empty() {
                self.order.remove(&track);
            }
        } else {
            self.is_possible &= !events.contains(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use postroom_event::DispatchId;

    use super::*;

    fn waiting(id: &str, subject: &str) -> WaitingDispatch {
        let event = EventKey::new("/shop", id);
        let (route, target, event_type) = ("to-till".into(), "till".into(), "parcel.moved.v1".into());
        let id_of = DispatchId::new("/shop", id, "to-till");
        let dispatch = postroom_ledger::Dispatch {
            id: id_of,
            event,
            route,
            target,
            event_type,
            subject: subject.to_owned(),
        };
        let (source, event_id) = ("/shop".into(), id.to_owned());
        WaitingDispatch { dispatch, source, event_id, replay: None, received_at: 1 }
    }

    fn event(id: &str, subject: &str) -> Event<()> {
        Event {
            id: id.to_owned(),
            source: "/shop".to_owned(),
            event_type: "parcel.moved.v1".to_owned(),
            subject: subject.to_owned(),
            time: None,
            extensions: Default::default(),
            data: (),
        }
    }

    #[test]
    fn a_time_of_the_journal_will_do_where_it_has_each_subject_whole_and_in_the_order_of_the_ledger() {
        let all = [waiting("1", "a"), waiting("2", "a"), waiting("3", "b")];
        for (found, whole) in [
            (&[("1", "a"), ("3", "b"), ("9", "a"), ("2", "a")][..], true),
            (&[("1", "a"), ("3", "b")], false),
            (&[("2", "a"), ("1", "a"), ("2", "a"), ("3", "b")], false),
        ] {
            let mut due = Due::of(&all);
            found.iter().for_each(|(id, subject)| due.came(&event(id, subject)));
            assert_eq!(due.is_met(), whole, "{found:?}");
        }
    }
}
