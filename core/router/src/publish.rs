//! Publishing without running the hub: what `postroom publish` does.

use std::fmt;

use postroom_broker::Broker;
use postroom_connector::Batch;
use postroom_event::Event;
use postroom_transform::Data;
use tokio_util::sync::CancellationToken;

use crate::intake::{Again, Intake, OnProgress, Publishing, Stop, Taken, publish_with};
use crate::resend::Patience;
use crate::session::WorkerError;

/// Why publishing stopped half-way; what was confirmed is recorded, and a second call goes on from there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PublishError(String);

impl PublishError {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl From<WorkerError> for PublishError {
    fn from(error: WorkerError) -> Self {
        Self(postroom_telemetry::chain(&error))
    }
}

/// Publishes events of `system` and awaits that each is confirmed.
///
/// # Errors
/// When one was not confirmed; some may have been.
pub async fn publish_events(
    broker: &dyn Broker,
    system: &str,
    events: &[Event<Data>],
) -> Result<(), PublishError> {
    let mut publisher = broker.publisher().await.map_err(WorkerError::from)?;
    publish_with(publisher.as_mut(), broker, (system, events), Patience::Never).await?;
    Ok(())
}

/// Publishes a batch of `system` from where its cursor stands.
///
/// # Errors
/// When it stopped half-way.
pub async fn publish_batch(
    publishing: &Publishing,
    system: &str,
    batch: Box<dyn Batch>,
    again: Again,
    progress: OnProgress<'_>,
) -> Result<Taken, PublishError> {
    let stop = CancellationToken::new();
    let mut intake = Intake::open(publishing, &stop, system, Patience::Never).await?;
    match intake.take(batch, again, progress).await {
        Ok(taken) => Ok(taken),
        Err(Stop::Worker(error)) => Err(error.into()),
        Err(Stop::Source(error)) => Err(PublishError(error.to_string())),
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(tally) => write!(
                f,
                "{} mapped, {} refused, {} ignored; {} events published",
                tally.mapped, tally.refused, tally.ignored, tally.published
            ),
            Self::Repeated => f.write_str("the same content was taken before; --again takes it once more"),
            Self::Refused(fault) => write!(f, "refused: {fault}"),
            Self::Stopped => f.write_str("stopped half-way"),
        }
    }
}
