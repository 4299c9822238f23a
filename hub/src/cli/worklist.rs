//! The command line of the work list.

use clap::{Args, Subcommand, ValueEnum};
use postroom_ledger::WorkId;

use super::officers::{Consent, moment};
use super::{FormArgs, RevealArgs};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WorklistArgs {
    #[command(flatten)]
    pub(crate) listing: WorkListing,
    #[command(subcommand)]
    pub(crate) command: Option<WorklistCommand>,
}

/// What is listed, and how.
#[derive(Debug, Args)]
pub(crate) struct WorkListing {
    /// Only what this system refuses, or what it sent itself.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Only what went by this route.
    #[arg(long)]
    pub(crate) route: Option<String>,
    /// Only what is there since then: `2026-03-20`, `2026-03-20T10:14`, or `2h` ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<i64>,
    /// At most so many, those that are there longest first.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = WorkForm::Table)]
    pub(crate) format: WorkForm,
}

/// How the work list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkForm {
    /// For reading.
    Table,
    /// For programs.
    Json,
    /// For a spreadsheet.
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorklistCommand {
    /// Shows one item with all that is kept of it.
    Show {
        /// The id that the list prints.
        id: WorkId,
        #[command(flatten)]
        reveal: RevealArgs,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Says who has items now.
    Take {
        /// The ids that the list prints.
        #[arg(required = true)]
        ids: Vec<WorkId>,
        /// Who; you, unless somebody is named.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Says that nobody has items any more.
    Release {
        /// The ids that the list prints.
        #[arg(required = true)]
        ids: Vec<WorkId>,
    },
    /// Takes an item off the list for good: nothing of it is sent any more.
    Done {
        /// The id that the list prints.
        id: WorkId,
        #[command(flatten)]
        consent: Consent,
    },
}
