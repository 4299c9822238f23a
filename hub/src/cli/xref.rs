//! The command line of cross-references: the id of one thing in each system.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::officers::Consent;
use super::{FormArgs, RevealArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum XrefCommand {
    /// Lists them, by kind, key and system.
    List(XrefListArgs),
    /// Shows what each system calls one thing.
    Show {
        /// The thing, as events name it, e.g. `uprn:100061234567`.
        key: String,
        #[command(flatten)]
        reveal: RevealArgs,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Takes a CSV file with the columns `key` and `id`, after a preview.
    Import(XrefImportArgs),
    /// Forgets them, after a preview.
    Remove(XrefRemoveArgs),
}

/// Which cross-references.
#[derive(Debug, Args)]
pub(crate) struct WhichXrefs {
    /// Only those of this thing.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only the ids that this system has.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Only those with this id.
    #[arg(long)]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct XrefListArgs {
    /// Only those of this kind.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichXrefs,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct XrefImportArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// The kind of thing, as `xref` in route.toml names it.
    #[arg(long)]
    pub(crate) kind: String,
    /// The system whose ids they are.
    #[arg(long)]
    pub(crate) system: String,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct XrefRemoveArgs {
    /// Those of this kind.
    #[arg(long)]
    pub(crate) kind: String,
    #[command(flatten)]
    pub(crate) which: WhichXrefs,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}
