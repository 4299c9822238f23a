//! A lane that is empty although the ledger knows what should be in it: purged, or made anew by a broker that was killed right
//! after the lane was declared. It is filled again as one that was deleted is.

use std::collections::HashSet;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_telemetry as telemetry;
use serde_json::json;
use tokio::time::Instant;

use super::lane::waiting;
use super::note;
use crate::session::{Session, WorkerError};

/// How often it is looked. What waited at one look, waits at the next, and is in nobody's hands, is in the lane or gone.
const LOOK_EVERY: Duration = Duration::from_secs(10);

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
        if Instant::now() < self.at {
            return Ok(());
        }
        self.at = Instant::now() + LOOK_EVERY;
        let before = std::mem::take(&mut self.before);
        let lane = session.broker.names().lane(target);
        if session.broker.depth(&lane).await?.messages > 0 {
            return Ok(());
        }
        let waiting = waiting(&session.ledger, target).await?;
        let waiting: HashSet<_> = waiting.into_values().flatten().map(|one| one.dispatch.id).collect();
        let states = session.ledger.lane_states().await?;
        let in_hand = states.iter().find(|state| state.target == target).map_or(0, |state| state.in_hand);
        if waiting.intersection(&before).count() as u64 > in_hand {
            telemetry::queue_emptied(&lane);
            note(&session.ledger, session.tenure.fence.name.clone(), json!({})).await?;
        } else {
            self.before = waiting;
        }
        Ok(())
    }
}
