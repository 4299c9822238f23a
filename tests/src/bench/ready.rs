//! From the start of the process to a hub that is ready, and to all mappings compiled.

use serde_json::{Value, json};

use super::broker::Bench;
use super::council::{Mappings, Plan, Reach};
use super::drain::topology;
use super::figure::{Figure, Target};
use super::hub::{self, Hub, Said};
use super::{Outcome, RUNS};

/// Routes of the council.
const ROUTES: usize = 100;

/// Measures, and says how it stands to the target.
pub(crate) async fn measure(bench: &Bench) -> Outcome<(Value, Vec<Target>)> {
    let plan = Plan {
        prefix: format!("bench-{}-ready.", std::process::id()),
        user: bench.user.clone(),
        routes: ROUTES,
        matching: 3,
        targets: 10,
        reach: Reach::Queue,
        mappings: Mappings::Own,
        journal: true,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    let mut check = hub::command(folder.path(), &bench.url)?;
    check.arg("check");
    let begun = std::time::Instant::now();
    hub::succeed(check).await?;
    let checked = begun.elapsed().as_secs_f64() * 1e3;
    // The first start declares everything; the others are those that an operator sees.
    started(bench, &folder).await?;
    let mut starts = Vec::new();
    for _ in 0..RUNS {
        starts.push(started(bench, &folder).await?);
    }
    let (names, topology) = topology(&plan);
    bench.delete_all(&names, &topology).await?;
    let figure = |pick: fn(&(Said, Said)) -> f64| Figure::of(starts.iter().map(pick), 0);
    let ready = figure(|(ready, _)| ready.wall);
    let figures = json!({
        "routes": ROUTES,
        "check_milliseconds": checked.round(),
        "ready_milliseconds": ready,
        "ready_of_which_hub_milliseconds": figure(|(ready, _)| ready.own),
        "compiled_milliseconds": figure(|(_, compiled)| compiled.wall),
        "compiled_of_which_compiling_milliseconds": figure(|(_, compiled)| compiled.own),
    });
    Ok((figures, vec![Target::at_most("start to ready with 100 routes, ms", ready.median, 500.0)]))
}

async fn started(bench: &Bench, folder: &tempfile::TempDir) -> Outcome<(Said, Said)> {
    let mut hub = Hub::start(folder.path(), &bench.url)?;
    let started = hub.started().await?;
    hub.stop().await?;
    Ok(started)
}
