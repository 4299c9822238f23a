//! The body of a request: the message as JSON, or what a template makes of it. Knows no request.

use postroom_connector::{ConnectorError, Failure, Handover, SettingsError};
use serde::Deserialize;
use serde_json::Value;

use super::soap::Soap;
use super::template::{Escaping, Template};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBody {
    json: Option<bool>,
    template: Option<String>,
    format: Option<String>,
}

/// What stands behind the head of a request.
#[derive(Debug)]
pub(crate) enum Body {
    Nothing,
    Json,
    Template(Box<Template>),
}

/// The media type of a message as JSON.
pub(crate) const JSON: &str = "application/json";

impl Body {
    /// Reads what the setting `key` says, and the media type of what comes of it.
    pub(crate) fn read(
        key: &str,
        written: WrittenBody,
        soap: Option<&Soap>,
    ) -> Result<(Self, String), SettingsError> {
        match (written.template, written.format) {
            (None, None) if written.json == Some(true) && soap.is_none() => Ok((Self::Json, JSON.to_owned())),
            (Some(template), format) if written.json.is_none() => {
                Self::template(key, &template, format.as_deref(), soap)
            }
            _ if soap.is_some() => Err(SettingsError::new(key, "`soap` goes with a template of the body")),
            _ => Err(SettingsError::new(key, "`{ json = true }`, or a `template` with its `format`")),
        }
    }

    fn template(
        key: &str,
        text: &str,
        format: Option<&str>,
        soap: Option<&Soap>,
    ) -> Result<(Self, String), SettingsError> {
        let escaping = match (format, soap) {
            (Some(format), _) => Escaping::read(key, format)?,
            (None, Some(_)) => Escaping::Xml,
            (None, None) => {
                let words = "a template has a format: `xml`, `json`, `form` or `text`";
                return Err(SettingsError::new(format!("{key}.format"), words));
            }
        };
        if soap.is_some() && escaping != Escaping::Xml {
            return Err(SettingsError::new(format!("{key}.format"), "`soap` is `xml`"));
        }
        let text = soap.map_or_else(|| text.to_owned(), |soap| soap.enveloped(text));
        let media = soap.map_or_else(|| escaping.content_type().to_owned(), Soap::content_type);
        let template = Template::read(&format!("{key}.template"), text, escaping)?;
        Ok((Self::Template(Box::new(template)), media))
    }

    /// The body for a handover.
    ///
    /// # Errors
    /// Permanent, where none can be made.
    pub(crate) fn of(&self, handover: &Handover) -> Result<Option<Vec<u8>>, ConnectorError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Json => json(handover).map(Some).map_err(|error| {
                ConnectorError::new(Failure::Permanent, "the message cannot be written as JSON", error)
            }),
            Self::Template(template) => template.fill(handover).map(Some),
        }
    }
}

/// The message, where there is one and it is handed over as it is; a batch has an id of its own.
pub(crate) fn one_message(handover: &Handover) -> Option<&Value> {
    match handover.items.as_slice() {
        [one] if one.dispatch.to_string() == handover.id => Some(&one.message),
        _ => None,
    }
}

/// One message as it is; a batch as an array of its messages.
fn json(handover: &Handover) -> serde_json::Result<Vec<u8>> {
    match one_message(handover) {
        Some(message) => serde_json::to_vec(message),
        None => {
            serde_json::to_vec(&handover.items.iter().map(|item| &*item.message).collect::<Vec<&Value>>())
        }
    }
}
