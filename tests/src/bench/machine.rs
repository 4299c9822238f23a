//! Where figures were taken: the machine and the versions.

use std::env;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// The environment's name for the command that controls the broker, as in the tests.
const CONTROL: &str = "POSTROOM_TEST_RABBITMQCTL";

/// The machine and the versions, as far as they can be found.
pub(crate) fn describe() -> Value {
    let control = env::var(CONTROL).unwrap_or_else(|_| "rabbitmqctl".to_owned());
    json!({
        "cpu": line("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_gib": memory_gib(),
        "load_average_before": fs::read_to_string("/proc/loadavg").ok().map(|text| first_words(&text, 3)),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
        "rustc": said("rustc", "--version"),
        "rabbitmq": said(&control, "version"),
        "postroom": env!("CARGO_PKG_VERSION"),
    })
}

fn memory_gib() -> Option<u64> {
    let kib: u64 = line("/proc/meminfo", "MemTotal")?.trim_end_matches("kB").trim().parse().ok()?;
    Some(kib.div_ceil(1024 * 1024))
}

/// The value of the first line `name: value`.
fn line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The last line that a command says.
fn said(program: &str, argument: &str) -> Option<String> {
    let output =
        Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().last().map(|line| line.trim().to_owned())
}

fn first_words(text: &str, count: usize) -> String {
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}
