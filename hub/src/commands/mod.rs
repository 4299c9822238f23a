//! One module a command.

mod check;
mod decide;
mod docs;
mod explain;
mod kept;
mod publish;
mod run;
mod status;
mod trace;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Runs the command of the line.
pub(crate) fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Run(args) => wait(run::run(cli, args)),
        Command::Check => check::check(cli),
        Command::Explain(args) => explain::explain(cli, args),
        Command::Publish(args) => wait(publish::publish(cli, args)),
        Command::Status(args) => wait(status::status(cli, args)),
        Command::Trace { what, form } => wait(trace::trace(cli, what, form)),
        Command::Dead { command } => wait(kept::dead(cli, command)),
        Command::Holds { target, limit, form } => wait(kept::holds(cli, target.as_deref(), *limit, form)),
        Command::Invalid { command } => wait(kept::invalid(cli, command)),
        Command::Docs { page } => Ok(docs::docs(*page)),
    }
}

/// Runs an asynchronous command on every core.
fn wait(command: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Unreachable(format!("starting: {error}")))?.block_on(command)
}
