//! The attempts that are under way at one target: what is handed over, and what is on offer to a target that pulls. Knows no
//! lane, no broker and no ledger.

use std::sync::Arc;

use postroom_connector::{Handover, Manner, Outgoing, Sink};
use postroom_lane::{Attempt, DispatchKey, Role};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Stay, again, offer, once};
use crate::entries;
use crate::fail_point::FailPoint;
use crate::traced;
use crate::work::Tried;

/// Which dispatch, and how the attempt went; nothing, where what was on offer was taken back.
pub(crate) type Ended = (DispatchKey, Option<Tried>);

/// The attempts under way.
pub(crate) struct Attempts {
    sink: Arc<dyn Sink>,
    target: Arc<str>,
    manner: Manner,
    running: JoinSet<Ended>,
    /// Takes back what is on offer.
    recall: CancellationToken,
}

impl Attempts {
    pub(crate) fn new(sink: Arc<dyn Sink>, target: &str, manner: Manner) -> Self {
        let (running, recall) = (JoinSet::new(), CancellationToken::new());
        Self { sink, target: target.into(), manner, running, recall }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether nothing is being tried: what is on offer only lies there.
    pub(crate) fn are_idle(&self) -> bool {
        self.running.is_empty() || self.manner == Manner::Pulled
    }

    pub(crate) fn start(&mut self, attempt: Attempt, mut outgoing: Outgoing) {
        let sink = Arc::clone(&self.sink);
        let span = traced::deliver(&self.target, &mut outgoing);
        let stay = match (self.manner, attempt.role) {
            (Manner::Pushed, _) => None,
            (Manner::Pulled, Role::Probe) => Some(Stay::Glimpse),
            (Manner::Pulled, Role::Ordinary | Role::Careful) => Some(Stay::Recalled(self.recall.clone())),
        };
        self.running.spawn(async move {
            FailPoint::LaneStarted.pass();
            let handover = Handover { id: outgoing.dispatch.to_string(), items: vec![outgoing] };
            let (started_at, began) = (entries::now(), Instant::now());
            let heard = match (stay, attempt.look_up) {
                (Some(stay), _) => offer(sink.as_ref(), &handover, stay).await,
                (None, true) => Some(again(sink.as_ref(), &handover).await),
                (None, false) => Some(once(sink.as_ref(), &handover).await),
            };
            let Some(result) = heard else { return (attempt.dispatch, None) };
            FailPoint::LaneAnswered.pass();
            traced::end(span, &result);
            (attempt.dispatch, Some(Tried { started_at, took: began.elapsed(), result }))
        });
    }

    /// Takes back what is on offer; what is put there from now on stays.
    pub(crate) fn take_back(&mut self) {
        if self.manner == Manner::Pulled && !self.running.is_empty() {
            std::mem::take(&mut self.recall).cancel();
        }
    }

    /// The next that ends; nothing where none is under way.
    pub(crate) async fn next(&mut self) -> Option<Result<Ended, JoinError>> {
        self.running.join_next().await
    }

    /// One that has ended already.
    pub(crate) fn next_ended(&mut self) -> Option<Result<Ended, JoinError>> {
        self.running.try_join_next()
    }

    /// Gives up what is under way.
    pub(crate) fn drop_all(&mut self) {
        self.running = JoinSet::new();
    }
}
