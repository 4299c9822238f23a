//! Handing something to a sink once, within a time limit.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Handover, Receipt, Sink};

/// Longest time one attempt may take before its outcome is unknown.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);

/// One attempt, whose outcome is unknown after [`ATTEMPT_TIMEOUT`].
pub(crate) async fn once(sink: &dyn Sink, handover: &Handover) -> Result<Receipt, ConnectorError> {
    in_time(sink.deliver(handover)).await
}

/// One attempt after another that may have arrived: the sink looks it up first, where it can.
pub(crate) async fn again(sink: &dyn Sink, handover: &Handover) -> Result<Receipt, ConnectorError> {
    in_time(async {
        match sink.look_up(handover).await {
            Ok(Some(receipt)) => Ok(receipt),
            // The target cannot be asked whether it has it: it is handed over again under the same id.
            Err(error) if error.failure != Failure::Permanent => Err(error),
            Ok(None) | Err(_) => sink.deliver(handover).await,
        }
    })
    .await
}

async fn in_time(
    attempt: impl Future<Output = Result<Receipt, ConnectorError>>,
) -> Result<Receipt, ConnectorError> {
    tokio::time::timeout(ATTEMPT_TIMEOUT, attempt).await.unwrap_or_else(|_| {
        let seconds = ATTEMPT_TIMEOUT.as_secs();
        Err(ConnectorError::new(Failure::Unknown, format!("no answer within {seconds} s"), ""))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// A sink that says what it is told when it looks up, and counts what it delivers.
    struct Scripted {
        found: Result<Option<Receipt>, Failure>,
        delivered: Mutex<u32>,
    }

    #[async_trait]
    impl Sink for Scripted {
        async fn deliver(&self, _handover: &Handover) -> Result<Receipt, ConnectorError> {
            *self.delivered.lock().expect("no panic") += 1;
            Ok(Receipt::default())
        }

        async fn look_up(&self, _handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
            self.found.clone().map_err(|failure| ConnectorError::new(failure, "the look-up says no", ""))
        }
    }

    #[tokio::test]
    async fn what_may_have_arrived_is_delivered_again_only_where_it_is_not_known_to_have() {
        let receipt = Receipt { reference: Some("T-1".to_owned()) };
        for (found, delivered, ends) in [
            (Ok(Some(receipt)), 0, None),
            (Ok(None), 1, None),
            (Err(Failure::Permanent), 1, None),
            (Err(Failure::Down), 0, Some(Failure::Down)),
            (Err(Failure::Transient), 0, Some(Failure::Transient)),
            (Err(Failure::Unknown), 0, Some(Failure::Unknown)),
        ] {
            let sink = Scripted { found: found.clone(), delivered: Mutex::new(0) };
            let handover = Handover { id: "id".to_owned(), items: Vec::new() };
            let result = again(&sink, &handover).await;
            assert_eq!(*sink.delivered.lock().expect("no panic"), delivered, "{found:?}");
            assert_eq!(result.as_ref().err().map(|error| error.failure), ends, "{found:?}");
            assert_eq!(
                result.ok().and_then(|receipt| receipt.reference),
                found.ok().flatten().and_then(|r| r.reference)
            );
        }
    }
}
