//! The command line.

mod case;
mod docs;
mod new;
mod officers;
mod replay;
mod reveal;
mod subject;
mod whatif;
mod worklist;
mod xref;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use postroom_council::HealthAt;

pub(crate) use case::{CaseCommand, CaseNewArgs};
pub(crate) use docs::{CatalogueArgs, DocsPage, MapForm, RopaFormat};
pub(crate) use new::{NewCommand, NewSystemArgs};
pub(crate) use officers::{
    Consent, DeadCommand, DeadDiscardArgs, DeadListArgs, DeadRedriveArgs, Deciding, InvalidCommand,
    InvalidDiscardArgs, InvalidListArgs, InvalidRedriveArgs, JobsCommand, ShowArgs, WhichDead, WhichInvalid,
};
pub(crate) use replay::{ReconcileArgs, ReplayArgs};
pub(crate) use reveal::RevealArgs;
pub(crate) use subject::{EraseArgs, ExportArgs, SubjectArgs, SubjectCommand};
pub(crate) use whatif::WhatIfArgs;
pub(crate) use worklist::{WorkForm, WorkListing, WorklistArgs, WorklistCommand};
pub(crate) use xref::{WhichXrefs, XrefCommand, XrefImportArgs, XrefRemoveArgs};

/// Postroom: takes an event once and delivers it to every department that needs it.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// The council's folder, which holds council.toml.
    #[arg(long, global = true, env = "POSTROOM_COUNCIL", default_value = ".", value_name = "FOLDER")]
    pub(crate) council: PathBuf,
    /// The folder of inboxes, outboxes and the ledger, instead of the one that council.toml names.
    #[arg(long, global = true, env = "POSTROOM_DATA", value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Prefix of every object on the broker, instead of the one that council.toml names.
    #[arg(long, global = true, env = "POSTROOM_PREFIX")]
    pub(crate) prefix: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the hub until SIGTERM or Ctrl-C.
    Run(RunArgs),
    /// Checks the whole configuration without starting anything: file, line, caret; all problems at once.
    Check(CheckArgs),
    /// Says which routes an event would take, what each target would get, and why not.
    Explain(ExplainArgs),
    /// Publishes events, or a file of records as its system's connector would.
    Publish(PublishArgs),
    /// Shows per source and per target what came in, what went out and what waits.
    Status(StatusArgs),
    /// Tells the whole journey of an event, in order of time.
    Trace {
        /// An event id, a dispatch id or a subject.
        what: String,
        #[command(flatten)]
        form: FormArgs,
    },
    /// What the hub itself holds of a person or a property: shown to whom it concerns, and erased.
    Subject(SubjectArgs),
    /// What needs an officer who knows the case: since when, what, why, and who has it.
    Worklist(WorklistArgs),
    /// What could not be delivered.
    Dead {
        #[command(subcommand)]
        command: DeadCommand,
    },
    /// What waits in the ledger until its target takes it, in its order.
    Holds {
        /// Only those of this target.
        #[arg(long)]
        target: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Takes nothing from a system and sends nothing to it, on a running hub within a second.
    Pause(PauseArgs),
    /// Ends the pause of a system.
    Resume(ResumeArgs),
    /// The hub's own database: copies of it, and what it need not keep.
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// What could not be understood: events, and records of files.
    Invalid {
        #[command(subcommand)]
        command: InvalidCommand,
    },
    /// What officers decided, and how far it is carried out.
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Sends events of the journal again, decided with the configuration as it is now.
    Replay(ReplayArgs),
    /// Takes in again what is in the journal and not in the ledger, and what lanes should hold.
    Reconcile(ReconcileArgs),
    /// Says what a changed configuration would do otherwise with the events of the journal; nothing is delivered.
    #[command(name = "whatif")]
    WhatIf(WhatIfArgs),
    /// Golden cases: what routes must make of examples.
    Case {
        #[command(subcommand)]
        command: CaseCommand,
    },
    /// What systems call the things that events are about.
    Xref {
        #[command(subcommand)]
        command: XrefCommand,
    },
    /// Writes the folder of a new system, route or event type, to be filled in.
    New {
        #[command(subcommand)]
        what: NewCommand,
    },
    /// Documents written from the program, and from the council's text.
    Docs {
        #[command(subcommand)]
        page: DocsPage,
    },
}

/// How a command prints.
#[derive(Debug, Args)]
pub(crate) struct FormArgs {
    /// Prints JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Looks into the ledger too: whether anything still waits for a system that was removed.
    #[arg(long)]
    pub(crate) ledger: bool,
    /// Says what schemas that differ from an older configuration mean for each route, by the fields that it reads.
    #[arg(long, value_name = "REVISION|FOLDER")]
    pub(crate) against: Option<String>,
    /// Says who still reads, and who still publishes, a version of an event type of which there is a newer one.
    #[arg(long)]
    pub(crate) sunset: bool,
    /// Lists what no type proves and validation tells at run time, for each mapping: patterns, formats, lengths ...
    #[arg(long)]
    pub(crate) unproved: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The system, as a source and as a target.
    pub(crate) system: String,
    /// Until when: `2h`, `2026-03-20 18:00` in London, or `2026-03-20T18:00:00Z`; else until it is resumed.
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// Why; it is kept with who and when.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The system.
    pub(crate) system: String,
    /// Why; it is kept with who and when.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Copies the ledger into a file while the hub runs.
    Backup {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// Forgets what is known of the records of a system that is no source of snapshots any more.
    ForgetSnapshot {
        /// The system.
        system: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Says that the backup that was put back is the ledger now; work goes on.
    AcceptRestore,
    /// Says that a backup was put back where no hub could notice: every hub halts until it is accepted.
    Restored {
        /// Why; it is kept with who.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The form of log lines on standard error.
    #[arg(long, value_enum, default_value_t = LogForm::Auto, env = "POSTROOM_LOG")]
    pub(crate) log: LogForm,
    /// Where health and metrics can be asked for, e.g. `127.0.0.1:9464`, or `off`; instead of what council.toml says.
    #[arg(long, env = "POSTROOM_HEALTH", value_name = "ADDRESS")]
    pub(crate) health: Option<HealthAt>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogForm {
    /// Text at a terminal, JSON everywhere else.
    Auto,
    /// One JSON object a line.
    Json,
    /// For reading.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A file with one CloudEvent in structured mode.
    pub(crate) event: PathBuf,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// CloudEvents in structured mode (JSON, or JSON Lines), or with --system a file that its connector reads.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The system whose connector reads the files.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Takes a file's content once more although it was taken before, with new event ids.
    #[arg(long, requires = "system")]
    pub(crate) again: bool,
    /// Takes a snapshot although it lacks more of the known records than `shrink_at_most` allows.
    #[arg(long, requires = "system")]
    pub(crate) accept_shrink: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Waits until nothing waits anywhere.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most, e.g. `90s`, `5min`.
    #[arg(long, default_value = "2min", value_parser = duration, requires = "wait")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    postroom_connector::parse_duration(text)
        .ok_or_else(|| "a duration such as `90s`, `5min` or `1h`".to_owned())
}
