//! The TOML files as the council writes them, before anything is checked against anything else.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::snapshot::SnapshotText;
use crate::{Place, Problem};

/// Largest TOML file, in bytes.
const MAX_TOML_BYTES: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CouncilText {
    pub(crate) name: String,
    pub(crate) data: Option<PathBuf>,
    #[serde(default)]
    pub(crate) broker: BrokerText,
    #[serde(default)]
    pub(crate) ledger: LedgerText,
    #[serde(default)]
    pub(crate) journal: JournalText,
    #[serde(default)]
    pub(crate) schemas: SchemasText,
    #[serde(default)]
    pub(crate) limits: LimitsText,
    #[serde(default)]
    pub(crate) health: HealthText,
    #[serde(default)]
    pub(crate) telemetry: TelemetryText,
    #[serde(default)]
    pub(crate) reload: Reload,
}

/// When a hub that runs takes over a text that was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// Once the folder has changed and is left alone, and on SIGHUP.
    #[default]
    OnChange,
    /// On SIGHUP alone.
    OnSignal,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthText {
    pub(crate) listen: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetryText {
    pub(crate) otlp: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerText {
    pub(crate) url: Option<String>,
    pub(crate) prefix: Option<Spanned<String>>,
    pub(crate) journal: Option<bool>,
    pub(crate) management_url: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerText {
    pub(crate) url: Option<String>,
    pub(crate) keep: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalText {
    pub(crate) max_age: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemasText {
    #[serde(default)]
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsText {
    pub(crate) body_bytes: Option<Spanned<usize>>,
    pub(crate) in_place: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemText {
    pub(crate) title: String,
    pub(crate) department: Option<String>,
    pub(crate) supplier: Option<String>,
    pub(crate) expect_every: Option<Spanned<String>>,
    pub(crate) broker_user: Option<Spanned<String>>,
    pub(crate) source: Option<SourceText>,
    pub(crate) target: Option<TargetText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceText {
    pub(crate) connector: Spanned<String>,
    pub(crate) sources: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) receipts: bool,
    pub(crate) snapshot: Option<SnapshotText>,
    #[serde(default)]
    pub(crate) settings: toml::Table,
    #[serde(default)]
    pub(crate) map: Vec<MapText>,
    #[serde(default)]
    pub(crate) ignore: Vec<IgnoreText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapText {
    pub(crate) rule: String,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) event: Spanned<String>,
    #[serde(default)]
    pub(crate) lookup: Vec<LookupText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupText {
    pub(crate) name: Spanned<String>,
    pub(crate) list: Option<Spanned<String>>,
    pub(crate) xref: Option<Spanned<String>>,
    pub(crate) system: Option<Spanned<String>>,
    pub(crate) from: Spanned<String>,
    pub(crate) column: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) ignore_case: bool,
    #[serde(default)]
    pub(crate) required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillText {
    pub(crate) xref: Spanned<String>,
    pub(crate) key: Spanned<String>,
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) id: Option<Spanned<String>>,
    pub(crate) system: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IgnoreText {
    pub(crate) rule: String,
    pub(crate) when: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetText {
    pub(crate) connector: Spanned<String>,
    #[serde(default)]
    pub(crate) settings: toml::Table,
    pub(crate) batch: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteText {
    pub(crate) from: Spanned<String>,
    pub(crate) to: Spanned<String>,
    pub(crate) message: Spanned<String>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) purpose: Option<Spanned<String>>,
    pub(crate) retry: Option<Vec<Spanned<String>>>,
    pub(crate) after_dead_letter: Option<AfterDeadLetter>,
    #[serde(default)]
    pub(crate) lookup: Vec<LookupText>,
    #[serde(default)]
    pub(crate) fill: Vec<FillText>,
}

/// What becomes of a subject whose dispatch is a dead letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDeadLetter {
    /// The later dispatches of that subject are held until an officer redrives or discards the dead letter.
    #[default]
    HoldSubject,
    /// The later ones go on.
    Continue,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurposesText {
    #[serde(default)]
    pub(crate) purposes: std::collections::BTreeMap<String, Purpose>,
}

/// Why personal data may flow (`purposes.toml`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// What it is called.
    pub title: String,
    /// The lawful basis (UK GDPR Article 6).
    pub lawful_basis: String,
    /// The classes of data allowed (`x-class`).
    pub classes: Vec<String>,
    /// Those of them that may stand in a mail, a text or a letter, which others than the target can read.
    #[serde(default)]
    pub may_mail: Vec<String>,
    /// How long a target keeps it, in the council's words.
    pub retention: Option<String>,
}

/// A file that was read, with its text for places.
pub(crate) struct Text {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

impl Text {
    /// Reads a file whole; `None` and a problem where it cannot be.
    pub(crate) fn read(file: &Path) -> Result<Self, Problem> {
        let unreadable =
            |error: std::io::Error| Problem::new(file, "unreadable", format!("reading it: {error}"));
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > MAX_TOML_BYTES {
            let words = format!("it has {size} bytes, the limit is {MAX_TOML_BYTES}");
            return Err(Problem::new(file, "too-large", words));
        }
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        Ok(Self { file: file.to_owned(), text })
    }

    /// The text as TOML of the shape `T`.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(&self.text).map_err(|error| {
            let problem = Problem::new(&self.file, "toml", postroom_connector::words_of(&error));
            match error.span() {
                Some(span) => problem.at(Place::of(&self.text, &span)),
                None => problem,
            }
        })
    }

    /// A problem at the key that `path` names from the root (`target.settings.files[0].pattern`),
    /// or at the last table on the way that is written.
    pub(crate) fn problem_at(&self, path: &str, code: &str, words: impl Into<String>) -> Problem {
        let problem = Problem::new(&self.file, code, words);
        let Ok(document) = DeTable::parse(&self.text) else { return problem };
        let mut span = None;
        let mut inner = Some(DeValue::Table(document.into_inner()));
        for part in path.replace('[', ".").replace(']', "").split('.') {
            let Some((found, value)) = inner.take().and_then(|value| member(value, part)) else { break };
            (span, inner) = (Some(found), Some(value));
        }
        match span {
            Some(span) => problem.at(Place::of(&self.text, &span)),
            None => problem,
        }
    }

    /// A problem at something that was written in this file.
    pub(crate) fn problem<T>(&self, at: &Spanned<T>, code: &str, words: impl Into<String>) -> Problem {
        Problem::new(&self.file, code, words).at(Place::of(&self.text, &at.span()))
    }
}

/// The span of the key or item `part`, and its value.
fn member<'i>(value: DeValue<'i>, part: &str) -> Option<(Range<usize>, DeValue<'i>)> {
    match value {
        DeValue::Table(table) => {
            let (key, value) = table.into_iter().find(|(key, _)| key.get_ref() == part)?;
            Some((key.span(), value.into_inner()))
        }
        DeValue::Array(items) => {
            let item = items.into_iter().nth(part.parse().ok()?)?;
            Some((item.span(), item.into_inner()))
        }
        _ => None,
    }
}
