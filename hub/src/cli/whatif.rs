//! The command line of what-if.

use std::path::PathBuf;

use clap::Args;
use postroom_router::MOST_EXAMPLES;

use super::FormArgs;
use super::officers::moment;

#[derive(Debug, Args)]
pub(crate) struct WhatIfArgs {
    /// The changed configuration: a council's folder (with council.toml), or a folder of routes in place of the council's own.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) routes: PathBuf,
    /// Only events that came in since then: `2026-03-20`, `2026-03-20T10:14`, or `7d` ago.
    #[arg(long, default_value = "7d", value_parser = moment)]
    pub(crate) since: i64,
    /// Shows the first so many differences of each route.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=MOST_EXAMPLES as i64))]
    pub(crate) sample: u16,
    /// Shows the values of the samples, which are masked otherwise; that you looked is logged.
    #[arg(long, requires = "sample")]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}
