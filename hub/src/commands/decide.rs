//! `postroom dead redrive|discard`: what an officer decides on dead letters. Each becomes a job in the ledger, which the
//! hub carries out in the lane of the target, at once when it runs.

use std::collections::BTreeMap;
use std::process::ExitCode;

use chrono::Utc;
use postroom_event::DispatchId;
use postroom_ledger::{Ledger, NewJob};
use serde_json::json;

use crate::cli::{Cli, DecideArgs};
use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

/// Submits a job of that kind for each target of the dead letters.
pub(crate) async fn decide(cli: &Cli, kind: &str, args: &DecideArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    let mut targets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in &args.ids {
        let target = target(&place, &ledger, kind, id).await?;
        targets.entry(target).or_default().push(id.clone());
    }
    for (target, dispatches) in targets {
        let letters = count(dispatches.len(), "dead letter");
        let job = ledger
            .submit(NewJob {
                kind: kind.to_owned(),
                target: target.clone(),
                params: json!({"dispatches": dispatches}),
                actor: output::actor(),
                reason: args.reason.clone(),
                at: Utc::now().timestamp_micros(),
            })
            .await?;
        output::line(format!("job {job}: {kind} {letters} of {target}, at once when the hub runs"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The target of an open dead letter whose lane can carry the decision out.
async fn target(place: &Place, ledger: &Ledger, kind: &str, id: &str) -> Result<String, Failure> {
    let dispatch: DispatchId =
        id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the id of a dispatch")))?;
    let shown = ledger.dead_show(dispatch).await?;
    let shown = shown.ok_or_else(|| Failure::Wrong(format!("nothing is kept under `{id}`")))?;
    if shown.state != "open" {
        return Err(Failure::Wrong(format!("the dead letter `{id}` is {} already", shown.state)));
    }
    let target = shown.letter.dispatch.target.to_string();
    let by_lane = place.council.systems.get(&target).and_then(|system| system.target.as_ref());
    if by_lane.is_none_or(|target| target.is_queue() || target.batching.is_some()) {
        let words = format!(
            "`{target}` has no lane that delivers one by one: {kind} of `{id}` is not possible; publish its event again"
        );
        return Err(Failure::Wrong(words));
    }
    Ok(target)
}
