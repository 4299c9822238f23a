//! Queue to queue through a real broker: a queue is filled, then the hub or the bare pump drains it; they take turns.
//! The pump runs twice: between plain quorum queues, and between the hub's own queues, through its exchange.
//!
//! Only the middle of a drain is measured: from the first thousands that have arrived until shortly before the end, by
//! the depth of the target queues. So neither a start nor a tail counts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use postroom_broker::{Names, Topology};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::broker::Bench;
use super::council::{FILES, Mappings, Plan, Reach};
use super::figure::{Figure, Target, rounded};
use super::hub::Hub;
use super::process::{Usage, peak_mib};
use super::sample::{EVENT_TYPE, SYSTEM, Sample};
use super::{Outcome, RUNS};

/// Share of the events after which the measurement begins, and before whose end it stops: one in so many.
const EDGE: usize = 10;
/// How often the target queues are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// One drain, measured in its middle.
#[derive(Clone, Copy)]
struct Drain {
    /// Events a second.
    rate: f64,
    /// CPU seconds per 100,000 events.
    user: f64,
    system: f64,
    broker: Option<f64>,
    peak_mib: f64,
    /// Events a second while the queue was filled.
    fill: f64,
}

/// A hub and a pump that do the same work.
struct Pair<'a> {
    bench: &'a Bench,
    plan: Plan,
    folder: TempDir,
    events: usize,
}

/// The figures of one pair.
#[derive(Default)]
pub(crate) struct Measured {
    hub: Vec<Drain>,
    pump: Vec<Drain>,
    pump_between_the_same: Vec<Drain>,
}

/// What a pump drains: an exchange and key that fill a queue, and the exchange and keys that it publishes with.
struct Pipe {
    fill: (String, String),
    from: String,
    exchange: String,
    to: Vec<String>,
}

/// Measures with `events` a run, and says how it stands to the targets.
pub(crate) async fn measure(bench: &Bench, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let mut figures = json!({"events_a_run": events});
    let mut targets = Vec::new();
    let limits = [
        (1, 0.7, "queue to queue, one target, of the pump"),
        (3, 1.0, "queue to queue, three targets, of the pump"),
    ];
    for (queues, limit, what) in limits {
        let plain = pair(bench, queues, Mappings::Shared, false, events).await?;
        let journal = pair(bench, queues, Mappings::Shared, true, events).await?;
        let ratio = plain.ratio().median;
        targets.push(Target::at_least(what, ratio, limit));
        if queues == 1 {
            targets.push(Target::at_most("hub CPU s per 100,000 events, one target", plain.cpu(), 6.0));
        }
        targets.push(Target::at_most("hub memory at its peak, MiB", plain.peak(), 60.0));
        figures[format!("targets_{queues}")] =
            json!({"journal_off": plain.to_json(), "journal_on": journal.to_json()});
    }
    let own = pair(bench, 3, Mappings::Own, false, events).await?;
    figures["targets_3_with_mappings_of_their_own"] = json!({"journal_off": own.to_json()});
    Ok((figures, targets))
}

async fn pair(
    bench: &Bench,
    targets: usize,
    mappings: Mappings,
    journal: bool,
    events: usize,
) -> Outcome<Measured> {
    let kind = match (journal, mappings) {
        (true, _) => "j",
        (false, Mappings::Shared) => "",
        (false, Mappings::Own) => "o",
    };
    let prefix = format!("bench-{}-{targets}{kind}.", std::process::id());
    let user = bench.user.clone();
    let plan = Plan {
        prefix,
        user,
        routes: targets,
        matching: targets,
        targets,
        reach: Reach::Queue,
        mappings,
        journal,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    let pair = Pair { bench, plan, folder, events };
    let mut hub = Hub::start(pair.folder.path(), &bench.url)?;
    hub.started().await?;
    hub.stop().await?;
    let (plain, same) = (pair.plain_queues(), pair.same_queues());
    let made: Vec<String> = std::iter::once(&plain.from).chain(&plain.to).cloned().collect();
    for queue in &made {
        bench.queue(queue).await?;
    }
    let mut measured = Measured::default();
    for run in 0..RUNS {
        measured.pump.push(pair.pump(&plain, run).await?);
        measured.hub.push(pair.hub(run).await?);
        measured.pump_between_the_same.push(pair.pump(&same, run).await?);
    }
    bench.delete(&made).await?;
    let (names, topology) = topology(&pair.plan);
    bench.delete_all(&names, &topology).await?;
    Ok(measured)
}

/// What the hub declares for `plan`.
pub(crate) fn topology(plan: &Plan) -> (Names, Topology) {
    let (queues, targets) =
        (matches!(plan.reach, Reach::Queue), || (0..plan.targets).map(Plan::target).collect());
    let topology = Topology {
        sources: vec![SYSTEM.to_owned(), FILES.to_owned()],
        lanes: if queues { Vec::new() } else { targets() },
        queues: if queues { targets() } else { Vec::new() },
        journal: plan.journal,
        journal_age: None,
    };
    (Names::new(plan.prefix.clone()), topology)
}

impl Pair<'_> {
    /// Quorum queues without an argument, behind the default exchange.
    fn plain_queues(&self) -> Pipe {
        let prefix = &self.plan.prefix;
        let from = format!("{prefix}pump.from");
        let to = (0..self.plan.targets).map(|number| format!("{prefix}pump.to.{number}")).collect();
        Pipe { fill: (String::new(), from.clone()), from, exchange: String::new(), to }
    }

    /// The hub's own.
    fn same_queues(&self) -> Pipe {
        let names = Names::new(self.plan.prefix.clone());
        Pipe {
            fill: (names.in_exchange(SYSTEM), EVENT_TYPE.to_owned()),
            from: names.ingress(SYSTEM),
            exchange: names.deliveries(),
            to: (0..self.plan.targets).map(|number| names.to(&Plan::target(number))).collect(),
        }
    }

    async fn pump(&self, pipe: &Pipe, run: usize) -> Outcome<Drain> {
        let sample = Sample::new(&format!("pump-{run}"))?;
        let fill = self.bench.fill(&pipe.fill.0, &pipe.fill.1, &sample, self.events).await?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["pump-child", &self.bench.url, &pipe.exchange, &pipe.from])
            .args(&pipe.to)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let drain = self.drain(child.id().ok_or("the pump has ended")?, &pipe.to, fill).await?;
        child.kill().await?;
        self.bench.purge(&pipe.to).await?;
        Ok(drain)
    }

    async fn hub(&self, run: usize) -> Outcome<Drain> {
        let names = Names::new(self.plan.prefix.clone());
        let to: Vec<String> = (0..self.plan.targets).map(|number| names.to(&Plan::target(number))).collect();
        let sample = Sample::new(&format!("hub-{run}"))?;
        let fill = self.bench.fill(&names.in_exchange(SYSTEM), EVENT_TYPE, &sample, self.events).await?;
        let folder: &Path = self.folder.path();
        let hub = Hub::start(folder, &self.bench.url)?;
        let drain = self.drain(hub.pid, &to, fill).await?;
        hub.stop().await?;
        self.bench.purge(&to).await?;
        Ok(drain)
    }

    /// Watches `queues` until everything has arrived.
    async fn drain(&self, pid: u32, queues: &[String], fill: f64) -> Outcome<Drain> {
        let (first, last) = (self.events / EDGE, self.events - self.events / EDGE);
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut begin, mut end) = (None, None);
        loop {
            look.tick().await;
            let arrived = self.bench.count(queues).await? / queues.len();
            if begin.is_none() && arrived >= first {
                begin = Some(self.moment(pid, arrived)?);
            }
            if end.is_none() && arrived >= last {
                end = Some(self.moment(pid, arrived)?);
            }
            if arrived >= self.events {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("{arrived} of {} events have arrived in time", self.events).into());
            }
        }
        let (begin, end) = (begin.ok_or("no begin")?, end.ok_or("no end")?);
        Ok(Drain { peak_mib: peak_mib(pid)?, fill: self.events as f64 / fill, ..between(&begin, &end) })
    }

    fn moment(&self, pid: u32, arrived: usize) -> Outcome<Moment> {
        let broker = self.bench.pid.map(Usage::of).transpose()?;
        Ok(Moment { at: Instant::now(), arrived, usage: Usage::of(pid)?, broker })
    }
}

/// What was there at one moment of a drain.
struct Moment {
    at: Instant,
    arrived: usize,
    usage: Usage,
    broker: Option<Usage>,
}

fn between(begin: &Moment, end: &Moment) -> Drain {
    let events = (end.arrived - begin.arrived) as f64;
    let per_100k = |seconds: f64| seconds / events * 100_000.0;
    let usage = end.usage.since(begin.usage);
    let broker = end.broker.zip(begin.broker).map(|(end, begin)| end.since(begin));
    Drain {
        rate: events / (end.at - begin.at).as_secs_f64(),
        user: per_100k(usage.user),
        system: per_100k(usage.system),
        broker: broker.map(|broker| per_100k(broker.user + broker.system)),
        peak_mib: 0.0,
        fill: 0.0,
    }
}

impl Measured {
    /// The hub's rate to the pump's, run by run.
    fn ratio(&self) -> Figure {
        ratio(&self.hub, &self.pump)
    }

    fn cpu(&self) -> f64 {
        Figure::of(self.hub.iter().map(|drain| drain.user + drain.system), 2).median
    }

    fn peak(&self) -> f64 {
        rounded(self.hub.iter().map(|drain| drain.peak_mib).fold(0.0, f64::max), 1)
    }

    fn to_json(&self) -> Value {
        json!({
            "hub_to_pump": self.ratio(),
            "hub_to_pump_between_the_same": ratio(&self.hub, &self.pump_between_the_same),
            "hub": side(&self.hub),
            "pump": side(&self.pump),
            "pump_between_the_same": side(&self.pump_between_the_same),
        })
    }
}

fn ratio(hub: &[Drain], pump: &[Drain]) -> Figure {
    Figure::of(hub.iter().zip(pump).map(|(hub, pump)| hub.rate / pump.rate), 2)
}

fn side(drains: &[Drain]) -> Value {
    let figure = |digits: i32, pick: fn(&Drain) -> f64| Figure::of(drains.iter().map(pick), digits);
    json!({
        "events_per_second": figure(0, |drain| drain.rate),
        "fill_events_per_second": figure(0, |drain| drain.fill),
        "cpu_seconds_per_100k": figure(2, |drain| drain.user + drain.system),
        "cpu_user_seconds_per_100k": figure(2, |drain| drain.user),
        "cpu_system_seconds_per_100k": figure(2, |drain| drain.system),
        "broker_cpu_seconds_per_100k": Figure::of(drains.iter().filter_map(|drain| drain.broker), 2),
        "peak_mib": figure(1, |drain| drain.peak_mib),
    })
}
