//! The program `postroom`: a council's integration hub on RabbitMQ.

mod cli;
mod commands;
mod failure;
mod health;
mod management;
mod output;
mod own;
mod place;
mod progress;
mod registry;
mod reload;

use std::process::ExitCode;

use clap::Parser;

/// Events come and go in small pieces of memory (ADR 0004).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
