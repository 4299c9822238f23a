//! A lane that is empty although the ledger knows what should be in it: purged, or made anew by a broker that was killed right
//! after the lane was declared. It is filled as when an officer asks for it: nobody can be sure that it held nothing.

use std::collections::HashSet;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_ledger::NewJob;
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::Instant;

use super::RECONCILE;
use super::lane::waiting;
use crate::entries::now;
use crate::session::{Session, WorkerError};

/// How often it is looked. What waited at one look, waits at the next, and is in nobody's hands, is in the lane or gone.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Who asks for it: not the hub that saw a queue gone, so that it is unsure what the lane holds.
const EMPTIED: &str = "postroom: an empty lane";

/// The looks at one lane.
pub(crate) struct Emptied {
    at: Instant,
    /// What waited at the last look, when the lane was empty.
    before: HashSet<DispatchId>,
}

impl Emptied {
    pub(crate) fn new() -> Self {
        Self { at: Instant::now(), before: HashSet::new() }
    }

    /// Looks at the lane of `target` when that is due, and has it reconciled where it has lost what it held.
    pub(crate) async fn look(&mut self, session: &Session, target: &str) -> Result<(), WorkerError> {
        // Nothing is in a lane that takes batches for longer than it takes to stage that.
        let side = session.council.systems.get(target).and_then(|system| system.target.as_ref());
        let takes_one_by_one = side.is_some_and(|side| side.batching.is_none());
        let may_look = takes_one_by_one && session.council.journal && !session.halts.is_ledger_restored();
        if !may_look || Instant::now() < self.at {
            return Ok(());
        }
        self.at = Instant::now() + LOOK_EVERY;
        let before = std::mem::take(&mut self.before);
        let lane = session.broker.names().lane(target);
        if session.broker.depth(&lane).await?.messages > 0 {
            return Ok(());
        }
        let states = session.ledger.lane_states().await?;
        let Some(state) = states.iter().find(|state| state.target == target) else { return Ok(()) };
        let waiting = waiting(&session.ledger, target).await?;
        let waiting: HashSet<_> = waiting.into_iter().map(|one| one.dispatch.id).collect();
        let gone = waiting.intersection(&before).count() as u64 > state.in_hand;
        // One by one after an unclean stop, more than the worker counts is on its way to it while it has any.
        if gone && (!session.is_careful() || state.in_hand == 0) {
            telemetry::queue_emptied(&lane);
            let reason = "its lane was empty".to_owned();
            let (kind, target, actor) =
                (RECONCILE.to_owned(), session.tenure.fence.name.clone(), EMPTIED.to_owned());
            let job = NewJob { kind, target, params: json!({}), actor, reason, at: now() };
            session.ledger.submit(job).await?;
        } else {
            self.before = waiting;
        }
        Ok(())
    }
}
