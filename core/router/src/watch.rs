//! The worker that looks at the broker itself: what reached no queue, and whether it takes messages.

use std::time::Duration;

use postroom_telemetry as telemetry;
use tokio::time::Instant;

use crate::session::{Session, WorkerError};

/// How often the queue `unrouted` and the blocked state are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the queues are there that the hub does not consume.
const QUEUES_EVERY: Duration = Duration::from_secs(15);

/// Watches until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let (mut blocked, mut unrouted) = (false, 0);
    let mut queues_at = Instant::now() + QUEUES_EVERY;
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
        if Instant::now() >= queues_at {
            all_there(&session).await?;
            queues_at = Instant::now() + QUEUES_EVERY;
        }
        session.pause(LOOK_EVERY).await;
    }
    Ok(())
}

/// Whether the queues are there that systems read themselves or the broker does not serve, and the journal.
async fn all_there(session: &Session) -> Result<(), WorkerError> {
    let (council, names) = (&session.council, session.broker.names());
    let queues = council.targets().filter(|(_, target)| target.is_queue());
    let mut queues: Vec<_> = queues.map(|(system, _)| names.to(&system.name)).collect();
    queues.extend(council.journal.then(|| names.journal()));
    queues.extend(session.unserved.all());
    for queue in queues {
        if !session.broker.exists(&queue).await? {
            session.unserved.is_well(&queue);
            return Err(WorkerError::QueueDeleted(queue));
        }
    }
    Ok(())
}
