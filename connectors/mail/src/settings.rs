//! The settings as the council wrote them, and what is made of them.

use lettre::message::Mailbox;
use postroom_connector::{Revealed, Settings, SettingsError, keys_of, words_of};
use postroom_format::{CsvLayout, Layout};
use serde::Deserialize;

use crate::compose::{Composer, CsvFile};
use crate::fields::Fields;
use crate::server::{self, ServerSettings};
use crate::template::{Part, Templates};

/// Mails at the same time, unless the settings say otherwise: each has a line of its own.
const AT_ONCE: usize = 2;
/// Most mails at the same time.
const MOST_AT_ONCE: usize = 16;
/// Most recipients of a mail.
const MAX_RECIPIENTS: usize = 50;
/// Largest mail, in bytes as it is sent, unless the settings say otherwise: what common servers take.
const MAX_BYTES: usize = 10 * 1024 * 1024;
/// What `max_bytes` may say at most.
const MOST_BYTES: usize = 50 * 1024 * 1024;

const SUBJECT: &str = "Messages for {{ system }}: {{ count }}";
/// Nothing of a message, and no link.
const TEXT: &str = "\
Messages for {{ system }}: {{ count }}

{% for kind in kinds %}
{{ kind.event_type }}: {{ kind.count }}
{% endfor %}

Dispatches, for questions:
{% for item in items %}
{{ item.dispatch }}
{% endfor %}
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server: server::Written,
    from: String,
    to: Vec<String>,
    reply_to: Option<String>,
    subject: Option<toml::Value>,
    text: Option<toml::Value>,
    html: Option<toml::Value>,
    #[serde(default)]
    fields: Vec<String>,
    attachment: Option<toml::Table>,
    max_bytes: Option<usize>,
    concurrency: Option<usize>,
}

/// Settings of the sink.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    pub(crate) server: ServerSettings,
    pub(crate) concurrency: usize,
    pub(crate) composer: Composer,
}

/// The keys that the settings may have.
pub(crate) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let Written {
            server,
            from,
            to,
            reply_to,
            subject,
            text,
            html,
            fields,
            attachment,
            max_bytes,
            concurrency,
        } = settings.read()?;
        let fields = Fields::new(fields).map_err(|words| SettingsError::new("fields", words))?;
        let (attachment, name) = match attachment {
            Some(table) => csv_file(table, &fields).map(|(file, name)| (Some(file), Some(name)))?,
            None => (None, None),
        };
        let written = [
            (Part::Subject, Some(subject.unwrap_or_else(|| SUBJECT.into()))),
            (Part::Text, Some(text.unwrap_or_else(|| TEXT.into()))),
            (Part::Html, html),
            (Part::FileName, name),
        ];
        let mut templates = Templates::new();
        for (part, written) in written {
            match written {
                Some(toml::Value::String(text)) => templates.add(part, text, &fields)?,
                Some(_) => {
                    let words = "a template, or the file that is one: `{ from_file = \"...\" }`";
                    return Err(SettingsError::new(part.key(), words));
                }
                None => {}
            }
        }
        let composer = Composer {
            system: settings.system.clone(),
            from: mailbox("from", &from)?,
            to: recipients(&to)?,
            reply_to: reply_to.map(|address| mailbox("reply_to", &address)).transpose()?,
            fields,
            templates,
            attachment,
            max_bytes: in_range("max_bytes", max_bytes, MAX_BYTES, MOST_BYTES)?,
        };
        let concurrency = in_range("concurrency", concurrency, AT_ONCE, MOST_AT_ONCE)?;
        Ok(Self { server: ServerSettings::new(server)?, concurrency, composer })
    }

    /// Every field that is listed, and so may stand in a template.
    pub(crate) fn reveals(&self) -> Vec<Revealed> {
        let paths = self.composer.fields.paths().iter().enumerate();
        paths
            .map(|(position, path)| Revealed { key: format!("fields[{position}]"), field: path.clone() })
            .collect()
    }
}

/// How the attachment is written, and the template of its name.
fn csv_file(mut table: toml::Table, fields: &Fields) -> Result<(CsvFile, toml::Value), SettingsError> {
    let wrong = |key: &str, words: String| SettingsError::new(format!("attachment.{key}"), words);
    let Some(name) = table.remove("name") else {
        return Err(wrong("name", "the name of the file, such as `work-{{ date }}.csv`".to_owned()));
    };
    if fields.paths().is_empty() {
        return Err(SettingsError::new("fields", "the columns of the attachment are the `fields`"));
    }
    let columns = fields.paths().iter().cloned().map(toml::Value::from).collect::<Vec<_>>();
    if table.insert("columns".to_owned(), columns.into()).is_some() {
        return Err(wrong("columns", "the columns of the attachment are the `fields`".to_owned()));
    }
    let csv = CsvLayout::deserialize(toml::Value::Table(table))
        .map_err(|error| SettingsError::new("attachment", words_of(&error)))?;
    let encoding = csv.encoding;
    let layout = Layout::Csv(csv);
    layout.check().map_err(|error| wrong(&error.key, error.words))?;
    Ok((CsvFile { layout, encoding }, name))
}

fn mailbox(key: &str, written: &str) -> Result<Mailbox, SettingsError> {
    let words = "an address in ASCII such as `a@b.example` or `A <a@b.example>`";
    let mailbox: Option<Mailbox> = written.parse().ok();
    // Not every server takes others (RFC 6531).
    let known = mailbox.filter(|mailbox| AsRef::<str>::as_ref(&mailbox.email).is_ascii());
    known.ok_or_else(|| SettingsError::new(key, words))
}

fn recipients(written: &[String]) -> Result<Vec<Mailbox>, SettingsError> {
    if written.is_empty() || written.len() > MAX_RECIPIENTS {
        return Err(SettingsError::new("to", format!("1 to {MAX_RECIPIENTS} addresses")));
    }
    written.iter().map(|address| mailbox("to", address)).collect()
}

fn in_range(key: &str, written: Option<usize>, unless: usize, most: usize) -> Result<usize, SettingsError> {
    let number = written.unwrap_or(unless);
    if !(1..=most).contains(&number) {
        return Err(SettingsError::new(key, format!("a number from 1 to {most}")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests;
