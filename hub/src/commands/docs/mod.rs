//! `postroom docs`: documents written from the program, and from the council's text.

mod asyncapi;
mod catalogue;
mod codes;
mod ropa;

use std::process::ExitCode;

use postroom_council::{ConfigFile, Council};
use postroom_documents as documents;
use postroom_telemetry as telemetry;

use crate::cli::{Cli, DocsPage, MapForm};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;
use crate::registry::connectors;

pub(crate) fn docs(cli: &Cli, page: &DocsPage) -> Result<ExitCode, Failure> {
    match page {
        DocsPage::Logs => output::line(telemetry::as_markdown(telemetry::EVENTS).trim_end()),
        DocsPage::Metrics => output::line(telemetry::metrics_as_markdown().trim_end()),
        DocsPage::Codes => codes::codes(),
        DocsPage::Functions => output::line(postroom_transform::functions_as_markdown().trim_end()),
        DocsPage::Ropa { format } => return ropa::ropa(cli, *format),
        DocsPage::Asyncapi => output::json(&asyncapi::asyncapi(Place::load(cli)?.council.as_ref())),
        DocsPage::Map { format } => map(&Place::load(cli)?.council, *format),
        DocsPage::Catalogue(args) => return catalogue::catalogue(&Place::load(cli)?.council, args),
        DocsPage::ConfigSchema { file } => config_schema(*file),
    }
    Ok(ExitCode::SUCCESS)
}

fn map(council: &Council, form: MapForm) {
    let chart = documents::Chart::of(council);
    output::line(match form {
        MapForm::Mermaid => documents::mermaid(&chart),
        MapForm::Svg => documents::svg(&chart),
    });
}

/// A schema, or which there are.
fn config_schema(file: Option<ConfigFile>) {
    match file {
        Some(file) => output::json(&file.schema(&connectors())),
        None => ConfigFile::ALL.iter().for_each(|file| output::line(file.name())),
    }
}
