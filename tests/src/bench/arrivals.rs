//! What has arrived at a target of the bench, and when: in a sink of this process, at an HTTP server, or in a queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use postroom_connector::{ConnectorError, Handover, Receipt, Settings, SettingsError, Sink, SinkKind};
use postroom_tests::http_target::wire;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Outcome;
use super::broker::connect;
use super::council::IN_PROCESS;

/// Share of the arrivals before which a measurement begins, and after whose counterpart it stops: one in so many.
const EDGE: usize = 10;
/// How often it is looked whether everything has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest wait for everything to arrive.
const ARRIVE_TIMEOUT: Duration = Duration::from_secs(300);

/// Messages by their keys, in the order in which they arrived; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Arc<Mutex<Vec<(String, Instant)>>>);

impl Arrivals {
    fn note(&self, key: &str) {
        self.all().push((key.to_owned(), Instant::now()));
    }

    fn all(&self) -> MutexGuard<'_, Vec<(String, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many have arrived, and takes them.
    pub(crate) async fn take(&self, count: usize) -> Outcome<Vec<(String, Instant)>> {
        let deadline = Instant::now() + ARRIVE_TIMEOUT;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            look.tick().await;
            let arrived = self.all().len();
            if arrived >= count {
                return Ok(std::mem::take(&mut *self.all()));
            }
            if Instant::now() > deadline {
                return Err(format!("{arrived} of {count} messages have arrived in time").into());
            }
        }
    }

    /// Takes messages out of a queue as they come, until it is dropped.
    pub(crate) async fn consume(&self, url: &str, queue: &str) -> Outcome<Serving> {
        let connection = connect(url).await?;
        let channel = connection.create_channel().await?;
        let options = BasicConsumeOptions { no_local: false, no_ack: true, exclusive: false, nowait: false };
        let mut messages =
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        let arrivals = self.clone();
        Ok(Serving(tokio::spawn(async move {
            // The session lasts as long as this task.
            let _session = connection;
            while let Some(Ok(message)) = messages.next().await {
                if let Some(id) = message.properties.correlation_id() {
                    arrivals.note(id.as_str());
                }
            }
        })))
    }

    /// Takes requests by HTTP until it is dropped; its address.
    pub(crate) async fn serve(&self) -> Outcome<(String, Serving)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/moves", listener.local_addr()?);
        let arrivals = self.clone();
        let serving = tokio::spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((line, _)) = listener.accept().await {
                let arrivals = arrivals.clone();
                lines.spawn(async move {
                    // A line that cannot be tuned works as it is.
                    let _ = line.set_nodelay(true);
                    let mut line = BufReader::new(line);
                    while let Ok(Some(request)) = wire::read(&mut line).await {
                        arrivals.note(request.headers.get("idempotency-key").map_or("", String::as_str));
                        if wire::answer(&mut line, 204, None, "").await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Ok((url, Serving(serving)))
    }
}

/// Something that takes messages until it is dropped.
pub(crate) struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Messages a second in the middle of what arrived.
pub(crate) fn rate(arrived: &[(String, Instant)]) -> f64 {
    let (first, last) = (arrived.len() / EDGE, arrived.len() - 1 - arrived.len() / EDGE);
    let (from, to) = (arrived[first].1, arrived[last].1);
    (last - first) as f64 / (to - from).as_secs_f64()
}

/// Milliseconds at the percentiles 50 and 99 between a publish and its arrival, without the first tenth.
pub(crate) fn latency(
    published: &[Instant],
    arrived: &[(String, Instant)],
    key: impl Fn(usize) -> String,
) -> (f64, f64) {
    let at: HashMap<&str, Instant> = arrived.iter().map(|(key, at)| (key.as_str(), *at)).collect();
    let numbers = published.len() / EDGE..published.len();
    let waits = numbers.filter_map(|number| Some(*at.get(key(number).as_str())? - published[number]));
    let mut waits: Vec<f64> = waits.map(|wait| wait.as_secs_f64() * 1e3).collect();
    waits.sort_by(f64::total_cmp);
    let percentile = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or(f64::NAN);
    (percentile(50), percentile(99))
}

impl SinkKind for Arrivals {
    fn name(&self) -> &'static str {
        IN_PROCESS
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Arrivals {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        self.note(&handover.id);
        Ok(Receipt::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_told_by_key_and_a_rate_by_the_middle() {
        let begun = Instant::now();
        let at = |milliseconds: u64| begun + Duration::from_millis(milliseconds);
        let published: Vec<Instant> = (0..100).map(at).collect();
        let arrived: Vec<_> = (0..100).rev().map(|number| (number.to_string(), at(number + 7))).collect();
        assert_eq!(latency(&published, &arrived, |number| number.to_string()), (7.0, 7.0));
        let even: Vec<_> = (0..100).map(|number| (String::new(), at(number * 10))).collect();
        assert!((rate(&even) - 100.0).abs() < 1e-6);
    }
}
