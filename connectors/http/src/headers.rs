//! The headers that the settings add to every request, of the sink and of a poll: plain texts, and secrets that are read
//! from where they are named.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postroom_connector::{ExposeSecret, SecretFrom, Settings, SettingsError};
use postroom_request::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use serde::Deserialize;

/// Headers that are the hub's own business, whatever is asked.
const OWN_HEADERS: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "transfer-encoding", "user-agent"];
/// A header with one of these in its name holds a secret.
const SECRET_WORDS: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];

/// `headers` as it was written.
pub(crate) type WrittenHeaders = BTreeMap<String, toml::Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBasic {
    user: String,
    password: toml::Value,
}

/// Headers, the secrets among them not read yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Vec<(HeaderName, Value)>);

/// What a header holds.
#[derive(Debug, Clone)]
enum Value {
    Plain(HeaderValue),
    /// A secret behind this prefix, from the setting of that key.
    Secret(&'static str, String, SecretFrom),
    /// A user and a password, that from the setting of this key.
    Basic(String, String, SecretFrom),
}

impl Headers {
    /// Reads the table `key`. The headers `own` are the hub's own business as well.
    pub(crate) fn read(key: &str, written: WrittenHeaders, own: &[&str]) -> Result<Self, SettingsError> {
        written
            .into_iter()
            .map(|(name, value)| header(&format!("{key}.{name}"), &name, value, own))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// With the bearer that the setting `key` names.
    pub(crate) fn with_bearer(
        mut self,
        key: &str,
        written: Option<toml::Value>,
    ) -> Result<Self, SettingsError> {
        if let Some(bearer) = written {
            let from = SecretFrom::read(key, bearer)?;
            self.0.push((AUTHORIZATION, Value::Secret("Bearer ", key.to_owned(), from)));
        }
        Ok(self)
    }

    /// With the user and the password of the setting `key`.
    pub(crate) fn with_basic(
        mut self,
        key: &str,
        written: Option<WrittenBasic>,
    ) -> Result<Self, SettingsError> {
        if let Some(basic) = written {
            let key = format!("{key}.password");
            let from = SecretFrom::read(&key, basic.password)?;
            self.0.push((AUTHORIZATION, Value::Basic(basic.user, key, from)));
        }
        Ok(self)
    }

    /// Where the secrets are.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretFrom> {
        self.0.iter().filter_map(|(_, value)| match value {
            Value::Plain(_) => None,
            Value::Secret(_, _, from) | Value::Basic(_, _, from) => Some(from),
        })
    }

    /// Puts them into `headers`, with the secrets read.
    pub(crate) fn put(&self, headers: &mut HeaderMap, settings: &Settings) -> Result<(), SettingsError> {
        for (name, value) in &self.0 {
            headers.insert(name, value.open(settings)?);
        }
        Ok(())
    }
}

impl Value {
    fn open(&self, settings: &Settings) -> Result<HeaderValue, SettingsError> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::Secret(prefix, key, from) => {
                let secret = settings.secret(key, from)?;
                sensitive(key, HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret())))
            }
            Self::Basic(user, key, from) => {
                let password = settings.secret(key, from)?;
                sensitive(key, HeaderValue::from_str(&basic(user, password.expose_secret())))
            }
        }
    }
}

/// The value of `Authorization` for a user and a password (RFC 7617).
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A value that is never shown, from the setting `key`.
pub(crate) fn sensitive(
    key: &str,
    value: Result<HeaderValue, InvalidHeaderValue>,
) -> Result<HeaderValue, SettingsError> {
    let mut value =
        value.map_err(|_| SettingsError::new(key, "the secret has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn header(
    key: &str,
    name: &str,
    value: toml::Value,
    own: &[&str],
) -> Result<(HeaderName, Value), SettingsError> {
    let wrong = |words: &str| SettingsError::new(key, words);
    let header = HeaderName::try_from(name).map_err(|_| wrong("no name of a header"))?;
    if OWN_HEADERS.iter().chain(own).any(|own| header == *own) {
        return Err(wrong("the hub sets this header itself"));
    }
    let is_secret = SECRET_WORDS.iter().any(|word| header.as_str().contains(word));
    let value = match value {
        toml::Value::String(text) if !is_secret => {
            Value::Plain(HeaderValue::from_str(&text).map_err(|_| wrong("no value of a header"))?)
        }
        other => Value::Secret("", key.to_owned(), SecretFrom::read(key, other)?),
    };
    Ok((header, value))
}
