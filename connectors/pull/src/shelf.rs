//! What is on offer to one system, and what it said. Knows neither HTTP nor who asks.
//!
//! A message lies here as long as somebody waits for its answer, and a little longer: when the hub takes it back and puts it
//! here again, as it does every 17 minutes, the system sees no gap. An answer counts when whoever waits has taken it; only then
//! is the system told so.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postroom_connector::Outgoing;
use postroom_event::DispatchId;
use tokio::sync::{Notify, oneshot};

use crate::verdict::Verdict;

/// How long a message stays in its place that was taken back.
pub(crate) const LINGERS: Duration = Duration::from_secs(30);
/// Most answers that are remembered, so that the same one is known when it comes again.
const MOST_REMEMBERED: usize = 2_000;

/// The messages on offer.
#[derive(Debug)]
pub(crate) struct Shelf {
    state: Mutex<State>,
    /// How long a message stays in its place that was taken back.
    lingers: Duration,
}

#[derive(Debug, Default)]
struct State {
    offers: HashMap<DispatchId, Offer>,
    /// In the order in which they came on offer.
    places: BTreeMap<u64, DispatchId>,
    /// The place that was given last.
    last: u64,
    answered: HashMap<DispatchId, Verdict>,
    /// What was answered, the oldest first.
    remembered: VecDeque<DispatchId>,
}

#[derive(Debug)]
struct Offer {
    place: u64,
    outgoing: Arc<Outgoing>,
    /// Who is woken by an answer.
    answered: Arc<Notify>,
    /// Since when nobody waits for an answer.
    left: Option<Instant>,
    /// What the system said, and who of it waits to hear that it counts.
    said: Option<(Verdict, Vec<oneshot::Sender<()>>)>,
}

/// A message as it is seen, and its place: numbers that only grow, over restarts, too.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) place: u64,
    pub(crate) outgoing: Arc<Outgoing>,
}

/// What became of an answer.
#[derive(Debug)]
pub(crate) enum Said {
    /// It counts once this is told.
    Heard(oneshot::Receiver<()>),
    /// The same was said before, and counts.
    Again,
    /// Something else was said before.
    Otherwise,
    /// No such message is on offer.
    NotOnOffer,
}

impl Shelf {
    /// With nothing on it, where what is taken back stays so long.
    pub(crate) fn new(lingers: Duration) -> Self {
        Self { state: Mutex::default(), lingers }
    }

    /// Puts a message on offer, and waits for its answer. Whoever gives up waiting takes it back.
    pub(crate) async fn offer(&self, outgoing: &Outgoing) -> Verdict {
        let dispatch = outgoing.dispatch;
        let answered = match self.lock().put(outgoing) {
            Put::Waiting(answered) => answered,
            Put::Answered(verdict) => return verdict,
        };
        let _left = Leaving { shelf: self, dispatch };
        loop {
            if let Some(verdict) = self.lock().take(dispatch) {
                return verdict;
            }
            answered.notified().await;
        }
    }

    /// What is on offer behind a place, at most so many; and whether there is more.
    pub(crate) fn look(&self, after: u64, limit: usize) -> (Vec<Seen>, bool) {
        let mut state = self.lock();
        state.clear_away(self.lingers);
        let mut behind = state.places.range((Bound::Excluded(after), Bound::Unbounded));
        let offer = |(_, dispatch): (&u64, &DispatchId)| state.offers.get(dispatch).map(Offer::seen);
        let seen: Vec<Seen> = behind.by_ref().take(limit).filter_map(offer).collect();
        (seen, behind.next().is_some())
    }

    /// Takes in what the system says of a message.
    pub(crate) fn say(&self, dispatch: DispatchId, verdict: Verdict) -> Said {
        let mut state = self.lock();
        state.clear_away(self.lingers);
        let Some(offer) = state.offers.get_mut(&dispatch) else {
            return match state.answered.get(&dispatch) {
                Some(before) if *before == verdict => Said::Again,
                Some(_) => Said::Otherwise,
                None => Said::NotOnOffer,
            };
        };
        let (heard, hears) = oneshot::channel();
        match &mut offer.said {
            Some((before, waiting)) if waiting.iter().any(|one| !one.is_closed()) => {
                if *before != verdict {
                    return Said::Otherwise;
                }
                waiting.push(heard);
            }
            said => *said = Some((verdict, vec![heard])),
        }
        offer.answered.notify_one();
        Said::Heard(hears)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a message that is put on offer stands.
enum Put {
    Waiting(Arc<Notify>),
    /// It was taken already, and whoever waited then could not write that down.
    Answered(Verdict),
}

impl Offer {
    fn seen(&self) -> Seen {
        Seen { place: self.place, outgoing: Arc::clone(&self.outgoing) }
    }
}

impl State {
    fn put(&mut self, outgoing: &Outgoing) -> Put {
        let dispatch = outgoing.dispatch;
        if let Some(verdict @ Verdict::Success { .. }) = self.answered.get(&dispatch) {
            return Put::Answered(verdict.clone());
        }
        // A failure that is tried again is a new question.
        self.forget(dispatch);
        let outgoing = Arc::new(outgoing.clone());
        if let Some(offer) = self.offers.get_mut(&dispatch) {
            (offer.outgoing, offer.left) = (outgoing, None);
            return Put::Waiting(Arc::clone(&offer.answered));
        }
        let place = self.next_place();
        let answered = Arc::new(Notify::new());
        let offer = Offer { place, outgoing, answered: Arc::clone(&answered), left: None, said: None };
        self.offers.insert(dispatch, offer);
        self.places.insert(place, dispatch);
        Put::Waiting(answered)
    }

    /// A place behind all others: the time in microseconds, so that one from before a restart is before those from after it.
    fn next_place(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        self.last = u64::try_from(now).unwrap_or_default().max(self.last + 1);
        self.last
    }

    /// What was said of a message, where somebody still waits to hear that it counts. It is off the shelf then.
    fn take(&mut self, dispatch: DispatchId) -> Option<Verdict> {
        let offer = self.offers.get_mut(&dispatch)?;
        let (verdict, waiting) = offer.said.take()?;
        let heard = waiting.into_iter().filter_map(|one| one.send(()).ok()).count();
        if heard == 0 {
            return None;
        }
        let place = offer.place;
        self.places.remove(&place);
        self.offers.remove(&dispatch);
        self.remember(dispatch, verdict.clone());
        Some(verdict)
    }

    fn remember(&mut self, dispatch: DispatchId, verdict: Verdict) {
        self.answered.insert(dispatch, verdict);
        self.remembered.push_back(dispatch);
        if self.remembered.len() > MOST_REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.answered.remove(&oldest);
        }
    }

    fn forget(&mut self, dispatch: DispatchId) {
        if self.answered.remove(&dispatch).is_some() {
            self.remembered.retain(|other| *other != dispatch);
        }
    }

    /// Takes away what was taken back a while ago.
    fn clear_away(&mut self, lingers: Duration) {
        let gone = |offer: &Offer| offer.left.is_some_and(|left| left.elapsed() >= lingers);
        let (offers, places) = (&mut self.offers, &mut self.places);
        places.retain(|_, dispatch| offers.get(dispatch).is_some_and(|offer| !gone(offer)));
        offers.retain(|_, offer| !gone(offer));
    }
}

/// Somebody who waits for an answer, and may give up.
struct Leaving<'a> {
    shelf: &'a Shelf,
    dispatch: DispatchId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(offer) = self.shelf.lock().offers.get_mut(&self.dispatch) {
            offer.left = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
