//! The command line of the documents.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use postroom_council::ConfigFile;

#[derive(Debug, Subcommand)]
pub(crate) enum DocsPage {
    /// Every log line, when it comes and what to do: docs/logs.md.
    Logs,
    /// Every metric, its labels and what it tells: docs/metrics.md.
    Metrics,
    /// Every code of a refusal or a dead letter, and what it means: docs/codes.md.
    Codes,
    /// Every function that a mapping may call, with examples: docs/functions.md.
    Functions,
    /// The draft record of processing (UK GDPR Article 30): which personal data goes where, why, and how long it is kept.
    Ropa {
        /// How it is written.
        #[arg(long, value_enum, default_value_t = RopaFormat::Md)]
        format: RopaFormat,
    },
    /// The council's exchanges, queues and messages as AsyncAPI 3.0, in JSON.
    Asyncapi,
    /// A picture of the council: who states which events, and who receives them.
    Map {
        /// The form of the picture.
        #[arg(long, value_enum, default_value_t = MapForm::Mermaid)]
        format: MapForm,
    },
    /// The event types as web pages, one each: what they hold, who publishes and who receives them.
    Catalogue(CatalogueArgs),
    /// A JSON Schema of a file of the council's text, for editors; without a name, which there are.
    ConfigSchema {
        /// The file.
        file: Option<ConfigFile>,
    },
}

/// How the record of processing is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RopaFormat {
    /// Markdown.
    Md,
    /// For a spreadsheet, a row for each field.
    Csv,
    /// A page for a browser.
    Html,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MapForm {
    /// A text that many wikis draw.
    Mermaid,
    /// A drawing for print and browsers.
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogueArgs {
    /// The folder: empty, new, or one that this command wrote before.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
}
