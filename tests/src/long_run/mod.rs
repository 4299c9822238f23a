//! A load under one fault after another on real parts, and an oracle outside the hub that has every confirmed publish and
//! every arrival: the ordinary run of some minutes, and the long run of which the report tells.

#![expect(clippy::expect_used, reason = "support for tests: what goes wrong here fails the test")]

mod council;
mod deleting;
mod evidence;
mod faults;
mod ground;
mod journal;
mod losses;
mod oracle;
mod plan;
mod publishing;
mod reading;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::council::CANARY;
use self::ground::Ground;
use self::losses::{Losses, last_before};
use self::oracle::{Arrival, Findings, Oracle};
pub use self::plan::Plan;
use self::plan::{Reach, TARGETS_PER_EVENT};
use self::publishing::Publishing;
use self::reading::Reading;
pub use self::report::Report;
use crate::hub::http;

/// Longest wait for work to go on by itself after a fault, and for the last of it.
const GOES_ON_WITHIN: Duration = Duration::from_secs(600);
/// Longest wait, once nothing waits, for what is in the journal alone.
const READ_ALONG_WITHIN: Duration = Duration::from_secs(180);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of what was published before the last fault but one, so many in a hundred must have arrived before the next.
const ARRIVED_PERCENT: u64 = 90;

/// The tasks beside the hub, and what they count.
struct Load {
    publishers: Vec<JoinHandle<()>>,
    readers: BTreeMap<usize, (Reading, JoinHandle<()>)>,
    allowed: watch::Sender<u64>,
    confirmed: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
}

/// Runs the plan and judges it; `http_target` is the program of HTTP targets, `evidence` the folder for what tells of a broken
/// promise, and `say` hears how far it is.
pub fn run(plan: &Plan, http_target: &Path, evidence: &Path, mut say: impl FnMut(&str)) -> Report {
    let runtime = Runtime::new().expect("threads for the load");
    let mut ground = Ground::prepare(*plan, http_target, runtime.handle().clone());
    let load = Load::start(plan, &ground, &runtime);
    let begun = Instant::now();
    let mut met = Vec::new();
    let end_of = |part| plan.published_by(part);
    for (number, fault) in (1..).zip(plan.schedule()) {
        load.allowed.send_replace(end_of(number));
        let flowing = end_of(number - 1) + (end_of(number) - end_of(number - 1)) / 4;
        until("events to flow", || load.confirmed.load(Ordering::Relaxed) >= flowing);
        say(&format!("{number} of {}: {}, {:?}", plan.faults, fault.words(), begun.elapsed()));
        met.push(ground.meet(fault, load.confirmed.load(Ordering::Relaxed)));
        load.await_arrivals(plan, end_of(number.saturating_sub(2)));
    }
    load.allowed.send_replace(plan.events);
    until("everything to be confirmed", || load.confirmed.load(Ordering::Relaxed) >= plan.events);
    let published_within = begun.elapsed();
    say(&format!("all published after {published_within:?}"));
    let status = drained(&mut ground, plan);
    let finished_within = begun.elapsed();
    say(&format!("all drained after {finished_within:?}"));
    ground.measure();
    let findings = judge(plan, &mut ground, &load, &met, &status);
    load.end();
    if !findings.broken.is_empty() {
        evidence::keep(evidence, &mut ground.hub, &met, &findings);
    }
    let Ground { most_memory, lost_by_the_broker, .. } = ground;
    let plan = *plan;
    Report { plan, met, findings, published_within, finished_within, most_memory, lost_by_the_broker }
}

impl Load {
    fn start(plan: &Plan, ground: &Ground, runtime: &Runtime) -> Self {
        let (allowed, told) = watch::channel(0);
        let (confirmed, read) = (Arc::default(), Arc::default());
        let publisher = |source| {
            let publishing = Publishing {
                plan: *plan,
                source,
                url: ground.url_of(source),
                exchange: format!("{}in.{}", ground.council().prefix, council::source(source)),
                user: council::user(ground.council(), source),
                allowed: told.clone(),
                confirmed: Arc::clone(&confirmed),
            };
            runtime.spawn(publishing.run())
        };
        let publishers = (0..plan.sources).map(publisher).collect();
        let by_queue = (0..plan.targets).filter(|target| Plan::reach(*target) == Reach::Queue);
        let reader = |target| {
            let reading = Reading {
                url: ground.rabbit.url().to_owned(),
                queue: format!("{}to.{}", ground.council().prefix, council::target(target)),
                arrived: Arc::default(),
                count: Arc::clone(&read),
            };
            (target, (reading.clone(), runtime.spawn(reading.run())))
        };
        let readers = by_queue.map(reader).collect();
        Self { publishers, readers, allowed, confirmed, read }
    }

    /// Waits until most of what the first `events` make for queues has arrived.
    fn await_arrivals(&self, plan: &Plan, events: u64) {
        let shares = (self.readers.len() * TARGETS_PER_EVENT) as u64;
        let least = events * shares / plan.targets as u64 * ARRIVED_PERCENT / 100;
        until("work to go on by itself", || self.read.load(Ordering::Relaxed) >= least);
    }

    fn arrived(&self, target: usize) -> Vec<Arrival> {
        let (reading, _) = &self.readers[&target];
        std::mem::take(&mut *reading.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(self) {
        let readers = self.readers.into_values().map(|(_, task)| task);
        self.publishers.into_iter().chain(readers).for_each(|task| task.abort());
    }
}

/// Waits until nothing waits anywhere, and the systems have read their queues; the status then.
fn drained(ground: &mut Ground, plan: &Plan) -> Value {
    let limit = format!("{}s", GOES_ON_WITHIN.as_secs());
    let begun = Instant::now();
    let status = loop {
        let status = ground.hub.json(&["status", "--wait", "--timeout", &limit, "--json"]);
        // What the journal alone has is no backlog that the hub sees before it has read it.
        if oracle::routed(&status) >= plan.events || begun.elapsed() >= READ_ALONG_WITHIN {
            break status;
        }
    };
    let own = format!("{}to.", ground.council().prefix);
    until("the queues to be read", || {
        let listed = ground.rabbit.ctl(&["list_queues", "name", "messages", "--no-table-headers"]);
        listed.lines().filter(|line| line.starts_with(&own)).all(|line| line.ends_with("\t0"))
    });
    status
}

fn judge(plan: &Plan, ground: &mut Ground, load: &Load, met: &[faults::Met], status: &Value) -> Findings {
    let dead = dead(ground);
    let oracle = Oracle { plan, met, dead: &dead };
    let mut findings = Findings::default();
    for target in 0..plan.targets {
        let arrivals = match Plan::reach(target) {
            Reach::Queue => load.arrived(target),
            Reach::Http => by_http(&oracle, ground, target),
            Reach::File => by_file(&oracle, ground, target),
        };
        oracle.judge(target, &arrivals, &mut findings);
    }
    oracle.judge_doubles(&mut findings);
    let stream = format!("{}journal", ground.council().prefix);
    let unjournaled = ground.tasks.block_on(journal::missing(ground.rabbit.url(), &stream, plan.events));
    let unjournaled = unjournaled.expect("a stream that can be read");
    findings.unjournaled = unjournaled.len() as u64;
    let missing = std::mem::take(&mut findings.missing);
    let gone = ground.gone().into_iter();
    let gone: Vec<_> =
        gone.map(|(source, from, made)| (source, last_before(plan, met, made.unwrap_or(from)))).collect();
    Losses { plan, gone: &gone, unjournaled: &unjournaled }.judge(missing, &mut findings);
    findings.judge_accounts(plan, status);
    findings.judge_memory(ground.most_memory / 1024);
    findings.unreconciled = ground.hub.json(&["reconcile", "--json"]).to_string();
    ground.hub.listen_anew();
    let lines = ground.hub.lines.iter().map(Value::to_string);
    let words = lines.chain([status.to_string(), metrics(ground)]);
    findings.judge_words(words, CANARY);
    findings
}

/// What the hub gave up: the code, by dispatch.
fn dead(ground: &Ground) -> HashMap<Uuid, String> {
    let rows = ground.hub.json(&["dead", "list", "--state", "all", "--limit", "1000000", "--json"]);
    let row = |row: &Value| Some((row["dispatch"].as_str()?.parse().ok()?, row["code"].as_str()?.to_owned()));
    rows.as_array().into_iter().flatten().filter_map(row).collect()
}

fn by_http(oracle: &Oracle<'_>, ground: &Ground, target: usize) -> Vec<Arrival> {
    let keys: HashMap<Uuid, u64> =
        oracle.plan.expected(target).map(|number| (oracle.key(number, target), number)).collect();
    let landed = ground.target(target).asked().into_iter().filter(|asked| asked.landed);
    landed
        .map(|asked| {
            let key = asked.key.parse().unwrap_or_default();
            let number = keys.get(&key).copied().unwrap_or_default();
            Arrival { number, key, at: asked.at, again: false, replayed: false }
        })
        .collect()
}

fn by_file(oracle: &Oracle<'_>, ground: &Ground, target: usize) -> Vec<Arrival> {
    let lines = ground.council().outbox_lines(&council::target(target)).into_iter();
    let numbers = lines.map(|line| line["number"].as_u64().unwrap_or_default());
    numbers
        .map(|number| Arrival {
            number,
            key: oracle.key(number, target),
            at: 0,
            again: false,
            replayed: false,
        })
        .collect()
}

fn metrics(ground: &Ground) -> String {
    let listening = ground.hub.lines.iter().rev().find(|line| line["event"] == "health.listening");
    let address = listening.and_then(|line| line["address"].as_str()).expect("an address");
    http::get(address, "/metrics").1
}

fn until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + GOES_ON_WITHIN;
    while !look() {
        assert!(Instant::now() < deadline, "waited {} s in vain for {what}", GOES_ON_WITHIN.as_secs());
        thread::park_timeout(LOOK_EVERY);
    }
}
