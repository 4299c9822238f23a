//! The settings as the council wrote them, and what is made of them.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{ExposeSecret, SecretFrom, Settings, SettingsError, keys_of, parse_duration};
use postroom_request::{Plain, Url, check_address};
use serde::Deserialize;

use crate::channel::{Channel, Choice};
use crate::token::{Key, is_uuid};

/// Where Notify is.
const BASE_URL: &str = "https://api.notifications.service.gov.uk";
/// Where a message says by which channel it should go, unless the settings say otherwise.
const PREFERENCE: &str = "/channel";
/// How long an answer may take, from the first try to connect, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time an answer may take: a look-up and a request together stay within one attempt of the hub.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(50);
/// Shortest time an answer may take: half of it is left to connect.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Requests at the same time, unless the settings say otherwise.
const AT_ONCE: usize = 8;
/// Most requests at the same time.
const MOST_AT_ONCE: usize = 32;
const KEY: &str = "api_key";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    base_url: Option<String>,
    api_key: toml::Value,
    templates: Templates,
    channel: Option<WrittenChoice>,
    email_reply_to_id: Option<String>,
    sms_sender_id: Option<String>,
    daily_limit: Option<u32>,
    timeout: Option<String>,
    concurrency: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChoice {
    from: Option<String>,
    /// A channel, or a list of them.
    otherwise: Option<toml::Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Templates {
    email: Option<String>,
    sms: Option<String>,
    letter: Option<String>,
}

/// What stands in a request beside the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    templates: Templates,
    pub(crate) email_reply_to_id: Option<String>,
    pub(crate) sms_sender_id: Option<String>,
}

impl Content {
    /// The template of a channel, where the settings name one.
    pub(crate) fn template(&self, channel: Channel) -> Option<&str> {
        let Templates { email, sms, letter } = &self.templates;
        match channel {
            Channel::Email => email.as_deref(),
            Channel::Sms => sms.as_deref(),
            Channel::Letter => letter.as_deref(),
        }
    }
}

/// Settings of the sink; no secret is read yet.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    /// Without a slash at its end.
    pub(crate) base_url: String,
    key: SecretFrom,
    pub(crate) choice: Choice,
    pub(crate) content: Content,
    pub(crate) daily_limit: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) concurrency: usize,
}

/// The keys that the settings may have.
pub(crate) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        if written.daily_limit == Some(0) {
            return Err(SettingsError::new("daily_limit", "a number from 1"));
        }
        let content = Content {
            templates: written.templates,
            email_reply_to_id: written.email_reply_to_id,
            sms_sender_id: written.sms_sender_id,
        };
        check_ids(&content)?;
        Ok(Self {
            base_url: base_url(written.base_url)?,
            key: SecretFrom::read(KEY, written.api_key)?,
            choice: choice(written.channel.unwrap_or_default(), &content)?,
            content,
            daily_limit: written.daily_limit,
            timeout: timeout(written.timeout.as_deref())?,
            concurrency: concurrency(written.concurrency)?,
        })
    }

    /// The file that the key is read from, where it is in one.
    pub(crate) fn key_file(&self, settings: &Settings) -> Vec<PathBuf> {
        self.key.file().map(|path| settings.path(path)).into_iter().collect()
    }

    /// Reads the key.
    pub(crate) fn key(&self, settings: &Settings) -> Result<Key, SettingsError> {
        let secret = settings.secret(KEY, &self.key)?;
        Key::parse(secret.expose_secret()).ok_or_else(|| {
            SettingsError::new(KEY, "a key as Notify shows it: its name and two UUIDs, joined by `-`")
        })
    }
}

fn check_ids(content: &Content) -> Result<(), SettingsError> {
    let Content { templates: Templates { email, sms, letter }, email_reply_to_id, sms_sender_id } = content;
    let ids = [
        ("templates.email", email),
        ("templates.sms", sms),
        ("templates.letter", letter),
        ("email_reply_to_id", email_reply_to_id),
        ("sms_sender_id", sms_sender_id),
    ];
    let is_wrong = |id: &&(&str, &Option<String>)| id.1.as_ref().is_some_and(|id| !is_uuid(id));
    match ids.iter().find(is_wrong) {
        Some((key, _)) => Err(SettingsError::new(*key, "a UUID as Notify shows it")),
        None => Ok(()),
    }
}

fn choice(written: WrittenChoice, content: &Content) -> Result<Choice, SettingsError> {
    let from = written.from.unwrap_or_else(|| PREFERENCE.to_owned());
    if !from.starts_with('/') {
        let words = "a JSON pointer into the message, such as `/preferred_channel`";
        return Err(SettingsError::new("channel.from", words));
    }
    let otherwise = match written.otherwise {
        None => Vec::new(),
        Some(toml::Value::Array(channels)) => channels,
        Some(channel) => vec![channel],
    };
    let otherwise: Vec<Channel> =
        otherwise.into_iter().map(Channel::deserialize).collect::<Result<_, _>>().map_err(|_| {
            SettingsError::new("channel.otherwise", "`email`, `sms` or `letter`, or a list of them")
        })?;
    match otherwise.iter().find(|channel| content.template(**channel).is_none()) {
        Some(channel) => {
            let words = format!("`templates` names none for `{}`", channel.name());
            Err(SettingsError::new("channel.otherwise", words))
        }
        None => Ok(Choice { from, otherwise }),
    }
}

fn base_url(written: Option<String>) -> Result<String, SettingsError> {
    let text = written.unwrap_or_else(|| BASE_URL.to_owned());
    let wrong = |words: &str| Err(SettingsError::new("base_url", words));
    let Ok(url) = Url::parse(&text) else { return wrong("an address such as `https://host`") };
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("an address without query");
    }
    check_address("base_url", &url, Plain::Here)?;
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
    if !(1..=MOST_AT_ONCE).contains(&at_once) {
        return Err(SettingsError::new("concurrency", format!("a number from 1 to {MOST_AT_ONCE}")));
    }
    Ok(at_once)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "9d751e0e-f929-4891-82a1-a3e1c3c18ee3";

    fn read(text: &str) -> Result<SinkSettings, SettingsError> {
        let table = text.parse().expect("TOML");
        SinkSettings::read(&Settings { table, data: "/data".into(), system: "letters".to_owned() })
    }

    fn right() -> String {
        format!("api_key = {{ env = 'A' }}\ntemplates = {{ email = '{UUID}', letter = '{UUID}' }}\n")
    }

    #[test]
    fn what_is_not_said_is_notify_itself_and_the_channel_of_the_message() {
        let read = read(&right()).expect("settings");
        assert_eq!((read.base_url.as_str(), read.timeout), (BASE_URL, TIMEOUT));
        assert_eq!(read.choice, Choice { from: PREFERENCE.to_owned(), otherwise: Vec::new() });
        assert_eq!(
            (read.content.template(Channel::Email), read.content.template(Channel::Sms)),
            (Some(UUID), None)
        );
    }

    #[test]
    fn what_comes_after_the_preference_is_one_channel_or_several() {
        for (written, otherwise) in [
            ("'letter'", vec![Channel::Letter]),
            ("['email', 'letter']", vec![Channel::Email, Channel::Letter]),
        ] {
            let more = format!("channel = {{ from = '/preferred_channel', otherwise = {written} }}");
            let read = read(&format!("{}{more}", right())).expect("settings");
            assert_eq!(read.choice, Choice { from: "/preferred_channel".to_owned(), otherwise });
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (more, key) in [
            ("base_url = 'http://notify.example'", "base_url"),
            ("base_url = 'notify.example'", "base_url"),
            ("base_url = 'https://u:quite-secret@notify.example'", "base_url"),
            ("channel = { from = 'preferred' }", "channel.from"),
            ("channel = { otherwise = 'sms' }", "channel.otherwise"),
            ("channel = { otherwise = 'fax' }", "channel.otherwise"),
            ("email_reply_to_id = 'desk'", "email_reply_to_id"),
            ("sms_sender_id = '9d751e0ef929489182a1a3e1c3c18ee3'", "sms_sender_id"),
            ("daily_limit = 0", "daily_limit"),
            ("timeout = '2min'", "timeout"),
            ("concurrency = 0", "concurrency"),
            ("template = 'x'", "template"),
        ] {
            let error = read(&format!("{}{more}", right())).expect_err(more);
            assert_eq!(error.key, key, "{more}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        for (text, key) in [
            ("api_key = 'quite-secret'\ntemplates = {}", "api_key"),
            ("api_key = { env = 'A' }", "templates"),
            ("api_key = { env = 'A' }\ntemplates = { email = 'x' }", "templates.email"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }
}
