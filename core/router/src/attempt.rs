//! Handing something to a sink once: within a time limit, or for as long as it may be on offer.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Handover, Receipt, Sink};
use tokio_util::sync::CancellationToken;

/// Longest time one attempt may take before its outcome is unknown.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a probe is on offer: where it cannot be put there, that is told within this time.
const GLIMPSE: Duration = Duration::from_secs(1);

/// How long something is on offer to a target that pulls.
#[derive(Debug, Clone)]
pub(crate) enum Stay {
    /// Until it is recalled.
    Recalled(CancellationToken),
    /// A moment, to find out whether it can be.
    Glimpse,
}

/// How an attempt ended, if it did: `None`, when what was on offer is taken back.
pub(crate) type Heard = Option<Result<Receipt, ConnectorError>>;

/// Puts it on offer. An answer that is there when it is taken back counts.
pub(crate) async fn offer(sink: &dyn Sink, handover: &Handover, stay: Stay) -> Heard {
    let over = async {
        match &stay {
            Stay::Recalled(recalled) => recalled.cancelled().await,
            Stay::Glimpse => tokio::time::sleep(GLIMPSE).await,
        }
    };
    tokio::select! {
        biased;
        answered = sink.deliver(handover) => Some(answered),
        () = over => None,
    }
}

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

    /// A target that pulls: nobody comes for it, or its answer is there.
    struct Shelf(Option<Receipt>);

    #[async_trait]
    impl Sink for Shelf {
        async fn deliver(&self, _handover: &Handover) -> Result<Receipt, ConnectorError> {
            match self.0.clone() {
                Some(receipt) => Ok(receipt),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn what_is_on_offer_waits_until_it_is_recalled_and_an_answer_that_is_there_then_counts() {
        let recall = CancellationToken::new();
        let stay = || Stay::Recalled(recall.clone());
        let handover = Handover { id: "id".to_owned(), items: Vec::new() };
        let nobody = Shelf(None);
        let mut waiting = std::pin::pin!(offer(&nobody, &handover, stay()));
        assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err(), "nobody came");
        recall.cancel();
        assert!(waiting.await.is_none());
        let receipt = Receipt { reference: Some("T-1".to_owned()) };
        let heard = offer(&Shelf(Some(receipt.clone())), &handover, stay()).await;
        assert_eq!(heard.and_then(Result::ok), Some(receipt));
    }

    #[tokio::test]
    async fn a_probe_is_on_offer_for_a_moment_only() {
        let handover = Handover { id: "id".to_owned(), items: Vec::new() };
        assert!(offer(&Shelf(None), &handover, Stay::Glimpse).await.is_none());
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
