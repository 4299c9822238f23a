//! `postroom replay` and `postroom reconcile`: what is sent or taken in again.

use clap::Args;

use super::FormArgs;

/// Dispatches a second that a replay sends, where nobody says otherwise: little enough for any target beside its own work.
const REPLAY_RATE: u32 = 50;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Only what came in at this time or later: RFC 3339, or a duration back from now, e.g. `2h`.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only what came in before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only events of this source system.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Only events of this type.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,
    /// Only events about this.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// Only dispatches of this route.
    #[arg(long)]
    pub(crate) route: Option<String>,
    /// Only dispatches to this target system.
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) to: Option<String>,
    /// Delivers once more what was delivered, under ids of this replay.
    #[arg(long)]
    pub(crate) again: bool,
    /// Sends also what a later dispatch of its subject has overtaken.
    #[arg(long)]
    pub(crate) stale: bool,
    /// Dispatches a second.
    #[arg(long, default_value_t = REPLAY_RATE, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Sends; otherwise it only tells what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why; it is kept with who and when.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Does it; otherwise it only tells what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why; it is kept with who and when.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}
