//! Sending again what a lane should hold: dispatches without receipt, hold or dead letter, from the journal.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use postroom_broker::{Broker, Delivery, Entry as Found, Outgoing, Start};
use postroom_event::{DispatchId, Event, EventKey};
use postroom_ledger::{
    DeadLetter, Entry, Ledger, LedgerError, Made, Reason, Stage, Taken, WaitingDispatch, Whole,
};
use postroom_telemetry as telemetry;
use postroom_transform::Data;

use crate::Publishing;
use crate::decide::{Decider, Dispatch, Head, Unmappable, Way};
use crate::entries::{now, whole};
use crate::journal::{self, Journal};
use crate::outgoing::{REPLAY_HEADER, cleaned, outgoing, unfiltered};
use crate::overtaken;
use crate::resend::{Patience, Published, publish_all};
use crate::session::WorkerError;

/// Dispatches read from the ledger at once.
const PAGE: usize = 10_000;
/// How long before the oldest of what waits was taken by the hub all of it may have come into the journal, in seconds; else the
/// whole journal is read.
const LOOK_BACK: [i64; 3] = [60, 3_600, 86_400];

/// What later dispatches of a subject can be there already, and what that says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// None: the lane was made again just now, and nobody but this hub fills it.
    Impossible,
    /// Those that came since the lane was made again: what is before them is not in it, and becomes a dead letter, a
    /// declared skip.
    Deleted,
    /// Those that came since the look at the ledger. The lane may hold what is before them as well: that is unsure until one
    /// or the other has arrived.
    Asked,
}

/// What became of a lane's dispatches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Resent {
    /// In the lane again.
    pub(crate) sent: u64,
    /// Left out, because later ones of their subjects have arrived.
    pub(crate) overtaken: u64,
    /// Left unsure, because the job was cancelled before.
    pub(crate) left: u64,
    /// Not in the journal any more.
    pub(crate) lost: u64,
}

/// A dispatch that may be in the lane before a later one of its subject, and what it would be buried with.
type Unsure = (WaitingDispatch, Delivery);

type Waiting = HashMap<EventKey, Vec<WaitingDispatch>>;

/// What the lane of `target` should hold, in the order of the ledger.
pub(crate) async fn waiting(ledger: &Ledger, target: &str) -> Result<Vec<WaitingDispatch>, LedgerError> {
    let (mut waiting, mut after) = (Vec::new(), 0);
    loop {
        let page = ledger.unreceived(target, after, PAGE).await?;
        waiting.extend(page.found);
        match page.next {
            Some(next) => after = next,
            None => return Ok(waiting),
        }
    }
}

/// Sends again what the lane of `target` should hold, each subject in its order. What the lane holds as well is dropped
/// there as a duplicate. What the journal has no more is a dead letter. Nothing when patience ended before.
pub(crate) async fn resend(
    ground: &Publishing,
    target: &str,
    (late, patience): (Late, Patience<'_>),
) -> Result<Option<(Resent, Vec<Unsure>)>, WorkerError> {
    let broker = ground.broker.as_ref();
    let all = waiting(&ground.ledger, target).await?;
    let again = all.iter().map(|waiting| waiting.dispatch.id).collect();
    let (decider, unsure, resent) =
        (journal::decider(&ground.council, broker), Vec::new(), Resent::default());
    let mut resending = Resending { ground, decider, late, again, unsure, resent };
    let mut publisher = broker.publisher().await?;
    let start = if all.is_empty() { None } else { Some(resending.start(&all).await?) };
    let mut waiting = Waiting::new();
    for found in all {
        waiting.entry(found.dispatch.event).or_default().push(found);
    }
    if let Some(start) = start
        && let Some(mut journal) = Journal::open(broker, start).await?
    {
        while !waiting.is_empty()
            && let Some(entries) = journal.next().await?
        {
            let batch = resending.batch(&entries, &mut waiting).await?;
            if publish_all(publisher.as_mut(), batch, patience).await? == Published::Stopped {
                journal.close().await;
                return Ok(None);
            }
        }
        journal.close().await;
    }
    for found in waiting.into_values().flatten() {
        resending.resent.lost += 1;
        let words = "the queue in which it waited was deleted, and the journal has its event no more";
        bury(ground, &found, Whole::default(), ("lost", words)).await?;
    }
    Ok(Some((resending.resent, resending.unsure)))
}

/// The filling of one lane.
struct Resending<'a> {
    ground: &'a Publishing,
    decider: Decider,
    late: Late,
    /// Everything that waited for the lane when it was looked up.
    again: HashSet<DispatchId>,
    unsure: Vec<Unsure>,
    resent: Resent,
}

impl Resending<'_> {
    /// From where on the journal has all that waits, and each subject in the order of the ledger. It is sent in one go: what is
    /// older may not come behind what is younger.
    async fn start(&self, all: &[WaitingDispatch]) -> Result<Start, WorkerError> {
        // When the event of a replay came is not known.
        let backs = if all.iter().any(|found| found.replay.is_some()) { &LOOK_BACK[2..] } else { &LOOK_BACK };
        let oldest = all.iter().map(|found| found.received_at).min().unwrap_or(0);
        for back in backs {
            let start = Start::Time(u64::try_from(oldest / 1_000_000 - back).unwrap_or(0));
            let Some(mut journal) = Journal::open(self.ground.broker.as_ref(), start).await? else { break };
            let mut due = Due::of(all);
            while due.is_possible
                && !due.order.is_empty()
                && let Some(entries) = journal.next().await?
            {
                let valid = entries.iter().filter_map(|entry| self.event(&entry.delivery));
                valid.for_each(|event| due.came(&event));
            }
            journal.close().await;
            if due.is_possible && due.order.is_empty() {
                return Ok(start);
            }
        }
        Ok(Start::First)
    }

    /// The event in an entry, where it is valid: an invalid one may stand under the same id.
    fn event(&self, delivery: &Delivery) -> Option<Event<Data>> {
        let Publishing { council, broker, .. } = self.ground;
        let system = journal::system_of(council, broker.as_ref(), delivery)?;
        self.decider.valid(system, delivery)
    }

    /// What is sent again of `entries`; it waits no more.
    async fn batch(
        &mut self,
        entries: &[Found],
        waiting: &mut Waiting,
    ) -> Result<Vec<Outgoing>, WorkerError> {
        let mut batch = Vec::new();
        for entry in entries {
            let Some(event) = self.event(&entry.delivery) else { continue };
            for found in waiting.remove(&event.key()).unwrap_or_default() {
                if self.is_skipped(&found, &entry.delivery).await? {
                    continue;
                }
                self.resent.sent += 1;
                let way = self.way(&found, &event);
                batch.extend(again(self.ground.broker.as_ref(), (&entry.delivery, &event), &found, way));
            }
        }
        Ok(batch)
    }

    /// How a dispatch goes into its lane again: its `when` may be one that cannot be run, or is mended since.
    fn way(&mut self, found: &WaitingDispatch, event: &Event<Data>) -> Way {
        let council = Arc::clone(&self.ground.council);
        let Some(route) = council.routes.iter().find(|route| route.name == found.dispatch.route) else {
            return Way::Lane;
        };
        match self.decider.wants(route, event.clone()) {
            Ok(true) => Way::Lane,
            Ok(false) => Way::Unfiltered(Unmappable { code: "filter", words: String::new() }),
            Err(why) => Way::Unfiltered(why),
        }
    }

    async fn is_skipped(
        &mut self,
        found: &WaitingDispatch,
        delivery: &Delivery,
    ) -> Result<bool, WorkerError> {
        if self.late == Late::Impossible {
            return Ok(false);
        }
        let (ledger, dispatch) = (&self.ground.ledger, &found.dispatch);
        let comes_again = |later: &Taken| later.dispatches.iter().any(|made| self.again.contains(&made.id));
        let past = |later: &Taken, made: &Made| is_past(made) && !comes_again(later);
        let came = |later: &Taken, made: &Made| made.stage.is_ahead() && !comes_again(later);
        let by = match self.late {
            Late::Asked => ledger.later(dispatch, past).await?,
            Late::Impossible | Late::Deleted => ledger.later(dispatch, came).await?,
        };
        if let Some(by) = by {
            self.resent.overtaken += u64::from(skip(self.ground, found, delivery, &by.id).await?);
            return Ok(true);
        }
        let unsure = self.late == Late::Asked && ledger.later(dispatch, came).await?.is_some();
        self.unsure.extend(unsure.then(|| (found.clone(), delivery.clone())));
        Ok(unsure)
    }
}

/// What is still to be found in the journal, by source and subject, in the order of the ledger.
struct Due {
    order: HashMap<(String, String), VecDeque<EventKey>>,
    /// Whether nothing was found before what the ledger has before it.
    is_possible: bool,
}

impl Due {
    fn of(all: &[WaitingDispatch]) -> Self {
        let mut order = HashMap::<_, VecDeque<EventKey>>::new();
        for found in all {
            let events = order.entry((found.source.to_string(), found.dispatch.subject.clone())).or_default();
            if !events.contains(&found.dispatch.event) {
                events.push_back(found.dispatch.event);
            }
        }
        Self { order, is_possible: true }
    }

    fn came<T>(&mut self, event: &Event<T>) {
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

/// Whether a dispatch is out of the lane, and with its target or before it.
fn is_past(made: &Made) -> bool {
    made.stage.has_arrived() || made.stage == Stage::Held
}

/// Those of `unsure` that still are: a lane keeps its order, so what was in it has ended once a later one has arrived. What
/// was not is buried, and counted.
pub(crate) async fn settle(
    ground: &Publishing,
    unsure: Vec<Unsure>,
    resent: &mut Resent,
) -> Result<Vec<Unsure>, WorkerError> {
    let mut left = Vec::new();
    for (found, delivery) in unsure {
        match ground.ledger.later(&found.dispatch, |_, made| is_past(made)).await? {
            Some(by) => resent.overtaken += u64::from(skip(ground, &found, &delivery, &by.id).await?),
            None if has_ended(ground, &found).await? => {}
            None => left.push((found, delivery)),
        }
    }
    Ok(left)
}

async fn has_ended(ground: &Publishing, found: &WaitingDispatch) -> Result<bool, LedgerError> {
    let id = found.dispatch.id;
    Ok(ground.ledger.finished(&[id]).await?.contains(&id))
}

/// Buries what `by` has overtaken; whether it was still to be buried. That is asked last: what the lane took before it took
/// the later one has ended by then.
async fn skip(
    ground: &Publishing,
    found: &WaitingDispatch,
    delivery: &Delivery,
    by: &str,
) -> Result<bool, WorkerError> {
    if has_ended(ground, found).await? {
        return Ok(false);
    }
    let mut event = whole(&cleaned(delivery));
    event.headers.push(unfiltered());
    bury(ground, found, event, (overtaken::CODE, &overtaken::words(by))).await?;
    Ok(true)
}

async fn bury(
    ground: &Publishing,
    found: &WaitingDispatch,
    event: Whole,
    (code, words): (&str, &str),
) -> Result<(), WorkerError> {
    let dispatch = found.dispatch.clone();
    let reason = Reason { code: code.to_owned(), words: words.to_owned(), detail: String::new() };
    telemetry::dispatch_dead(&dispatch.target, &dispatch.route, &dispatch.id.to_string(), code, words);
    let letter = DeadLetter { dispatch, reason, failed_at: now(), attempts: 0, event, message: None };
    Ok(ground.record_all(vec![Entry::Dead(letter)]).await?)
}

/// The publish that puts a dispatch into its lane again.
fn again(
    broker: &dyn Broker,
    (delivery, event): (&Delivery, &Event<Data>),
    found: &WaitingDispatch,
    way: Way,
) -> Option<Outgoing> {
    let (route, target) = (Arc::clone(&found.dispatch.route), Arc::clone(&found.dispatch.target));
    let own = found.dispatch.id != DispatchId::new(&event.source, &event.id, &route);
    let dispatch = Dispatch { id: found.dispatch.id, route, target, way };
    let mut publish = outgoing(broker.names(), &cleaned(delivery), &Head::of(event), &dispatch)?;
    if let Some(replay) = found.replay.as_ref().filter(|_| own) {
        publish.message.headers.push((REPLAY_HEADER.to_owned(), replay.clone()));
    }
    Some(publish)
}

#[cfg(test)]
mod tests {
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
            assert_eq!(due.is_possible && due.order.is_empty(), whole, "{found:?}");
        }
    }
}
