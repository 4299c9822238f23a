//! Queues that are deleted while everything is at work, and what an operator does about it (operations.md).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;

use super::GOES_ON_WITHIN;
use super::council::{ingress, target};
use super::ground::{A_WHILE, Ground, wait};
use super::reading::now;

/// How often it is looked whether a replay has ended.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How far back a replay begins, in seconds before the event that was taken in when its queue was deleted.
const REPLAYED: u64 = 120;
/// The exit code of a command that could not reach the broker, or had no answer in time.
const UNREACHABLE: i32 = 3;

impl Ground {
    /// Deletes an object of the hub as somebody would who may do all.
    pub(super) fn delete(&mut self, queue: &str) {
        if let Some(source) = (0..self.plan.sources).find(|number| queue == ingress(*number)) {
            self.deleted.push((source, now()));
        }
        let (url, queue) = (self.rabbit.url().to_owned(), format!("{}{queue}", self.council().prefix));
        self.tasks.block_on(async move {
            let session = Connection::connect(&url, ConnectionProperties::default()).await;
            let channel = session.expect("a session").create_channel().await.expect("a channel");
            let options = QueueDeleteOptions::default();
            channel.queue_delete(queue.as_str().into(), options).await.expect("a queue that is deleted");
        });
    }

    /// Does what operations.md says of a queue that the broker lost: RabbitMQ 3.10 forgets one that was declared within seconds of
    /// its end, by whatever, and then has no process or no leader for it. What a system reads itself is replayed.
    pub(super) fn delete_what_the_broker_lost(&mut self) {
        if self.lost_queues().is_empty() {
            return;
        }
        // Right behind a start others have none yet either.
        wait(A_WHILE);
        for queue in self.lost_queues() {
            self.lost_by_the_broker += 1;
            let read = (0..self.plan.targets).find(|number| queue == format!("to.{}", target(*number)));
            match read {
                Some(to) => self.delete_and_replay(to),
                None => self.delete(&queue),
            }
        }
    }

    /// The hub's queues, without their prefix, for which the only node has no process, or does not lead.
    fn lost_queues(&self) -> BTreeSet<String> {
        let followers = "[io:format(\"~s~n\", [element(1, S)]) || S <- ets:tab2list(ra_state), element(2, S) =/= leader].";
        let (followers, states) =
            (self.rabbit.ctl(&["eval", followers]), self.rabbit.ctl(&["list_queues", "name", "state"]));
        let prefix = self.council().prefix.clone();
        let own = |name: &str| Some(name.split_once(prefix.as_str())?.1.to_owned());
        let down = states.lines().filter_map(|line| line.strip_suffix("\tdown"));
        followers.lines().chain(down).filter_map(own).collect()
    }

    pub(super) fn delete_and_replay(&mut self, to: usize) {
        let begun = Instant::now();
        let waited = self.longest_wait();
        self.delete(&format!("to.{}", target(to)));
        self.hub.wait_for("replay.proposed");
        let from = format!("{}s", waited + REPLAYED + begun.elapsed().as_secs());
        let to = target(to);
        self.insist(&[
            "replay",
            "--to",
            &to,
            "--from",
            &from,
            "--again",
            "--stale",
            "--rate",
            "5000",
            "--yes",
            "--reason",
            "its queue was deleted",
        ]);
        self.await_replays();
    }

    /// Gives a command as an operator does: again, while it says that the broker does not answer in time.
    fn insist(&self, command: &[&str]) {
        let deadline = Instant::now() + GOES_ON_WITHIN;
        loop {
            let output = self.hub.run(command);
            if output.status.success() {
                return;
            }
            let told = String::from_utf8_lossy(&output.stderr);
            let may_come = output.status.code() == Some(UNREACHABLE) && Instant::now() < deadline;
            assert!(may_come, "postroom {command:?}: {}\n{told}", output.status);
            wait(A_WHILE);
        }
    }

    /// How long what is taken in now has waited at most since it was published, in seconds: a replay is asked for by when an
    /// event was published.
    fn longest_wait(&self) -> u64 {
        let status = self.hub.json(&["status", "--json"]);
        let sources = status["sources"].as_object().into_iter().flat_map(|sources| sources.values());
        let routed = sources.filter_map(|source| source.pointer("/events/routed")?.as_u64());
        let taken = routed.min().unwrap_or_default() * self.plan.sources as u64;
        now().saturating_sub(published(&self.confirmed, taken)) / 1_000_000
    }

    /// Waits until every replay that was asked for has ended.
    fn await_replays(&self) {
        let deadline = Instant::now() + GOES_ON_WITHIN;
        loop {
            let jobs = self.hub.json(&["jobs", "list", "--limit", "100000", "--json"]);
            let is_open = |job: &&Value| {
                job["kind"] == "replay" && (job["state"] == "submitted" || job["state"] == "running")
            };
            let open: Vec<_> = jobs.as_array().into_iter().flatten().filter(is_open).collect();
            if open.is_empty() {
                return;
            }
            let steps: Vec<_> =
                open.iter().map(|job| format!("{} of {}", job["done"], job["total"])).collect();
            assert!(Instant::now() < deadline, "replays that do not end: {steps:?}");
            wait(LOOK_EVERY);
        }
    }
}

/// When the last was published of so many events that were `taken` in, or earlier: `confirmed` has a time and how many events
/// were confirmed at it, oldest first.
fn published(confirmed: &[(u64, u64)], taken: u64) -> u64 {
    let before = confirmed.iter().rev().find(|(_, confirmed)| *confirmed <= taken);
    before.or(confirmed.first()).map_or_else(now, |(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_in_was_published_no_earlier_than_is_said() {
        let confirmed = [(10, 100), (20, 200), (30, 300)];
        for (taken, at) in
            [(0, 10), (99, 10), (100, 10), (199, 10), (200, 20), (299, 20), (300, 30), (900, 30)]
        {
            assert_eq!(published(&confirmed, taken), at, "{taken}");
        }
    }
}
