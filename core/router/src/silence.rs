//! The worker that hears when a source is silent for longer than is expected of it (`expect_every`).

use std::collections::HashSet;
use std::time::Duration;

use chrono::DateTime;
use postroom_telemetry as telemetry;

use crate::entries::now;
use crate::session::{Session, WorkerError};

/// How often it listens.
const LISTEN_EVERY: Duration = Duration::from_secs(5);

/// Listens until the session stops. A source that was never heard is silent since the hub began to listen.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let (began, mut silent) = (now(), HashSet::new());
    while !session.stop.is_cancelled() {
        for (system, _) in session.council.sources() {
            let Some(every) = system.expect_every else { continue };
            let last = session.ledger.last_recorded_at(&system.name).await?.unwrap_or(began);
            if is_silent(last, every, now()) {
                if silent.insert(system.name.as_str()) {
                    let since = DateTime::from_timestamp_micros(last).unwrap_or_default().to_rfc3339();
                    telemetry::source_silent(&system.name, &since, every.as_secs());
                }
            } else if silent.remove(system.name.as_str()) {
                telemetry::source_heard(&system.name);
            }
        }
        session.pause(LISTEN_EVERY).await;
    }
    Ok(())
}

/// Whether a source that was heard last at `last` is silent at `now`, both in microseconds since the epoch.
pub fn is_silent(last: i64, every: Duration, now: i64) -> bool {
    i128::from(now) - i128::from(last) > i128::try_from(every.as_micros()).unwrap_or(i128::MAX)
}
