//! What a source does: publishes its events in order, and any that was not confirmed again, under the same id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::council::CANARY;
use super::plan::Plan;
use crate::council::PARCEL;
use crate::hub::wire::structured;

/// Events that are published before any is awaited.
const WINDOW: usize = 200;
/// Longest wait for a confirm: an alarm of the broker lasts shorter.
const CONFIRM_WITHIN: Duration = Duration::from_secs(120);
/// Longest wait for a session.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// How long it waits after a failure.
const BREATH: Duration = Duration::from_millis(200);

/// One source at work.
#[derive(Debug)]
pub(super) struct Publishing {
    /// The run.
    pub(super) plan: Plan,
    /// Which source.
    pub(super) source: usize,
    /// Where and as whom it publishes.
    pub(super) url: String,
    /// Its exchange.
    pub(super) exchange: String,
    /// Its broker user.
    pub(super) user: String,
    /// Up to which number it may publish.
    pub(super) allowed: watch::Receiver<u64>,
    /// Events of all sources that were confirmed.
    pub(super) confirmed: Arc<AtomicU64>,
}

/// The CloudEvents `source` of a source.
pub(super) fn source_attribute(source: usize) -> String {
    format!("/systems/source-{source}")
}

/// The id of an event.
pub(super) fn event_id(number: u64) -> String {
    format!("event-{number}")
}

/// The number of the event with that id.
pub(super) fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("event-")?.parse().ok()
}

impl Publishing {
    /// Publishes everything, as far as it is allowed to.
    pub(super) async fn run(mut self) {
        let own = |number: &u64| self.plan.source(self.plan.subject(*number)) == self.source;
        let mut numbers: Vec<u64> = (1..=self.plan.events).filter(own).collect();
        numbers.reverse();
        let mut breath = interval(BREATH);
        breath.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !numbers.is_empty() {
            // A session that ends is followed by the next one.
            let _lost = self.session(&mut numbers).await;
            breath.tick().await;
        }
    }

    /// Publishes in one session until all is done or it fails; what is confirmed is taken off `numbers`, whose last comes
    /// first.
    async fn session(&mut self, numbers: &mut Vec<u64>) -> lapin::Result<()> {
        let Ok(opened) = timeout(OPEN_WITHIN, self.open()).await else { return Ok(()) };
        let (_connection, channel) = opened?;
        while let Some(next) = numbers.last().copied() {
            if self.allowed.wait_for(|allowed| *allowed >= next).await.is_err() {
                return Ok(());
            }
            let allowed = *self.allowed.borrow();
            let window: Vec<u64> =
                numbers.iter().rev().take(WINDOW).copied().take_while(|number| *number <= allowed).collect();
            let confirmed = self.window(&channel, &window).await?;
            numbers.truncate(numbers.len() - confirmed);
            self.confirmed.fetch_add(confirmed as u64, Ordering::Relaxed);
            if confirmed < window.len() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn open(&self) -> lapin::Result<(Connection, Channel)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    /// Publishes a window; how many of its first were confirmed.
    async fn window(&self, channel: &Channel, window: &[u64]) -> lapin::Result<usize> {
        let mut confirms = Vec::with_capacity(window.len());
        for number in window {
            let (body, properties) = (self.event(*number), structured(&self.user));
            let options = BasicPublishOptions::default();
            let published = channel.basic_publish(
                self.exchange.as_str().into(),
                PARCEL.into(),
                options,
                &body,
                properties,
            );
            let Ok(published) = timeout(CONFIRM_WITHIN, published).await else { return Ok(0) };
            confirms.push(published?);
        }
        let Ok(answers) = timeout(CONFIRM_WITHIN, join_all(confirms)).await else { return Ok(0) };
        Ok(answers.iter().take_while(|answer| matches!(answer, Ok(Confirmation::Ack(_)))).count())
    }

    fn event(&self, number: u64) -> Vec<u8> {
        let subject = self.plan.subject(number);
        json!({
            "specversion": "1.0", "id": event_id(number), "source": source_attribute(self.source),
            "type": PARCEL, "subject": format!("parcel:{subject}"), "time": "2026-03-20T10:14:00Z",
            "data": {"number": number, "group": self.plan.group(subject), "owner": CANARY},
        })
        .to_string()
        .into_bytes()
    }
}
