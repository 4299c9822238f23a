//! `bench [decide] [drain] [lanes] [latency] [ready] [import] [snapshot] [whatif] [--events N]`: measures the house and prints one JSON document.
//!
//! Without a name it measures everything. `./deploy/bench` brings a broker and builds what is measured.

#[path = "../bench/mod.rs"]
mod bench;

use std::io::{self, IsTerminal, Write};

use bench::broker::Bench;
use bench::figure::{Target, table};
use bench::{Outcome, decide, drain, import, lanes, latency, machine, pump, ready, snapshot, whatif};
use serde_json::{Value, json};

/// As in the hub, which runs in this process where each arrival is to be seen.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of one drain, unless `--events` says otherwise.
const EVENTS: usize = 20_000;
const PARTS: [&str; 8] = ["decide", "drain", "lanes", "latency", "ready", "import", "snapshot", "whatif"];

/// What the command line asks for.
struct Asked {
    parts: Vec<String>,
    events: usize,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("pump-child") {
        let mut next = || arguments.next().ok_or("pump-child URL EXCHANGE FROM TO...");
        let (url, exchange, from) = (next()?, next()?, next()?);
        return pump::run(&url, exchange, &from, arguments.collect()).await;
    }
    let asked = asked(first.into_iter().chain(arguments))?;
    let (report, targets) = measure(&asked).await?;
    if io::stderr().is_terminal() {
        write!(io::stderr(), "{}", table(&targets))?;
    }
    Ok(writeln!(io::stdout(), "{report:#}")?)
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Outcome<Asked> {
    let mut asked = Asked { parts: Vec::new(), events: EVENTS };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--events" => asked.events = arguments.next().ok_or("--events N")?.parse()?,
            part if PARTS.contains(&part) => asked.parts.push(argument),
            other => return Err(format!("`{other}` is none of {}, --events N", PARTS.join(", ")).into()),
        }
    }
    if asked.parts.is_empty() {
        asked.parts = PARTS.map(str::to_owned).to_vec();
    }
    Ok(asked)
}

/// Measures each part in turn.
async fn measure(asked: &Asked) -> Outcome<(Value, Vec<Target>)> {
    let mut report = json!({"machine": machine::describe()});
    let mut targets = Vec::new();
    for part in &asked.parts {
        let (figures, set) = match part.as_str() {
            "decide" => tokio::task::spawn_blocking(decide::measure).await??,
            part => with_broker(part, asked.events).await?,
        };
        report[part] = figures;
        targets.extend(set);
    }
    report["targets"] = targets.iter().map(Target::to_json).collect();
    Ok((report, targets))
}

async fn with_broker(part: &str, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let bench = Bench::connect().await?;
    let measured = match part {
        "drain" => drain::measure(&bench, events).await?,
        "lanes" => lanes::measure(&bench, events).await?,
        "latency" => latency::measure(&bench, events).await?,
        "ready" => ready::measure(&bench).await?,
        "snapshot" => snapshot::measure(&bench, events).await?,
        "whatif" => whatif::measure(&bench, events).await?,
        _ => import::measure(&bench).await?,
    };
    bench.close().await?;
    Ok(measured)
}
