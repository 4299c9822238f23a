//! The report of a run, as a page that can be committed.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use super::faults::Met;
use super::oracle::Findings;
use super::plan::{Plan, Reach, TARGETS_PER_EVENT};

/// What a run was and what came of it.
#[derive(Debug)]
pub struct Report {
    /// The run.
    pub(super) plan: Plan,
    /// The faults, in their order.
    pub(super) met: Vec<Met>,
    /// What the oracle found.
    pub(super) findings: Findings,
    /// From the first publish to the last confirm.
    pub(super) published_within: Duration,
    /// From the first publish until nothing waited any more.
    pub(super) finished_within: Duration,
    /// Most memory that a process of the hub had, in KiB.
    pub(super) most_memory: u64,
    /// Queues that the broker lost.
    pub(super) lost_by_the_broker: u64,
}

impl Report {
    /// Whether every promise was kept.
    pub fn is_well(&self) -> bool {
        self.findings.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, events, subjects, sources, targets, faults, .. } = self.plan;
        writeln!(f, "| what | how much |\n|---|---|")?;
        writeln!(f, "| seed | {seed} |")?;
        writeln!(f, "| events, all confirmed | {events} from {sources} sources about {subjects} subjects |")?;
        writeln!(f, "| dispatches | {} to {targets} targets |", events * TARGETS_PER_EVENT as u64)?;
        writeln!(f, "| faults | {faults}, one after another |")?;
        writeln!(f, "| published within | {:.0} s |", self.published_within.as_secs_f64())?;
        writeln!(f, "| everything at its end within | {:.0} s |", self.finished_within.as_secs_f64())?;
        writeln!(f, "| most memory of the hub | {} MiB |", self.most_memory / 1024)?;
        let lost = self.lost_by_the_broker;
        writeln!(f, "| queues that the broker lost, deleted as an operator would | {lost} |")?;
        writeln!(f, "\n| reach of a target | arrived | came again under its key |\n|---|---|---|")?;
        for (reach, arrived) in &self.findings.arrived {
            let doubled = self.findings.doubled.get(reach).copied().unwrap_or_default();
            writeln!(f, "| {} | {arrived} | {doubled} |", words(*reach))?;
        }
        writeln!(f, "\nSent again by replays of deleted queues: {}.", self.findings.replayed)?;
        write!(f, "Lost with a queue that somebody deleted, given up and listed: ")?;
        writeln!(f, "{}.", list(&self.findings.declared))?;
        let (unjournaled, lost) = (self.findings.unjournaled, self.findings.lost_unjournaled);
        writeln!(
            f,
            "Confirmed by RabbitMQ into an ingress and not into its stream: {unjournaled} events, of which"
        )?;
        writeln!(
            f,
            "{lost} were lost with an ingress that somebody deleted (guarantees.md, \"What is not promised\")."
        )?;
        writeln!(f, "In the journal and not in the ledger, and in no lane: {}.", self.findings.unreconciled)?;
        writeln!(f, "\n| fault | times |\n|---|---|")?;
        for (words, times) in self.faults() {
            writeln!(f, "| {words} | {times} |")?;
        }
        writeln!(f, "\nPromises broken: {}.", list(&self.findings.broken))?;
        self.findings.words.iter().try_for_each(|words| writeln!(f, "- {words}"))
    }
}

impl Report {
    fn faults(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for met in &self.met {
            *all.entry(met.fault.words()).or_default() += 1;
        }
        all
    }
}

const fn words(reach: Reach) -> &'static str {
    match reach {
        Reach::Queue => "a queue of its own",
        Reach::Http => "HTTP",
        Reach::File => "files in batches",
    }
}

fn list(counts: &BTreeMap<impl fmt::Display, u64>) -> String {
    let mut text = String::new();
    for (what, count) in counts {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a text cannot fail.
        let _ = write!(text, "{comma}{count} {what}");
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
