//! What a process has used so far, read from `/proc`; and the clock of one thread.

use std::fs;
use std::time::{Duration, Instant};

use super::Outcome;

/// Ticks a second in which Linux counts a process's time (`USER_HZ`), the same on every machine that Debian supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process since its start, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// In the program.
    pub(crate) user: f64,
    /// In the kernel for it.
    pub(crate) system: f64,
}

impl Usage {
    /// What the process has used until now, all threads together.
    pub(crate) fn of(pid: u32) -> Outcome<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        // utime and stime are fields 14 and 15 of the line, and the third is the first after the name (proc(5)).
        let mut ticks = after_name.split_whitespace().skip(11).map(str::parse::<f64>);
        let mut next = || ticks.next().ok_or("/proc/PID/stat is too short")?.map_err(Box::from);
        let seconds = |ticks: Outcome<f64>| {
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(ticks? / TICKS_PER_SECOND)
        };
        Ok(Self { user: seconds(next())?, system: seconds(next())? })
    }

    /// What was used from `earlier` until now.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// Greatest resident memory of a process so far (`VmHWM`), in MiB.
pub(crate) fn peak_mib(pid: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the process has ended")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// Time of this thread on a core: what other programs do meanwhile does not count.
pub(crate) struct ThreadClock {
    on_core: Option<u64>,
    wall: Instant,
}

impl ThreadClock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { on_core: nanoseconds_on_core(), wall: Instant::now() }
    }

    /// Time since the start; wall-clock time where the kernel does not tell.
    pub(crate) fn elapsed(&self) -> Duration {
        match (self.on_core, nanoseconds_on_core()) {
            (Some(start), Some(end)) => Duration::from_nanos(end - start),
            _ => self.wall.elapsed(),
        }
    }
}

fn nanoseconds_on_core() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
