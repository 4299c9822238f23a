//! The command line of golden cases.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::FormArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Writes a golden case of a route from a real event, with fictitious values for the personal ones.
    New(CaseNewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CaseNewArgs {
    /// The route.
    pub(crate) route: String,
    /// A file with one CloudEvent in structured mode.
    pub(crate) event: PathBuf,
    /// The name of the case, else `case-1`, or the next number that is free.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What becomes of values whose class the schema does not say; otherwise no case is written.
    #[arg(long, value_enum)]
    pub(crate) unclassed: Option<Unclassed>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Unclassed {
    /// They are replaced as personal ones are.
    AsPersonal,
}
