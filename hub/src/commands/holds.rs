//! `postroom holds`: what waits in the ledger until its target takes it.

use std::process::ExitCode;

use postroom_ledger::HoldFilter;
use serde_json::json;

use crate::cli::{Cli, FormArgs};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(crate) async fn holds(
    cli: &Cli,
    target: Option<&str>,
    limit: u32,
    form: &FormArgs,
) -> Result<ExitCode, Failure> {
    let ledger = Place::load(cli)?.ledger().await?;
    let filter = HoldFilter { target: target.map(str::to_owned), ..HoldFilter::default() };
    let rows = ledger.holds_list(&filter, limit).await?;
    let cells = rows.iter().map(|row| {
        let id = row.hold.dispatch.to_string();
        let next = match row.hold.next_at {
            Some(at) => output::time(at),
            None if row.hold.behind_dead_letter => "behind a dead letter".to_owned(),
            None => "behind another".to_owned(),
        };
        [output::time(row.hold.held_at), id, row.hold.route.clone(), next, row.words.clone()]
    });
    output::list(form.json, &json!(rows), &["since", "dispatch", "route", "next attempt", "why"], cells);
    Ok(ExitCode::SUCCESS)
}
