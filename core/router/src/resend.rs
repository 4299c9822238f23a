//! Publishing with patience: of each subject one message at a time, so that what is refused comes before what is behind it,
//! and what a full queue refuses once more, until it has room. It does not know why anything is published.

use std::collections::HashSet;
use std::time::Duration;

use postroom_broker::{Backoff, Outgoing, Publication, Publisher};
use postroom_telemetry as telemetry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fail_point::FailPoint;
use crate::outgoing::{SOURCE_HEADER, SUBJECT_HEADER};
use crate::session::{WorkerError, answers, pause};
use crate::traffic::Track;

/// First and longest wait before what a queue refused is published once more.
const REFUSED_WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// How long what a queue refuses is published again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience<'a> {
    /// Not at all: it is [`WorkerError::Refused`].
    Never,
    /// Until this is cancelled.
    Until(&'a CancellationToken),
}

impl Patience<'_> {
    /// Whether it has not ended.
    pub(crate) fn lasts(self) -> bool {
        match self {
            Self::Never => true,
            Self::Until(stop) => !stop.is_cancelled(),
        }
    }

    /// Waits, or less when it ends; whether it lasts.
    pub(crate) async fn waits(self, length: Duration) -> bool {
        match self {
            Self::Never => false,
            Self::Until(stop) => {
                pause(stop, length).await;
                !stop.is_cancelled()
            }
        }
    }
}

/// A message, and the track on which it keeps its place.
pub(crate) type Tracked = (Track, Outgoing);

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// All of it is confirmed.
    Whole,
    /// Patience ended before.
    Stopped,
}

/// Publishes dispatches, each on the track of its queue, source and subject, and awaits that all are confirmed.
pub(crate) async fn publish_all(
    publisher: &mut dyn Publisher,
    batch: Vec<Outgoing>,
    patience: Patience<'_>,
) -> Result<Published, WorkerError> {
    let track = |outgoing: &Outgoing| {
        let header = |name: &str| {
            let found = outgoing.message.headers.iter().find(|(header, _)| header == name);
            found.map_or("", |(_, text)| text.as_str())
        };
        Track::of(&outgoing.routing_key, header(SOURCE_HEADER), header(SUBJECT_HEADER))
    };
    let tracked = batch.into_iter().map(|outgoing| (track(&outgoing), outgoing)).collect();
    publish_tracked(publisher, tracked, patience).await
}

/// Publishes a batch, of each track one after the other, and awaits that all of it is confirmed.
pub(crate) async fn publish_tracked(
    publisher: &mut dyn Publisher,
    mut left: Vec<Tracked>,
    patience: Patience<'_>,
) -> Result<Published, WorkerError> {
    let mut waits = Backoff::new(REFUSED_WAITS.0, REFUSED_WAITS.1);
    let mut full: Option<(String, String, Instant)> = None;
    while !left.is_empty() {
        let (wave, behind) = first_of_each(left);
        let publishes = wave.iter().map(|(_, outgoing)| outgoing.clone()).collect();
        let confirms = publisher.publish(publishes).await?;
        FailPoint::IntakeSent.pass();
        let answers = match patience {
            Patience::Never => confirms.wait().await,
            Patience::Until(stop) => answers(stop, confirms).await?,
        };
        let refused = refused(wave, &answers)?;
        if let Some((_, first)) = refused.first() {
            let Outgoing { exchange, routing_key, .. } = first;
            if matches!(patience, Patience::Never) {
                return Err(WorkerError::Refused(format!("{exchange} {routing_key}")));
            }
            if full.is_none() {
                telemetry::queue_full(exchange, routing_key);
                full = Some((exchange.clone(), routing_key.clone(), Instant::now()));
            }
            if !patience.waits(waits.next_delay()).await {
                return Ok(Published::Stopped);
            }
        }
        left = refused.into_iter().chain(behind).collect();
    }
    if let Some((exchange, key, since)) = full {
        telemetry::queue_free(&exchange, &key, since.elapsed().as_secs());
    }
    Ok(Published::Whole)
}

/// The first of each track, and the others; both in their order.
fn first_of_each(batch: Vec<Tracked>) -> (Vec<Tracked>, Vec<Tracked>) {
    let mut taken = HashSet::new();
    batch.into_iter().partition(|(track, _)| taken.insert(*track))
}

/// Those of a wave that the broker refused. What it did not answer ends the session.
fn refused(wave: Vec<Tracked>, answers: &[Publication]) -> Result<Vec<Tracked>, WorkerError> {
    if answers.len() < wave.len() || answers.contains(&Publication::Unknown) {
        return Err(WorkerError::Unanswered);
    }
    let both = wave.into_iter().zip(answers);
    Ok(both.filter(|(_, answer)| **answer == Publication::Nacked).map(|(one, _)| one).collect())
}

#[cfg(test)]
mod tests {
    use postroom_broker::memory::Server;
    use postroom_broker::{Broker, Message, Topology};

    use super::*;

    /// A broker with the queue of a dock, and what is published there about `parcel`.
    async fn dock() -> (Server, Box<dyn Publisher>, impl Fn(&str, &str) -> Outgoing) {
        let server = Server::new();
        let broker = server.connect("p.", "hub");
        let topology = Topology { queues: vec!["dock".to_owned()], ..Topology::default() };
        broker.declare(&topology).await.unwrap();
        let outgoing = |id: &str, parcel: &str| Outgoing {
            exchange: "p.deliveries".to_owned(),
            routing_key: "p.to.dock".to_owned(),
            message: Message {
                message_id: Some(id.to_owned()),
                headers: vec![(SUBJECT_HEADER.to_owned(), parcel.to_owned())],
                ..Message::default()
            },
        };
        (server, broker.publisher().await.unwrap(), outgoing)
    }

    fn docked(server: &Server) -> Vec<String> {
        server.ready("p.to.dock").into_iter().filter_map(|one| one.message_id).collect()
    }

    #[tokio::test]
    async fn what_is_refused_comes_before_what_is_behind_it() {
        let (server, mut publisher, outgoing) = dock().await;
        server.fail_next(postroom_broker::memory::Fault::Nacked, 1);
        let batch = vec![outgoing("a1", "a"), outgoing("a2", "a"), outgoing("b1", "b")];
        let stop = CancellationToken::new();
        let published = publish_all(publisher.as_mut(), batch, Patience::Until(&stop)).await;
        assert_eq!(published.unwrap(), Published::Whole);
        assert_eq!(docked(&server), ["b1", "a1", "a2"]);
    }

    #[tokio::test]
    async fn a_queue_that_stays_full_is_waited_for_until_somebody_stops_it_and_no_session_ends() {
        let (server, mut publisher, outgoing) = dock().await;
        server.limit("p.to.dock", 0);
        let never = publish_all(publisher.as_mut(), vec![outgoing("a1", "a")], Patience::Never).await;
        assert!(matches!(never, Err(WorkerError::Refused(place)) if place == "p.deliveries p.to.dock"));
        let stop = CancellationToken::new();
        stop.cancel();
        let batch = vec![outgoing("a1", "a")];
        let stopped = publish_all(publisher.as_mut(), batch, Patience::Until(&stop)).await;
        assert_eq!(stopped.unwrap(), Published::Stopped);
    }
}
