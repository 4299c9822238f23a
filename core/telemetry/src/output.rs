//! Where lines go: standard error, as JSON or as text.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, for programs.
    Json,
    /// For reading.
    Text,
}

/// Starts writing log lines to standard error. `RUST_LOG` sets what is written below info; other crates' lines are
/// written from warn. A second call in the same process changes nothing.
pub fn start(form: Form) {
    let filter = || {
        EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new("warn,postroom=info,postroom_telemetry=info"))
    };
    let lines =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter()).with_target(false);
    let _already_started = match form {
        Form::Json => lines.json().flatten_event(true).try_init(),
        Form::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
