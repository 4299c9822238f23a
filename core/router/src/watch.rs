//! The worker that looks at the broker itself: what reached no queue, and whether it takes messages.

use std::time::Duration;

use postroom_telemetry as telemetry;

use crate::session::{Session, WorkerError};

/// How often the queue `unrouted` and the blocked state are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let (mut blocked, mut unrouted) = (false, 0);
    while !session.stop.is_cancelled() {
        if session.broker.blocked() != blocked {
            blocked = !blocked;
            if blocked { telemetry::broker_blocked() } else { telemetry::broker_unblocked() }
        }
        let depth = session.broker.depth(&session.broker.names().unrouted()).await?.messages;
        if depth > unrouted {
            telemetry::broker_unrouted(u64::from(depth));
        }
        unrouted = depth;
        session.pause(LOOK_EVERY).await;
    }
    Ok(())
}
