//! Whether somebody sees values that are masked otherwise, and why.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

#[derive(Debug, Clone, Args)]
pub(crate) struct RevealArgs {
    /// Shows the values, which are masked otherwise; that you looked is logged, with your reason.
    #[arg(long, requires = "why")]
    reveal: bool,
    /// Why you look; it is logged with who and at what.
    #[arg(id = "why", long = "reason", value_name = "TEXT", requires = "reveal", value_parser = NonEmptyStringValueParser::new())]
    why: Option<String>,
}

impl RevealArgs {
    /// Why the values are shown, where they are.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.why.as_deref().filter(|_| self.reveal)
    }
}
