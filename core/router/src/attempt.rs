//! Handing something to a sink once, within a time limit.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Handover, Receipt, Sink};

/// Longest time one attempt may take before its outcome is unknown.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);

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
