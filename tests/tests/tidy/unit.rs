//! The systemd unit is one, and stops the hub no sooner than the hub stops itself.

use std::fs;
use std::process::Command;
use std::time::Duration;

use postroom_router::DRAIN_TIMEOUT;
use postroom_tests::council::house;

/// The program's place in the unit.
const PROGRAM: &str = "/usr/bin/postroom";

fn unit() -> String {
    fs::read_to_string(house().join("deploy/systemd/postroom.service")).unwrap_or_default()
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        // A machine without systemd has nothing to ask.
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("postroom.service");
    fs::write(&file, unit().replace(PROGRAM, "/bin/true")).expect("written");
    let output = Command::new("systemd-analyze").arg("verify").arg(&file).output().expect("run");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !words.contains("postroom.service"), "{words}");
}

#[test]
fn the_unit_gives_the_hub_the_time_that_it_takes_to_stop() {
    let unit = unit();
    let limit = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")?.strip_suffix('s'));
    let limit =
        Duration::from_secs(limit.and_then(|seconds| seconds.parse().ok()).expect("a number of seconds"));
    assert!(limit > DRAIN_TIMEOUT, "{limit:?}");
    assert!(unit.contains(&format!("{} s (DRAIN_TIMEOUT)", DRAIN_TIMEOUT.as_secs())));
}
