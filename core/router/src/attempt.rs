//! Handing one dispatch to a sink, with retries in place: transient failures for about a minute, an unreachable
//! system for as long as it takes.

use std::time::Duration;

use postroom_broker::Backoff;
use postroom_connector::{ConnectorError, Failure, Handover, Receipt, Sink};
use postroom_telemetry as telemetry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a dispatch is retried in place before it is given up.
pub const IN_PLACE: Duration = Duration::from_secs(60);
/// First wait between two attempts.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Longest time one attempt may take before its outcome is unknown.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);

/// How the attempts at one dispatch ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It arrived, after so many attempts.
    Delivered(Receipt, u32),
    /// It is given up.
    GivenUp {
        /// `refused` or `exhausted`.
        code: &'static str,
        /// What the connector said.
        error: ConnectorError,
        /// How often it was tried.
        attempts: u32,
    },
    /// The hub stops; the broker keeps it.
    Stopped,
}

/// What the log lines name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) target: &'a str,
    pub(crate) route: &'a str,
}

/// Attempts until it arrived, is given up, or the hub stops. No attempt is cut short by stopping.
pub(crate) async fn attempt(
    sink: &dyn Sink,
    handover: &Handover,
    names: Names<'_>,
    stop: &CancellationToken,
) -> Ended {
    let started = Instant::now();
    let mut waits = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match once(sink, handover).await {
            Ok(receipt) => return Ended::Delivered(receipt, attempts),
            Err(error) => error,
        };
        match error.failure {
            Failure::Permanent => return Ended::GivenUp { code: "refused", error, attempts },
            Failure::Transient | Failure::Unknown if started.elapsed() >= IN_PLACE => {
                return Ended::GivenUp { code: "exhausted", error, attempts };
            }
            Failure::Transient | Failure::Unknown | Failure::Down => {}
        }
        telemetry::dispatch_retried(names.target, names.route, &handover.id, attempts, &error.to_string());
        tokio::select! {
            () = stop.cancelled() => return Ended::Stopped,
            () = tokio::time::sleep(waits.next_delay()) => {}
        }
    }
}

/// One attempt, whose outcome is unknown after [`ATTEMPT_TIMEOUT`].
pub(crate) async fn once(sink: &dyn Sink, handover: &Handover) -> Result<Receipt, ConnectorError> {
    match tokio::time::timeout(ATTEMPT_TIMEOUT, sink.deliver(handover)).await {
        Ok(result) => result,
        Err(_) => {
            let seconds = ATTEMPT_TIMEOUT.as_secs();
            Err(ConnectorError::new(Failure::Unknown, format!("no answer within {seconds} s"), ""))
        }
    }
}
