//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    Check,
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
    /// What could not be understood: events, and records of files.
    Invalid {
        #[command(subcommand)]
        command: KeptCommand,
    },
    /// Documents written from the program.
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
pub(crate) struct RunArgs {
    /// The form of log lines on standard error.
    #[arg(long, value_enum, default_value_t = LogForm::Auto, env = "POSTROOM_LOG")]
    pub(crate) log: LogForm,
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
    /// Shows the values, which are masked otherwise; that you looked is logged.
    #[arg(long)]
    pub(crate) reveal: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum KeptCommand {
    /// Lists them, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Shows one with every detail.
    Show {
        /// The id that `list` prints.
        id: String,
        /// Shows the values, which are masked otherwise; that you looked is logged.
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        form: FormArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    #[command(flatten)]
    Kept(KeptCommand),
    /// Sends them again, first of their subjects; the hub does it, at once when it runs.
    Redrive(DecideArgs),
    /// Gives them up for good: what waits behind them goes on. The hub does it, at once when it runs.
    Discard(DecideArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// The ids that `list` prints.
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
    /// Why; it is kept with who and when.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum DocsPage {
    /// Every log line, when it comes and what to do: docs/logs.md.
    Logs,
    /// Every code of a refusal or a dead letter, and what it means: docs/codes.md.
    Codes,
}

fn duration(text: &str) -> Result<Duration, String> {
    postroom_connector::parse_duration(text)
        .ok_or_else(|| "a duration such as `90s`, `5min` or `1h`".to_owned())
}
