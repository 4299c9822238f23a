//! `postroom ledger backup|accept-restore`: copies of the ledger, and what happens when one was put back.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use postroom_ledger::Ledger;

use crate::cli::{Cli, LedgerCommand};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// How often the growing copy is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn ledger(cli: &Cli, command: &LedgerCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match command {
        LedgerCommand::Backup { file } => {
            back_up(&place, &ledger, file).await?;
            output::line(format!("{}: a copy of the ledger", file.display()));
        }
        LedgerCommand::AcceptRestore => {
            if !ledger.is_restored().await? {
                return Err(Failure::Wrong("the ledger is no backup that was put back".to_owned()));
            }
            let (actor, reason) = (output::actor(), "the ledger was put back");
            let jobs = postroom_router::accept_restore(&ledger, &place.council, &actor, reason).await?;
            output::line(format!(
                "the ledger that was put back is the ledger now; work goes on, first with jobs {jobs:?}: \
                 what the journal has and the ledger has not is taken in again"
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies the ledger, and shows how far it is.
async fn back_up(place: &Place, ledger: &Ledger, file: &Path) -> Result<(), Failure> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let bar = output::progress(size(&place.ledger_file()), "copying");
    let part = file.with_extension("part");
    let copying = ledger.backup(file);
    tokio::pin!(copying);
    let done = loop {
        tokio::select! {
            done = &mut copying => break done,
            () = tokio::time::sleep(LOOK_EVERY) => bar.set_position(size(&part)),
        }
    };
    bar.finish_and_clear();
    Ok(done?)
}
