//! The settings as the council wrote them, and what is made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postroom_connector::{ExposeSecret, SecretFrom, Settings, SettingsError, parse_duration};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, Url};
use serde::Deserialize;

/// How long an answer may take, from the first try to connect, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time an answer may take: a look-up and a request together stay within one attempt of the hub.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(50);
/// Shortest time an answer may take: half of it is left to connect.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Most requests at the same time.
const MOST_AT_ONCE: usize = 64;
const METHODS: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];
const JSON: &str = "application/json";
const PASSWORD: &str = "basic.password";
/// Where an address is filled in: the idempotency key.
const ID: &str = "{id}";
/// Headers that are the hub's own business.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "traceparent",
    "transfer-encoding",
    "user-agent",
];
/// A header with one of these in its name holds a secret.
const SECRET_WORDS: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    #[serde(default)]
    plain: bool,
    method: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, toml::Value>,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
    timeout: Option<String>,
    concurrency: Option<usize>,
    reference: Option<String>,
    problem: Option<String>,
    look_up: Option<LookUp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBasic {
    user: String,
    password: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookUp {
    url: String,
}

/// Settings of the sink, checked.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    pub(crate) method: Method,
    pub(crate) address: Address,
    pub(crate) look_up: Option<Address>,
    pub(crate) timeout: Duration,
    pub(crate) concurrency: Option<usize>,
    pub(crate) pointers: Pointers,
    content_type: HeaderValue,
    headers: Vec<(HeaderName, Value)>,
    basic: Option<(String, SecretFrom)>,
}

/// Where in an answer to look, as JSON pointers (RFC 6901).
#[derive(Debug, Clone)]
pub(crate) struct Pointers {
    /// The target's own reference.
    pub(crate) reference: Option<String>,
    /// The code of a refusal; never a text that repeats the message.
    pub(crate) problem: Option<String>,
}

/// What a header holds.
#[derive(Debug, Clone)]
enum Value {
    Plain(HeaderValue),
    /// A secret behind this prefix, from the setting of that key.
    Secret(&'static str, String, SecretFrom),
}

/// An address that passed the check, in which `{id}` is filled in.
#[derive(Debug, Clone)]
pub(crate) struct Address(String);

impl Address {
    /// The address for a handover of this id.
    pub(crate) fn of(&self, id: &str) -> String {
        self.0.replace(ID, id)
    }

    fn read(key: &str, text: String, plain: bool) -> Result<Self, SettingsError> {
        let wrong = |words: &str| Err(SettingsError::new(key, words));
        let filled = text.replace(ID, "id");
        let Ok(url) = Url::parse(&filled) else { return wrong("an address such as `https://host/path`") };
        if filled.contains(['{', '}']) {
            return wrong("only `{id}`, the idempotency key, is filled in");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("no user or password in the address: `basic` names where the password is");
        }
        match url.scheme() {
            "https" => Ok(Self(text)),
            "http" if plain || is_loopback(&url) => Ok(Self(text)),
            "http" => wrong("`http` carries the message readable by anybody: `https`, or `plain = true`"),
            _ => wrong("the address begins with `https://`"),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let plain = written.plain;
        let look_up = written.look_up.map(|look_up| look_up_address(look_up.url, plain)).transpose()?;
        let content_type = written.content_type.as_deref().unwrap_or(JSON);
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| SettingsError::new("content_type", "a media type such as `application/json`"))?;
        let mut headers = written.headers.into_iter().map(header).collect::<Result<Vec<_>, _>>()?;
        if written.bearer.is_some() && written.basic.is_some() {
            return Err(SettingsError::new("bearer", "either `bearer` or `basic`"));
        }
        if let Some(bearer) = written.bearer {
            let from = SecretFrom::read("bearer", bearer)?;
            headers.push((AUTHORIZATION, Value::Secret("Bearer ", "bearer".to_owned(), from)));
        }
        let basic = written.basic.map(|basic| Ok((basic.user, SecretFrom::read(PASSWORD, basic.password)?)));
        Ok(Self {
            method: method(written.method.as_deref())?,
            address: Address::read("url", written.url, plain)?,
            look_up,
            timeout: timeout(written.timeout.as_deref())?,
            concurrency: concurrency(written.concurrency)?,
            pointers: Pointers {
                reference: pointer("reference", written.reference)?,
                problem: pointer("problem", written.problem)?,
            },
            content_type,
            headers,
            basic: basic.transpose()?,
        })
    }

    /// The headers of every request, with the secrets read.
    pub(crate) fn headers(&self, settings: &Settings) -> Result<HeaderMap, SettingsError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        for (name, value) in &self.headers {
            let value = match value {
                Value::Plain(value) => value.clone(),
                Value::Secret(prefix, key, from) => {
                    let secret = settings.secret(key, from)?;
                    sensitive(key, HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret())))?
                }
            };
            headers.insert(name, value);
        }
        if let Some((user, password)) = &self.basic {
            let password = settings.secret(PASSWORD, password)?;
            let credentials = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
            headers.insert(
                AUTHORIZATION,
                sensitive(PASSWORD, HeaderValue::from_str(&format!("Basic {credentials}")))?,
            );
        }
        Ok(headers)
    }
}

fn sensitive(
    key: &str,
    value: Result<HeaderValue, InvalidHeaderValue>,
) -> Result<HeaderValue, SettingsError> {
    let mut value =
        value.map_err(|_| SettingsError::new(key, "the secret has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn look_up_address(url: String, plain: bool) -> Result<Address, SettingsError> {
    let key = "look_up.url";
    if !url.contains(ID) {
        return Err(SettingsError::new(key, "the address holds `{id}`, the idempotency key"));
    }
    Address::read(key, url, plain)
}

fn method(written: Option<&str>) -> Result<Method, SettingsError> {
    let Some(name) = written else { return Ok(Method::POST) };
    METHODS
        .into_iter()
        .find(|method| method.as_str() == name)
        .ok_or_else(|| SettingsError::new("method", "`POST`, `PUT` or `PATCH`"))
}

fn timeout(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text)
        .filter(|timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(timeout))
        .ok_or_else(|| SettingsError::new("timeout", "a duration from `100ms` to `50s`, such as `30s`"))
}

fn concurrency(written: Option<usize>) -> Result<Option<usize>, SettingsError> {
    if written.is_some_and(|at_once| !(1..=MOST_AT_ONCE).contains(&at_once)) {
        return Err(SettingsError::new("concurrency", format!("a number from 1 to {MOST_AT_ONCE}")));
    }
    Ok(written)
}

fn pointer(key: &str, written: Option<String>) -> Result<Option<String>, SettingsError> {
    if written.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        return Err(SettingsError::new(key, "a JSON pointer into the answer, such as `/reference`"));
    }
    Ok(written)
}

fn header((name, value): (String, toml::Value)) -> Result<(HeaderName, Value), SettingsError> {
    let key = format!("headers.{name}");
    let wrong = |words: &str| SettingsError::new(key.clone(), words);
    let header = HeaderName::try_from(&name).map_err(|_| wrong("no name of a header"))?;
    if OWN_HEADERS.contains(&header.as_str()) {
        return Err(wrong("the hub sets this header itself"));
    }
    let is_secret = SECRET_WORDS.iter().any(|word| header.as_str().contains(word));
    let value = match value {
        toml::Value::String(text) if !is_secret => {
            Value::Plain(HeaderValue::from_str(&text).map_err(|_| wrong("no value of a header"))?)
        }
        other => Value::Secret("", key.clone(), SecretFrom::read(&key, other)?),
    };
    Ok((header, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "till".to_owned() }
    }

    fn read(text: &str) -> Result<SinkSettings, SettingsError> {
        SinkSettings::read(&settings(text))
    }

    #[test]
    fn what_is_not_said_is_a_post_of_json_within_thirty_seconds() {
        let read = read("url = 'https://till.example/moves'").expect("settings");
        assert_eq!((read.method.clone(), read.timeout, read.concurrency), (Method::POST, TIMEOUT, None));
        assert_eq!(read.headers(&settings("")).expect("headers")[CONTENT_TYPE], JSON);
        assert_eq!(read.address.of("7"), "https://till.example/moves");
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_the_settings_say_so() {
        for url in ["http://localhost:1/", "http://127.0.0.1:1/{id}", "http://[::1]/"] {
            read(&format!("url = '{url}'")).expect("settings");
        }
        assert_eq!(read("url = 'http://till.example/'").expect_err("an error").key, "url");
        read("url = 'http://till.example/'\nplain = true").expect("settings");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (more, key) in [
            ("method = 'GET'", "method"),
            ("content_type = \"a\\nb\"", "content_type"),
            ("timeout = '30'", "timeout"),
            ("timeout = '2min'", "timeout"),
            ("timeout = 30", "timeout"),
            ("concurrency = 0", "concurrency"),
            ("reference = 'id'", "reference"),
            ("problem = 'code'", "problem"),
            ("look_up = { url = 'https://till.example/moves' }", "look_up.url"),
            ("look_up = { url = 'http://till.example/{id}' }", "look_up.url"),
            ("headers = { Host = 'a' }", "headers.Host"),
            ("headers = { X-Api-Key = 'quite-secret' }", "headers.X-Api-Key"),
            ("bearer = 'quite-secret'", "bearer"),
            ("basic = { user = 'u', password = 'quite-secret' }", "basic.password"),
            ("headers = { X-Tenant = 5 }", "headers.X-Tenant"),
            ("headers = { 'X Y' = 'a' }", "headers.X Y"),
            ("bearer = { env = 'A' }\nbasic = { user = 'u', password = { env = 'B' } }", "bearer"),
            ("nethod = 'POST'", "nethod"),
        ] {
            let error = read(&format!("url = 'https://till.example/'\n{more}")).expect_err(more);
            assert_eq!(error.key, key, "{more}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        for url in [
            "till.example",
            "ftp://till.example/",
            "https://u:quite-secret@till.example/",
            "https://till.example/{name}",
        ] {
            let error = read(&format!("url = '{url}'")).expect_err(url);
            assert_eq!(error.key, "url");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        assert_eq!(read("method = 'POST'").expect_err("an error").key, "url");
    }

    #[test]
    fn secrets_come_from_where_the_settings_name_them() {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("secret"), "open sesame\n").expect("a file");
        let from = "{ file = 'secret' }";
        for (auth, name, value) in [
            (format!("bearer = {from}"), "authorization", "Bearer open sesame"),
            (format!("headers = {{ X-Api-Key = {from} }}"), "x-api-key", "open sesame"),
            (
                format!("basic = {{ user = 'hub', password = {from} }}"),
                "authorization",
                "Basic aHViOm9wZW4gc2VzYW1l",
            ),
        ] {
            let table = format!("url = 'https://till.example/'\n{auth}").parse().expect("TOML");
            let settings = Settings { table, data: data.path().to_owned(), system: "till".to_owned() };
            let headers =
                SinkSettings::read(&settings).expect("settings").headers(&settings).expect("headers");
            assert!(headers[name] == value && headers[name].is_sensitive(), "{auth}");
        }
    }
}
