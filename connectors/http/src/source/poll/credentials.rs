//! The headers by which the source is known where it asks. The secrets are read at every round, so that a changed one is
//! taken up.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postroom_connector::{ExposeSecret, SecretFrom, Settings, SettingsError};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// Headers that are the hub's own business.
const OWN_HEADERS: [&str; 7] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "if-none-match",
    "transfer-encoding",
    "user-agent",
];
/// A header with one of these in its name holds a secret.
const SECRET_WORDS: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];
const BEARER: &str = "poll.bearer";
const PASSWORD: &str = "poll.basic.password";

/// `basic = { user, password }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenBasic {
    user: String,
    password: toml::Value,
}

/// What is sent with every request.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    headers: Vec<(HeaderName, Text)>,
    bearer: Option<SecretFrom>,
    basic: Option<(String, SecretFrom)>,
}

/// The text of a header.
#[derive(Debug, Clone)]
enum Text {
    Plain(HeaderValue),
    Secret(String, SecretFrom),
}

impl Credentials {
    pub(super) fn read(
        headers: BTreeMap<String, toml::Value>,
        bearer: Option<toml::Value>,
        basic: Option<WrittenBasic>,
    ) -> Result<Self, SettingsError> {
        if bearer.is_some() && basic.is_some() {
            return Err(SettingsError::new(BEARER, "either `bearer` or `basic`"));
        }
        let basic = basic.map(|basic| Ok((basic.user, SecretFrom::read(PASSWORD, basic.password)?)));
        Ok(Self {
            headers: headers.into_iter().map(header).collect::<Result<_, _>>()?,
            bearer: bearer.map(|value| SecretFrom::read(BEARER, value)).transpose()?,
            basic: basic.transpose()?,
        })
    }

    /// The headers with their secrets; blocking.
    pub(super) fn headers(&self, settings: &Settings) -> Result<HeaderMap, SettingsError> {
        let mut headers = HeaderMap::new();
        for (name, text) in &self.headers {
            let value = match text {
                Text::Plain(value) => value.clone(),
                Text::Secret(key, from) => sensitive(key, settings.secret(key, from)?.expose_secret())?,
            };
            headers.insert(name, value);
        }
        if let Some(from) = &self.bearer {
            let secret = settings.secret(BEARER, from)?;
            headers.insert(AUTHORIZATION, sensitive(BEARER, &format!("Bearer {}", secret.expose_secret()))?);
        }
        if let Some((user, from)) = &self.basic {
            let secret = settings.secret(PASSWORD, from)?;
            let encoded = STANDARD.encode(format!("{user}:{}", secret.expose_secret()));
            headers.insert(AUTHORIZATION, sensitive(PASSWORD, &format!("Basic {encoded}"))?);
        }
        Ok(headers)
    }
}

fn header((name, value): (String, toml::Value)) -> Result<(HeaderName, Text), SettingsError> {
    let key = format!("poll.headers.{name}");
    let wrong = |words: &str| SettingsError::new(key.clone(), words);
    let header = HeaderName::try_from(&name).map_err(|_| wrong("no name of a header"))?;
    if OWN_HEADERS.contains(&header.as_str()) {
        return Err(wrong("the hub sets this header itself"));
    }
    let is_secret = SECRET_WORDS.iter().any(|word| header.as_str().contains(word));
    let text = match value {
        toml::Value::String(text) if !is_secret => {
            Text::Plain(HeaderValue::from_str(&text).map_err(|_| wrong("no value of a header"))?)
        }
        other => Text::Secret(key.clone(), SecretFrom::read(&key, other)?),
    };
    Ok((header, text))
}

fn sensitive(key: &str, text: &str) -> Result<HeaderValue, SettingsError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| SettingsError::new(key, "the secret has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}
