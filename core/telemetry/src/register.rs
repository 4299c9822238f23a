//! The macro that makes a log event, and the register from which `docs/logs.md` is written.

use std::fmt::Write as _;

/// One log event, as the operator's page tells it.
#[derive(Debug, Clone, Copy)]
pub struct LogEvent {
    /// The name: `area.what`.
    pub name: &'static str,
    /// `info`, `warn` or `error`.
    pub level: &'static str,
    /// The fields beside name and words.
    pub fields: &'static [&'static str],
    /// When it happens and what to do.
    pub page: &'static str,
}

/// The register as the page `docs/logs.md`.
pub fn as_markdown(events: &[LogEvent]) -> String {
    let mut page = String::from(
        "# What the hub says\n\n\
         Written by `postroom docs logs` from `core/telemetry`. Lines are JSON, at a terminal text; `--log` sets it.\n\
         Error: a person must act. Warn: it will be tried again. Info: a change of state. Each event counts in the\n\
         metric `postroom_log_events_total{event}`.\n\n\
         | event | level | fields | when, and what to do |\n|---|---|---|---|\n",
    );
    for event in events {
        let fields = event.fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", event.name, event.level, fields, event.page.trim());
    }
    page
}

/// Defines log events: a function each, which writes the line and counts it (`and` names a further metric), and the register
/// of all.
macro_rules! log_events {
    ($($(#[doc = $page:literal])+ $level:ident $name:literal $words:literal
        fn $function:ident($($field:ident: $kind:ty),* $(,)?) $(and $metric:expr)?;)+) => {
        $(
            $(#[doc = $page])+
            pub fn $function($($field: $kind),*) {
                $crate::count_log_events($name, 1);
                $($metric;)?
                tracing::event!(log_events!(@level $level), event = $name, $($field = $field,)* $words);
            }
        )+

        /// Every log event, in the order of this file.
        pub const EVENTS: &[$crate::LogEvent] = &[$($crate::LogEvent {
            name: $name,
            level: stringify!($level),
            fields: &[$(stringify!($field)),*],
            page: concat!($($page),+),
        }),+];
    };
    (@level info) => { tracing::Level::INFO };
    (@level warn) => { tracing::Level::WARN };
    (@level error) => { tracing::Level::ERROR };
}

pub(crate) use log_events;
