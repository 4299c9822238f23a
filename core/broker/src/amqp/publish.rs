//! The one publish primitive: start all in order, await the confirms together.
//!
//! Awaiting each publish by itself is eleven times slower (1,330 a second against 14,760 on one machine).
//!
//! A quorum queue that was full tells a channel that there is room only when something is taken out of it while its limit
//! stands: once the limit is taken away, that channel is refused for ever. So a channel on which something was refused is
//! replaced now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, future::BoxFuture};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, Error, PublisherConfirm};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    channel_on,
    convert::Parcel,
    fault::{answered, words},
};
use crate::{BrokerError, CONFIRM_TIMEOUT, Confirmed, Confirms, Outgoing, Publication, Publisher};

/// How often a broker that is blocked is looked at.
const BLOCKED_LOOK: Duration = Duration::from_millis(200);
/// How long a channel on which something was refused is used at least.
const RENEW_AFTER: Duration = Duration::from_secs(1);
/// Not `mandatory`: lapin hands a return to whichever confirm comes next (DESIGN 3.3).
const OPTIONS: BasicPublishOptions = BasicPublishOptions { mandatory: false, immediate: false };

pub(super) struct AmqpPublisher {
    connection: Arc<Connection>,
    channel: Arc<Channel>,
    opened: Instant,
    notes: Arc<Notes>,
}

/// What the answers told of a channel.
#[derive(Default)]
struct Notes {
    /// Why it ended, in the broker's words.
    ended: OnceLock<String>,
    /// Whether something was refused on it.
    refused: AtomicBool,
}

impl AmqpPublisher {
    pub(super) async fn open(connection: Arc<Connection>) -> Result<Self, BrokerError> {
        let channel = channel_on(&connection).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions { nowait: false });
        answered("asking for confirms", confirms).await?;
        Ok(Self { connection, channel: Arc::new(channel), opened: Instant::now(), notes: Arc::default() })
    }

    /// Queues the frames of a publish; the write to the socket and the confirm are awaited later.
    fn start(&self, parcel: Parcel) -> Pending {
        let mut sending = send(Arc::clone(&self.channel), parcel).boxed();
        match (&mut sending).now_or_never() {
            Some(Ok(confirm)) => Pending::Confirming(confirm),
            Some(Err(error)) => Pending::Answered(self.notes.lost(&error)),
            None => Pending::Sending(sending),
        }
    }
}

#[async_trait]
impl Publisher for AmqpPublisher {
    async fn publish(&mut self, batch: Vec<Outgoing>) -> Result<Confirms, BrokerError> {
        let parcels = batch.into_iter().map(Parcel::try_from).collect::<Result<Vec<_>, _>>()?;
        if self.notes.refused.load(Ordering::Relaxed) && self.opened.elapsed() >= RENEW_AFTER {
            *self = Self::open(Arc::clone(&self.connection)).await?;
        }
        if !self.channel.status().connected() {
            let detail = self.notes.ended.get().map_or("the channel is closed", String::as_str).to_owned();
            return Err(BrokerError::Lost { doing: "publishing".to_owned(), detail });
        }
        let connection = self.connection.status().clone();
        let late = late(CONFIRM_TIMEOUT, move || connection.blocked());
        let pending = parcels.into_iter().map(|parcel| self.start(parcel)).collect();
        let (channel, notes) = (Arc::clone(&self.channel), Arc::clone(&self.notes));
        Ok(Confirms::new(async move {
            // It is closed when nobody has it any more.
            let _open = channel;
            answers(pending, notes, late).await
        }))
    }
}

async fn send(channel: Arc<Channel>, parcel: Parcel) -> lapin::Result<PublisherConfirm> {
    let Parcel { exchange, routing_key, properties, body } = parcel;
    channel.basic_publish(exchange, routing_key, OPTIONS, &body, properties).await
}

impl Notes {
    /// Notes why the channel ended; what was under way is unknown.
    fn lost(&self, error: &Error) -> Publication {
        self.ended.get_or_init(|| words(error));
        Publication::Unknown
    }
}

/// A publish that was started; thousands of them wait at a time, so what is done is not kept.
enum Pending {
    Sending(BoxFuture<'static, lapin::Result<PublisherConfirm>>),
    Confirming(PublisherConfirm),
    Answered(Publication),
}

impl Pending {
    async fn answer(self, notes: &Notes) -> Publication {
        let confirm = match self {
            Self::Answered(publication) => return publication,
            Self::Confirming(confirm) => Ok(confirm),
            Self::Sending(sending) => sending.await,
        };
        let answer = match confirm {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(Confirmation::Ack(_)) => Publication::Confirmed(Confirmed::new()),
            Ok(Confirmation::Nack(_)) => {
                notes.refused.store(true, Ordering::Relaxed);
                Publication::Nacked
            }
            Ok(Confirmation::NotRequested) => Publication::Unknown,
            Err(error) => notes.lost(&error),
        }
    }
}

/// Resolves when answers are late, `limit` from now; a broker that is blocked is not late.
fn late(limit: Duration, is_blocked: impl Fn() -> bool) -> impl Future<Output = ()> {
    let mut deadline = Instant::now() + limit;
    async move {
        loop {
            sleep_until(deadline).await;
            if !is_blocked() {
                return;
            }
            while is_blocked() {
                sleep(BLOCKED_LOOK).await;
            }
            deadline = Instant::now() + limit;
        }
    }
}

/// Awaits the answers in order until they are late; then takes those that are there already.
async fn answers(
    pending: Vec<Pending>,
    notes: Arc<Notes>,
    late: impl Future<Output = ()>,
) -> Vec<Publication> {
    let (mut late, mut is_late) = (std::pin::pin!(late), false);
    let mut answers = Vec::with_capacity(pending.len());
    for publish in pending {
        let answer = publish.answer(&notes);
        if is_late {
            answers.push(answer.now_or_never().unwrap_or(Publication::Unknown));
            continue;
        }
        tokio::select! {
            biased;
            answer = answer => answers.push(answer),
            () = &mut late => {
                is_late = true;
                answers.push(Publication::Unknown);
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test]
    async fn once_answers_are_late_those_that_are_there_are_taken_and_the_others_are_unknown() {
        let never = || Pending::Sending(future::pending().boxed());
        let there = || Pending::Answered(Publication::Nacked);
        let answers =
            answers(vec![there(), never(), never(), there(), never()], Arc::default(), async {}).await;
        let is_there: Vec<_> = answers.iter().map(|answer| *answer == Publication::Nacked).collect();
        assert_eq!(is_there, [true, false, false, true, false]);
    }

    #[tokio::test]
    async fn a_confirm_that_never_comes_is_unknown_and_the_others_keep_their_answers() {
        let pending = vec![
            Pending::Answered(Publication::Nacked),
            Pending::Sending(future::pending().boxed()),
            Pending::Answered(Publication::Confirmed(Confirmed::new())),
        ];
        let answers = answers(pending, Arc::default(), future::ready(())).await;
        let expected = [Publication::Nacked, Publication::Unknown, Publication::Confirmed(Confirmed::new())];
        assert_eq!(answers, expected);
    }

    #[tokio::test]
    async fn answers_are_not_late_while_the_broker_is_blocked() {
        let (began, limit) = (Instant::now(), Duration::from_millis(10));
        let alarm = limit * 20;
        late(limit, || began.elapsed() < alarm).await;
        assert!(began.elapsed() >= alarm + limit);
    }
}
