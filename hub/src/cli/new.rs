//! The command line of what is scaffolded.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum NewCommand {
    /// A system: its settings, and a source mapping or a message to begin with.
    System(NewSystemArgs),
    /// A route, with a mapping that type-checks.
    Route(NewRouteArgs),
    /// An event type of the council's own, or a new version of one.
    Event(NewEventArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewSystemArgs {
    /// The name of its folder: lower-case letters, digits and `-`.
    pub(crate) name: String,
    /// The kind of connector; `queue` for a system that publishes or reads a queue itself.
    #[arg(long, value_name = "KIND")]
    pub(crate) connector: String,
    /// It states events.
    #[arg(long, required_unless_present = "target")]
    pub(crate) source: bool,
    /// It receives messages.
    #[arg(long)]
    pub(crate) target: bool,
    /// The event type that it states.
    #[arg(long, value_name = "TYPE", requires = "source")]
    pub(crate) event: Option<String>,
    /// The message that it accepts.
    #[arg(long, value_name = "NAME", default_value = "message")]
    pub(crate) message: String,
}

#[derive(Debug, Args)]
pub(crate) struct NewRouteArgs {
    /// The event type.
    pub(crate) from: String,
    /// The target system.
    pub(crate) to: String,
    /// The message that the system gets, where it accepts several.
    #[arg(long, value_name = "NAME")]
    pub(crate) message: Option<String>,
    /// Why personal data may flow: a name of purposes.toml.
    #[arg(long, value_name = "NAME")]
    pub(crate) purpose: Option<String>,
    /// The name of its folder, where there is a route from that event type to that system already.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NewEventArgs {
    /// The name with its version, such as `parking.permit.issued.v1`.
    pub(crate) event_type: String,
}
