//! What officers do: look at what is dead or invalid, decide on it, and follow the jobs that carry it out. Every change
//! goes through a job in the ledger, so it works while the hub runs.

pub(super) mod consent;
mod dead;
mod invalid;
mod jobs;
mod list;
mod preview;
mod settle;
pub(super) mod show;
mod which;
mod worklist;

use std::process::ExitCode;

pub(crate) use jobs::jobs;
pub(crate) use settle::give_up;
pub(crate) use which::unknown;
pub(crate) use worklist::worklist;

use crate::cli::{Cli, DeadCommand, InvalidCommand};
use crate::failure::Failure;
use crate::place::Place;

pub(crate) async fn dead(cli: &Cli, command: &DeadCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match command {
        DeadCommand::List(args) => list::dead(&place, &ledger, args).await,
        DeadCommand::Show(args) => show::dead(&ledger, args).await,
        DeadCommand::Redrive(args) => dead::redrive(&place, &ledger, args).await,
        DeadCommand::Discard(args) => dead::discard(&place, &ledger, args).await,
    }
}

pub(crate) async fn invalid(cli: &Cli, command: &InvalidCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match command {
        InvalidCommand::List(args) => list::invalid(&place, &ledger, args).await,
        InvalidCommand::Show(args) => show::invalid(&ledger, args).await,
        InvalidCommand::Redrive(args) => invalid::redrive(&place, &ledger, args).await,
        InvalidCommand::Discard(args) => invalid::discard(&place, &ledger, args).await,
    }
}
