//! The settings of the server as the council wrote them, and what is made of them.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use postroom_listener::{Limits, Wanted, WrittenPlace, WrittenTls, path_fault};
use serde::Deserialize;

use super::keys::KeysFrom;
use super::services::{Service, Services};
use crate::store::{KEEP_DAYS, MOST_KEEP_DAYS};

/// Where the resources are, unless the settings say otherwise.
const PATH: &str = "/open311/v2";
/// Longest report, in bytes: a description with every character encoded has room.
const BODY_BYTES: usize = 256 * 1024;
/// Most reports that wait: two batches.
pub(super) const REPORTING: usize = 400;
/// Most others who are answered at the same time.
pub(super) const ASKING: usize = 32;
/// Longest time until the broker has confirmed a report; behind it its sender is told to come again.
const CONFIRM: Duration = Duration::from_secs(20);
/// How long a sender waits for the id of the back office, unless the settings say otherwise.
const WAIT: Duration = Duration::from_secs(3);
/// Longest that the settings may say.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the same report is the same, unless the settings say otherwise.
const SAME_WITHIN: Duration = Duration::from_secs(3_600);
/// A day, in seconds.
const DAY_SECONDS: u64 = 86_400;
/// Longest that the settings may say.
const LONGEST_SAME: Duration = Duration::from_secs(7 * 86_400);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<String>,
    path: Option<String>,
    #[serde(default)]
    plain: bool,
    tls: Option<WrittenTls>,
    api_keys: Option<toml::Value>,
    #[serde(default)]
    anyone: bool,
    jurisdiction_id: Option<String>,
    services: Vec<Service>,
    wait: Option<String>,
    same_within: Option<String>,
    store: Option<PathBuf>,
    keep_days: Option<u32>,
}

/// Settings of the server, checked; no secret is read yet.
#[derive(Debug, Clone)]
pub(super) struct ServerSettings {
    pub(super) wanted: Wanted,
    /// `None`: anybody may report.
    pub(super) keys: Option<KeysFrom>,
    pub(super) jurisdiction: Option<String>,
    pub(super) services: Services,
    pub(super) wait: Duration,
    pub(super) same_within: Duration,
    pub(super) store: Option<PathBuf>,
    pub(super) keep_days: u32,
}

/// The keys that the settings may have.
pub(super) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl ServerSettings {
    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let keys = match (written.api_keys, written.anyone) {
            (Some(keys), false) => Some(KeysFrom::read(keys)?),
            (None, true) => None,
            _ => {
                let words = "who reports must be known: a list of secrets, or `anyone = true` instead of it";
                return Err(SettingsError::new("api_keys", words));
            }
        };
        let path = written.path.unwrap_or_else(|| PATH.to_owned());
        let fault = path_fault(&path).or((path == "/").then_some("a path such as `/open311/v2`"));
        if let Some(words) = fault {
            return Err(SettingsError::new("path", words));
        }
        let place = WrittenPlace { listen: written.listen, tls: written.tls, plain: written.plain };
        let (address, tls) = place.read("reports", settings)?;
        if tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
            return Err(SettingsError::new("tls.client_ca", "who reports is known by `api_keys` here"));
        }
        let same_within = duration("same_within", written.same_within.as_deref(), SAME_WITHIN, LONGEST_SAME)?;
        let keep_days = keep_days(written.keep_days)?;
        if Duration::from_secs(u64::from(keep_days) * DAY_SECONDS) < same_within {
            let words = "a token is kept as long as the same report is the same one: `same_within`";
            return Err(SettingsError::new("keep_days", words));
        }
        let wait = duration("wait", written.wait.as_deref(), WAIT, LONGEST_WAIT)?;
        let limits = Limits { body_bytes: BODY_BYTES, waiting: REPORTING + ASKING, reply: CONFIRM + wait };
        Ok(Self {
            wanted: Wanted { system: settings.system.clone(), address, path, tls, limits },
            keys,
            jurisdiction: written.jurisdiction_id,
            services: Services::new(written.services)?,
            wait,
            same_within,
            store: written.store,
            keep_days,
        })
    }
}

fn duration(
    key: &str,
    written: Option<&str>,
    otherwise: Duration,
    longest: Duration,
) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(otherwise) };
    parse_duration(text).filter(|given| *given <= longest).ok_or_else(|| {
        let words = format!("a duration such as `3s` or `1h`, of at most {} s", longest.as_secs());
        SettingsError::new(key, words)
    })
}

/// Reads `keep_days`.
pub(crate) fn keep_days(written: Option<u32>) -> Result<u32, SettingsError> {
    let days = written.unwrap_or(KEEP_DAYS);
    if (1..=MOST_KEEP_DAYS).contains(&days) {
        return Ok(days);
    }
    Err(SettingsError::new("keep_days", format!("a number of days from 1 to {MOST_KEEP_DAYS}")))
}

#[cfg(test)]
mod tests {
    use postroom_listener::LISTEN;

    use super::*;

    const SERVICES: &str = "services = [{ code = 'a', name = 'A' }]\n";

    fn read(text: &str) -> Result<ServerSettings, SettingsError> {
        let table = format!("{SERVICES}{text}").parse().expect("TOML");
        ServerSettings::read(&Settings { table, data: "/data".into(), system: "reports".to_owned() })
    }

    #[test]
    fn what_is_not_said_is_on_this_machine_within_limits() {
        let read = read("anyone = true").expect("settings");
        assert_eq!((read.wanted.address.to_string().as_str(), read.wanted.path.as_str()), (LISTEN, PATH));
        assert_eq!(read.wanted.limits.reply, CONFIRM + WAIT);
        assert_eq!((read.same_within, read.keep_days), (SAME_WITHIN, KEEP_DAYS));
        assert!(read.keys.is_none());
    }

    #[test]
    fn a_token_may_be_forgotten_when_its_report_can_be_the_same_no_more() {
        read("anyone = true\nkeep_days = 1\nsame_within = '24h'").expect("settings");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (text, key) in [
            ("", "api_keys"),
            ("anyone = true\napi_keys = { env = 'A' }", "api_keys"),
            ("api_keys = 'quite-secret'", "api_keys"),
            ("api_keys = []", "api_keys"),
            ("anyone = true\nlisten = '0.0.0.0:8088'", "listen"),
            ("anyone = true\nlisten = 'here'", "listen"),
            ("anyone = true\npath = '/'", "path"),
            ("anyone = true\npath = 'v2'", "path"),
            ("anyone = true\nwait = '1h'", "wait"),
            ("anyone = true\nsame_within = '8d'", "same_within"),
            ("anyone = true\nkeep_days = 0", "keep_days"),
            ("anyone = true\nkeep_days = 1\nsame_within = '25h'", "keep_days"),
            ("anyone = true\ntls = { certificate = 'a' }", "key"),
            ("anyone = true\ntls = { certificate = 'a', key = 'b', client_ca = 'c' }", "tls.client_ca"),
            ("anyone = true\nrate = '5/s'", "rate"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }
}
