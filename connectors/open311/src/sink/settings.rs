//! The settings of the sink as the council wrote them, and what is made of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{
    ExposeSecret, SecretFrom, SecretString, Settings, SettingsError, keys_of, parse_duration,
};
use serde::Deserialize;
use url::Url;

use crate::server::keep_days;
use crate::writing::Written as Form;

/// How long an answer may take, from the first try to connect, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time an answer may take: a look-up and a request together stay within one attempt of the hub.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(50);
/// Shortest time an answer may take: half of it is left to connect.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Requests at the same time, unless the settings say otherwise.
const AT_ONCE: usize = 4;
/// Most requests at the same time.
const MOST_AT_ONCE: usize = 32;
const KEY: &str = "api_key";
const FORM: &str = "form";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBoard {
    #[expect(dead_code, reason = "it has said that this is a board")]
    form: String,
    store: Option<PathBuf>,
    keep_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClient {
    #[expect(dead_code, reason = "it has said that this is a client")]
    form: String,
    base_url: String,
    #[serde(default)]
    plain: bool,
    format: Option<String>,
    api_key: Option<toml::Value>,
    jurisdiction_id: Option<String>,
    look_up: Option<String>,
    timeout: Option<String>,
    concurrency: Option<usize>,
}

/// The keys that the settings may have, of either form.
pub(super) fn keys() -> Vec<&'static str> {
    [keys_of::<WrittenBoard>(), keys_of::<WrittenClient>()].concat()
}

/// Settings of the sink; no secret is read yet.
#[derive(Debug, Clone)]
pub(super) enum SinkSettings {
    Board(BoardSettings),
    Client(Box<ClientSettings>),
}

#[derive(Debug, Clone)]
pub(super) struct BoardSettings {
    pub(super) store: Option<PathBuf>,
    pub(super) keep_days: u32,
}

#[derive(Debug, Clone)]
pub(super) struct ClientSettings {
    /// Without a slash at its end.
    pub(super) base_url: String,
    pub(super) format: Form,
    key: Option<SecretFrom>,
    pub(super) jurisdiction: Option<String>,
    pub(super) look_up: LookUp,
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
}

/// How a request is found again whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookUp {
    /// By the id of the dispatch, which its description ends with.
    Description,
    /// Not at all.
    Off,
}

impl SinkSettings {
    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        match settings.table.get(FORM).and_then(toml::Value::as_str) {
            Some("board") => BoardSettings::read(settings).map(Self::Board),
            Some("client") => ClientSettings::read(settings).map(|read| Self::Client(Box::new(read))),
            _ => Err(SettingsError::new(FORM, "`board` or `client`")),
        }
    }
}

impl BoardSettings {
    fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: WrittenBoard = settings.read()?;
        Ok(Self { store: written.store, keep_days: keep_days(written.keep_days)? })
    }
}

impl ClientSettings {
    fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: WrittenClient = settings.read()?;
        let format = match written.format.as_deref() {
            None => Form::Xml,
            Some(word) => Form::of(word).ok_or_else(|| SettingsError::new("format", "`xml` or `json`"))?,
        };
        let look_up = match written.look_up.as_deref() {
            None | Some("description") => LookUp::Description,
            Some("off") => LookUp::Off,
            Some(_) => return Err(SettingsError::new("look_up", "`description` or `off`")),
        };
        let scheme = if written.plain { Scheme::Any } else { Scheme::Tls };
        Ok(Self {
            base_url: base_url(&written.base_url, scheme)?,
            format,
            key: written.api_key.map(|value| SecretFrom::read(KEY, value)).transpose()?,
            jurisdiction: written.jurisdiction_id,
            look_up,
            timeout: timeout(written.timeout.as_deref())?,
            concurrency: concurrency(written.concurrency)?,
        })
    }

    /// Where the key is read, where that is a file.
    pub(super) fn key_file(&self, settings: &Settings) -> Vec<PathBuf> {
        let file = self.key.as_ref().and_then(SecretFrom::file);
        file.map(|path| settings.path(path)).into_iter().collect()
    }

    /// Reads the key.
    pub(super) fn key(&self, settings: &Settings) -> Result<Option<SecretString>, SettingsError> {
        let key = self.key.as_ref().map(|from| settings.secret(KEY, from)).transpose()?;
        match key {
            Some(key) if key.expose_secret().chars().any(char::is_control) => {
                Err(SettingsError::new(KEY, "a key in one line"))
            }
            key => Ok(key),
        }
    }
}

/// Which addresses may be spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Tls,
    Any,
}

fn base_url(text: &str, scheme: Scheme) -> Result<String, SettingsError> {
    let wrong = |words: &str| Err(SettingsError::new("base_url", words));
    let Ok(url) = Url::parse(text) else { return wrong("an address such as `https://host/open311/v2`") };
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !is_bare || url.fragment().is_some() {
        return wrong("an address without user, password and query: `api_key` names where the key is");
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_loopback || scheme == Scheme::Any => {}
        _ => {
            return wrong(
                "the address begins with `https://`; with `http://` reports are readable on the way: `plain = true`",
            );
        }
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn timeout(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text)
        .filter(|timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(timeout))
        .ok_or_else(|| SettingsError::new("timeout", "a duration from `100ms` to `50s`, such as `30s`"))
}

fn concurrency(written: Option<usize>) -> Result<usize, SettingsError> {
    let at_once = written.unwrap_or(AT_ONCE);
    if (1..=MOST_AT_ONCE).contains(&at_once) {
        return Ok(at_once);
    }
    Err(SettingsError::new("concurrency", format!("a number from 1 to {MOST_AT_ONCE}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SinkSettings, SettingsError> {
        let table = text.parse().expect("TOML");
        SinkSettings::read(&Settings { table, data: "/data".into(), system: "county".to_owned() })
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        let client = "form = 'client'\nbase_url = 'https://county.example/open311/v2'";
        for (text, key) in [
            ("", "form"),
            ("form = 'both'", "form"),
            ("form = 'board'\nkeep_days = 0", "keep_days"),
            ("form = 'board'\nbase_url = 'https://county.example'", "base_url"),
            ("form = 'client'", "base_url"),
            ("form = 'client'\nbase_url = 'http://county.example'", "base_url"),
            ("form = 'client'\nbase_url = 'https://u:quite-secret@county.example'", "base_url"),
            ("form = 'client'\nbase_url = 'https://county.example?api_key=quite-secret'", "base_url"),
            (&format!("{client}\nformat = 'yaml'"), "format"),
            (&format!("{client}\napi_key = 'quite-secret'"), "api_key"),
            (&format!("{client}\nlook_up = 'id'"), "look_up"),
            (&format!("{client}\ntimeout = '2min'"), "timeout"),
            (&format!("{client}\nconcurrency = 0"), "concurrency"),
            (&format!("{client}\nkeep_days = 5"), "keep_days"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        read(&format!("{client}\napi_key = {{ env = 'A' }}")).expect("settings");
        read("form = 'client'\nbase_url = 'http://county.example'\nplain = true").expect("settings");
        read("form = 'board'").expect("settings");
    }
}
