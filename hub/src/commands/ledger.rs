//! `postroom ledger backup|restored|accept-restore`: copies of the ledger, and what happens when one was put back.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use postroom_ledger::{Ledger, Watermark};

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
            let jobs = accept(&place, &ledger).await?;
            output::line(format!(
                "the ledger that was put back is the ledger now; work goes on, first with jobs {jobs:?}: \
                 what the journal has and the ledger has not is taken in again"
            ));
        }
        LedgerCommand::Restored { reason } => {
            ledger.declare_restored(format!("{}: {reason}", output::actor())).await?;
            output::line(
                "the ledger is one that was put back: nothing is taken in and nothing is sent until somebody says \
                 `postroom ledger accept-restore`",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Accepts the ledger that was put back, though no hub has started since. The jobs.
async fn accept(place: &Place, ledger: &Ledger) -> Result<Vec<i64>, Failure> {
    if ledger.why_restored().await?.is_none() {
        Watermark::below(&place.council.data).compare(ledger).await?;
    }
    let Some(why) = ledger.why_restored().await? else {
        let words = "the ledger is no backup that was put back, as far as can be told here; if you know better, say so \
                     first: `postroom ledger restored --reason ...`";
        return Err(Failure::Wrong(words.to_owned()));
    };
    let reason = format!("the ledger was put back: {why}");
    Ok(postroom_router::accept_restore(ledger, &place.council, &output::actor(), &reason).await?)
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
