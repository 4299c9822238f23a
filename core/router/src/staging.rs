//! The worker of one lane whose sink batches: stages each dispatch in the ledger and acks it.

use std::collections::VecDeque;
use std::sync::Arc;

use postroom_broker::{Acker, Consumer, Delivery};
use postroom_ledger::Entry;

use crate::entries;
use crate::fail_point::FailPoint;
use crate::lane_job::{self, Arrived, Reader};
use crate::poison::{Suspect, Suspects, TOGETHER, Trial};
use crate::session::{Session, WorkerError};

/// Unacked dispatches of one lane that stages; constant for ever (DESIGN 3.5).
const PREFETCH: u16 = 1_000;
/// Most dispatches staged together.
const CHUNK: usize = 200;

/// Stages what waits on the lane of `target` until the session stops. While it is halted nothing is in hand.
pub(crate) async fn run(session: Session, target: String) -> Result<(), WorkerError> {
    while session.halts.until_allowed(&target, &session.stop).await {
        work(&session, &target).await?;
    }
    Ok(())
}

/// Works until the session stops or the target is halted.
async fn work(session: &Session, target: &str) -> Result<(), WorkerError> {
    let queue = session.broker.names().lane(target);
    let mut consumer = session.consumer(&queue, PREFETCH).await?;
    let acker = consumer.acker();
    let mut reader = Reader::new(&session.council, &session.table, target);
    let outcome = async {
        let mut careful = session.is_careful();
        while let Some(deliveries) =
            next(session, consumer.as_mut(), target, if careful { TOGETHER } else { CHUNK }).await?
        {
            if careful {
                careful = deliveries.iter().all(|delivery| delivery.redelivered);
                stage_with_care(session, &mut reader, acker.as_ref(), deliveries).await?;
            } else {
                let arrived = reader.read_all(&session.ledger, deliveries).await?;
                stage(session, target, acker.as_ref(), &arrived).await?;
            }
        }
        Ok(())
    }
    .await;
    consumer.close().await;
    outcome
}

/// What comes next from the lane; nothing when the session stops or the target is halted.
async fn next(
    session: &Session,
    consumer: &mut dyn Consumer,
    target: &str,
    most: usize,
) -> Result<Option<Vec<Delivery>>, WorkerError> {
    tokio::select! {
        biased;
        () = session.stop.cancelled() => Ok(None),
        () = session.halts.halted(target) => Ok(None),
        deliveries = consumer.next(most) => match deliveries {
            Some(deliveries) => Ok(Some(deliveries)),
            None => Err(WorkerError::ConsumerEnded(session.broker.names().lane(target))),
        },
    }
}

/// Stages what may have stopped the hub before, noting first that it is tried (DESIGN 3.11).
async fn stage_with_care(
    session: &Session,
    reader: &mut Reader,
    acker: &dyn Acker,
    deliveries: Vec<Delivery>,
) -> Result<(), WorkerError> {
    let mut rest = VecDeque::from(deliveries);
    while !rest.is_empty() {
        let mut suspects = Suspects::new(session);
        let told = rest.iter().map(|delivery| Suspect::on_lane(reader.target(), delivery));
        let arrived: Vec<_> = match suspects.note_first(told).await? {
            Trial::Of(count) => reader.read_all(&session.ledger, rest.drain(..count).collect()).await?,
            Trial::Refused(refusal) => {
                let first = rest.pop_front();
                first.map(|one| lane_job::unread(reader.target(), one, refusal.into())).into_iter().collect()
            }
        };
        stage(session, reader.target(), acker, &arrived).await?;
        suspects.spare().await?;
    }
    Ok(())
}

async fn stage(
    session: &Session,
    target: &str,
    acker: &dyn Acker,
    arrived: &[Arrived],
) -> Result<(), WorkerError> {
    let last_tag = arrived.last().map_or(0, Arrived::tag);
    let ids: Vec<_> = arrived.iter().filter_map(Arrived::id).collect();
    let mut finished = session.ledger.finished(&ids).await?;
    let mut recorded = Vec::with_capacity(arrived.len());
    for arrived in arrived {
        match arrived {
            Arrived::Foreign(delivery, unmappable) => {
                recorded.push(entries::foreign(target, delivery, unmappable));
            }
            Arrived::Mapped(job, _) | Arrived::Unmappable(job, _) if !finished.insert(job.id) => {}
            Arrived::Mapped(job, outgoing) => recorded.push(entries::staged(job, outgoing)),
            Arrived::Unmappable(job, unmappable) => {
                recorded.push(entries::unmappable(job, unmappable));
                if session.council.holding(target).contains(&job.route) {
                    let source = job.head.source.as_str().into();
                    recorded.push(Entry::Blocks { dispatch: job.id, source });
                    // What comes behind it is staged behind it.
                    session.record(std::mem::take(&mut recorded)).await?;
                }
                entries::tell_unmappable(job, unmappable);
            }
        }
    }
    session.record(recorded).await?;
    FailPoint::StagingRecorded.pass();
    acker.ack_up_to(last_tag).await?;
    Ok(())
}

/// A sink and when it takes a batch.
pub(crate) struct BatchTarget {
    pub(crate) target: String,
    pub(crate) sink: Arc<dyn postroom_connector::Sink>,
    pub(crate) batching: postroom_connector::Batching,
}
