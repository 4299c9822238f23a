//! How the hub is, for those who watch it from outside: whether it is ready and if not why, and gauges of what waits.
//! Told by the supervisor and by every duty; it changes nothing, and names systems, never data.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroom_broker::Broker;
use postroom_council::{Council, Target};
use postroom_event::Concern;
use postroom_ledger::{DeadFilter, LaneState, Ledger, LedgerError};
use postroom_telemetry as telemetry;
use serde::Serialize;
use tokio::sync::Notify;

use crate::configuration::Configuration;
use crate::entries;
use crate::exceptions::Exceptions;
use crate::gauges::Gauges;
use crate::halts::{Halts, SLOW_WRITE};

/// How often broker and ledger are looked at for the gauges; at once when a session opens or ends.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A second, in microseconds.
const SECOND: f64 = 1_000_000.0;

/// How the hub is now.
pub struct Health {
    configuration: Configuration,
    ledger: Ledger,
    halts: Halts,
    gauges: Gauges,
    now: Mutex<Now>,
    changed: Notify,
}

#[derive(Default)]
struct Now {
    /// The session with the broker, while one is open.
    broker: Option<Arc<dyn Broker>>,
    /// By the name of its lease.
    duties: BTreeMap<String, Standing>,
}

/// Who does a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody that this hub knows of.
    Nobody,
    /// This hub.
    Here,
    /// Another hub has the lease.
    Elsewhere,
}

/// A reason why the hub is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unready {
    /// `broker`, `ledger` or `worker`.
    pub part: &'static str,
    /// Which worker, by the name of its lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `no-session`, `blocked`, `no-answer`, `slow`, `restored` or `not-running`.
    pub why: &'static str,
}

impl Health {
    pub(crate) fn new(configuration: Configuration, ledger: Ledger, halts: Halts) -> Self {
        let (gauges, now, changed) = (Gauges::default(), Mutex::default(), Notify::new());
        Self { configuration, ledger, halts, gauges, now, changed }
    }

    /// A session is open; in it these duties are to be done.
    pub(crate) fn opened(&self, broker: Arc<dyn Broker>, duties: impl Iterator<Item = String>) {
        let duties = duties.map(|duty| (duty, Standing::Nobody)).collect();
        *self.now() = Now { broker: Some(broker), duties };
        self.changed.notify_one();
    }

    /// The session is over.
    pub(crate) fn closed(&self) {
        *self.now() = Now::default();
        self.changed.notify_one();
    }

    /// Who does `duty` now; not heard when the session is over.
    pub(crate) fn stands(&self, duty: &str, standing: Standing) {
        if let Some(known) = self.now().duties.get_mut(duty) {
            *known = standing;
        }
    }

    /// Why the hub is not ready; nothing when it is. Answers within some seconds.
    pub async fn unready(&self) -> Vec<Unready> {
        let mut reasons = self.now().unready();
        let of_ledger = |why| Unready { part: "ledger", name: None, why };
        if self.halts.is_ledger_restored() {
            reasons.push(of_ledger("restored"));
        }
        match tokio::time::timeout(SLOW_WRITE, self.ledger.probe()).await {
            Ok(Err(_)) => reasons.push(of_ledger("no-answer")),
            Ok(Ok(())) if !self.halts.is_ledger_slow() => {}
            Ok(Ok(())) | Err(_) => reasons.push(of_ledger("slow")),
        }
        reasons
    }

    /// Keeps the gauges fresh, for ever.
    pub(crate) async fn keep_looking(&self) -> Infallible {
        loop {
            if telemetry::are_metrics_kept() {
                self.look().await;
                telemetry::sort_metrics();
            }
            // A look that is cut short begins anew.
            let _in_time = tokio::time::timeout(LOOK_EVERY, self.changed.notified()).await;
        }
    }

    async fn look(&self) {
        let reasons = self.unready().await;
        let says =
            |part: &str, why: &str| reasons.iter().any(|reason| (reason.part, reason.why) == (part, why));
        let gauge = |yes: bool| f64::from(u8::from(yes));
        telemetry::show_ready(gauge(reasons.is_empty()));
        telemetry::show_broker_open(gauge(!says("broker", "no-session")));
        telemetry::show_broker_blocked(gauge(says("broker", "blocked")));
        let ledger_answers = !says("ledger", "no-answer") && !says("ledger", "slow");
        telemetry::show_ledger_answers(gauge(ledger_answers));
        let council = self.configuration.now();
        self.gauges.keep_to(&council);
        let broker = self.now().broker.clone();
        if let Some(broker) = broker {
            self.look_at_queues(broker.as_ref(), &council).await;
        }
        if ledger_answers {
            // One that fails half-way is told by the next look.
            let _told = self.look_at_ledger(&council).await;
        }
    }

    /// What cannot be told keeps its last value: a session that fails ends by itself.
    async fn look_at_queues(&self, broker: &dyn Broker, council: &Council) {
        let names = broker.names();
        if let Ok(depth) = broker.depth(&names.unrouted()).await {
            telemetry::show_unrouted(f64::from(depth.messages));
        }
        for (system, _) in council.sources() {
            if let Ok(depth) = broker.depth(&names.ingress(&system.name)).await {
                telemetry::show_ingress(&system.name, f64::from(depth.messages));
            }
        }
        for (system, target) in council.targets() {
            let name = system.name.as_str();
            if !target.is_queue() {
                if let Ok(depth) = broker.depth(&names.lane(name)).await {
                    telemetry::show_lane(name, f64::from(depth.messages));
                }
            } else if let Ok(depth) = broker.depth(&names.to(name)).await {
                telemetry::show_queue(name, f64::from(depth.messages));
                telemetry::show_queue_consumers(name, f64::from(depth.consumers));
            }
        }
    }

    async fn look_at_ledger(&self, council: &Council) -> Result<(), LedgerError> {
        let open = DeadFilter { state: Some("open".to_owned()), ..DeadFilter::default() };
        let (held, dead) = (self.ledger.hold_summaries().await?, self.ledger.dead_groups(&open).await?);
        let lanes = self.ledger.lane_states().await?;
        let exceptions = Exceptions::look(&self.ledger).await?;
        telemetry::show_exceptions(Concern::Business.word(), count(exceptions.business));
        telemetry::show_exceptions(Concern::Technical.word(), count(exceptions.technical));
        for (system, target) in council.targets() {
            let name = system.name.as_str();
            let is_down = |lane: &LaneState| lane.target == name && lane.down_since.is_some();
            telemetry::show_circuit_open(name, f64::from(u8::from(lanes.iter().any(is_down))));
            let of_target = dead.iter().filter(|group| group.target == name);
            telemetry::show_dead(name, of_target.map(|group| count(group.count)).sum());
            let held = held.get(name);
            telemetry::show_held(name, held.map_or(0.0, |held| count(held.count)));
            telemetry::show_oldest_held(name, age(held.map(|held| held.oldest)));
            if !target.is_queue() {
                telemetry::show_oldest_waiting(name, age(self.oldest(name, target).await?));
            }
        }
        Ok(())
    }

    /// Since when the oldest dispatch waits in the lane of a target, or for its next batch.
    async fn oldest(&self, name: &str, target: &Target) -> Result<Option<i64>, LedgerError> {
        let waiting = self.ledger.oldest_waiting(name).await?;
        let staged = match target.batching {
            Some(_) => self.ledger.staged_summary(name).await?.oldest,
            None => None,
        };
        Ok(waiting.into_iter().chain(staged).min())
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn unready(&self) -> Vec<Unready> {
        let of_broker = |why| Unready { part: "broker", name: None, why };
        let mut reasons = match &self.broker {
            None => vec![of_broker("no-session")],
            Some(broker) if broker.blocked() => vec![of_broker("blocked")],
            Some(_) => Vec::new(),
        };
        let idle = self.duties.iter().filter(|(_, standing)| **standing == Standing::Nobody);
        reasons.extend(idle.map(|(duty, _)| Unready {
            part: "worker",
            name: Some(duty.clone()),
            why: "not-running",
        }));
        reasons
    }
}

/// How long ago `moment` (microseconds since the epoch) was, in seconds; 0 where there is none.
pub(crate) fn age(moment: Option<i64>) -> f64 {
    moment.map_or(0.0, |moment| seconds(entries::now() - moment))
}

/// Microseconds as seconds; what a clock that was set back makes negative is 0.
#[expect(clippy::cast_precision_loss, reason = "a metric needs no more than 52 bits")]
pub(crate) fn seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / SECOND
}

#[expect(clippy::cast_precision_loss, reason = "a metric needs no more than 52 bits")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use postroom_broker::memory::Server;
    use postroom_connector::Connectors;

    use super::*;

    async fn health(folder: &Path) -> Health {
        std::fs::write(folder.join("council.toml"), "name = \"Small\"\n").expect("a council");
        let council = Council::load(folder, None, &Connectors::default()).expect("a council that is right");
        let ledger = Ledger::open(&folder.join("ledger.db")).await.expect("a ledger");
        Health::new(Configuration::new(Arc::new(council)), ledger, Halts::default())
    }

    /// The reasons, each as one text.
    async fn reasons(health: &Health) -> Vec<String> {
        let told =
            |reason: Unready| [reason.part, reason.name.as_deref().unwrap_or_default(), reason.why].join(" ");
        health.unready().await.into_iter().map(told).collect()
    }

    #[tokio::test]
    async fn the_hub_is_ready_while_a_session_is_open_and_each_duty_is_done_here_or_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let (health, server) = (health(folder.path()).await, Server::new());
        assert_eq!(reasons(&health).await, ["broker  no-session"]);

        let duties = ["ingress.shop", "lane.book"].map(str::to_owned);
        health.opened(Arc::new(server.connect("t.", "hub")), duties.into_iter());
        assert_eq!(
            reasons(&health).await,
            ["worker ingress.shop not-running", "worker lane.book not-running"]
        );
        health.stands("ingress.shop", Standing::Here);
        health.stands("lane.book", Standing::Elsewhere);
        assert_eq!(reasons(&health).await, [""; 0]);

        server.block();
        assert_eq!(reasons(&health).await, ["broker  blocked"]);
        server.unblock();
        assert_eq!(reasons(&health).await, [""; 0]);

        health.stands("ingress.shop", Standing::Nobody);
        assert_eq!(reasons(&health).await, ["worker ingress.shop not-running"]);
        health.closed();
        health.stands("ingress.shop", Standing::Here);
        assert_eq!(reasons(&health).await, ["broker  no-session"], "a duty that ends late is not heard");
    }

    #[tokio::test]
    async fn a_ledger_that_does_not_answer_is_a_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let health = health(folder.path()).await;
        for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
            std::fs::write(folder.path().join(file), "this is no ledger any more ".repeat(500))
                .expect("a file");
        }
        assert_eq!(reasons(&health).await, ["broker  no-session", "ledger  no-answer"]);
    }

    #[tokio::test]
    async fn a_system_that_was_taken_away_is_in_no_gauge_until_it_is_there_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let health = health(folder.path()).await;
        let write = |system: &str, text: &str| {
            let system = folder.path().join("systems").join(system);
            std::fs::create_dir_all(&system).expect("a folder");
            std::fs::write(system.join("system.toml"), format!("title = \"It\"\n{text}")).expect("a system");
        };
        let server = Server::new();
        let broker: Arc<dyn Broker> = Arc::new(server.connect("t.", "hub"));
        health.opened(Arc::clone(&broker), std::iter::empty());
        telemetry::keep_metrics().expect("nothing else keeps them here");
        let told = async || {
            let council = Council::load(folder.path(), None, &Connectors::default());
            let council =
                Arc::new(council.unwrap_or_else(|problems| panic!("wrong: {}", problems[0].line())));
            broker.declare(&crate::topology(&council)).await.expect("declared");
            let stays = std::future::ready(Ok::<_, ()>(()));
            health.configuration.replace(council, Duration::ZERO, stays).await.expect("it stays");
            health.look().await;
            let text = telemetry::metrics_as_text();
            ["shop", "dock"].map(|name| text.lines().filter(|line| line.contains(name)).count())
        };
        write(
            "shop",
            "broker_user = \"shop\"\n[source]\nconnector = \"queue\"\nsources = [\"/systems/shop\"]",
        );
        write("dock", "[target]\nconnector = \"queue\"");
        assert_eq!(told().await, [1, 6]);
        std::fs::remove_dir_all(folder.path().join("systems/dock")).expect("it was there");
        assert_eq!(told().await, [1, 0]);
        write("dock", "[target]\nconnector = \"queue\"");
        assert_eq!(told().await, [1, 6]);
    }

    #[test]
    fn what_lies_ahead_by_a_clock_that_was_set_back_took_no_time() {
        assert_eq!((seconds(-1), seconds(1_500_000)), (0.0, 1.5));
        assert_eq!(age(None), 0.0);
    }
}
