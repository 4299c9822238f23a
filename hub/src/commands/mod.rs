//! One module a command.

mod against;
mod case;
mod check;
mod docs;
mod explain;
mod holds;
mod ledger;
mod new;
mod officers;
mod pause;
mod publish;
mod reconcile;
pub(crate) mod removed;
mod replay;
mod revealing;
mod run;
mod standing;
mod status;
mod subject;
mod sunset;
mod trace;
mod whatif;
mod xref;

use std::process::ExitCode;

use crate::cli::{CaseCommand, Cli, Command};
use crate::failure::Failure;

/// Runs the command of the line.
pub(crate) fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Run(args) => wait(run::run(cli, args)),
        Command::Check(args) => wait(check::check(cli, args)),
        Command::Explain(args) => wait(explain::explain(cli, args)),
        Command::Publish(args) => wait(publish::publish(cli, args)),
        Command::Status(args) => wait(status::status(cli, args)),
        Command::Trace { what, form } => wait(trace::trace(cli, what, form)),
        Command::Subject(args) => wait(subject::subject(cli, args)),
        Command::Worklist(args) => wait(officers::worklist(cli, args)),
        Command::Dead { command } => wait(officers::dead(cli, command)),
        Command::Holds { target, limit, form } => wait(holds::holds(cli, target.as_deref(), *limit, form)),
        Command::Invalid { command } => wait(officers::invalid(cli, command)),
        Command::Jobs { command } => wait(officers::jobs(cli, command)),
        Command::Pause(args) => wait(pause::pause(cli, args)),
        Command::Resume(args) => wait(pause::resume(cli, args)),
        Command::Ledger { command } => wait(ledger::ledger(cli, command)),
        Command::Replay(args) => wait(replay::replay(cli, args)),
        Command::Reconcile(args) => wait(reconcile::reconcile(cli, args)),
        Command::WhatIf(args) => wait(whatif::whatif(cli, args)),
        Command::Case { command: CaseCommand::New(args) } => case::new(cli, args),
        Command::Xref { command } => wait(xref::xref(cli, command)),
        Command::New { what } => new::new(cli, what),
        Command::Docs { page } => docs::docs(cli, page),
    }
}

/// Runs an asynchronous command on every core.
fn wait(command: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Unreachable(format!("starting: {error}")))?.block_on(command)
}
