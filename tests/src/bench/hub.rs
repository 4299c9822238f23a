//! The hub as a process of its own: started, listened to by its log, stopped as an operator would.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};

use super::Outcome;
use super::process::peak_mib;

/// Longest wait for a line of the log that must come.
const LINE_TIMEOUT: Duration = Duration::from_secs(120);
/// How often the memory of a command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for the end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// The program `postroom`, built beside this one.
pub(crate) fn program() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("postroom");
    if program.is_file() {
        Ok(program)
    } else {
        Err("postroom is not built: cargo build --release -p postroom".into())
    }
}

/// A command of `postroom` for the council in `folder`.
pub(crate) fn command(folder: &Path, url: &str) -> Outcome<Command> {
    let mut command = Command::new(program()?);
    command.arg("--council").arg(folder).env("AMQP_URL", url).env_remove("POSTROOM_PREFIX");
    command.env("POSTROOM_HEALTH", "127.0.0.1:0");
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// Runs a command that must succeed.
pub(crate) async fn succeed(mut command: Command) -> Outcome<String> {
    let output = command.output().await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
}

/// Runs a command to its end: seconds, peak memory in MiB, and what it said.
pub(crate) async fn watched(mut command: Command) -> Outcome<(f64, f64, Output)> {
    let begun = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pid = child.id().ok_or("the command has ended")?;
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let (mut look, mut peak) = (interval(LOOK_EVERY), 0.0);
    let output = loop {
        tokio::select! {
            output = &mut ended => break output?,
            // A process that has just ended has no memory to tell of.
            _ = look.tick() => peak = peak_mib(pid).unwrap_or(peak),
        }
    };
    Ok((begun.elapsed().as_secs_f64(), peak, output))
}

/// One line of the hub's log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// Milliseconds from the start of the process to the line.
    pub(crate) wall: f64,
    /// The line's own field `milliseconds`.
    pub(crate) own: f64,
}

/// A hub that runs.
pub(crate) struct Hub {
    child: Child,
    /// Its process.
    pub(crate) pid: u32,
    lines: mpsc::UnboundedReceiver<(f64, Value)>,
}

impl Hub {
    /// Starts `postroom run` for the council in `folder`.
    pub(crate) fn start(folder: &Path, url: &str) -> Outcome<Self> {
        let begun = Instant::now();
        let mut child =
            command(folder, url)?.arg("run").stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let (pid, log) = (child.id().ok_or("the hub has ended")?, child.stderr.take().ok_or("no log")?);
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(listen(log, begun, sender));
        Ok(Self { child, pid, lines })
    }

    /// Waits for the line of that name; lines before it are let go.
    pub(crate) async fn said(&mut self, event: &str) -> Outcome<Said> {
        loop {
            let line =
                timeout(LINE_TIMEOUT, self.lines.recv()).await.map_err(|_| format!("no {event} in time"))?;
            let (wall, line) = line.ok_or_else(|| format!("the hub ended before it said {event}"))?;
            if line["level"] == "ERROR" || line["event"].is_null() {
                return Err(format!("the hub says: {line}").into());
            }
            if line["event"] == event {
                return Ok(Said { wall, own: line["milliseconds"].as_f64().unwrap_or_default() });
            }
        }
    }

    /// Both lines that tell of a start, in whichever order they come: ready, and all compiled.
    pub(crate) async fn started(&mut self) -> Outcome<(Said, Said)> {
        let (mut ready, mut compiled) = (None, None);
        loop {
            if let (Some(ready), Some(compiled)) = (ready, compiled) {
                return Ok((ready, compiled));
            }
            let line =
                timeout(LINE_TIMEOUT, self.lines.recv()).await.map_err(|_| "the hub does not start")?;
            let (wall, line) = line.ok_or("the hub ended as it started")?;
            let said = Some(Said { wall, own: line["milliseconds"].as_f64().unwrap_or_default() });
            match line["event"].as_str() {
                Some("hub.ready") => ready = said,
                Some("hub.compiled") => compiled = said,
                Some(_) if line["level"] != "ERROR" => {}
                _ => return Err(format!("the hub says: {line}").into()),
            }
        }
    }

    /// Stops it cleanly and waits for its end.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        Command::new("kill").arg("-TERM").arg(self.pid.to_string()).status().await?;
        let ended = timeout(STOP_TIMEOUT, self.child.wait()).await.map_err(|_| "the hub does not stop")??;
        if ended.success() { Ok(()) } else { Err(format!("the hub ended with {ended}").into()) }
    }
}

async fn listen(log: ChildStderr, begun: Instant, lines: mpsc::UnboundedSender<(f64, Value)>) {
    let mut log = BufReader::new(log).lines();
    while let Ok(Some(line)) = log.next_line().await {
        let wall = begun.elapsed().as_secs_f64() * 1e3;
        let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
        // A hub that nobody listens to any more is still read, so that it never waits for its log.
        let _ = lines.send((wall, line));
    }
}
