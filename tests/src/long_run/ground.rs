//! What a run happens on: a broker of its own, the wire to it, the hub, and its HTTP targets; and how each fault is done
//! to them. It knows no promise.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::Value;
use tokio::runtime::Handle;

use super::council::{self, target};
use super::faults::{Fault, Met};
use super::plan::{Plan, Reach};
use super::reading::now;
use crate::council::TestCouncil;
use crate::http_target::TestTarget;
use crate::http_target::orders::Order;
use crate::hub::TestHub;
use crate::hub::proxy::Proxy;
use crate::rabbitmq::Rabbit;

/// What the sources' users call their secret.
const PASSWORD: &str = "a-password";
/// How long a fault lasts that has no length of its own.
pub(super) const A_WHILE: Duration = Duration::from_secs(2);
/// What a slow wire adds to each piece.
const SLOW_WIRE: Duration = Duration::from_millis(100);
/// A target that fails does so at one in so many requests, so often.
const EVERY: u64 = 3;
const TIMES: u64 = 40;
/// How often the wire is cut while a delivery limit is low: once more than the limit.
const CUTS: usize = 3;

/// Everything that can fail.
pub(super) struct Ground {
    pub(super) plan: Plan,
    pub(super) rabbit: Rabbit,
    wire: Proxy,
    pub(super) hub: TestHub,
    targets: BTreeMap<usize, TestTarget>,
    /// Most memory that a process of the hub had, in KiB.
    pub(super) most_memory: u64,
    /// How many events were confirmed when a fault began, in microseconds since the epoch.
    pub(super) confirmed: Vec<(u64, u64)>,
    /// Queues that the broker lost.
    pub(super) lost_by_the_broker: u64,
    /// The sources whose ingress was deleted, and when, in microseconds since the epoch.
    pub(super) deleted: Vec<(usize, u64)>,
    pub(super) tasks: Handle,
}

impl Ground {
    /// Everything at work; `http_target` is the program of the targets.
    pub(super) fn prepare(plan: Plan, http_target: &Path, tasks: Handle) -> Self {
        let by_http = (0..plan.targets).filter(|number| Plan::reach(*number) == Reach::Http);
        let targets: BTreeMap<_, _> =
            by_http.map(|number| (number, TestTarget::start(http_target, "/parcel"))).collect();
        let council = council::write(&plan, |number| targets[&number].url());
        let rabbit = Rabbit::start();
        for number in 0..plan.sources {
            let exchange = format!("^{}in\\.source-{number}$", council.prefix.replace('.', r"\."));
            rabbit.add_user(&council::user(&council, number), PASSWORD, ["^$", &exchange, "^$"]);
        }
        let wire = Proxy::to(rabbit.url());
        wire.mend();
        let hub = TestHub::ready(council, &wire.url(rabbit.url()));
        Self {
            plan,
            rabbit,
            wire,
            hub,
            targets,
            most_memory: 0,
            confirmed: Vec::new(),
            lost_by_the_broker: 0,
            deleted: Vec::new(),
            tasks,
        }
    }

    /// The council of the run.
    pub(super) fn council(&self) -> &TestCouncil {
        &self.hub.council
    }

    /// Where and as whom a source publishes.
    pub(super) fn url_of(&self, source: usize) -> String {
        self.rabbit.url_as(&council::user(self.council(), source), PASSWORD)
    }

    /// The HTTP target of that number.
    pub(super) fn target(&self, number: usize) -> &TestTarget {
        &self.targets[&number]
    }

    /// Has the fault happen, from its begin to its end, once so many events were `confirmed`.
    pub(super) fn meet(&mut self, fault: Fault, confirmed: u64) -> Met {
        self.hub.listen_anew();
        self.measure();
        let begun = now();
        self.confirmed.push((begun, confirmed));
        self.do_it(fault);
        let ended = now();
        self.measure();
        Met { fault, begun, ended }
    }

    fn do_it(&mut self, fault: Fault) {
        let standstill = Duration::from_secs(self.plan.standstill);
        match fault {
            Fault::HubKilled => {
                self.hub.kill();
                self.start_hub();
            }
            Fault::HubStill => {
                self.hub.signal("-STOP");
                wait(standstill);
                self.hub.signal("-CONT");
            }
            Fault::HubRestarted => {
                assert!(self.hub.stop().success(), "a stop in good order");
                self.start_hub();
            }
            Fault::BrokerRestarted => {
                self.rabbit.stop();
                self.rabbit.start_again();
                self.delete_what_the_broker_lost();
            }
            Fault::BrokerKilled => {
                self.rabbit.kill();
                self.rabbit.start_again();
                self.delete_what_the_broker_lost();
            }
            Fault::BrokerStill => {
                signal(self.rabbit.pid(), "-STOP");
                wait(standstill);
                signal(self.rabbit.pid(), "-CONT");
            }
            Fault::BrokerAlarm => {
                self.rabbit.ctl(&["set_vm_memory_high_watermark", "0.000001"]);
                wait(A_WHILE);
                self.rabbit.ctl(&["set_vm_memory_high_watermark", "0.6"]);
            }
            Fault::WireCut => self.cut_wire(),
            Fault::WireSlow => {
                self.wire.slow_down(SLOW_WIRE);
                wait(A_WHILE);
                self.wire.mend();
            }
            Fault::WireDead => {
                self.wire.swallow();
                // One that is without a session says so no second time.
                if self.hub.last_of(&["broker.connected", "broker.lost", "broker.waiting"])
                    == "broker.connected"
                {
                    self.hub.wait_for_any(&["broker.lost", "broker.waiting"]);
                } else {
                    wait(A_WHILE);
                }
                self.wire.mend();
            }
            Fault::IngressDeleted(source) => self.delete(&council::ingress(source)),
            Fault::LaneDeleted(to) => self.delete(&format!("lane.{}", target(to))),
            Fault::QueueDeleted(to) => self.delete_and_replay(to),
            Fault::LaneLimited(to) => self.limit_lane(to),
            Fault::TargetDoes(at, does) => {
                let order = Order::new(does).every(EVERY).times(TIMES);
                self.failing(at).order(&[order]);
                wait(A_WHILE);
                self.failing(at).order(&[]);
            }
            Fault::TargetKilled(at) => {
                self.failing(at).kill();
                wait(A_WHILE);
                self.failing(at).start_again();
            }
        }
    }

    /// The sources whose ingress was deleted, from when until when it was gone: the hub says so as it makes it anew.
    pub(super) fn gone(&mut self) -> Vec<(usize, u64, Option<u64>)> {
        self.hub.listen_anew();
        let at = |line: &Value| {
            let at = DateTime::parse_from_rfc3339(line["timestamp"].as_str()?).ok()?;
            u64::try_from(at.timestamp_micros()).ok()
        };
        let told = |source: usize, from: u64| {
            let queue = format!("{}{}", self.council().prefix, council::ingress(source));
            let mut lines = self.hub.lines.iter();
            lines.find_map(|line| {
                let is_it = line["event"] == "queue.deleted" && line["queue"] == queue;
                at(line).filter(|at| is_it && *at >= from)
            })
        };
        self.deleted.iter().map(|(source, from)| (*source, *from, told(*source, *from))).collect()
    }

    fn failing(&mut self, at: usize) -> &mut TestTarget {
        self.targets.get_mut(&at).expect("a target by HTTP")
    }

    fn start_hub(&mut self) {
        self.hub.start();
        self.hub.wait_for("hub.ready");
    }

    fn cut_wire(&mut self) {
        self.wire.cut();
        wait(A_WHILE);
        self.wire.mend();
    }

    fn limit_lane(&mut self, to: usize) {
        let lane = format!("^{}lane\\.{}$", self.council().prefix.replace('.', r"\."), target(to));
        let limit = r#"{"delivery-limit": 2}"#;
        self.rabbit.ctl(&["set_policy", "stray", &lane, limit, "--apply-to", "queues"]);
        for _ in 0..CUTS {
            self.cut_wire();
            self.hub.wait_for("hub.ready");
        }
        self.rabbit.ctl(&["clear_policy", "stray"]);
    }

    /// Looks at the memory of the hub.
    pub(super) fn measure(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.hub.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        self.most_memory = self.most_memory.max(peak.unwrap_or_default());
    }
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status().expect("kill can be run");
    assert!(sent.success(), "{process} had ended by itself");
}

/// Lets a fault last.
pub(super) fn wait(length: Duration) {
    let until = Instant::now() + length;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}
