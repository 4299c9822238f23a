//! A body from a template: every value that is filled in is escaped as the format asks, and nothing is filled in that is
//! not there. Errors name the place in the template, never a value.

use std::fmt;
use std::io;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior, Value};
use postroom_connector::{ConnectorError, Failure, Handover, SettingsError};
use postroom_format::{MAX_RECORD_BYTES, xml_document};
use serde::Serialize;

use super::address::percent_encode;
use super::body::one_message;

/// Largest template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 256 * 1024;
/// Largest body that comes of one, in bytes: as much as is read of XML.
const MAX_BODY_BYTES: usize = MAX_RECORD_BYTES;
/// Most steps that filling one in may take.
const MAX_STEPS: u64 = 1_000_000;
/// Longest piece of a template that an error repeats, in characters.
const MAX_QUOTED_CHARS: usize = 100;
/// What a template may name, and the functions that it may call.
const NAMES: [&str; 8] = ["id", "message", "messages", "subject", "type", "range", "dict", "namespace"];
/// What would go round the escaping, or show everything.
const LEFT_OUT: [&str; 5] = ["safe", "escape", "e", "pprint", "tojson"];
const NAME: &str = "body";

/// How values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    Xml,
    Json,
    Form,
    Text,
}

impl Escaping {
    /// Reads `format` of the setting `key`.
    pub(crate) fn read(key: &str, format: &str) -> Result<Self, SettingsError> {
        match format {
            "xml" => Ok(Self::Xml),
            "json" => Ok(Self::Json),
            "form" => Ok(Self::Form),
            "text" => Ok(Self::Text),
            _ => Err(SettingsError::new(format!("{key}.format"), "`xml`, `json`, `form` or `text`")),
        }
    }

    /// The media type of a body in this format.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml; charset=utf-8",
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// A template that compiled.
pub(crate) struct Template {
    environment: Environment<'static>,
    escaping: Escaping,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("escaping", &self.escaping).finish_non_exhaustive()
    }
}

/// What is filled in.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    messages: Vec<&'a serde_json::Value>,
    #[serde(flatten)]
    one: Option<One<'a>>,
}

/// What only a handover of one message has.
#[derive(Serialize)]
struct One<'a> {
    message: &'a serde_json::Value,
    subject: &'a str,
    r#type: &'a str,
}

impl Template {
    /// Compiles what the setting `key` says.
    pub(crate) fn read(key: &str, text: String, escaping: Escaping) -> Result<Self, SettingsError> {
        let wrong = |words: String| Err(SettingsError::new(key, words));
        if text.len() > MAX_TEMPLATE_BYTES {
            return wrong(format!("the template is longer than {MAX_TEMPLATE_BYTES} bytes"));
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(MAX_STEPS));
        // What a block captures is escaped already, and known as such.
        environment.set_auto_escape_callback(|_| AutoEscape::Custom(NAME.into()));
        environment.set_formatter(move |out, _, value| write(out, escaping, value));
        environment.remove_global("debug");
        for filter in LEFT_OUT {
            environment.remove_filter(filter);
        }
        if let Err(error) = environment.add_template_owned(NAME, text) {
            let line = error.line().unwrap_or(1);
            return wrong(format!(
                "line {line} of the template: {}",
                error.detail().unwrap_or("is not understood")
            ));
        }
        let Ok(template) = environment.get_template(NAME) else {
            return wrong("the template cannot be read".to_owned());
        };
        let mut unknown = template.undeclared_variables(false);
        unknown.retain(|name| !NAMES.contains(&name.as_str()));
        if let Some(name) = unknown.iter().min() {
            return wrong(format!(
                "the template names `{name}`: there are `message`, `messages`, `id`, `subject` and `type`"
            ));
        }
        Ok(Self { environment, escaping })
    }

    /// The body for a handover.
    ///
    /// # Errors
    /// Permanent, where a field is missing, or what comes of it is not of the format.
    pub(crate) fn fill(&self, handover: &Handover) -> Result<Vec<u8>, ConnectorError> {
        let items = &handover.items;
        let one = one_message(handover).and(items.first());
        let told = Told {
            id: &handover.id,
            messages: items.iter().map(|item| &*item.message).collect(),
            one: one.map(|item| One {
                message: &item.message,
                subject: &item.subject,
                r#type: &item.event_type,
            }),
        };
        let mut body = Limited(Vec::new());
        let template = self.environment.get_template(NAME).map_err(|error| self.told(&error))?;
        template.render_captured_to(Serde(told), &mut body).map_err(|error| self.told(&error))?;
        self.checked(body.0)
    }

    fn checked(&self, body: Vec<u8>) -> Result<Vec<u8>, ConnectorError> {
        let (fits, format) = match self.escaping {
            Escaping::Xml => (xml_document(&body).is_some(), "well-formed XML"),
            Escaping::Json => (serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok(), "JSON"),
            Escaping::Form | Escaping::Text => (true, ""),
        };
        if fits { Ok(body) } else { Err(refused(format!("what comes of the template is no {format}"))) }
    }

    /// What went wrong, where; the library's own words may quote a value.
    fn told(&self, error: &Error) -> ConnectorError {
        let line = error.line().unwrap_or(1);
        let told = match error.kind() {
            ErrorKind::UndefinedError => match self.quoted(error) {
                Some(path) => format!("the message has no `{path}`, which line {line} of the template reads"),
                None => format!("line {line} of the template reads what the message does not have"),
            },
            ErrorKind::OutOfFuel => format!("the template takes more than {MAX_STEPS} steps"),
            ErrorKind::WriteFailure => format!("the body is longer than {MAX_BODY_BYTES} bytes"),
            // Our own: `write` below.
            ErrorKind::BadEscape => {
                format!("line {line} of the template: {}", error.detail().unwrap_or_default())
            }
            kind => format!("line {line} of the template cannot be filled in: {kind}"),
        };
        refused(told)
    }

    /// The path in the template that an error is about: its place may begin at a full stop inside it.
    fn quoted(&self, error: &Error) -> Option<String> {
        let template = self.environment.get_template(NAME).ok()?;
        let (source, place) = (template.source(), error.range()?);
        let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
        let begins = source.get(..place.start)?.trim_end_matches(is_path).len();
        let text = source.get(begins..place.end)?.trim();
        let fits = !text.is_empty() && text.chars().count() <= MAX_QUOTED_CHARS && !text.contains('\n');
        fits.then(|| text.to_owned())
    }
}

fn refused(words: String) -> ConnectorError {
    ConnectorError::new(Failure::Permanent, words, "")
}

/// Writes one value.
fn write(out: &mut Output<'_>, escaping: Escaping, value: &Value) -> Result<(), Error> {
    let unfit = |words: &'static str| Error::new(ErrorKind::BadEscape, words);
    if value.is_safe() {
        return Ok(write!(out, "{value}")?);
    }
    if escaping == Escaping::Json {
        let json = serde_json::to_string(value).map_err(|_| unfit("a value is no JSON"))?;
        return Ok(out.write_str(&json)?);
    }
    let text = match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => value.to_string(),
        ValueKind::None => return Ok(()),
        _ => return Err(unfit("a list or an object is no text: name its fields one by one")),
    };
    match escaping {
        Escaping::Xml => {
            out.write_str(
                &xml_escaped(&text).ok_or_else(|| unfit("a text has a character that XML has not"))?,
            )?;
        }
        Escaping::Form => {
            let mut encoded = String::new();
            percent_encode(&text, &mut encoded);
            out.write_str(&encoded)?;
        }
        Escaping::Json | Escaping::Text => out.write_str(&text)?,
    }
    Ok(())
}

/// As text or attribute, in either kind of quotes; white space is kept there, too. None where a character has no place in
/// XML 1.0.
fn xml_escaped(text: &str) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return None,
            _ => escaped.push(character),
        }
    }
    Some(escaped)
}

/// A body that does not grow beyond its limit.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BODY_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
