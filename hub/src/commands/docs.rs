//! `postroom docs`: documents written from the program.

use std::process::ExitCode;

use postroom_event::Rule;
use postroom_telemetry as telemetry;

use crate::cli::DocsPage;
use crate::output;
use crate::registry::connectors;

pub(crate) fn docs(page: DocsPage) -> ExitCode {
    match page {
        DocsPage::Logs => output::line(telemetry::as_markdown(telemetry::EVENTS).trim_end()),
        DocsPage::Metrics => output::line(telemetry::metrics_as_markdown().trim_end()),
        DocsPage::Codes => codes(),
    }
    ExitCode::SUCCESS
}

fn codes() {
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| (rule.code(), rule.meaning())).collect();
    let inputs = [postroom_format::RULES, &connectors().rules()].concat();
    output::line("# Codes\n\nWritten by `postroom docs codes`. A code is stable: scripts may ask for it.");
    section("An event is invalid", &rules);
    section("A file, or a record of it, is refused", &inputs);
    section("A record is refused by its source mapping", postroom_router::RECORD_CODES);
    section("A dispatch is held", postroom_router::HOLD_CODES);
    section("A dispatch is dead", postroom_router::DEAD_CODES);
    section("A dead letter or an invalid event is left as it is", postroom_router::LEFT_CODES);
}

fn section(title: &str, codes: &[(&str, &str)]) {
    output::line(format!("\n## {title}\n\n| code | what it means |\n|---|---|"));
    for (code, meaning) in codes {
        output::line(format!("| `{code}` | {meaning} |"));
    }
}
