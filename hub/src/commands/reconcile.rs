//! `postroom reconcile`: what is in the journal and not in the ledger, and what lanes should hold, is taken in again.

use std::process::ExitCode;

use postroom_router::{Halts, Publishing};
use serde_json::json;

use crate::cli::{Cli, ReconcileArgs};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(crate) async fn reconcile(cli: &Cli, args: &ReconcileArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let broker = place.broker().await?;
    let (council, ledger) = (place.council.clone(), place.ledger().await?);
    let ground = Publishing { council, ledger, broker: broker.clone(), halts: Halts::default() };
    let unreadable = |error| Failure::Unreachable(format!("looking what is lost: {error}"));
    let lost = postroom_router::lost(&ground).await.map_err(unreadable)?;
    broker.close().await;
    let mut jobs = Vec::new();
    if args.yes {
        let reason = args.reason.clone().unwrap_or_default();
        let (ledger, council) = (&ground.ledger, &place.council);
        jobs = postroom_router::reconcile(ledger, council, &output::actor(), &reason).await?;
    }
    if args.form.json {
        output::json(&json!({"lost": lost, "jobs": jobs}));
        return Ok(ExitCode::SUCCESS);
    }
    for (system, events) in &lost.events {
        output::line(format!(
            "{system}: {events} in the journal and not in the ledger, those on their way among them"
        ));
    }
    for (target, dispatches) in &lost.dispatches {
        output::line(format!("{target}: {dispatches} should be in its lane"));
    }
    if lost.events.is_empty() && lost.dispatches.is_empty() {
        output::line("the ledger knows everything that is in the journal, and no lane should hold anything");
    }
    match args.yes {
        true => output::line(format!("jobs {jobs:?}: carried out at once when the hub runs")),
        false => output::line(
            "nothing was done; --yes takes it in again, and what is there already is dropped as a duplicate",
        ),
    }
    Ok(ExitCode::SUCCESS)
}
