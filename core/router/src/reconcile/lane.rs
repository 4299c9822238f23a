//! Sending again what a lane should hold: dispatches without receipt, hold or dead letter, from the journal.

use std::collections::{HashMap, HashSet};
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
use crate::reconcile::due::{self, Due};
use crate::resend::{Patience, Published, publish_all};
use crate::session::WorkerError;

/// Dispatches read from the ledger at once.
const PAGE: usize = 10_000;

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
        for start in due::starts(all) {
            let Some(mut journal) = Journal::open(self.ground.broker.as_ref(), start).await? else { break };
            let mut due = Due::of(all);
            while due.is_open()
                && let Some(entries) = journal.next().await?
            {
                let valid = entries.iter().filter_map(|entry| self.event(&entry.delivery));
                valid.for_each(|event| due.came(&event));
            }
            journal.close().await;
            if due.is_met() {
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
    Ok(ground.ledger.record(vec![Entry::Dead(letter)]).await?)
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
    let dispatch = Dispatch { id: found.dispatch.id, route, target, way, told: Vec::new() };
    let mut publish = outgoing(broker.names(), &cleaned(delivery), &Head::of(event), &dispatch)?;
    if let Some(replay) = found.replay.as_ref().filter(|_| own) {
        publish.message.headers.push((REPLAY_HEADER.to_owned(), replay.clone()));
    }
    Some(publish)
}
