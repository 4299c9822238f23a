//! `postroom ledger`: copies of it, what happens when one was put back, and what it need not keep any longer.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use postroom_ledger::{Ledger, Watermark};

use serde_json::json;

use super::officers::consent;
use super::xref::{begun, ended};
use crate::cli::{Cli, Consent, LedgerCommand};
use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

/// How often the growing copy is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The kind of job that says who forgot the records of a system, and why.
const FORGET: &str = "forget-snapshot";
/// Records that are forgotten in one write.
const FORGOTTEN_TOGETHER: u32 = 5_000;

pub(crate) async fn ledger(cli: &Cli, command: &LedgerCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match command {
        LedgerCommand::Backup { file } => {
            back_up(&place, &ledger, file).await?;
            output::line(format!("{}: a copy of the ledger", file.display()));
        }
        LedgerCommand::ForgetSnapshot { system, consent } => forget(&place, &ledger, system, consent).await?,
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

/// Forgets the records of a system that gives no snapshots any more, a piece at a time: after a stop it is said again.
async fn forget(place: &Place, ledger: &Ledger, system: &str, consent: &Consent) -> Result<(), Failure> {
    let side = place.council.systems.get(system).and_then(|system| system.source.as_ref());
    if side.is_some_and(|side| side.snapshot.is_some()) {
        let words = format!(
            "`{system}` is a source of snapshots: without its records the next one would be told as new, whole. Take \
             `snapshot` out of its text first"
        );
        return Err(Failure::Wrong(words));
    }
    let known = ledger.snapshot_systems().await?;
    let Some((_, records)) = known.into_iter().find(|(known, _)| known == system) else {
        return Err(Failure::Wrong(format!("no record of a snapshot of `{system}` is known")));
    };
    output::line(format!("{} would be forgotten", kept(records)));
    if !consent::given(consent, &format!("forget {}?", kept(records)))? {
        return Ok(());
    }
    let job = begun(ledger, FORGET, consent, json!({ "system": system })).await?;
    let bar = output::progress(records, "forgetting");
    loop {
        let forgotten = ledger.forget_snapshot(system, FORGOTTEN_TOGETHER).await?;
        if forgotten == 0 {
            break;
        }
        bar.inc(forgotten);
    }
    bar.finish_and_clear();
    ended(ledger, job, records).await?;
    output::line(format!("{} forgotten, job {job}", kept(records)));
    Ok(())
}

fn kept(records: u64) -> String {
    count(usize::try_from(records).unwrap_or(usize::MAX), "record")
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
