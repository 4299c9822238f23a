//! A changed mapping, tried on a journal through `postroom whatif`: how long, and in how much memory.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Outcome;
use super::broker::Bench;
use super::council::{Mappings, Plan, Reach};
use super::drain::topology;
use super::figure::{Target, rounded};
use super::hub::{self, Hub};
use super::sample::{EVENT_TYPE, SYSTEM, Sample};

/// Events in the journal for each that the other parts measure with: 100,000, unless `--events` says otherwise.
const JOURNAL_AN_EVENT: usize = 5;
/// Routes that each event takes; the mapping of one is changed.
const ROUTES: usize = 3;
/// Seconds that it may take.
const SECONDS: f64 = 30.0;
/// The exit code of a command that found a difference.
const DIFFERS: Option<i32> = Some(5);

/// Tries it once, and says how it stands to the target.
pub(crate) async fn measure(bench: &Bench, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let events = events * JOURNAL_AN_EVENT;
    let plan = Plan {
        prefix: format!("bench-{}-whatif.", std::process::id()),
        user: bench.user.clone(),
        routes: ROUTES,
        matching: ROUTES,
        targets: ROUTES,
        reach: Reach::Queue,
        mappings: Mappings::Own,
        journal: true,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    let mut hub = Hub::start(folder.path(), &bench.url)?;
    hub.said("hub.ready").await?;
    hub.stop().await?;
    let (names, topology) = topology(&plan);
    bench.fill(&names.in_exchange(SYSTEM), EVENT_TYPE, &Sample::new("whatif")?, events).await?;
    let changed = tempfile::tempdir()?;
    change(&folder.path().join("routes"), changed.path())?;
    let tried = run(folder.path(), changed.path(), bench).await;
    bench.delete_all(&names, &topology).await?;
    let (seconds, peak, said) = tried?;
    let seconds = rounded(seconds, 1);
    let figures = json!({
        "runs": 1,
        "events": said["events"],
        "routes": ROUTES,
        "changed": said["routes"][0]["changed"],
        "seconds": seconds,
        "events_per_second": rounded(events as f64 / seconds, 0),
        "peak_mib": rounded(peak, 1),
    });
    Ok((figures, vec![Target::at_most("what-if of 100,000 events on three routes, s", seconds, SECONDS)]))
}

/// Seconds, peak memory in MiB, and what the program said.
async fn run(folder: &Path, changed: &Path, bench: &Bench) -> Outcome<(f64, f64, Value)> {
    let mut command = hub::command(folder, &bench.url)?;
    command.args(["whatif", "--since", "1d", "--json", "--routes"]).arg(changed);
    let (seconds, peak, output) = hub::watched(command).await?;
    if output.status.code() == DIFFERS {
        return Ok((seconds, peak, serde_json::from_slice(&output.stdout)?));
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
}

/// Copies the routes, and has the first make other messages.
fn change(routes: &Path, changed: &Path) -> Outcome<()> {
    for number in 0..ROUTES {
        let name = format!("route-{number:04}");
        fs::create_dir(changed.join(&name))?;
        for file in fs::read_dir(routes.join(&name))? {
            let file = file?;
            fs::copy(file.path(), changed.join(&name).join(file.file_name()))?;
        }
    }
    let mapping = changed.join("route-0000/mapping.vrl");
    let text = fs::read_to_string(&mapping)?;
    Ok(fs::write(mapping, text.replace("\"RES-\"", "\"MOV-\""))?)
}
