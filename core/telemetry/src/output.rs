//! Where lines go: standard error, as JSON or as text.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is written unless `RUST_LOG` says otherwise: the hub's own lines, and warnings of others but lapin, whose
/// outages the hub tells itself.
const DEFAULT_FILTER: &str = "warn,lapin=off,postroom_telemetry=info";
/// What is never written: who reads a URL quotes of it what it does not know, and that may be a secret.
const NEVER: &str = "sqlx_postgres::options=off";

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, for programs.
    Json,
    /// For reading.
    Text,
}

/// An error with everything behind it, as one line: the one way in which a chain is told.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !told.ends_with(&words) {
            told.push_str(": ");
            told.push_str(&words);
        }
        next = cause.source();
    }
    told
}

/// Starts writing log lines to standard error. A second call in the same process changes nothing.
pub fn start(form: Form) {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let filter = match NEVER.parse() {
        Ok(never) => asked.add_directive(never),
        Err(_) => asked,
    };
    let lines =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).with_target(false);
    let _already_started = match form {
        Form::Json => lines.json().flatten_event(true).try_init(),
        Form::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
