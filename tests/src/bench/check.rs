//! `postroom check` of a hundred routes: cold, warm, and after one mapping was changed. It needs no broker.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::council::{Mappings, Plan, Reach};
use super::figure::{Figure, Target};
use super::hub;
use super::{Outcome, RUNS};

/// Routes of the council, each with a mapping of its own.
const ROUTES: usize = 100;
/// The address of a broker that is never asked.
const NOWHERE: &str = "amqp://127.0.0.1:1";

/// Measures, and says how it stands to the targets.
pub(crate) async fn measure() -> Outcome<(Value, Vec<Target>)> {
    let plan = Plan {
        prefix: "bench-check.".to_owned(),
        user: "bench".to_owned(),
        routes: ROUTES,
        matching: 3,
        targets: 10,
        reach: Reach::Queue,
        mappings: Mappings::Own,
        journal: true,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    let (mut cold, mut warm, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let kept = folder.path().join("var");
        if kept.is_dir() {
            fs::remove_dir_all(kept)?;
        }
        cold.push(checked(folder.path()).await?);
        warm.push(checked(folder.path()).await?);
        let mapping = folder.path().join("routes/route-0050/mapping.vrl");
        let text = fs::read_to_string(&mapping)?;
        fs::write(mapping, format!("# Run {run}\n{text}"))?;
        changed.push(checked(folder.path()).await?);
    }
    let (cold, warm, changed) = (Figure::of(cold, 0), Figure::of(warm, 0), Figure::of(changed, 0));
    let figures = json!({
        "routes": ROUTES, "cold_milliseconds": cold, "warm_milliseconds": warm, "one_changed_milliseconds": changed,
    });
    let targets = vec![
        Target::at_most("check of 100 routes, cold, ms", cold.median, 2_000.0),
        Target::at_most("check of 100 routes, warm, ms", warm.median, 300.0),
    ];
    Ok((figures, targets))
}

/// How long one check takes, as a process, in milliseconds.
async fn checked(folder: &Path) -> Outcome<f64> {
    let mut check = hub::command(folder, NOWHERE)?;
    check.arg("check");
    let begun = Instant::now();
    hub::succeed(check).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
