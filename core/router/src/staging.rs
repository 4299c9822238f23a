//! The worker of one lane whose sink batches: stages each dispatch in the ledger and acks it.

use std::sync::Arc;

use postroom_broker::{Acker, Delivery};

use crate::entries;
use crate::lane_job::{Arrived, Reader};
use crate::session::{Session, WorkerError};

/// Unacked dispatches of one lane that stages; constant for ever (DESIGN 3.5).
const PREFETCH: u16 = 1_000;
/// Most dispatches staged together.
const CHUNK: usize = 200;

/// Stages what waits on the lane of `target` until the session stops.
pub(crate) async fn run(session: Session, target: String) -> Result<(), WorkerError> {
    let queue = session.broker.names().lane(&target);
    let mut consumer = session.broker.consumer(&queue, PREFETCH).await?;
    let acker = consumer.acker();
    let mut reader = Reader::new(&session.council, &session.table, &target);
    let outcome = loop {
        let deliveries = tokio::select! {
            biased;
            () = session.stop.cancelled() => break Ok(()),
            deliveries = consumer.next(CHUNK) => deliveries,
        };
        let Some(deliveries) = deliveries else { break Err(WorkerError::ConsumerEnded(queue)) };
        if let Err(error) = stage(&session, &mut reader, acker.as_ref(), deliveries).await {
            break Err(error);
        }
    };
    consumer.close().await;
    outcome
}

async fn stage(
    session: &Session,
    reader: &mut Reader,
    acker: &dyn Acker,
    deliveries: Vec<Delivery>,
) -> Result<(), WorkerError> {
    let last_tag = deliveries.last().map_or(0, |delivery| delivery.tag);
    let arrived: Vec<Arrived> = deliveries.into_iter().map(|delivery| reader.read(delivery)).collect();
    let ids: Vec<_> = arrived.iter().filter_map(Arrived::id).collect();
    let mut finished = session.ledger.finished(&ids).await?;
    let mut recorded = Vec::with_capacity(arrived.len());
    for arrived in &arrived {
        match arrived {
            Arrived::Foreign(delivery, unmappable) => {
                recorded.push(entries::foreign(reader.target(), delivery, unmappable));
            }
            Arrived::Mapped(job, _) | Arrived::Unmappable(job, _) if !finished.insert(job.id) => {}
            Arrived::Mapped(job, outgoing) => recorded.push(entries::staged(job, outgoing)),
            Arrived::Unmappable(job, unmappable) => {
                recorded.push(entries::unmappable(job, unmappable));
                entries::tell_unmappable(job, unmappable);
            }
        }
    }
    session.ledger.record(recorded).await?;
    acker.ack_up_to(last_tag).await?;
    Ok(())
}

/// A sink and when it takes a batch.
pub(crate) struct BatchTarget {
    pub(crate) target: String,
    pub(crate) sink: Arc<dyn postroom_connector::Sink>,
    pub(crate) batching: postroom_connector::Batching,
}
