//! The program `postroom`: a council's integration hub on RabbitMQ.

mod cli;
mod commands;
mod failure;
mod output;
mod place;
mod registry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(&cli) {
        Ok(code) => code,
        Err(failure) => {
            output::failure(&failure);
            failure.code()
        }
    }
}
