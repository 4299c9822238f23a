//! The command line of subjects: what is held of one, and its erasing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FormArgs;
use super::officers::Consent;

#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// The subject as events name it, e.g. `person:8841`.
    pub(crate) subject: Option<String>,
    #[command(subcommand)]
    pub(crate) command: SubjectCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Shows everything that is held of it, values and all, and where else copies may be; that you looked is logged and kept.
    Export(ExportArgs),
    /// Removes what is held of it, after a preview; the accounts stay right, and what comes again is still known.
    Erase(EraseArgs),
    /// Lists what was erased, and what a ledger that was put back holds again; with a subject, whether that was erased.
    Erasures {
        #[command(flatten)]
        form: FormArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Writes it to this file, which must not exist, and which only you can read.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Why you look; it is kept with who and when.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// Gives up its open dead letters and invalid events first, and leaves receipts untold.
    #[arg(long)]
    pub(crate) discard_open: bool,
    /// Removes, too, what is not about it and only holds its identifier, where that has ended.
    #[arg(long)]
    pub(crate) mentions: bool,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
